//! Connections counted by what they have in common.

use std::collections::HashMap;
use std::io::BufRead;

use lvs::proc::{Connection, ConnectionTable};

use super::columns::Columns;
use super::connection_choice::{Choice, CountBy};
use super::endpoint::{self, Endpoint};
use super::error::Error;

/// Counts the connections of a table: what they have in common, in numbers, and how many there are,
/// the most first.
///
/// # Errors
///
/// What the table says.
pub(super) fn count(
    mut table: ConnectionTable<impl BufRead>,
    choice: &Choice,
    by: CountBy,
) -> Result<Vec<(String, u64)>, Error> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut key = String::new();
    choice.each(&mut table, |connection| {
        key.clear();
        append_key(&mut key, connection, by);
        match counts.get_mut(&key) {
            Some(count) => *count += 1,
            None => drop(counts.insert(key.clone(), 1)),
        }
        Ok(())
    })?;
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by(|(left, fewer), (right, more)| (more, left).cmp(&(fewer, right)));
    Ok(counts)
}

fn append_key(key: &mut String, connection: &Connection<'_>, by: CountBy) {
    match by {
        CountBy::Client => endpoint::append_address(key, connection.client.ip()),
        CountBy::Service => {
            key.left(&String::from_utf8_lossy(connection.protocol), 4);
            key.push(' ');
            Endpoint::of_socket(connection.service, None).append_listed(key, None);
        }
        CountBy::Destination => {
            Endpoint::of_socket(connection.destination, None).append_listed(key, None);
        }
        CountBy::State => key.push_str(&String::from_utf8_lossy(connection.state)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
title
TCP C0000201 9D1A C0000264 0050 C6336401 0050 ESTABLISHED 899
TCP C0000202 9D1A C0000264 0050 C6336402 0050 ESTABLISHED 899
UDP C0000202 9D1B C0000264 0035 C6336401 0035 UDP 59
TCP 2001:0db8:0000:0000:0000:0000:0000:0001 9D1A 2001:0db8:0000:0000:0000:0000:0000:0002 0050 C6336401 0050 TIME_WAIT 9
";

    fn counted(by: CountBy, choice: &Choice) -> Vec<(String, u64)> {
        count(ConnectionTable::new(TABLE.as_bytes()).unwrap(), choice, by).unwrap()
    }

    fn lines(by: CountBy) -> Vec<String> {
        let counts = counted(by, &Choice::default());
        counts.into_iter().map(|(key, count)| format!("{count} {key}")).collect()
    }

    #[test]
    fn the_most_come_first() {
        assert_eq!(lines(CountBy::Client), ["2 192.0.2.2", "1 192.0.2.1", "1 2001:db8::1"]);
        assert_eq!(
            lines(CountBy::Service),
            ["2 TCP  192.0.2.100:80", "1 TCP  [2001:db8::2]:80", "1 UDP  192.0.2.100:53"]
        );
        assert_eq!(
            lines(CountBy::Destination),
            ["2 198.51.100.1:80", "1 198.51.100.1:53", "1 198.51.100.2:80"]
        );
        assert_eq!(lines(CountBy::State), ["2 ESTABLISHED", "1 TIME_WAIT", "1 UDP"]);
    }

    #[test]
    fn only_what_is_chosen_is_counted() {
        let udp = Choice { state: Some("udp".to_owned()), ..Choice::default() };
        assert_eq!(counted(CountBy::Client, &udp), [("192.0.2.2".to_owned(), 1)]);
    }
}
