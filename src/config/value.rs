//! Values of the file and of the command line: text in, checked values out. Every error says what is
//! accepted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use super::forms::deserialize_by;
use lvs::ipvs::{AddressFamily, Netmask, Protocol, ServiceIdentity};
use lvs::ruleset::syntax::SchedulerFlag;

/// `IP_VS_SCHEDNAME_MAXLEN` and `IP_VS_PENAME_MAXLEN` are 16 (`linux/ip_vs.h`).
const LONGEST_MODULE_NAME: usize = 15;

/// 31 days, the maximum of `ipvsadm`.
const MOST_SECONDS: u64 = 31 * 24 * 60 * 60;

deserialize_by!(string: Name, Text, Unicast, Listen, Endpoint, Scheduler, PersistenceEngine, Flag);
deserialize_by!(string_or_number: Seconds, Mask);

/// Types of values that a function reads from a string.
macro_rules! read_by {
    ($($name:ident = $read:path),+) => {$(
        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                $read(text).map(Self)
            }
        }
    )+};
}

read_by!(
    Name = cluster_name,
    Text = text,
    Unicast = unicast,
    Scheduler = scheduler,
    PersistenceEngine = engine
);

/// The name of a cluster.
#[derive(Clone, Debug)]
pub(super) struct Name(pub(super) String);

impl Default for Name {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

fn cluster_name(name: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        true => Ok(name.to_owned()),
        false => {
            Err("a cluster name has 1 to 64 letters, digits, dots, dashes and underscores"
                .to_owned())
        }
    }
}

/// A name or a comment for people.
#[derive(Clone, Debug)]
pub(super) struct Text(pub(super) String);

/// What fits into a line of a terminal, and cannot control it.
fn text(text: &str) -> Result<String, String> {
    match (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err("a name or comment has 1 to 200 characters, in one line".to_owned()),
    }
}

/// An address that an interface can have and other machines can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Unicast(pub(super) IpAddr);

pub(crate) fn unicast(text: &str) -> Result<IpAddr, String> {
    let Ok(address) = text.parse::<IpAddr>() else {
        return Err(format!(
            "{text:?} is not an IP address: write one such as 192.168.10.10, not a host name"
        ));
    };
    let what = match address {
        address if address.is_unspecified() => "the unspecified address",
        address if address.is_multicast() => "a multicast address",
        address if address.is_loopback() => "a loopback address",
        IpAddr::V4(Ipv4Addr::BROADCAST) => "the broadcast address",
        _ => return Ok(address),
    };
    Err(format!("{text} is {what}: a unicast address that other machines reach is required"))
}

/// A port in host byte order, never 0.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(format!("{text:?} is not a port: 1 to 65535")),
    }
}

/// `ADDRESS`, `ADDRESS:PORT`, `[ADDRESS]` or `[ADDRESS]:PORT`.
pub(crate) struct Endpoint(pub(crate) IpAddr, pub(crate) Option<u16>);

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            return Ok(Self(unicast(address)?, None));
        }
        match text.rsplit_once(':') {
            // More colons without brackets are an IPv6 address without a port.
            Some((address, number)) if !address.contains(':') => {
                Ok(Self(unicast(address)?, Some(port(number)?)))
            }
            _ => match text.parse::<SocketAddr>() {
                Ok(socket) => {
                    let number = port(&socket.port().to_string())?;
                    Ok(Self(unicast(&socket.ip().to_string())?, Some(number)))
                }
                Err(_) => Ok(Self(unicast(text)?, None)),
            },
        }
    }
}

/// `tcp://192.168.10.10:80`, `udp://[2001:db8::10]:53`, `sctp://…`, `fwmark://7` or
/// `fwmark://7?family=ipv6`. Without a port the service has all ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Listen(pub(super) ServiceIdentity);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write it like tcp://192.168.10.10:80, udp://[2001:db8::10]:53 or fwmark://7";
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!("{text:?} is not a service address: {example}"));
        };
        let protocol = match scheme {
            "fwmark" => return mark(rest).map(Self),
            scheme => Protocol::named(scheme)
                .ok_or_else(|| format!("{scheme:?} is not tcp, udp, sctp or fwmark: {example}"))?,
        };
        let Endpoint(address, port) = rest.parse()?;
        Ok(Self(ServiceIdentity::Address { protocol, address, port: port.unwrap_or(0) }))
    }
}

