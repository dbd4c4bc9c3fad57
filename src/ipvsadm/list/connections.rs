//! The connections, `-L -c`. A row is written as soon as its line is read; with names, a chunk of rows as
//! soon as their names are looked up.

use std::io::{self, BufRead, Write};

use lvs::proc::{Connection, ConnectionTable};

use super::columns::Columns;
use crate::ipvsadm::Names;
use crate::ipvsadm::connections::{self, Choice, CountBy};
use crate::ipvsadm::error::Error;
use crate::ipvsadm::names::Endpoint;
use crate::ipvsadm::names::Lookups;

use super::ROW_LENGTH;

const TITLE: &str = "\
IPVS connection entries
pro expire state       source             virtual            destination";

/// Connections in one chunk, and bytes of their lines.
const CHUNK_ROWS: usize = 1024;
const CHUNK_BYTES: usize = 1 << 20;

/// Writes the chosen connections in the order of the table, or their counts.
pub(super) fn write(
    mut table: ConnectionTable<impl BufRead>,
    choice: &Choice,
    with_engine: bool,
    names: Option<&dyn Names>,
    output: &mut dyn Write,
) -> Result<(), Error> {
    if let Some(by) = choice.count_by {
        return write_counts(&connections::count(table, choice, by)?, by, output);
    }
    let last = match (with_engine, choice.origin) {
        (true, _) => "        pe name          pe_data",
        (false, true) => "        origin",
        (false, false) => "",
    };
    writeln!(output, "{TITLE}{last}")?;
    let Some(names) = names else {
        return choice.each(&mut table, |connection| {
            write_row(output, connection, with_engine, None).map_err(Error::Output)
        });
    };
    let lookups = Lookups::new(names);
    let mut chunk = Vec::new();
    loop {
        let more = next_chunk(&mut table, &mut chunk);
        lookups.write(output, |names, output| {
            chunk.split_inclusive(|byte| *byte == b'\n').try_for_each(|line| {
                let connection = Connection::parse(line)?;
                if !choice.includes(&connection) {
                    return Ok(());
                }
                write_row(output, &connection, with_engine, Some(names)).map_err(Error::Output)
            })
        })?;
        if !more? {
            return Ok(());
        }
    }
}

/// Fills `chunk` with the lines of the next connections; false at the end of the table. After a
/// failure the chunk has the lines before it.
fn next_chunk(
    table: &mut ConnectionTable<impl BufRead>,
    chunk: &mut Vec<u8>,
) -> Result<bool, Error> {
    chunk.clear();
    for _ in 0..CHUNK_ROWS {
        let Some(line) = table.next_line()? else { return Ok(false) };
        chunk.extend_from_slice(line);
        chunk.push(b'\n');
        if chunk.len() >= CHUNK_BYTES {
            break;
        }
    }
    Ok(true)
}

fn write_counts(
    counts: &[(String, u64)],
    by: CountBy,
    output: &mut dyn Write,
) -> Result<(), Error> {
    writeln!(output, "IPVS connection entries\n{:>10} {}", "count", by.name())?;
    for (key, count) in counts {
        writeln!(output, "{count:>10} {key}")?;
    }
    Ok(())
}

fn write_row(
    output: &mut dyn Write,
    connection: &Connection<'_>,
    with_engine: bool,
    names: Option<&dyn Names>,
) -> io::Result<()> {
    let mut row = String::with_capacity(ROW_LENGTH);
    write_left(output, connection.protocol, 3)?;
    row.push(' ');
    append_time(&mut row, connection.seconds);
    row.pad(7);
    row.push(' ');
    output.write_all(row.as_bytes())?;
    write_left(output, connection.state, 11)?;
    row.clear();
    let protocol = connection.transport();
    for address in [connection.client, connection.service] {
        row.push(' ');
        let end = row.len() + 18;
        Endpoint::of_socket(address, protocol).append_listed(&mut row, names);
        row.pad(end);
    }
    row.push(' ');
    let end = row.len() + 16;
    Endpoint::of_socket(connection.destination, protocol).append_listed(&mut row, names);
    let engine = connection.engine.filter(|_| with_engine);
    if engine.is_some() {
        // Narrower than its title, as in the reference.
        row.pad(end);
        row.push(' ');
    }
    if let Some(origin) = connection.origin {
        row.pad(end + 2);
        row.push(' ');
        output.write_all(row.as_bytes())?;
        output.write_all(origin)?;
        return output.write_all(b"\n");
    }
    output.write_all(row.as_bytes())?;
    if let Some((engine, data)) = engine {
        write_left(output, engine, 18)?;
        output.write_all(b" ")?;
        output.write_all(data)?;
    }
    output.write_all(b"\n")
}

