//! What `-L --json` writes: one object per listing, described by `schema/ipvsadm.schema.json`.
//!
//! Elements are written one by one, so a listing of any length takes the memory of its longest element.

mod rows;

use std::io::{self, BufRead, Write};

use serde::Serialize;

use lvs::ipvs::{DestinationEntry, ServiceEntry};
use lvs::netlink::Transport;
use lvs::proc::ConnectionTable;

use super::command::{Listing, Subject};
use super::connections::{self, Choice};
use super::error::Error;
use super::source::Source;

/// Version of the objects. It changes with any change that breaks a reader.
const SCHEMA: u32 = 1;

/// Writes a listing as one line of JSON. If it fails, the object is incomplete.
pub(super) fn list<T: Transport>(
    source: &mut Source<T>,
    listing: &Listing,
    output: &mut dyn Write,
) -> Result<(), Error> {
    match &listing.subject {
        Subject::Table => {
            let services = source.services(listing.sorted)?;
            write_services(source, &services, listing.sorted, output)
        }
        Subject::Service(identity) => {
            let entry = source.service(identity)?;
            write_services(source, &[entry], listing.sorted, output)
        }
        Subject::Connections { choice, .. } => {
            write_connections(source.connections(choice.origin)?, choice, output)
        }
        Subject::Timeouts => {
            let timeouts = source.timeouts()?;
            write!(output, "{{\"schema\":{SCHEMA},\"timeouts\":")?;
            serde_json::to_writer(&mut *output, &timeouts).map_err(io::Error::from)?;
            Ok(writeln!(output, "}}")?)
        }
        Subject::Daemons => {
            let daemons = source.daemons()?;
            write_object(output, "\"daemons\"", |array| {
                Ok(daemons.iter().try_for_each(|daemon| array.push(daemon))?)
            })
        }
    }
}

/// A service with its destinations, as an element of a listing.
pub(crate) fn service_json(
    entry: &ServiceEntry,
    destinations: &[DestinationEntry],
) -> io::Result<serde_json::Value> {
    Ok(serde_json::to_value(rows::Service::new(entry, destinations))?)
}

fn write_services<T: Transport>(
    source: &mut Source<T>,
    services: &[ServiceEntry],
    sorted: bool,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let info = source.info();
    let (version, table_size) = (info.version, info.table_size);
    let members = format!("\"version\":\"{version}\",\"table_size\":{table_size},\"services\"");
    write_object(output, &members, |array| {
        services.iter().try_for_each(|entry| {
            match source.destinations(&entry.service.identity, sorted)? {
                Some(destinations) => Ok(array.push(&rows::Service::new(entry, &destinations))?),
                // It is gone.
                None => Ok(()),
            }
        })
    })
}

fn write_connections(
    mut table: ConnectionTable<impl BufRead>,
    choice: &Choice,
    output: &mut dyn Write,
) -> Result<(), Error> {
    if let Some(by) = choice.count_by {
        let counts = connections::count(table, choice, by)?;
        let members = format!("\"counted_by\":\"{}\",\"counts\"", by.name());
        return write_object(output, &members, |array| {
            Ok(counts.iter().try_for_each(|(key, connections)| {
                array.push(&rows::Count { key, connections: *connections })
            })?)
        });
    }
    write_object(output, "\"connections\"", |array| {
        choice.each(&mut table, |connection| Ok(array.push(&rows::Connection::from(connection))?))
    })
}

/// Writes an object with the schema, some members, and an array as the value of the last one.
fn write_object(
    output: &mut dyn Write,
    members: &str,
    write: impl FnOnce(&mut Array<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    write!(output, "{{\"schema\":{SCHEMA},{members}:[")?;
    write(&mut Array { output, is_empty: true })?;
    Ok(writeln!(output, "]}}")?)
}

/// An array whose elements are written as they come.
struct Array<'a> {
    output: &'a mut dyn Write,
    is_empty: bool,
}

impl Array<'_> {
    fn push(&mut self, element: &impl Serialize) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.output.write_all(b",")?;
        }
        Ok(serde_json::to_writer(&mut *self.output, element)?)
    }
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
    fn connections_are_elements_of_one_object() {
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
    fn malformed_table_leaves_an_incomplete_object() {
        let (output, result) = connections(b"title\nTCP\n");
        assert_eq!(output, "{\"schema\":1,\"connections\":[");
        assert_eq!(result.unwrap_err().exit_code(), 1);
    }

    #[test]
    fn array_separates_its_elements() {
        for (elements, expected) in [
            (&[][..], "[]"),
            (&["a"][..], "[\"a\"]"),
            (&["a", "\"", "c"][..], "[\"a\",\"\\\"\",\"c\"]"),
        ] {
            let mut output = Vec::new();
            write_object(&mut output, "\"x\"", |array| {
                Ok(elements.iter().try_for_each(|element| array.push(element))?)
            })
            .unwrap();
            let expected = format!("{{\"schema\":1,\"x\":{expected}}}\n");
            assert_eq!(String::from_utf8(output).unwrap(), expected);
        }
    }
}
