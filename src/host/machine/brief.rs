//! Keys and values as the journal writes them: a structure as the list of what its fields hold,
//! without their names, which would be half of a long file.
//!
//! Nothing is needed to read them: what `serde` derives takes a structure from a list as from a map.

use std::net::IpAddr;

use serde::ser::Error;
use serde::{Serialize, Serializer};

use lvs::ipvs::{
    AddressFamily, Daemon, DaemonState, Destination, Forwarding, Netmask, Protocol, Service,
    ServiceIdentity, Timeouts, Tunnel,
};
use lvs::table::{Key, Value};

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

/// Writes a key.
pub(crate) fn key<S: Serializer>(key: &Key, serializer: S) -> Result<S::Ok, S::Error> {
    let brief = match *key {
        Key::Service(service) => BriefKey::Service(service.into()),
        Key::Destination { service, address, port } => {
            BriefKey::Destination(service.into(), address, port)
        }
        Key::Timeouts => BriefKey::Timeouts,
        Key::Daemon(state) => BriefKey::Daemon(state),
        _ => return Err(S::Error::custom("a key of an unknown kind")),
    };
    brief.serialize(serializer)
}

/// Writes a value.
pub(crate) fn value<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    let brief = match value {
        Value::Service(service) => {
            let (flags, timeout, netmask) = service.kernel_fields();
            let Service { identity, scheduler, persistence_engine, .. } = &**service;
            let engine = persistence_engine.as_deref();
            BriefValue::Service((*identity).into(), scheduler, flags, timeout, netmask, engine)
        }
        Value::Destination(destination) => {
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
        Value::Timeouts(timeouts) => BriefValue::Timeouts(timeouts),
        Value::Daemon(daemon) => BriefValue::Daemon(daemon),
        _ => return Err(S::Error::custom("a value of an unknown kind")),
    };
    brief.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use lvs::ipvs::{Checksum, Persistence, ServiceFlags};

    #[derive(Serialize)]
    struct Written(#[serde(serialize_with = "key")] Key, #[serde(serialize_with = "value")] Value);

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
    fn what_is_written_in_brief_is_read_as_it_was() {
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
