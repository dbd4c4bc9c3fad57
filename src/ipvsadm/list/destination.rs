//! The row of a destination. Rows of the left-aligned formats end in blanks.

use std::io::{self, Write};

use super::columns::Columns;
use crate::ipvsadm::command::Format;
use crate::ipvsadm::names::{Endpoint, cut};
use lvs::ipvs::{Checksum, Destination, DestinationEntry, Forwarding, ServiceIdentity, Tunnel};

use super::{ROW_LENGTH, Style, counters};

const ARROW: &str = "  -> ";

/// Width of an address and port. Those of IPv4 are truncated to it.
const NAME_WIDTH: usize = 28;

pub(super) fn write_row(
    output: &mut dyn Write,
    service: &ServiceIdentity,
    entry: &DestinationEntry,
    style: Style<'_>,
) -> io::Result<()> {
    let destination = &entry.destination;
    let endpoint = Endpoint::of_server(service, destination.address, destination.port);
    let mut row = String::with_capacity(ROW_LENGTH);
    row.push_str(ARROW);
    endpoint.append_listed(&mut row, style.names);
    if destination.address.is_ipv4() {
        cut(&mut row, ARROW.len() + NAME_WIDTH);
    }
    row.pad(ARROW.len() + NAME_WIDTH);

    // The reference prints weights with %d; the kernel accepts none above 2^31 - 1.
    let weight = destination.weight as i32;
    let method = method(destination.forwarding);
    match style.format {
        Format::Default => {
            row.push(' ');
            row.left(method, 7);
            row.push(' ');
            append_weight(&mut row, weight);
            append_connections(&mut row, entry);
        }
        Format::TunnelInfo => {
            let info = tunnel_info(destination);
            row.push_str(&format!(" {method:<7} {info:<13} "));
            append_weight(&mut row, weight);
            append_connections(&mut row, entry);
        }
        Format::Thresholds => {
            let (upper, lower) = (destination.upper_threshold, destination.lower_threshold);
            row.push_str(&format!(" {upper:<10} {lower:<10}"));
            append_connections(&mut row, entry);
        }
        Format::PersistentConnections => {
            let (weight, persistent) = (destination.weight, entry.persistent_connections);
            row.push_str(&format!(" {weight:<9} {persistent:<11}"));
            append_connections(&mut row, entry);
        }
        Format::Stats => {
            for value in counters(&entry.stats, false) {
                row.counter(value, style.exact);
            }
        }
        Format::Rate => {
            for (place, value) in counters(&entry.stats, true).into_iter().enumerate() {
                // Connections and packets per second are always exact.
                row.counter(value, style.exact || place < 3);
            }
        }
    }
    row.push('\n');
    output.write_all(row.as_bytes())
}

fn append_weight(row: &mut String, weight: i32) {
    match u64::try_from(weight) {
        Ok(weight) => row.number_left(weight, 6),
        Err(_) => row.left(&weight.to_string(), 6),
    }
}

fn append_connections(row: &mut String, entry: &DestinationEntry) {
    for count in [entry.active_connections, entry.inactive_connections] {
        row.push(' ');
        row.number_left(count.into(), 10);
    }
}

const fn method(forwarding: Forwarding) -> &'static str {
    match forwarding {
        Forwarding::Masquerade => "Masq",
        Forwarding::Local => "Local",
        Forwarding::Tunnel => "Tunnel",
        Forwarding::DirectRouting => "Route",
        Forwarding::Other(_) => "?",
    }
}

