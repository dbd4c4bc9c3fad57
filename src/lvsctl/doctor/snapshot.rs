//! The facts of a machine as a file.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::doctor::Facts;
use crate::lvsctl::Error;
use crate::lvsctl::arguments::Options;

/// No machine has that many facts; a larger file is not ours.
const LONGEST: u64 = 256 << 20;

/// Writes the facts of this machine: 0, or 3 where something could not be looked at.
pub(in crate::lvsctl) fn write(
    path: &Path,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let facts = super::facts(options);
    let mut text =
        serde_json::to_vec_pretty(&facts).map_err(|error| failed(path, "write", error.into()))?;
    text.push(b'\n');
    File::create(path)
        .and_then(|mut file| file.write_all(&text))
        .map_err(|error| failed(path, "write", error))?;
    for unread in &facts.unread {
        writeln!(output, "could not look at {}: {}", unread.what, unread.why)?;
    }
    Ok(if facts.unread.is_empty() { 0 } else { 3 })
}

/// Reads what [`write()`] wrote.
pub(super) fn read(path: &Path) -> Result<Facts, Error> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut text));
    read.map_err(|error| failed(path, "read", error))?;
    let damaged = |reason: String| Error::Snapshot { path: path.to_owned(), reason };
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    // The version comes first: what another release writes need not fit our types.
    match value.get("schema").and_then(serde_json::Value::as_u64) {
        Some(1) => serde_json::from_value(value).map_err(|error| damaged(error.to_string())),
        Some(other) => Err(damaged(format!(
            "it has format version {other}, this program knows 1: use the release that wrote it"
        ))),
        None => Err(damaged("it has no format version".to_owned())),
    }
}

fn failed(path: &Path, action: &'static str, source: io::Error) -> Error {
    Error::File { action, path: path.to_owned(), source }
}