fn mark(text: &str) -> Result<ServiceIdentity, String> {
    let (number, family) = match text.split_once('?') {
        None => (text, AddressFamily::Ipv4),
        Some((number, "family=ipv4")) => (number, AddressFamily::Ipv4),
        Some((number, "family=ipv6")) => (number, AddressFamily::Ipv6),
        Some((_, other)) => {
            return Err(format!(
                "{other:?} is unknown: only family=ipv4 or family=ipv6 may follow the mark"
            ));
        }
    };
    match number.parse() {
        Ok(mark) if mark != 0 => Ok(ServiceIdentity::Mark { mark, family }),
        _ => Err(format!("{number:?} is not a firewall mark: 1 to {}", u32::MAX)),
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ServiceIdentity::Address { protocol, address, port } => {
                write!(f, "{}://", protocol.name().unwrap_or("ip"))?;
                match (address, port) {
                    (IpAddr::V4(address), 0) => write!(f, "{address}"),
                    (IpAddr::V6(address), 0) => write!(f, "[{address}]"),
                    (address, port) => write!(f, "{}", SocketAddr::new(address, port)),
                }
            }
            ServiceIdentity::Mark { mark, family: AddressFamily::Ipv4 } => {
                write!(f, "fwmark://{mark}")
            }
            ServiceIdentity::Mark { mark, family: AddressFamily::Ipv6 } => {
                write!(f, "fwmark://{mark}?family=ipv6")
            }
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Scheduler(pub(super) String);

impl Default for Scheduler {
    fn default() -> Self {
        Self("wlc".to_owned())
    }
}

pub(crate) fn scheduler(text: &str) -> Result<String, String> {
    module_name(text, "scheduler", "rr, wrr, lc, wlc")
}

#[derive(Clone, Debug)]
pub(super) struct PersistenceEngine(pub(super) String);

fn engine(text: &str) -> Result<String, String> {
    module_name(text, "persistence engine", "sip")
}

/// What may be a part of the name of a kernel module.
fn module_name(text: &str, kind: &str, examples: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match (1..=LONGEST_MODULE_NAME).contains(&text.len()) && text.bytes().all(plain) {
        true => Ok(text.to_owned()),
        false => Err(format!("a {kind} name has 1 to 15 letters and digits, such as {examples}")),
    }
}

/// A scheduler flag, by the name that it was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag(pub(super) &'static SchedulerFlag);

impl FromStr for Flag {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        SchedulerFlag::named(name).map(Self).ok_or_else(|| {
            format!(
                "{name:?} is not a flag: sh-fallback, sh-port, mh-fallback, mh-port, flag-1, \
                 flag-2 or flag-3"
            )
        })
    }
}

/// Whole seconds: `300`, `"300"`, `"300s"`, `"5m"`, `"1h"` or `"1d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds(pub(super) u32);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = match unit {
            "" | "s" => Some(1),
            "m" => Some(60),
            "h" => Some(60 * 60),
            "d" => Some(24 * 60 * 60),
            _ => None,
        };
        let seconds = number.parse::<u64>().ok().zip(factor);
        let seconds = seconds.and_then(|(number, factor)| number.checked_mul(factor));
        match seconds.filter(|seconds| (1..=MOST_SECONDS).contains(seconds)) {
            Some(seconds) => Ok(Self(u32::try_from(seconds).unwrap_or(u32::MAX))),
            None => {
                Err(format!("{text:?} is not 1 second to 31 days: write 300, \"5m\" or \"1h\""))
            }
        }
    }
}

/// A time of the command line, written as in the file.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(|time: Seconds| Duration::from_secs(time.0.into()))
}

/// A service of the command line, written as in the file.
pub(crate) fn listen(text: &str) -> Result<ServiceIdentity, String> {
    text.parse().map(|listen: Listen| listen.0)
}

/// A dotted mask for IPv4, a prefix length for IPv6.
pub(super) struct Mask(pub(super) Netmask);

impl FromStr for Mask {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text.parse::<IpAddr>(), text.parse()) {
            (Ok(IpAddr::V4(mask)), _) => Ok(Self(Netmask::Ipv4(mask))),
            (_, Ok(length @ 1..=128)) => Ok(Self(Netmask::Ipv6(length))),
            _ => Err(format!(
                "{text:?} is not a netmask: write 255.255.255.0 for IPv4, a prefix length of 1 to \
                 128 for IPv6"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_with_a_unit_are_converted() {
        let read = |text: &str| text.parse().map(|seconds: Seconds| seconds.0);
        assert_eq!(read("300"), Ok(300));
        assert_eq!(read("300s"), Ok(300));
        assert_eq!(read("5m"), Ok(300));
        assert_eq!(read("2h"), Ok(7200));
        assert_eq!(read("31d"), Ok(2_678_400));
        for bad in ["", "0", "m", "5 m", "5min", "-5", "1.5m", "32d", "99999999999999999999d"] {
            assert!(read(bad).unwrap_err().contains("31 days"), "{bad}");
        }
    }

    #[test]
    fn printed_listen_address_parses_again() {
        for text in [
            "tcp://192.168.10.10:80",
            "udp://[2001:db8::10]:53",
            "sctp://192.168.10.10",
            "tcp://[2001:db8::10]",
            "fwmark://7",
            "fwmark://4294967295?family=ipv6",
        ] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn invalid_listen_address_is_refused_with_a_reason() {
        for (text, reason) in [
            ("192.168.10.10:80", "write it like tcp://"),
            ("http://192.168.10.10", "\"http\" is not tcp"),
            ("tcp://www:80", "not a host name"),
            ("tcp://192.168.10.10:0", "1 to 65535"),
            ("tcp://192.168.10.10:http", "1 to 65535"),
            ("tcp://[2001:db8::10]:0", "1 to 65535"),
            ("tcp://224.0.0.1:80", "multicast"),
            ("tcp://[::ffff]:x", "not an IP address"),
            ("fwmark://0", "firewall mark"),
            ("fwmark://-1", "firewall mark"),
            ("fwmark://7?ipv6", "family=ipv6"),
        ] {
            let message = text.parse::<Listen>().unwrap_err();
            assert!(message.contains(reason), "{text}: {message}");
        }
    }
}
