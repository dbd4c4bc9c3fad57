//! Names of hosts and services, and an address and a port as one text: `192.0.2.1:80`,
//! `[2001:db8::1]:https`.

mod lookups;
mod system;

use std::net::{IpAddr, SocketAddr};

use lvs::ipvs::{Protocol, ServiceIdentity};
use lvs::ruleset::Names;
use lvs::ruleset::syntax::{LONGEST_ENDPOINT, append_named};

pub(super) use lookups::Lookups;
pub use system::SystemNames;

/// An address and a port of a listing, and what its name lookups need to know.
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
        let mut text = String::with_capacity(LONGEST_ENDPOINT);
        self.append_listed(&mut text, names);
        text
    }

    /// Appends what listings show.
    pub(crate) fn append_listed(self, row: &mut String, names: Option<&dyn Names>) {
        let host = names.and_then(|names| names.host(self.address));
        let service = names.and_then(|names| names.service(self.port, self.protocol?));
        let start = row.len();
        append_named(row, (self.address, self.port), host.as_deref(), service.as_deref());
        cut(row, start + LONGEST_ENDPOINT);
    }
}

/// Cuts a text to at most so many bytes, at a character's boundary.
pub(crate) fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
    }
}

/// Names for tests: a few hosts and services that are the same on every machine.
#[cfg(test)]
pub(crate) mod fake {
    pub(crate) use lvs::ruleset::fake_names::{FakeNames, HOSTS, VIP_EXAMPLE};
}

#[cfg(test)]
mod tests {
    use super::fake::HOSTS;
    use super::*;

    fn endpoint(address: &str, port: u16, protocol: Option<Protocol>) -> Endpoint {
        let address = address.parse().unwrap();
        Endpoint { address, port, protocol }
    }

    fn listed(address: &str, port: u16, protocol: Option<Protocol>) -> String {
        endpoint(address, port, protocol).listed(Some(&HOSTS))
    }

    #[test]
    fn names_of_hosts_and_services() {
        let tcp = Some(Protocol::TCP);
        assert_eq!(endpoint("192.0.2.1", 80, tcp).listed(None), "192.0.2.1:80");
        assert_eq!(listed("198.51.100.6", 80, tcp), "s.ex:http");
        assert_eq!(listed("198.51.100.6", 0, tcp), "s.ex:0");
        // The protocol of a marked packet is not known.
        assert_eq!(listed("198.51.100.6", 80, None), "s.ex:80");
        assert_eq!(listed("192.0.2.9", 53, Some(Protocol::UDP)), "192.0.2.9:domain");
        assert_eq!(listed("192.0.2.9", 53, tcp), "192.0.2.9:53");
        assert_eq!(listed("2001:db8::6", 443, tcp), "[six.example]:https");
        assert_eq!(listed("192.0.2.21", 80, tcp), "first.example:http");
        assert_eq!(listed("192.0.2.22", 80, tcp), "#odd:http");
        assert_eq!(listed("192.0.2.23", 80, tcp), "192.0.2.24:http");
    }

    #[test]
    fn long_name_is_cut_at_59_bytes() {
        assert_eq!(
            listed("198.51.100.5", 80, Some(Protocol::TCP)),
            "sixty.characters.sixty.characters.sixty.characters.sixty.ch"
        );
    }
}
