//! Values of options: text in, checked values out.

use std::net::IpAddr;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::config::{self, Endpoint, LARGEST_WEIGHT};
use crate::policy::{Listener, Mode, Role};
use lvs::ipvs::{Protocol, ServiceIdentity};

/// An invalid value of an option: what is wrong, and what is valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidValue(String);

/// The value of `--real`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RealServer {
    pub(crate) address: IpAddr,
    pub(crate) port: Option<u16>,
    pub(crate) weight: u32,
}

/// A kind of change, for `--allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Add something.
    Add,
    /// Change a value.
    Edit,
    /// Set the weight of a real server to 0, and nothing else: no new connections.
    Quiesce,
    /// Remove something.
    Delete,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Edit => "edit",
            Self::Quiesce => "quiesce",
            Self::Delete => "delete",
        }
    }
}

fn invalid<T>(message: impl Into<String>) -> Result<T, InvalidValue> {
    Err(InvalidValue(message.into()))
}

/// One unicast address, without a prefix length.
pub(super) fn virtual_address(text: &str) -> Result<IpAddr, InvalidValue> {
    if let Some((address, _)) = text.split_once('/') {
        return invalid(format!(
            "a virtual address has no prefix length, it is always a host address: write {address}"
        ));
    }
    unicast(text)
}

pub(super) fn unicast(text: &str) -> Result<IpAddr, InvalidValue> {
    config::unicast(text).map_err(InvalidValue)
}

/// `300`, `5m`, `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, InvalidValue> {
    config::seconds(text).map_err(InvalidValue)
}

/// `2`, `0.5`: seconds between two readings.
pub(super) fn interval(text: &str) -> Result<Duration, InvalidValue> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => invalid(format!("{text:?} is not a number of seconds from 0.1 to 3600")),
    }
}

/// `tcp://192.168.10.10:80`, `fwmark://7`.
pub(super) fn service(text: &str) -> Result<ServiceIdentity, InvalidValue> {
    config::listen(text).map_err(InvalidValue)
}

/// The service of `trace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Traced {
    Service(ServiceIdentity),
    /// Of any protocol; without a port, of any port.
    Address(IpAddr, Option<u16>),
}

/// `192.168.10.10:80`, `tcp://192.168.10.10:80`, `fwmark://7`.
pub(super) fn traced(text: &str) -> Result<Traced, InvalidValue> {
    match text.contains("://") {
        true => service(text).map(Traced::Service),
        false => endpoint(text).map(|(address, port)| Traced::Address(address, port)),
    }
}

/// `192.168.10.2`, `192.168.10.2:80`.
pub(super) fn endpoint(text: &str) -> Result<(IpAddr, Option<u16>), InvalidValue> {
    let Endpoint(address, port) = text.parse().map_err(InvalidValue)?;
    Ok((address, port))
}

/// `tcp:80`.
pub(super) fn listener(text: &str) -> Result<Listener, InvalidValue> {
    let Some((protocol, port)) = text.split_once(':') else {
        return invalid("a service has a protocol and a port, such as tcp:80");
    };
    let Some(protocol) = Protocol::named(protocol) else {
        return invalid(format!("protocol {protocol:?} is not one of tcp, udp, sctp"));
    };
    let port = config::port(port).map_err(InvalidValue)?;
    Ok(Listener { protocol, port })
}

/// `192.168.10.2`, `192.168.10.2:80`, `192.168.10.2,weight=3`.
pub(super) fn real_server(text: &str) -> Result<RealServer, InvalidValue> {
    let mut parts = text.split(',');
    let place = parts.next().unwrap_or_default();
    let Endpoint(address, port) = place.parse().map_err(InvalidValue)?;
    let mut weight = 1;
    for part in parts {
        weight = match part.split_once('=') {
            Some(("weight", number)) => match number.parse() {
                Ok(weight) if weight <= LARGEST_WEIGHT => weight,
                _ => return invalid(format!("{number:?} is not a weight: 0 to {LARGEST_WEIGHT}")),
            },
            _ => return invalid(format!("{part:?} is not known: only weight=N may follow")),
        };
    }
    Ok(RealServer { address, port, weight })
}

