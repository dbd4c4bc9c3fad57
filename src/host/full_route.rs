//! Routes with all their attributes, in any table.

use std::fmt::{self, Write};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::state::{MAIN_TABLE, Route};
use super::{InterfaceName, Key, default_metric, kept};
use lvs::ipvs::AddressFamily;

/// The identity of a route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullRoute {
    /// The number of the table; 254 is the main one.
    pub table: u32,
    /// The destination; the unspecified address of its family in a default route.
    pub destination: IpAddr,
    /// Length of the prefix in bits; 0 in a default route.
    pub prefix: u8,
    /// Type of service; 0 for all.
    pub tos: u8,
    /// Smaller is preferred.
    pub metric: u32,
    /// The output interface.
    pub device: InterfaceName,
}

impl FullRoute {
    /// The arguments of `ip route`, without the device.
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
        if *table != MAIN_TABLE {
            let _ = write!(words, " table {table}");
        }
        if *metric != 0 {
            let _ = write!(words, " metric {metric}");
        }
        words
    }

    pub(super) const fn ip(&self) -> &'static str {
        if self.destination.is_ipv4() { "ip" } else { "ip -6" }
    }

    /// Whether it is the route of a [`Key::DefaultRoute`], if it leads through its interface.
    pub(super) fn is_default_of(&self, family: AddressFamily) -> bool {
        (self.table, self.prefix, self.tos) == (MAIN_TABLE, 0, 0)
            && self.metric == default_metric(family)
            && AddressFamily::from(self.destination) == family
    }

    /// The value of a [`Key::DefaultRoute`] as that of this key; `None` if the route leads elsewhere.
    pub(super) fn value_of_default(&self, value: &str) -> Option<String> {
        let route = kept::parse_default_route(value, AddressFamily::from(self.destination))?;
        let is_here = route.device() == Some(&self.device) && route.hops.len() == 1;
        kept::route(&route).filter(|_| is_here && route.nexthop_object.is_none())
    }

    /// The identity of a route through one interface; `None` of others.
    pub(super) fn of(route: &Route) -> Option<Self> {
        let [hop] = &route.hops[..] else { return None };
        let device = hop.interface.as_ref().filter(|_| route.nexthop_object.is_none())?;
        Some(Self {
            table: route.table,
            destination: route.destination,
            prefix: route.prefix,
            tos: route.tos,
            metric: route.metric,
            device: device.name.clone(),
        })
    }
}

impl fmt::Display for FullRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route {} dev {}", self.words(), self.device)
    }
}

/// A default route whose MSS (`advmss`) can be changed. It is a value of its own, whatever else the route
/// has: who replaces the route, removes it, and there is nothing to put back then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DefaultRouteMss {
    pub(crate) family: AddressFamily,
    pub(crate) metric: u32,
    pub(crate) advmss: Option<u32>,
}

impl DefaultRouteMss {
    pub(crate) const fn key(&self) -> Key {
        Key::DefaultRouteMss { family: self.family, metric: self.metric }
    }
}
