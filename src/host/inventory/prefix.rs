//! Prefixes, and those that are delivered to this machine itself.

use std::net::IpAddr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::route::{RouteAttribute, RouteHeader, RouteProtocol, RouteType};
use rtnetlink::{Handle, RouteMessageBuilder};
use serde::{Deserialize, Serialize};

use super::BOTH;
use crate::host::route;

/// Addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefix {
    /// The first of them.
    pub address: IpAddr,
    /// How many bits.
    pub length: u8,
}

impl Prefix {
    /// Whether it holds an address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let shared = match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                (one.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => {
                (one.to_bits() ^ other.to_bits()).leading_zeros()
            }
            _ => return false,
        };
        shared >= u32::from(self.length)
    }
}

/// What is delivered to this machine, by any table.
pub(super) async fn local(handle: &Handle) -> Result<Vec<Prefix>, rtnetlink::Error> {
    let mut prefixes = Vec::new();
    for family in BOTH {
        let mut filter =
            RouteMessageBuilder::<IpAddr>::new().protocol(RouteProtocol::Unspec).build();
        filter.header.address_family = route::family(family);
        filter.header.table = RouteHeader::RT_TABLE_UNSPEC;
        filter.header.kind = RouteType::Local;
        let mut messages = handle.route().get(filter).execute();
        while let Some(message) = messages.try_next().await? {
            if message.header.kind != RouteType::Local {
                continue;
            }
            let destination = message.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::Destination(address) => route::address(address),
                _ => None,
            });
            let length = message.header.destination_prefix_length;
            prefixes.extend(destination.map(|address| Prefix { address, length }));
        }
    }
    Ok(prefixes)
}