pub(super) fn mode() -> impl TypedValueParser<Value = Mode> {
    let help = |mode: Mode| match mode {
        Mode::Nat => "Network address translation",
        Mode::Tun => "IP tunnelling",
        Mode::Dr => "Direct routing",
    };
    let values = Mode::ALL.map(|mode| PossibleValue::new(mode.name()).help(help(mode)));
    PossibleValuesParser::new(values).try_map(|name| name.parse())
}

pub(super) fn role() -> impl TypedValueParser<Value = Role> {
    let help = |role: Role| match role {
        Role::Director => "Forwards connections",
        Role::RealServer => "Answers them",
    };
    let values = Role::ALL.map(|role| PossibleValue::new(role.name()).help(help(role)));
    PossibleValuesParser::new(values).try_map(|name| name.parse())
}

pub(super) const fn role_words(role: Role) -> &'static str {
    match role {
        Role::Director => "director",
        Role::RealServer => "real server",
    }
}

pub(super) fn scheduler(text: &str) -> Result<String, InvalidValue> {
    config::scheduler(text).map_err(InvalidValue)
}

/// How far the metrics go into detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Per {
    /// Counters of the whole table.
    Total,
    /// Counters of each service, connections and weight of each real server.
    Service,
    /// Counters of each real server too, which takes the kernel a dump per service.
    Destination,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<T: std::fmt::Debug>(result: Result<T, InvalidValue>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn vip_that_is_not_one_unicast_address_is_refused() {
        assert_eq!(virtual_address("192.168.10.10").unwrap(), IpAddr::from([192, 168, 10, 10]));
        assert!(refusal(virtual_address("192.168.10.10/24")).contains("write 192.168.10.10"));
        assert!(refusal(virtual_address("www")).contains("not an IP address"));
        assert!(refusal(virtual_address("192.168.10.256")).contains("not an IP address"));
        assert!(refusal(virtual_address("0.0.0.0")).contains("unspecified"));
        assert!(refusal(virtual_address("224.0.0.81")).contains("multicast"));
        assert!(refusal(virtual_address("127.0.0.2")).contains("loopback"));
        assert!(refusal(virtual_address("255.255.255.255")).contains("broadcast"));
        assert!(refusal(virtual_address("::1")).contains("loopback"));
    }

    #[test]
    fn service_takes_a_protocol_and_a_port() {
        let web = listener("tcp:80").unwrap();
        assert_eq!((web.protocol, web.port), (Protocol::TCP, 80));
        assert_eq!(listener("sctp:2905").unwrap().protocol, Protocol::SCTP);
        assert!(refusal(listener("80")).contains("such as tcp:80"));
        assert!(refusal(listener("icmp:1")).contains("\"icmp\""));
        for bad in ["tcp:0", "tcp:65536", "tcp:http", "tcp:"] {
            assert!(refusal(listener(bad)).contains("1 to 65535"), "{bad}");
        }
    }

    #[test]
    fn real_server_takes_a_port_and_a_weight() {
        let read =
            |text| real_server(text).map(|real| (real.address.to_string(), real.port, real.weight));
        let address = "192.168.10.2".to_owned();
        assert_eq!(read("192.168.10.2").unwrap(), (address.clone(), None, 1));
        assert_eq!(read("192.168.10.2:80,weight=3").unwrap(), (address, Some(80), 3));
        assert_eq!(read("2001:db8::2").unwrap(), ("2001:db8::2".to_owned(), None, 1));
        assert_eq!(read("[2001:db8::2]:80").unwrap(), ("2001:db8::2".to_owned(), Some(80), 1));
        assert!(refusal(read("192.168.10.2,wieght=3")).contains("only weight=N"));
        assert!(refusal(read("192.168.10.2,weight=-1")).contains("0 to 2147483647"));
        assert!(refusal(read("192.168.10.2,weight=2147483648")).contains("0 to 2147483647"));
        assert!(refusal(read("192.168.10.2:0")).contains("1 to 65535"));
        assert!(refusal(read("224.0.0.1")).contains("multicast"));
        assert!(refusal(read("real1")).contains("not an IP address"));
        assert!(read("").is_err());
    }

    #[test]
    fn scheduler_with_an_invalid_name_is_refused() {
        assert_eq!(scheduler("rr").unwrap(), "rr");
        for bad in ["", "sixteen-letters-", "r r", "../x"] {
            assert!(scheduler(bad).is_err(), "{bad}");
        }
    }
}
