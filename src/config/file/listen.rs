//! What a service listens on, as a text like an URL.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::Deserialize;

use super::value::{port, unicast};
use lvs::ipvs::{AddressFamily, Protocol, ServiceIdentity};

/// `tcp://192.168.10.10:80`, `udp://[2001:db8::10]:53`, `sctp://…`, `fwmark://7` or
/// `fwmark://7?family=ipv6`. Without a port, every port is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Listen(pub ServiceIdentity);

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write it like tcp://192.168.10.10:80, udp://[2001:db8::10]:53 or fwmark://7";
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!("{text:?} is not what a service can listen on: {example}"));
        };
        let protocol = match scheme {
            "tcp" => Protocol::TCP,
            "udp" => Protocol::UDP,
            "sctp" => Protocol::SCTP,
            "fwmark" => return mark(rest).map(Self),
            _ => return Err(format!("{scheme:?} is not tcp, udp, sctp or fwmark: {example}")),
        };
        let (address, port) = endpoint(rest)?;
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
                "{other:?} is not known: only family=ipv4 or family=ipv6 may follow"
            ));
        }
    };
    match number.parse() {
        Ok(mark) if mark != 0 => Ok(ServiceIdentity::Mark { mark, family }),
        _ => Err(format!("{number:?} is not a firewall mark: 1 to {}", u32::MAX)),
    }
}

/// `ADDRESS`, `ADDRESS:PORT`, `[ADDRESS]` or `[ADDRESS]:PORT`.
///
/// # Errors
///
/// Says what is wrong and what would do.
pub(crate) fn endpoint(text: &str) -> Result<(IpAddr, Option<u16>), String> {
    if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return Ok((unicast(address)?, None));
    }
    match text.rsplit_once(':') {
        // More colons without brackets are an IPv6 address without a port.
        Some((address, number)) if !address.contains(':') => {
            Ok((unicast(address)?, Some(port(number)?)))
        }
        _ => match text.parse::<SocketAddr>() {
            Ok(socket) => {
                Ok((unicast(&socket.ip().to_string())?, Some(port(&socket.port().to_string())?)))
            }
            Err(_) => Ok((unicast(text)?, None)),
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
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
    fn what_is_none_is_refused_with_a_reason() {
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
