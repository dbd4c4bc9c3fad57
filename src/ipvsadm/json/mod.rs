//! What `-L --json` writes: one object a listing, described by `schema/ipvsadm.schema.json`.
//!
//! Rows are written one by one, so a listing of any length takes the memory of its longest row. The
//! names of fields stand here and nowhere else: they stay what they are when a type is renamed.

mod array;
mod connection;
mod daemon;
mod destination;
mod service;
mod stats;
mod timeouts;

use std::io::{BufRead, Write};

use lvs::ipvs::{ServiceEntry, ServiceIdentity};
use lvs::netlink::Transport;
use lvs::proc::ConnectionTable;

use super::command::{Listing, Subject};
use super::connection_choice::{Choice, CountBy};
use super::connection_counts;
use super::error::Error;
use super::source::Source;
use array::Array;

/// Version of the objects: it changes where a reader of the old ones would go wrong.
const SCHEMA: u32 = 1;

/// Writes a listing as one line of JSON.
///
/// # Errors
///
/// As a listing in text: the kernel's refusal, trouble with the connection table, or a failing
/// write. What was written before it is then not whole.
pub(super) fn list<T: Transport>(
    source: &mut Source<T>,
    listing: &Listing,
    output: &mut dyn Write,
) -> Result<(), Error> {
    match &listing.subject {
        Subject::Table => {
            let services = source.services(listing.sorted)?;
            write_services(source, services, listing.sorted, output)
        }
        Subject::Service(identity) => write_service(source, identity, listing.sorted, output),
        Subject::Connections { choice, .. } => {
            write_connections(source.connections()?, choice, output)
        }
        Subject::Timeouts => {
            let timeouts = source.timeouts()?.map(timeouts::Timeouts::from);
            write!(output, "{{\"schema\":{SCHEMA},\"timeouts\":")?;
            serde_json::to_writer(&mut *output, &timeouts).map_err(std::io::Error::from)?;
            Ok(writeln!(output, "}}")?)
        }
        Subject::Daemons => {
            let daemons = source.daemons()?;
            write!(output, "{{\"schema\":{SCHEMA},\"daemons\":")?;
            let mut array = Array::begin(output)?;
            for daemon in &daemons {
                array.push(&daemon::Daemon::from(daemon))?;
            }
            array.end()?;
            Ok(writeln!(output, "}}")?)
        }
    }
}

fn write_service<T: Transport>(
    source: &mut Source<T>,
    identity: &ServiceIdentity,
    sorted: bool,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let entry = source.service(identity)?;
    write_services(source, vec![entry], sorted, output)
}

fn write_services<T: Transport>(
    source: &mut Source<T>,
    services: Vec<ServiceEntry>,
    sorted: bool,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let info = source.info();
    let (version, table_size) = (info.version, info.table_size);
    write!(
        output,
        "{{\"schema\":{SCHEMA},\"version\":\"{version}\",\"table_size\":{table_size},\"services\":"
    )?;
    let mut array = Array::begin(output)?;
    for entry in &services {
        let destinations = source.destinations(&entry.service.identity, sorted)?;
        array.push(&service::Service::new(entry, &destinations))?;
    }
    array.end()?;
    Ok(writeln!(output, "}}")?)
}

fn write_connections(
    mut table: ConnectionTable<impl BufRead>,
    choice: &Choice,
    output: &mut dyn Write,
) -> Result<(), Error> {
    if let Some(by) = choice.count_by {
        let counts = connection_counts::count(table, choice, by)?;
        return write_counts(&counts, by, output);
    }
    write!(output, "{{\"schema\":{SCHEMA},\"connections\":")?;
    let mut array = Array::begin(output)?;
    choice.each(&mut table, |connection| {
        array.push(&connection::Connection::from(connection)).map_err(Error::Output)
    })?;
    array.end()?;
    Ok(writeln!(output, "}}")?)
}

fn write_counts(
    counts: &[(String, u64)],
    by: CountBy,
    output: &mut dyn Write,
) -> Result<(), Error> {
    write!(output, "{{\"schema\":{SCHEMA},\"counted_by\":\"{}\",\"counts\":", by.name())?;
    let mut array = Array::begin(output)?;
    for (key, connections) in counts {
        array.push(&connection::Count { key, connections: *connections })?;
    }
    array.end()?;
    Ok(writeln!(output, "}}")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(table: &[u8]) -> (String, Result<(), Error>) {
        let mut output = Vec::new();
        let table = ConnectionTable::new(table).unwrap();
        let result = write_connections(table, &Choice::default(), &mut output);
        (String::from_utf8(output).unwrap(), result)
    }

    #[test]
    fn rows_of_the_connection_table() {
        let table = b"title\n\
            TCP C0000201 9D1A C0000202 0050 C6336401 1F90 ESTABLISHED     899\n\
            UDP 2001:0db8:0000:0000:0000:0000:0000:0001 0000 2001:0db8:0000:0000:0000:0000:0000:0002 \
            13C4 C6336401 13C4 UDP 59 sip a\"\xff\n";
        let (output, result) = connections(table);
        result.unwrap();
        assert_eq!(
            output,
            "{\"schema\":1,\"connections\":[\
             {\"protocol\":\"tcp\",\"state\":\"ESTABLISHED\",\"expires\":899,\
             \"client\":{\"address\":\"192.0.2.1\",\"port\":40218},\
             \"virtual\":{\"address\":\"192.0.2.2\",\"port\":80},\
             \"destination\":{\"address\":\"198.51.100.1\",\"port\":8080},\
             \"persistence_engine\":null,\"engine_data\":null},\
             {\"protocol\":\"udp\",\"state\":\"UDP\",\"expires\":59,\
             \"client\":{\"address\":\"2001:db8::1\",\"port\":0},\
             \"virtual\":{\"address\":\"2001:db8::2\",\"port\":5060},\
             \"destination\":{\"address\":\"198.51.100.1\",\"port\":5060},\
             \"persistence_engine\":\"sip\",\"engine_data\":\"a\\\"\u{fffd}\"}]}\n"
        );
    }

    #[test]
    fn a_damaged_table_leaves_an_object_that_is_not_whole() {
        let (output, result) = connections(b"title\nTCP\n");
        assert_eq!(output, "{\"schema\":1,\"connections\":[");
        assert_eq!(result.unwrap_err().exit_code(), 1);
    }
}
