//! What of a machine can be changed, and how that is written to the journal.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::brief;
use crate::host;
use lvs::table;

/// What of a machine can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// Of its network.
    Host(host::Key),
    /// Of its IPVS table.
    Table(#[serde(serialize_with = "brief::key")] table::Key),
}

/// What it can be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Of its network.
    Host(String),
    /// Of its IPVS table.
    Table(#[serde(serialize_with = "brief::value")] table::Value),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(key) => key.fmt(f),
            Self::Table(key) => key.fmt(f),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(value) => host::without_message(value).fmt(f),
            Self::Table(value) => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::host::{InterfaceName, PRESENT, Sysctl, UP};
    use lvs::ipvs::{Destination, Forwarding, Service, ServiceIdentity};

    /// One of each kind, with a value that it can have.
    fn samples() -> Vec<(Key, Value)> {
        let vip = Ipv4Addr::new(192, 0, 2, 1);
        let tunnel = InterfaceName::tunl0();
        let host = |key, text: &str| (Key::Host(key), Value::Host(text.to_owned()));
        let identity = ServiceIdentity::tcp(vip, 80);
        let server = Destination::new(Ipv4Addr::new(192, 0, 2, 2), 80, Forwarding::Tunnel);
        let sysctl = Sysctl::of_interface(&tunnel, "arp_ignore");
        let address =
            host::Key::Address { address: vip.into(), prefix: 32, device: tunnel.clone() };
        let route =
            host::Key::Route { destination: vip.into(), prefix: 32, device: tunnel.clone() };
        vec![
            host(host::Key::Link(tunnel.clone()), "ipip"),
            host(host::Key::Sysctl(sysctl), "1"),
            host(host::Key::LinkUp(tunnel), UP),
            host(address, PRESENT),
            host(route, PRESENT),
            (
                Key::Table(table::Key::Service(identity)),
                Value::Table(table::Value::from(Service::new(identity, "rr"))),
            ),
            (
                Key::Table(table::Key::of(identity, &server)),
                Value::Table(table::Value::Destination(server)),
            ),
        ]
    }

    #[test]
    fn the_journal_keeps_every_key_and_value() {
        for sample in samples() {
            let text = serde_json::to_string(&sample).unwrap();
            let read: (Key, Value) = serde_json::from_str(&text).unwrap();
            assert_eq!(read, sample, "{text}");
        }
    }

    #[test]
    fn a_journal_cannot_lead_out_of_the_network() {
        for key in [
            r#"{"host":{"sysctl":"kernel/modprobe"}}"#,
            r#"{"host":{"sysctl":"net/../kernel/modprobe"}}"#,
            r#"{"host":{"link":"../x"}}"#,
            r#"{"host":{"address":{"address":"192.0.2.1","prefix":32,"device":"a b"}}}"#,
        ] {
            let error = serde_json::from_str::<Key>(key).unwrap_err().to_string();
            assert!(!error.contains("unknown variant"), "{error}");
        }
    }
}
