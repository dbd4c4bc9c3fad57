//! `validate`: everything about a file that can be checked without a machine.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::Error;
use super::arguments::Options;
use super::input;

pub(super) fn run(file: &Path, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let checked = input::check(file)?;
    if options.json {
        let object = json!({
            "schema": 1,
            "valid": true,
            "cluster": checked.cluster,
            "services": checked.services,
            "destinations": checked.destinations,
            "notes": checked.notes,
        });
        writeln!(output, "{object}")?;
        return Ok(0);
    }
    let plural = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    };
    let what = match &checked.cluster {
        Some(name) => format!("cluster {name}"),
        None => "ruleset".to_owned(),
    };
    let services = plural(checked.services, "service");
    let destinations = plural(checked.destinations, "destination");
    for note in &checked.notes {
        writeln!(output, "note: {note}")?;
    }
    writeln!(output, "{}: valid: {what}, {services}, {destinations}", file.display())?;
    Ok(0)
}
