//! Persistence: a client keeps its real server for a while.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer};

use super::duration::Seconds;
use super::number_or_text::NumberOrText;
use super::text_or_table::{TextOrTable, deserialize};
use lvs::ipvs::Netmask;

/// What `ipvsadm -p` takes where no time is given, in seconds.
const DEFAULT: Seconds = Seconds(360);

/// `"5m"`, `300` or `{ timeout = "5m", netmask = "255.255.255.0" }`.
#[derive(Clone, Debug)]
pub(in crate::config) struct Persistence {
    pub(in crate::config) timeout: Seconds,
    /// Clients of one network count as one.
    pub(in crate::config) netmask: Option<Netmask>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Table {
    timeout: Option<Seconds>,
    netmask: Option<Mask>,
}

/// A dotted mask for IPv4, the length of a prefix for IPv6.
#[derive(Deserialize)]
#[serde(try_from = "NumberOrText")]
struct Mask(Netmask);

impl TextOrTable for Persistence {
    type Table = Table;
    const EXPECTED: &'static str = "seconds, as 300 or \"5m\", or a table { timeout, netmask }";

    fn from_text(text: &str) -> Result<Self, String> {
        let timeout = NumberOrText(text.to_owned()).try_into()?;
        Ok(Self { timeout, netmask: None })
    }

    fn from_table(table: Table) -> Result<Self, String> {
        let netmask = table.netmask.map(|mask| mask.0);
        Ok(Self { timeout: table.timeout.unwrap_or(DEFAULT), netmask })
    }
}

impl<'de> Deserialize<'de> for Persistence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

impl TryFrom<NumberOrText> for Mask {
    type Error = String;

    fn try_from(NumberOrText(text): NumberOrText) -> Result<Self, String> {
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
