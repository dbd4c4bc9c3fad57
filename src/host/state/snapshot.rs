//! The format of snapshots. Those of older releases had other fields.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use serde::{Deserialize, Serialize, Serializer};

use super::route::{MAIN_TABLE, NextHop, Route, RouteKind};
use super::{
    Address, AddressFlags, FouPort, Interface, Interfaces, Link, Neighbour, Partial, Prefix, Rule,
    Scope, SourceAddress, State, hexadecimal,
};
use crate::host::{FullRoute, InterfaceName};
use lvs::ipvs::AddressFamily;

/// What a snapshot may contain.
#[derive(Deserialize)]
pub(super) struct Recorded {
    links: Vec<Link>,
    addresses: Vec<RecordedAddress>,
    routes: Vec<RecordedRoute>,
    rules: Option<Vec<Rule>>,
    #[serde(default)]
    neighbours: Vec<Neighbour>,
    fou_ports: Option<Vec<FouPort>>,
    sources: Vec<SourceAddress>,
    sysctls: BTreeMap<String, String>,
    partial: Option<Partial>,
    // Of releases before 0.3.
    #[serde(default)]
    local: Vec<Prefix>,
    #[serde(default)]
    policy_rules: usize,
    further: Option<TunnelSetup>,
}

/// An address of this release or an older one.
#[derive(Deserialize)]
struct RecordedAddress {
    #[serde(flatten)]
    address: Address,
    // Of releases before 0.3.
    #[serde(default)]
    duplicate: bool,
    #[serde(default)]
    host_scope: bool,
}

/// A route: its bytes, and of older releases what is known.
#[derive(Serialize, Deserialize)]
struct RecordedRoute {
    destination: IpAddr,
    prefix: u8,
    metric: u32,
    /// Of the first next hop.
    gateway: Option<IpAddr>,
    device: Option<InterfaceName>,
    #[serde(default)]
    table: Option<u32>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    /// For people.
    #[serde(default)]
    words: String,
    #[serde(default, with = "hexadecimal")]
    message: Vec<u8>,
}

#[derive(Deserialize)]
struct TunnelSetup {
    rules: Vec<SourceRule>,
    routes: Vec<(FullRoute, String)>,
    ports: Option<Vec<FouPort>>,
}

#[derive(Deserialize)]
struct SourceRule {
    source: IpAddr,
    table: u32,
    priority: u32,
}

pub(super) fn routes<S: Serializer>(routes: &[Route], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(routes.iter().map(|route| RecordedRoute {
        destination: route.destination,
        prefix: route.prefix,
        metric: route.metric,
        gateway: route.gateway(),
        device: route.interface().map(|interface| interface.name.clone()),
        table: Some(route.table),
        kind: Some(route.kind.to_string()),
        words: route.to_string(),
        message: route.message.clone(),
    }))
}

impl From<Recorded> for State {
    fn from(recorded: Recorded) -> Self {
        let links = recorded.links;
        let interfaces = Interfaces::of(&links);
        let indexes = links.iter().map(|link| (link.name.clone(), link.index)).collect();
        let mut routes: Vec<Route> = recorded
            .routes
            .into_iter()
            .map(|route| route.restored(&interfaces, &indexes))
            .collect();
        routes.extend(recorded.local.into_iter().map(Route::local));
        let mut state = Self {
            addresses: recorded
                .addresses
                .into_iter()
                .map(|address| address.restored(&interfaces))
                .collect(),
            routes,
            neighbours: recorded.neighbours,
            fou_ports: recorded.fou_ports,
            sources: recorded.sources,
            sysctls: recorded.sysctls,
            partial: recorded.partial,
            links,
            ..Self::default()
        };
        match recorded.rules {
            Some(rules) => state.rules = rules,
            None => {
                state.partial = Some(Partial { unusual_rules: recorded.policy_rules });
                state.add(recorded.further, &interfaces);
            }
        }
        state.resolve(&indexes);
        state
    }
}

impl State {
    /// Adds what older releases recorded of tunnels.
    fn add(&mut self, tunnels: Option<TunnelSetup>, interfaces: &Interfaces) {
        let Some(TunnelSetup { rules, routes, ports }) = tunnels else { return };
        self.fou_ports = ports;
        self.rules.extend(rules.into_iter().map(|SourceRule { source, table, priority }| Rule {
            from: Some(Prefix { address: source, length: crate::host::host_prefix(source) }),
            ..Rule::new(AddressFamily::from(source), priority, table)
        }));
        self.routes.extend(routes.into_iter().filter_map(|(route, value)| {
            let (_, digits) = value.split_once(" message ")?;
            let mut parsed = Route::parse(&hexadecimal::bytes(digits)?, interfaces).ok()??;
            // The message had neither the interface nor, in its header, the table.
            parsed.table = route.table;
            match parsed.hops.first_mut() {
                Some(hop) => hop.interface = Some(route.device.into()),
                None => {
                    let interface = Some(route.device.into());
                    parsed.hops.push(NextHop { interface, weight: 1, ..NextHop::default() });
                }
            }
            Some(parsed)
        }));
    }

    /// Finds the indexes of interfaces that are recorded by name.
    fn resolve(&mut self, indexes: &HashMap<InterfaceName, u32>) {
        let links = self.links.iter_mut();
        let links = links.flat_map(|link| [&mut link.master, &mut link.lower]).flatten();
        let addresses = self.addresses.iter_mut().map(|address| &mut address.interface);
        let neighbours = self.neighbours.iter_mut().map(|neighbour| &mut neighbour.interface);
        let hops = self.routes.iter_mut().flat_map(|route| &mut route.hops);
        let hops = hops.filter_map(|hop| hop.interface.as_mut());
        for interface in links.chain(addresses).chain(neighbours).chain(hops) {
            if interface.index == 0 {
                interface.index = indexes.get(&interface.name).copied().unwrap_or_default();
            }
        }
    }
}

impl RecordedAddress {
    fn restored(self, interfaces: &Interfaces) -> Address {
        let mut address = self.address;
        if let Ok(Some(parsed)) = Address::parse(&address.message, interfaces) {
            return parsed;
        }
        if self.duplicate {
            address.flags.0 |= AddressFlags::DAD_FAILED.0;
        }
        if self.host_scope {
            address.scope = Scope::HOST;
        }
        address
    }
}

impl RecordedRoute {
    fn restored(self, interfaces: &Interfaces, indexes: &HashMap<InterfaceName, u32>) -> Route {
        if let Ok(Some(route)) = Route::parse(&self.message, interfaces) {
            return route;
        }
        let interface = self.device.map(|name| {
            let index = indexes.get(&name).copied().unwrap_or_default();
            Interface { index, name }
        });
        let hop = NextHop { gateway: self.gateway, interface, weight: 1, ..NextHop::default() };
        let mut route = Route::new(self.destination, self.prefix, hop);
        (route.metric, route.table) = (self.metric, self.table.unwrap_or(MAIN_TABLE));
        route.kind = self.kind.as_deref().map_or(RouteKind::Unicast, RouteKind::named);
        if route.hops.iter().all(|hop| hop.interface.is_none() && hop.gateway.is_none()) {
            route.hops.clear();
        }
        route
    }
}
