//! Small values.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Deserializer};

use super::text;

/// The name of a cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::config) struct Name(pub(in crate::config) String);

impl Default for Name {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
            Ok(Self(name))
        } else {
            Err("the name of a cluster has 1 to 64 letters, digits, dots, dashes and underscores")
        }
    }
}

/// An address that a machine can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::config) struct Unicast(pub(in crate::config) IpAddr);

impl<'de> Deserialize<'de> for Unicast {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

impl TryFrom<String> for Unicast {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        unicast(&text).map(Self)
    }
}

/// One address that other machines reach.
///
/// # Errors
///
/// Says what is wrong and what would do.
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
    Err(format!("{text} is {what}: it takes a unicast address that other machines reach"))
}

/// A port in host byte order, never 0.
///
/// # Errors
///
/// Says what would do.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(format!("{text:?} is not a port: 1 to 65535")),
    }
}

/// The name of a scheduler: at most 15 bytes (`IP_VS_SCHEDNAME_MAXLEN` is 16, `linux/ip_vs.h`).
///
/// # Errors
///
/// Says what would do.
pub(crate) fn scheduler(text: &str) -> Result<String, String> {
    module_name(text, 15).ok_or_else(|| {
        "the name of a scheduler has 1 to 15 letters and digits, such as rr, wrr, lc, wlc".into()
    })
}

/// What may be a part of the name of a kernel module.
pub(super) fn module_name(text: &str, longest: usize) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let valid = (1..=longest).contains(&text.len()) && text.bytes().all(plain);
    valid.then(|| text.to_owned())
}
