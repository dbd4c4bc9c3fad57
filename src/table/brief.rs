//! How the journal writes keys and values: a structure as the list of what its fields hold, without
//! their names, which would be half of a long file.
//!
//! Nothing is needed to read it: what `serde` derives takes a structure from a list as from a map.

use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::Key;
use crate::ipvs::{AddressFamily, DaemonState, Destination, Protocol, Service, ServiceIdentity};

/// A [`Key`] to be written.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum BriefKey {
    Service(Identity),
    Destination(Identity, IpAddr, u16),
    Timeouts,
    Daemon(DaemonState),
}

impl From<Key> for BriefKey {
    fn from(key: Key) -> Self {
        match key {
            Key::Service(service) => Self::Service(service.into()),
            Key::Destination { service, address, port } => {
                Self::Destination(service.into(), address, port)
            }
            Key::Timeouts => Self::Timeouts,
            Key::Daemon(state) => Self::Daemon(state),
        }
    }
}

/// A [`ServiceIdentity`] to be written.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Identity {
    Address(Protocol, IpAddr, u16),
    Mark(u32, AddressFamily),
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

pub(super) fn service<S: Serializer>(service: &Service, serializer: S) -> Result<S::Ok, S::Error> {
    let Service { identity, scheduler, flags, timeout, netmask, persistence_engine } = service;
    let identity = Identity::from(*identity);
    (identity, scheduler, flags, timeout, netmask, persistence_engine).serialize(serializer)
}

pub(super) fn destination<S: Serializer>(
    destination: &Destination,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let Destination { address, port, forwarding, weight, upper_threshold, lower_threshold, tunnel } =
        destination;
    (address, port, forwarding, weight, upper_threshold, lower_threshold, tunnel)
        .serialize(serializer)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::ipvs::{Checksum, Forwarding, Netmask, ServiceFlags, Tunnel};
    use crate::table::Value;

    /// Every field differs from every other of its kind, so that none can be taken for another.
    fn samples() -> Vec<(Key, Value)> {
        let web = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80);
        let mark = ServiceIdentity::Mark { mark: 7, family: AddressFamily::Ipv6 };
        let persistent = Service {
            flags: ServiceFlags(0x15),
            timeout: 300,
            netmask: Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0)),
            persistence_engine: Some("sip".to_owned()),
            ..Service::new(web, "mh")
        };
        let local = Destination::new(Ipv4Addr::new(192, 0, 2, 2), 81, Forwarding::Local);
        let tunnelled = Destination {
            weight: 2,
            upper_threshold: 9,
            lower_threshold: 8,
            tunnel: Tunnel::Gue { port: 6080, checksum: Checksum::Remote },
            ..Destination::new(Ipv6Addr::LOCALHOST, 82, Forwarding::Tunnel)
        };
        vec![
            (Key::Service(web), Value::from(persistent)),
            (Key::Service(mark), Value::from(Service::new(mark, "rr"))),
            (Key::of(web, &local), Value::Destination(local)),
            (Key::of(mark, &tunnelled), Value::Destination(tunnelled)),
        ]
    }

    #[test]
    fn what_is_written_in_brief_is_read_as_it_was() {
        for sample in samples() {
            let text = serde_json::to_string(&sample).unwrap();
            let read: (Key, Value) = serde_json::from_str(&text).unwrap();
            assert_eq!(read, sample, "{text}");
            for name in ["identity", "scheduler", "address\":\"", "weight"] {
                assert!(!text.contains(name), "{text}");
            }
        }
    }

    #[test]
    fn what_was_written_with_names_is_read_too() {
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
