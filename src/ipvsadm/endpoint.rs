//! An address and a port as one text: `192.0.2.1:80`, `[2001:db8::1]:https`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use lvs::ipvs::{Protocol, ServiceIdentity};

use super::Names;
use super::columns::Columns;

/// Longest text that the reference writes, in bytes.
const MOST: usize = 59;

/// An address and a port, and what its name lookups need to know.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// `None` where it is not known, as with firewall marks: the port then stays a number.
    pub(crate) protocol: Option<Protocol>,
}

impl Endpoint {
    /// A real server of a service.
    pub(crate) fn of_server(service: &ServiceIdentity, address: IpAddr, port: u16) -> Self {
        let protocol = match *service {
            ServiceIdentity::Address { protocol, .. } => Some(protocol),
            ServiceIdentity::Mark { .. } => None,
        };
        Self { address, port, protocol }
    }

    /// An end of a connection.
    pub(crate) fn of_socket(address: SocketAddr, protocol: Option<Protocol>) -> Self {
        Self { address: address.ip(), port: address.port(), protocol }
    }

    /// As listings show it, silently cut at 59 characters as the reference cuts it.
    pub(crate) fn listed(self, names: Option<&dyn Names>) -> String {
        let mut text = String::with_capacity(MOST);
        self.append_listed(&mut text, names);
        text
    }

    /// Appends what listings show.
    pub(crate) fn append_listed(self, row: &mut String, names: Option<&dyn Names>) {
        let host = names.and_then(|names| names.host(self.address));
        let service = names.and_then(|names| names.service(self.port, self.protocol?));
        let start = row.len();
        self.append(row, host.as_deref(), service.as_deref());
        cut(row, start + MOST);
    }

    /// Appends what a saved table holds: a name only where it reads back to the same value and the
    /// reference would not have cut the text.
    pub(crate) fn append_saved(self, line: &mut String, names: Option<&dyn Names>) {
        let host = names.and_then(|names| {
            // Host names are looked up as IPv4 only when they are read.
            let same = |name: &str| names.address(name).map(IpAddr::V4) == Some(self.address);
            names.host(self.address).filter(|name| reads_as_name(name) && same(name))
        });
        let service = names.and_then(|names| {
            let protocol = self.protocol?;
            let same = |name: &str| names.port(name, protocol) == Some(self.port);
            names.service(self.port, protocol).filter(|name| same(name) && reads_as_name(name))
        });
        let start = line.len();
        self.append(line, host.as_deref(), service.as_deref());
        if line.len() > start + MOST {
            line.truncate(start);
            self.append(line, None, None);
        }
    }

    fn append(self, row: &mut String, host: Option<&str>, service: Option<&str>) {
        // Names of IPv6 hosts stand in brackets too.
        let brackets = self.address.is_ipv6();
        row.push_str(if brackets { "[" } else { "" });
        match (host, self.address) {
            (Some(host), _) => row.push_str(host),
            (None, address) => append_address(row, address),
        }
        row.push_str(if brackets { "]:" } else { ":" });
        match service {
            Some(service) => row.push_str(service),
            None => row.number(self.port.into()),
        }
    }
}

/// Cuts a text to at most so many bytes, at a character's boundary.
pub(crate) fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
    }
}

/// Appends an address in numbers.
pub(crate) fn append_address(row: &mut String, address: IpAddr) {
    let [a, b, c, d] = match address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(address) => return row.push_str(&ipv6_text(address)),
    };
    row.number(a.into());
    for octet in [b, c, d] {
        row.push('.');
        row.number(octet.into());
    }
}

/// Whether a name cannot be taken for a number, a comment, a bracket or two words when it is read.
fn reads_as_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.chars().all(plain)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.contains(|c: char| c.is_ascii_alphabetic())
}

/// An IPv6 address as inet_ntop(3) writes it, which shows the last 32 bits of an IPv4-compatible
/// address (`::192.0.2.1`) as IPv4. Rust does so for IPv4-mapped addresses only.
fn ipv6_text(address: Ipv6Addr) -> String {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => {
            let [.., a, b, c, d] = address.octets();
            format!("::{a}.{b}.{c}.{d}")
        }
        _ => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvsadm::fake_names::FakeNames;

    const LONG: &str =
        "sixty.characters.sixty.characters.sixty.characters.sixty.characters.example";
    const NAMES: FakeNames = FakeNames(&[
        ("s.ex", "198.51.100.6"),
        (LONG, "198.51.100.5"),
        ("six.example", "2001:db8::6"),
        ("first.example", "192.0.2.20"),
        ("first.example", "192.0.2.21"),
        ("#odd", "192.0.2.22"),
        ("192.0.2.24", "192.0.2.23"),
    ]);

    fn endpoint(address: &str, port: u16, protocol: Option<Protocol>) -> Endpoint {
        let address = address.parse().unwrap();
        Endpoint { address, port, protocol }
    }

    fn both(address: &str, port: u16, protocol: Option<Protocol>) -> (String, String) {
        let endpoint = endpoint(address, port, protocol);
        let mut saved = String::new();
        endpoint.append_saved(&mut saved, Some(&NAMES));
        (endpoint.listed(Some(&NAMES)), saved)
    }

    #[test]
    fn numbers() {
        let text = |address| endpoint(address, 80, Some(Protocol::TCP)).listed(None);
        assert_eq!(text("192.0.2.1"), "192.0.2.1:80");
        assert_eq!(text("2001:db8:0:0:1:0:0:0"), "[2001:db8:0:0:1::]:80");
        assert_eq!(text("::1"), "[::1]:80");
        assert_eq!(text("::"), "[::]:80");
        assert_eq!(text("::ffff:192.0.2.1"), "[::ffff:192.0.2.1]:80");
        // As inet_ntop(3) in glibc 2.36 writes them.
        assert_eq!(text("::192.0.2.1"), "[::192.0.2.1]:80");
        assert_eq!(text("::1:0"), "[::0.1.0.0]:80");
    }

    #[test]
    fn names_of_hosts_and_services() {
        let tcp = Some(Protocol::TCP);
        let same = |text: &str| (text.to_owned(), text.to_owned());
        assert_eq!(both("198.51.100.6", 80, tcp), same("s.ex:http"));
        assert_eq!(both("198.51.100.6", 0, tcp), same("s.ex:0"));
        // The protocol of a marked packet is not known.
        assert_eq!(both("198.51.100.6", 80, None), same("s.ex:80"));
        assert_eq!(both("192.0.2.9", 53, Some(Protocol::UDP)), same("192.0.2.9:domain"));
        assert_eq!(both("192.0.2.9", 53, tcp), same("192.0.2.9:53"));
    }

    #[test]
    fn a_saved_name_reads_back() {
        let tcp = Some(Protocol::TCP);
        let pair = |listed: &str, saved: &str| (listed.to_owned(), saved.to_owned());
        assert_eq!(
            both("198.51.100.5", 80, tcp),
            pair("sixty.characters.sixty.characters.sixty.characters.sixty.ch", "198.51.100.5:80")
        );
        assert_eq!(
            both("2001:db8::6", 443, tcp),
            pair("[six.example]:https", "[2001:db8::6]:https")
        );
        assert_eq!(both("192.0.2.20", 80, tcp).1, "first.example:http");
        assert_eq!(both("192.0.2.21", 80, tcp), pair("first.example:http", "192.0.2.21:http"));
        assert_eq!(both("192.0.2.22", 80, tcp), pair("#odd:http", "192.0.2.22:http"));
        assert_eq!(both("192.0.2.23", 80, tcp), pair("192.0.2.24:http", "192.0.2.23:http"));
    }
}
