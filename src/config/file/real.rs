//! A real server of a service.

use crate::policy::Mode;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer};

use super::listen::endpoint;
use super::text_or_table::{TextOrTable, deserialize};
use lvs::ipvs::{Checksum, Tunnel};

/// The kernel keeps weights and thresholds as signed numbers (`ip_vs_dest`).
const LARGEST: u32 = i32::MAX as u32;

/// `"192.168.20.1:80"` or `{ address = "192.168.20.1:80", weight = 2, … }`.
#[derive(Clone, Debug)]
pub(in crate::config) struct Real {
    pub(in crate::config) address: IpAddr,
    pub(in crate::config) port: Option<u16>,
    /// Where it is not that of the service.
    pub(in crate::config) mode: Option<Mode>,
    pub(in crate::config) weight: u32,
    pub(in crate::config) upper_threshold: u32,
    pub(in crate::config) lower_threshold: u32,
    pub(in crate::config) tunnel: Option<Tunnel>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Table {
    address: Endpoint,
    mode: Option<Mode>,
    weight: Option<Number>,
    upper_threshold: Option<Number>,
    lower_threshold: Option<Number>,
    tunnel: Option<TunnelValue>,
}

#[derive(Deserialize)]
#[serde(try_from = "TunnelTable")]
struct TunnelValue(Tunnel);

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct TunnelTable {
    r#type: TunnelKind,
    port: Option<u16>,
    checksum: Option<ChecksumKind>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TunnelKind {
    Ipip,
    Gue,
    Gre,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ChecksumKind {
    None,
    Full,
    Remote,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Endpoint(IpAddr, Option<u16>);

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (address, port) = endpoint(&text)?;
        Ok(Self(address, port))
    }
}

#[derive(Deserialize)]
#[serde(try_from = "i64")]
struct Number(u32);

impl TryFrom<i64> for Number {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let valid = u32::try_from(number).ok().filter(|number| *number <= LARGEST);
        valid.map(Self).ok_or_else(|| format!("{number} is not 0 to {LARGEST}"))
    }
}

impl TextOrTable for Real {
    type Table = Table;
    const EXPECTED: &'static str =
        "a real server, as \"192.168.20.1:80\" or { address = \"192.168.20.1:80\", weight = 2 }";

    fn from_text(text: &str) -> Result<Self, String> {
        let (address, port) = endpoint(text)?;
        Ok(Self {
            address,
            port,
            mode: None,
            weight: 1,
            upper_threshold: 0,
            lower_threshold: 0,
            tunnel: None,
        })
    }

    fn from_table(table: Table) -> Result<Self, String> {
        let Endpoint(address, port) = table.address;
        let number = |number: Option<Number>, default| number.map_or(default, |number| number.0);
        let real = Self {
            address,
            port,
            mode: table.mode,
            weight: number(table.weight, 1),
            upper_threshold: number(table.upper_threshold, 0),
            lower_threshold: number(table.lower_threshold, 0),
            tunnel: table.tunnel.map(|tunnel| tunnel.0),
        };
        // The kernel's rule: with a lower threshold above the upper one it says ERANGE.
        if real.lower_threshold > real.upper_threshold && real.upper_threshold != 0 {
            return Err(format!(
                "lower-threshold {} is above upper-threshold {}: a server that is full takes \
                 connections again once it has fewer than the lower one",
                real.lower_threshold, real.upper_threshold
            ));
        }
        Ok(real)
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

impl TryFrom<TunnelTable> for TunnelValue {
    type Error = String;

    fn try_from(table: TunnelTable) -> Result<Self, String> {
        tunnel(table).map(Self)
    }
}

/// What each kind of tunnel can have is that of `ipvsadm`.
fn tunnel(table: TunnelTable) -> Result<Tunnel, String> {
    let checksum = match table.checksum {
        None | Some(ChecksumKind::None) => Checksum::None,
        Some(ChecksumKind::Full) => Checksum::Full,
        Some(ChecksumKind::Remote) => Checksum::Remote,
    };
    let refuse = |what: &str| Err(what.to_owned());
    match (table.r#type, table.port, table.checksum) {
        (TunnelKind::Gue, None | Some(0), _) => {
            refuse("a tunnel of type gue needs its port, 1 to 65535: port = 6080")
        }
        (TunnelKind::Gue, Some(port), _) => Ok(Tunnel::Gue { port, checksum }),
        (_, Some(_), _) => refuse("only a tunnel of type gue has a port"),
        (TunnelKind::Gre, None, Some(ChecksumKind::Remote)) => {
            refuse("a tunnel of type gre has no remote checksum: \"none\" or \"full\"")
        }
        (TunnelKind::Gre, None, _) => Ok(Tunnel::Gre { checksum }),
        (TunnelKind::Ipip, None, Some(_)) => refuse("a tunnel of type ipip has no checksum"),
        (TunnelKind::Ipip, None, None) => Ok(Tunnel::Ipip),
    }
}
