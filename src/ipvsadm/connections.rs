//! Which connections are listed, counted by what, and at which cost.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::BufRead;
use std::net::{IpAddr, SocketAddr};

use lvs::proc::{self, Connection, ConnectionTable};

use super::error::Error;
use super::names::Endpoint;

/// Fewer connections are listed within seconds by every kernel.
const MANY: u64 = 100_000;

/// Older releases read the table from its start for each page of `/proc/net/ip_vs_conn` ("ipvs: speed up
/// reads from ip_vs_conn proc file"), so the time grows with the square of the connections.
const FAST_SINCE: (u32, u32) = (6, 14);

/// A filter of connections. A condition that is not set matches any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// `--client`: a network.
    pub client: Option<Network>,
    /// `--vip`: the virtual address, and its port.
    pub service: Option<Place>,
    /// `--real`: the real server, and its port.
    pub destination: Option<Place>,
    /// `--state`: the name of the kernel, in upper or lower case.
    pub state: Option<String>,
    /// `--count-by`: count connections instead of listing them.
    pub count_by: Option<CountBy>,
    /// `--origin`: say whether another director sent them.
    pub origin: bool,
}

/// An address and a prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Any address of the network.
    pub address: IpAddr,
    pub prefix: u8,
}

/// An address, and a port or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub address: IpAddr,
    pub port: Option<u16>,
}

/// What connections are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountBy {
    Client,
    /// Protocol, virtual address and port.
    Service,
    Destination,
    State,
}

impl CountBy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Client, Self::Service, Self::Destination, Self::State];

    /// Its name on the command line, in titles and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Service => "vip",
            Self::Destination => "real",
            Self::State => "state",
        }
    }
}

impl Choice {
    /// Calls `work` for each chosen connection of a table, in the kernel's order.
    pub(super) fn each(
        &self,
        table: &mut ConnectionTable<impl BufRead>,
        mut work: impl FnMut(&Connection<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        while let Some(connection) = table.next()? {
            if self.includes(&connection) {
                work(&connection)?;
            }
        }
        Ok(())
    }

    pub(super) fn includes(&self, connection: &Connection<'_>) -> bool {
        self.client.is_none_or(|network| network.includes(connection.client.ip()))
            && self.service.is_none_or(|place| place.is(connection.service))
            && self.destination.is_none_or(|place| place.is(connection.destination))
            && self
                .state
                .as_ref()
                .is_none_or(|state| connection.state.eq_ignore_ascii_case(state.as_bytes()))
    }
}

impl Network {
    fn includes(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.prefix.into()
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= self.prefix.into()
            }
            _ => false,
        }
    }
}

impl Place {
    fn is(self, address: SocketAddr) -> bool {
        self.address == address.ip() && self.port.is_none_or(|port| port == address.port())
    }
}

/// Counts the chosen connections of a table by what they have in common, the most frequent first.
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
        CountBy::Client => lvs::ruleset::syntax::append_address(key, connection.client.ip()),
        CountBy::Service => {
            // Writing to a string does not fail.
            let _ = write!(key, "{:<4} ", String::from_utf8_lossy(connection.protocol));
            Endpoint::of_socket(connection.service, None).append_listed(key, None);
        }
        CountBy::Destination => {
            Endpoint::of_socket(connection.destination, None).append_listed(key, None);
        }
        CountBy::State => key.push_str(&String::from_utf8_lossy(connection.state)),
    }
}

/// A warning for a kernel that takes long to list its many connections.
pub(super) fn slow_listing_warning() -> Option<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    if is_fast(&release)? {
        return None;
    }
    warning(proc::connection_count()?)
}

fn warning(connections: u64) -> Option<String> {
    (connections > MANY).then(|| {
        format!(
            "{connections} connections: listing them may take minutes, because Linux before 6.14 \
             reads the table from its start for every page"
        )
    })
}

/// Whether a release such as `6.1.0-56-amd64` reads the table only once.
fn is_fast(release: &str) -> Option<bool> {
    let mut numbers = release.trim_end().split(|c: char| !c.is_ascii_digit());
    let version = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    Some(version >= FAST_SINCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn includes(choice: &Choice) -> bool {
        let line = b"TCP C0000201 9D1A C0000264 0050 C6336401 1F90 ESTABLISHED 899";
        choice.includes(&Connection::parse(line).unwrap())
    }

    fn place(address: &str, port: Option<u16>) -> Option<Place> {
        Some(Place { address: address.parse().unwrap(), port })
    }

    #[test]
    fn client_matches_by_network() {
        let client = |address: &str, prefix| {
            let network = Network { address: address.parse().unwrap(), prefix };
            includes(&Choice { client: Some(network), ..Choice::default() })
        };
        assert!(client("192.0.2.1", 32));
        assert!(client("192.0.2.0", 31));
        assert!(!client("192.0.2.0", 32));
        assert!(client("0.0.0.0", 0));
        assert!(client("193.0.0.0", 7));
        assert!(!client("193.0.0.0", 8));
        assert!(!client("::", 0), "an IPv4 client is in no IPv6 network");
        let network = Network { address: "2001:db8::".parse().unwrap(), prefix: 64 };
        assert!(network.includes("2001:db8::ffff:0:0:1".parse().unwrap()));
        assert!(!network.includes("2001:db8:0:1::1".parse().unwrap()));
    }

    #[test]
    fn virtual_address_and_real_server_match_with_port_or_any() {
        let service = |service| includes(&Choice { service, ..Choice::default() });
        assert!(service(place("192.0.2.100", None)));
        assert!(service(place("192.0.2.100", Some(80))));
        assert!(!service(place("192.0.2.100", Some(81))));
        assert!(!service(place("192.0.2.1", None)));
        let destination = |destination| includes(&Choice { destination, ..Choice::default() });
        assert!(destination(place("198.51.100.1", Some(8080))));
        assert!(!destination(place("198.51.100.1", Some(80))));
    }

    #[test]
    fn state_matches_in_any_case_and_all_conditions_count() {
        let state = |state: &str| Choice { state: Some(state.to_owned()), ..Choice::default() };
        assert!(includes(&state("established")));
        assert!(!includes(&state("ESTAB")));
        let mut both = state("ESTABLISHED");
        both.service = place("192.0.2.100", Some(80));
        assert!(includes(&both));
        both.destination = place("198.51.100.2", None);
        assert!(!includes(&both));
        assert!(includes(&Choice::default()));
    }

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
    fn most_frequent_count_comes_first() {
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
    fn count_has_only_chosen_connections() {
        let udp = Choice { state: Some("udp".to_owned()), ..Choice::default() };
        assert_eq!(counted(CountBy::Client, &udp), [("192.0.2.2".to_owned(), 1)]);
    }

    #[test]
    fn release_tells_a_slow_kernel() {
        for (release, fast) in [
            ("6.1.0-56-amd64\n", Some(false)),
            ("6.13.12", Some(false)),
            ("6.14-rc1", Some(true)),
            ("7.0.2", Some(true)),
            ("5.19.0", Some(false)),
            ("x", None),
        ] {
            assert_eq!(is_fast(release), fast, "{release}");
        }
    }

    #[test]
    fn warning_names_the_number_of_connections() {
        assert!(warning(100_007).unwrap().starts_with("100007 connections: "));
        assert_eq!(warning(100_000), None);
    }
}
