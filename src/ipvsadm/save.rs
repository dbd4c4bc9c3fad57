//! What `-S` writes: commands that `-R` reads back to the same table.
//!
//! Beyond the reference: marks are unsigned, thresholds are written, the third flag of `sh` and
//! `mh` has a name, and a host or service has one only where it reads back to the same value.

use std::io::Write;

use lvs::ipvs::ServiceEntry;
use lvs::netlink::Transport;
use lvs::ruleset::Names;
use lvs::ruleset::syntax::{Style, append_destination, append_identity, append_service};

use super::error::Error;
use super::pools;
use super::source::Source;

/// Writes the whole table, services in the order of a listing.
pub(super) fn save<T: Transport>(
    source: &mut Source<T>,
    names: Option<&dyn Names>,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let services = source.services(false)?;
    // The kernel's own table has neither thresholds nor tunnels.
    let read = |source: &mut Source<T>, _, entry: &ServiceEntry| {
        source.bare_destinations(&entry.service.identity)
    };
    pools::write(source, &services, true, names, output, read, |output, pool, names| {
        let service = &pool.service.service;
        // The same in each line of the service: its names are looked up once.
        let mut identity = String::new();
        append_identity(&mut identity, &service.identity, names);
        let mut line = format!("-A {identity}");
        append_service(&mut line, service);
        line.push('\n');
        output.write_all(line.as_bytes())?;
        pool.destinations.iter().try_for_each(|destination| {
            line.clear();
            line.push_str("-a ");
            line.push_str(&identity);
            append_destination(&mut line, &service.identity, destination, Style::Full, names);
            line.push('\n');
            output.write_all(line.as_bytes())
        })
    })
}
