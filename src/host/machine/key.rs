//! Keys and values of a machine, and their form in the journal.
//!
//! The journal has structures of the table as lists of their field values: the names would be half of
//! a long file. The derived `Deserialize` reads a structure from a list as from a map.

use std::fmt;
use std::net::IpAddr;

use serde::ser::Error;
use serde::{Deserialize, Serialize, Serializer};

use crate::host::{self, Sysctl};
use lvs::ipvs::{
    AddressFamily, Daemon, DaemonState, Destination, Forwarding, Netmask, Protocol, Service,
    ServiceIdentity, Timeouts, Tunnel,
};
use lvs::table;

/// A key of the machine's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    Host(host::Key),
    Table(#[serde(serialize_with = "brief_key")] table::Key),
    /// A destination of the IPVS table while it is drained. The journal keeps what it was before apart
    /// from the entry of whoever owns the destination.
    Drained(#[serde(serialize_with = "brief_key")] table::Key),
}

/// The value of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    Host(String),
    Table(#[serde(serialize_with = "brief_value")] table::Value),
}

impl Key {
    pub(crate) fn ipvs_parameter(name: &'static str) -> Self {
        Self::Host(host::Key::Sysctl(Sysctl::of_ipvs(name)))
    }
}

impl Value {
    pub(crate) const fn destination(&self) -> Option<&Destination> {
        match self {
            Self::Table(table::Value::Destination(destination)) => Some(destination),
            _ => None,
        }
    }
}

impl From<Destination> for Value {
    fn from(destination: Destination) -> Self {
        Self::Table(table::Value::Destination(destination))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Host(one), Self::Host(other)) => host::is_same(one, other),
            (Self::Table(one), Self::Table(other)) => one == other,
            _ => false,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(key) => key.fmt(f),
            Self::Table(key) => key.fmt(f),
            Self::Drained(key) => write!(f, "{key} (drained)"),
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

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum BriefKey {
    Service(Identity),
    Destination(Identity, IpAddr, u16),
    Timeouts,
    Daemon(DaemonState),
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Identity {
    Address(Protocol, IpAddr, u16),
    Mark(u32, AddressFamily),
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum BriefValue<'a> {
    Service(Identity, &'a str, u32, u32, Netmask, Option<&'a str>),
    Destination(IpAddr, u16, Forwarding, u32, u32, u32, Tunnel),
    Timeouts(&'a Timeouts),
    Daemon(&'a Daemon),
}

impl From<ServiceIdentity> for Identity {
    fn from(identity: ServiceIdentity) -> Self {
        match identity {
            ServiceIdentity::Address { protocol, address, port } => {
                Self::Address(protocol, address, port)
            }
            ServiceIdentity::Mark { mark, family } => Self::Mark(mark, family),
        }
    }
}

fn brief_key<S: Serializer>(key: &table::Key, serializer: S) -> Result<S::Ok, S::Error> {
    let brief = match *key {
        table::Key::Service(service) => BriefKey::Service(service.into()),
        table::Key::Destination { service, address, port } => {
            BriefKey::Destination(service.into(), address, port)
        }
        table::Key::Timeouts => BriefKey::Timeouts,
        table::Key::Daemon(state) => BriefKey::Daemon(state),
        _ => return Err(S::Error::custom("a key of an unknown kind")),
    };
    brief.serialize(serializer)
}

fn brief_value<S: Serializer>(value: &table::Value, serializer: S) -> Result<S::Ok, S::Error> {
    let brief = match value {
        table::Value::Service(service) => {
            let (flags, timeout, netmask) = service.kernel_fields();
            let Service { identity, scheduler, persistence_engine, .. } = &**service;
            let engine = persistence_engine.as_deref();
            BriefValue::Service((*identity).into(), scheduler, flags, timeout, netmask, engine)
        }
        table::Value::Destination(destination) => {
            let Destination {
                address,
                port,
                forwarding,
                weight,
                upper_threshold,
                lower_threshold,
                tunnel,
                ..
            } = *destination;
            BriefValue::Destination(
                address,
                port,
                forwarding,
                weight,
                upper_threshold,
                lower_threshold,
                tunnel,
            )
        }
        table::Value::Timeouts(timeouts) => BriefValue::Timeouts(timeouts),
        table::Value::Daemon(daemon) => BriefValue::Daemon(daemon),
        _ => return Err(S::Error::custom("a value of an unknown kind")),
    };
    brief.serialize(serializer)
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
                Value::Table(table::Value::Destination(server.clone())),
            ),
            (
                Key::Drained(table::Key::of(identity, &server)),
                Value::Table(table::Value::Destination(server)),
            ),
        ]
    }

    #[test]
    fn every_key_and_value_round_trips() {
        for sample in samples() {
            let text = serde_json::to_string(&sample).unwrap();
            let read: (Key, Value) = serde_json::from_str(&text).unwrap();
            assert_eq!(read, sample, "{text}");
        }
    }

    #[test]
    fn key_with_path_outside_net_is_refused() {
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

#[cfg(test)]
mod brief_tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use serde::Serialize;

    use super::{brief_key, brief_value};
    use lvs::ipvs::{
        AddressFamily, Checksum, Destination, Forwarding, Netmask, Persistence, Service,
        ServiceFlags, ServiceIdentity, Tunnel,
    };
    use lvs::table::{Key, Value};

    #[derive(Serialize)]
    struct Written(
        #[serde(serialize_with = "brief_key")] Key,
        #[serde(serialize_with = "brief_value")] Value,
    );

    /// Every field differs from every other of its kind, so that none can be taken for another.
    fn samples() -> Vec<(Key, Value)> {
        let web = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80);
        let mark = ServiceIdentity::Mark { mark: 7, family: AddressFamily::Ipv6 };
        let netmask = Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0));
        let persistent = Service::new(web, "mh")
            .with_flags(ServiceFlags::from_bits_retain(0x14))
            .with_persistence(Persistence::new(300, netmask))
            .with_persistence_engine("sip");
        let local = Destination::new(Ipv4Addr::new(192, 0, 2, 2), 81, Forwarding::Local);
        let tunnelled = Destination::new(Ipv6Addr::LOCALHOST, 82, Forwarding::Tunnel)
            .with_weight(2)
            .with_thresholds(9, 8)
            .with_tunnel(Tunnel::Gue { port: 6080, checksum: Checksum::Remote });
        vec![
            (Key::Service(web), Value::from(persistent)),
            (Key::Service(mark), Value::from(Service::new(mark, "rr"))),
            (Key::of(web, &local), Value::Destination(local)),
            (Key::of(mark, &tunnelled), Value::Destination(tunnelled)),
        ]
    }

    #[test]
    fn brief_key_and_value_round_trip() {
        for sample in samples() {
            let (key, value) = sample.clone();
            let text = serde_json::to_string(&Written(key, value)).unwrap();
            let read: (Key, Value) = serde_json::from_str(&text).unwrap();
            assert_eq!(read, sample, "{text}");
            for name in ["identity", "scheduler", "address\":\"", "weight"] {
                assert!(!text.contains(name), "{text}");
            }
        }
    }

    #[test]
    fn key_and_value_with_field_names_are_read() {
        let service = r#"{"address":{"protocol":6,"address":"192.0.2.1","port":80}}"#;
        let written = [
            format!(
                r#"[{{"service":{service}}},{{"service":{{"identity":{service},"scheduler":"mh","flags":21,"timeout":300,"netmask":"255.255.255.0","persistence_engine":"sip"}}}}]"#
            ),
            r#"[{"service":{"mark":{"mark":7,"family":"ipv6"}}},{"service":{"identity":{"mark":{"mark":7,"family":"ipv6"}},"scheduler":"rr","flags":0,"timeout":0,"netmask":128,"persistence_engine":null}}]"#.to_owned(),
            format!(
                r#"[{{"destination":{{"service":{service},"address":"192.0.2.2","port":81}}}},{{"destination":{{"address":"192.0.2.2","port":81,"forwarding":"local","weight":1,"upper_threshold":0,"lower_threshold":0,"tunnel":"ipip"}}}}]"#
            ),
            r#"[{"destination":{"service":{"mark":{"mark":7,"family":"ipv6"}},"address":"::1","port":82}},{"destination":{"address":"::1","port":82,"forwarding":"tunnel","weight":2,"upper_threshold":9,"lower_threshold":8,"tunnel":{"gue":{"port":6080,"checksum":"remote"}}}}]"#.to_owned(),
        ];
        for (text, sample) in written.iter().zip(samples()) {
            let read: (Key, Value) = serde_json::from_str(text).unwrap();
            assert_eq!(read, sample, "{text}");
        }
    }
}