/// `gue:6080:+c`; the longest, `gue:65535:r+c`, fills the column.
fn tunnel_info(destination: &Destination) -> String {
    let checksum = |checksum| match checksum {
        Checksum::None => "-c",
        Checksum::Full => "+c",
        Checksum::Remote => "r+c",
    };
    match (destination.forwarding, destination.tunnel) {
        (Forwarding::Tunnel, Tunnel::Ipip) => "ipip".to_owned(),
        (Forwarding::Tunnel, Tunnel::Gue { port, checksum: c }) => {
            format!("gue:{port}:{}", checksum(c))
        }
        (Forwarding::Tunnel, Tunnel::Gre { checksum: c }) => format!("gre:{}", checksum(c)),
        _ => "n/a".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::ipvsadm::Names;
    use crate::ipvsadm::names::fake::FakeNames;
    use lvs::ipvs::AddressFamily;

    const NAMES: FakeNames = FakeNames(&[
        ("twenty-eight-cut.characters.example", "198.51.100.4"),
        ("six.example", "2001:db8::6"),
        ("s.ex", "198.51.100.6"),
    ]);

    fn entry(address: &str, port: u16, forwarding: Forwarding) -> DestinationEntry {
        let address: IpAddr = address.parse().unwrap();
        let destination = Destination::new(address, port, forwarding).with_thresholds(100, 50);
        let mut entry = DestinationEntry::new(destination);
        entry.active_connections = 7;
        entry.inactive_connections = 4_000_000_000;
        entry.persistent_connections = 3;
        let stats = &mut entry.stats;
        // Above 2^32, where the reference wraps.
        stats.connections = 5_000_000_000;
        (stats.packets_in, stats.packets_out) = (1, 2);
        (stats.bytes_in, stats.bytes_out) = (3, 100_000_000);
        stats.rates.connections = 123_456_789;
        (stats.rates.packets_in, stats.rates.packets_out) = (1, 2);
        (stats.rates.bytes_in, stats.rates.bytes_out) = (123_456_789, 5_000_000_000);
        entry
    }

    fn row_of(entry: &DestinationEntry, format: Format, names: Option<&dyn Names>) -> String {
        let service = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80);
        let mut output = Vec::new();
        let style = Style { format, exact: false, names };
        write_row(&mut output, &service, entry, style).unwrap();
        String::from_utf8(output).unwrap()
    }

    fn row(address: &str, forwarding: Forwarding, format: Format) -> String {
        row_of(&entry(address, 80, forwarding), format, None)
    }

    #[test]
    fn default_row_ends_in_blanks() {
        let mut server = entry("198.51.100.4", 8080, Forwarding::Masquerade);
        server.inactive_connections = 0;
        assert_eq!(
            row_of(&server, Format::Default, None),
            "  -> 198.51.100.4:8080            Masq    1      7          0         \n"
        );
        server.destination.weight = i32::MAX as u32;
        server.destination.forwarding = Forwarding::Tunnel;
        assert_eq!(
            row_of(&server, Format::Default, None),
            "  -> 198.51.100.4:8080            Tunnel  2147483647 7          0         \n"
        );
        assert_eq!(
            row("2001:db8:1111:2222:3333:4444:5555:7777", Forwarding::Local, Format::Default),
            "  -> [2001:db8:1111:2222:3333:4444:5555:7777]:80 Local   1      7          4000000000\n"
        );
    }

    #[test]
    fn thresholds_and_persistent_connections_are_left_aligned() {
        assert_eq!(
            row("198.51.100.6", Forwarding::DirectRouting, Format::Thresholds),
            "  -> 198.51.100.6:80              100        50         7          4000000000\n"
        );
        assert_eq!(
            row("198.51.100.6", Forwarding::DirectRouting, Format::PersistentConnections),
            "  -> 198.51.100.6:80              1         3           7          4000000000\n"
        );
    }

    #[test]
    fn rates_of_connections_and_packets_are_exact() {
        assert_eq!(
            row("198.51.100.6", Forwarding::DirectRouting, Format::Stats),
            "  -> 198.51.100.6:80                 5000M        1        2        3  100000K\n"
        );
        assert_eq!(
            row("198.51.100.6", Forwarding::DirectRouting, Format::Rate),
            "  -> 198.51.100.6:80              123456789        1        2  123456K    5000M\n"
        );
    }

    #[test]
    fn tunnel_row_shows_type_port_and_checksum() {
        let info = |forwarding, tunnel| {
            let mut server = entry("198.51.100.7", 80, forwarding);
            server.destination.tunnel = tunnel;
            server.inactive_connections = 0;
            row_of(&server, Format::TunnelInfo, None)
        };
        let gue = |checksum| Tunnel::Gue { port: 65535, checksum };
        let full = Checksum::Full;
        assert_eq!(
            info(Forwarding::Tunnel, gue(Checksum::Remote)),
            "  -> 198.51.100.7:80              Tunnel  gue:65535:r+c 1      7          0         \n"
        );
        let cases = [
            (Forwarding::Tunnel, gue(Checksum::None), " gue:65535:-c  1 "),
            (Forwarding::Tunnel, Tunnel::Gre { checksum: full }, " gre:+c        1 "),
            (Forwarding::Tunnel, Tunnel::Ipip, " ipip          1 "),
            (Forwarding::Tunnel, Tunnel::Other(9), " n/a           1 "),
            (Forwarding::Masquerade, gue(full), " n/a           1 "),
        ];
        for (forwarding, tunnel, expected) in cases {
            let row = info(forwarding, tunnel);
            assert!(row.contains(expected), "{row}");
        }
    }

    #[test]
    fn name_of_ipv4_destination_is_truncated() {
        let named = |address, port| {
            let server = entry(address, port, Forwarding::Masquerade);
            row_of(&server, Format::Rate, Some(&NAMES))
        };
        assert!(
            named("198.51.100.4", 80).starts_with("  -> twenty-eight-cut.characters. 123456789")
        );
        assert!(
            named("2001:db8::6", 443).starts_with("  -> [six.example]:https          123456789")
        );

        // Ports of marked services stay numbers.
        let mark = ServiceIdentity::Mark { mark: 5, family: AddressFamily::Ipv4 };
        let style = Style { format: Format::Default, exact: false, names: Some(&NAMES) };
        let mut output = Vec::new();
        let server = entry("198.51.100.6", 80, Forwarding::Masquerade);
        write_row(&mut output, &mark, &server, style).unwrap();
        assert!(output.starts_with(b"  -> s.ex:80       "));
    }
}
