//! Routes with all that the kernel keeps of them, in any table.

mod listing;
#[cfg(test)]
mod tests;
mod value;

use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{RouteAttribute, RouteHeader, RouteMessage};
use rtnetlink::{Error, Handle};
use serde::{Deserialize, Serialize};

use super::link::is;
use super::{InterfaceName, message, route};

use listing::dump;
pub(super) use listing::{list, of_other_tables, outbound_routes};
use value::kept;
pub(crate) use value::{route_with_mss, value};

/// How often a route is tried whose source the kernel still examines, each quarter of a second.
const ATTEMPTS: u32 = 20;

/// What tells a route from the others through the same interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullRoute {
    /// The number of the table; 254 is the main one.
    pub table: u32,
    /// Where it leads; the unspecified address of its family in a default route.
    pub destination: IpAddr,
    /// Length of the prefix in bits; 0 in a default route.
    pub prefix: u8,
    /// Type of service; 0 for all.
    pub tos: u8,
    /// Smaller is preferred.
    pub metric: u32,
    /// The interface that it goes through.
    pub device: InterfaceName,
}

impl FullRoute {
    /// The words that `ip route` would take for it, without the device.
    pub(super) fn words(&self) -> String {
        let Self { table, destination, prefix, tos, metric, .. } = self;
        let mut words = match prefix {
            0 => "default".to_owned(),
            _ => format!("{destination}/{prefix}"),
        };
        // Writing to a String cannot fail.
        if *tos != 0 {
            let _ = write!(words, " tos {tos:#x}");
        }
        if *table != u32::from(RouteHeader::RT_TABLE_MAIN) {
            let _ = write!(words, " table {table}");
        }
        if *metric != 0 {
            let _ = write!(words, " metric {metric}");
        }
        words
    }

    /// The name of the command.
    pub(super) const fn ip(&self) -> &'static str {
        if self.destination.is_ipv4() { "ip" } else { "ip -6" }
    }

    fn of(message: &RouteMessage, device: &InterfaceName) -> Self {
        let header = &message.header;
        let (mut table, mut destination) = (
            u32::from(header.table),
            match header.address_family {
                AddressFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            },
        );
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Table(number) => table = *number,
                RouteAttribute::Destination(address) => {
                    destination = route::address(address).unwrap_or(destination);
                }
                _ => {}
            }
        }
        let (prefix, tos) = (header.destination_prefix_length, header.tos);
        let (metric, device) = (route::priority(message), device.clone());
        Self { table, destination, prefix, tos, metric, device }
    }
}

impl fmt::Display for FullRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route {} dev {}", self.words(), self.device)
    }
}

pub(super) async fn find(
    handle: &Handle,
    index: u32,
    identity: &FullRoute,
) -> Result<Option<String>, Error> {
    Ok(message(handle, index, identity).await?.map(|message| value(kept(message))))
}

/// Adds a route as its value says, in place of the one that is there where so said.
///
/// To IPv6 an address is no source as long as it is asked for duplicates (`ipv6_chk_addr`, RFC
/// 4862): after a second or two it is.
pub(super) async fn add(
    handle: &Handle,
    index: u32,
    value: &str,
    replace: bool,
) -> Result<(), Error> {
    let unreadable = || Error::InvalidNla(format!("{value:?} is not a route"));
    let mut message: RouteMessage = message::decode(value).ok_or_else(unreadable)?;
    message.attributes.push(RouteAttribute::Oif(index));
    let has_source = message
        .attributes
        .iter()
        .any(|attribute| matches!(attribute, RouteAttribute::PrefSource(_)));
    let patient = has_source && message.header.address_family == AddressFamily::Inet6;
    let mut attempts = if patient { ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        let request = handle.route().add(message.clone());
        let request = if replace { request.replace() } else { request };
        match request.execute().await {
            Err(error) if attempts > 0 && is(&error, libc::EINVAL) => {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            result => return result,
        }
    }
}

pub(super) async fn delete(handle: &Handle, index: u32, identity: &FullRoute) -> Result<(), Error> {
    let Some(message) = message(handle, index, identity).await? else {
        return Ok(());
    };
    match handle.route().del(message).execute().await {
        Err(error) if is(&error, libc::ESRCH) => Ok(()),
        result => result,
    }
}

async fn message(
    handle: &Handle,
    index: u32,
    identity: &FullRoute,
) -> Result<Option<RouteMessage>, Error> {
    let (list, _) = dump(handle, index, &identity.device).await?;
    Ok(list.into_iter().find(|found| found.identity == *identity).map(|found| found.message))
}
