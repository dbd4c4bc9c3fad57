//! `validate`: everything about a file that can be checked without a machine.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::arguments::Options;
use super::error::{Error, usage};
use super::input::Content;
use super::log::Run;
use super::report::counted;
use crate::ipvsadm;
use crate::policy::Role;
use lvs::ipvs::Service;
use lvs::ruleset::syntax::SCHEDULERS;

/// Checks a file for every role and real server that the cluster has.
pub(super) fn run(file: &Path, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let content = Content::load(file, &Run::default())?;
    let mut cluster = None;
    if let Content::Cluster(file) = &content {
        for address in file.real_servers() {
            file.duties(Role::RealServer, &[address])?;
        }
        cluster = Some(file.name().to_owned());
    }
    let entries = content.services()?;
    check_schedulers(file, entries.iter().map(|(service, _)| service), Path::new("/"))?;
    let names = entries.iter().map(|(service, _)| service.scheduler.as_str());
    let unknown = names.filter(|name| !SCHEDULERS.contains(name));
    let mut notes: Vec<String> =
        unknown.map(|name| format!("the kernel has no scheduler {name:?} of its own")).collect();
    notes.sort();
    notes.dedup();
    let services = entries.len();
    let destinations: usize = entries.iter().map(|(_, reals)| reals.len()).sum();
    if options.json {
        let object = json!({
            "schema": 1,
            "valid": true,
            "cluster": cluster,
            "services": services,
            "destinations": destinations,
            "notes": notes,
        });
        writeln!(output, "{object}")?;
        return Ok(0);
    }
    let what = cluster.map_or_else(|| "ruleset".to_owned(), |name| format!("cluster {name}"));
    let (services, destinations) =
        (counted(services, "service"), counted(destinations, "destination"));
    for note in &notes {
        writeln!(output, "note: {note}")?;
    }
    writeln!(output, "{}: valid: {what}, {services}, {destinations}", file.display())?;
    Ok(0)
}

/// Refuses a scheduler that a machine with this root cannot have.
pub(super) fn check_schedulers<'a>(
    file: &Path,
    mut services: impl Iterator<Item = &'a Service>,
    root: &Path,
) -> Result<(), Error> {
    match services.find_map(|service| ipvsadm::unknown_scheduler(&service.scheduler, root)) {
        Some(why) => usage!("{}: {why}", file.display()),
        None => Ok(()),
    }
}