/// Appends `01:59`; minutes are unbounded.
fn append_time(row: &mut String, seconds: u32) {
    for (part, separator) in [(seconds / 60, ":"), (seconds % 60, "")] {
        if part < 10 {
            row.push('0');
        }
        row.number(part.into());
        row.push_str(separator);
    }
}

/// Writes left-aligned bytes.
fn write_left(output: &mut dyn Write, bytes: &[u8], width: usize) -> io::Result<()> {
    const BLANKS: &[u8] = b"           ";
    output.write_all(bytes)?;
    let missing = width.saturating_sub(bytes.len());
    match BLANKS.get(..missing) {
        Some(blanks) => output.write_all(blanks),
        None => write!(output, "{:missing$}", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvsadm::names::fake::FakeNames;

    /// As Linux 6.1 wrote it.
    const TABLE: &str = "\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP 2001:0db8:0000:0000:0000:0000:0000:0001 E674 2001:0db8:0000:0000:0000:0000:0000:0001 0050 C6336401 0050 TIME_WAIT       119
TCP C0000201 0000 C0000201 0050 C6336401 0050 ASSURED         299
TCP C0000201 9D1A C0000201 0050 C6336401 0050 TIME_WAIT       119
";

    fn listed(
        input: &str,
        with_engine: bool,
        names: Option<&dyn Names>,
    ) -> (String, Result<(), Error>) {
        let mut output = Vec::new();
        let result = ConnectionTable::new(input.as_bytes())
            .map_err(Error::from)
            .and_then(|table| write(table, &Choice::default(), with_engine, names, &mut output));
        (String::from_utf8(output).unwrap(), result)
    }

    /// What the reference made of that table.
    #[test]
    fn numeric_listing_is_that_of_the_reference() {
        let (output, result) = listed(TABLE, false, None);
        assert!(result.is_ok());
        assert_eq!(
            output,
            "\
IPVS connection entries
pro expire state       source             virtual            destination
TCP 01:59  TIME_WAIT   [2001:db8::1]:58996 [2001:db8::1]:80   198.51.100.1:80
TCP 04:59  ASSURED     192.0.2.1:0        192.0.2.1:80       198.51.100.1:80
TCP 01:59  TIME_WAIT   192.0.2.1:40218    192.0.2.1:80       198.51.100.1:80
"
        );
    }

    #[test]
    fn names_replace_addresses_and_ports() {
        let names = FakeNames(&[("vip.example", "192.0.2.1")]);
        let (output, result) = listed(TABLE, false, Some(&names));
        assert!(result.is_ok());
        let row =
            "TCP 01:59  TIME_WAIT   vip.example:40218  vip.example:http   198.51.100.1:http\n";
        assert!(output.ends_with(row), "{output}");
    }

    #[test]
    fn engine_data_follows_the_destination() {
        let table = "x\n\
            UDP C0A80001 1 C0000201 1 2001:db8::1 50 EST 360000 sip data more\n\
            UDP C0A80001 1 C0000201 1 C6336401 50 LONGER_THAN_11 59 sip data\n\
            LONGPROT 1 1 7 0 C6336401 50 EST 59 sip\n";
        let (output, result) = listed(table, true, None);
        assert!(result.is_ok());
        // The first three as the reference wrote them, but for the state.
        assert_eq!(
            output,
            "\
IPVS connection entries
pro expire state       source             virtual            destination        pe name          pe_data
UDP 6000:00 EST         192.168.0.1:1      192.0.2.1:1        [2001:db8::1]:80 sip                data
UDP 00:59  LONGER_THAN_11 192.168.0.1:1      192.0.2.1:1        198.51.100.1:80  sip                data
LONGPROT 00:59  EST         0.0.0.1:1          0.0.0.7:0          198.51.100.1:80
"
        );
        let (output, _) = listed(table, false, None);
        assert!(!output.contains("sip"));
    }

    #[test]
    fn engine_data_that_is_not_utf8_is_written_as_it_is() {
        let table = b"x\nUDP C0A80001 1 C0000201 1 C6336401 50 EST 59 sip \xff\xfe\n";
        let mut output = Vec::new();
        let table = ConnectionTable::new(&table[..]).unwrap();
        write(table, &Choice::default(), true, None, &mut output).unwrap();
        assert!(output.ends_with(b" sip                \xff\xfe\n"));
    }

    #[test]
    fn long_line_is_listed_in_full() {
        let data = "d".repeat(5000);
        let table = format!("x\nUDP C0A80001 1 C0000201 1 C6336401 50 EST 59 sip {data}\n");
        let (output, result) = listed(&table, true, None);
        assert!(result.is_ok());
        assert!(output.ends_with(&format!(" {data}\n")));
    }

    #[test]
    fn rows_of_several_chunks_are_all_listed() {
        let names = FakeNames(&[("vip.example", "192.0.2.1")]);
        let line = "TCP C0000201 1 C0000201 50 C6336401 50 NONE 59\n";
        let table = format!("x\n{}bad\n{line}", line.repeat(2 * CHUNK_ROWS + 1));
        for (names, client) in
            [(None, " 192.0.2.1:1 "), (Some(&names as &dyn Names), " vip.example:1 ")]
        {
            let (output, result) = listed(&table, false, names);
            assert_eq!(output.lines().count(), 2 + 2 * CHUNK_ROWS + 1);
            assert!(output.lines().skip(2).all(|row| row.contains(client)));
            assert_eq!(result.unwrap_err().exit_code(), 1);
        }
    }

    #[test]
    fn malformed_line_ends_the_listing() {
        let (output, result) = listed("", false, None);
        assert!(output.is_empty());
        let message = result.unwrap_err().to_string();
        assert_eq!(message, "unexpected input from /proc/net/ip_vs_conn");

        let (output, result) = listed(&format!("{TABLE}TCP\n{TABLE}"), false, None);
        assert_eq!(output.lines().count(), 5);
        let error = result.unwrap_err();
        assert_eq!((error.exit_code(), error.is_silent()), (1, false));
    }

    #[test]
    fn only_chosen_connections_are_listed_or_counted() {
        let written = |choice: &Choice, names| {
            let mut output = Vec::new();
            let table = ConnectionTable::new(TABLE.as_bytes()).unwrap();
            write(table, choice, false, names, &mut output).unwrap();
            String::from_utf8(output).unwrap()
        };
        let names = FakeNames(&[]);
        let mut choice = Choice { state: Some("assured".to_owned()), ..Choice::default() };
        let (numeric, named) = (written(&choice, None), written(&choice, Some(&names)));
        for text in [numeric, named] {
            assert_eq!(text.lines().count(), 3);
            assert!(text.lines().skip(2).all(|row| row.contains(" ASSURED ")), "{text}");
        }
        choice = Choice { count_by: Some(CountBy::State), ..Choice::default() };
        let counts = "\
IPVS connection entries
     count state
         2 TIME_WAIT
         1 ASSURED
";
        assert_eq!(written(&choice, Some(&names)), counts);
    }

    #[test]
    fn empty_line_ends_the_listing_silently() {
        let (output, result) = listed(&format!("{TABLE}\n{TABLE}"), false, None);
        assert_eq!(output.lines().count(), 5);
        let error = result.unwrap_err();
        assert_eq!((error.exit_code(), error.is_silent()), (1, true));
    }
}
