//! The value of each key in a [`State`].

use std::net::IpAddr;

use super::state::{Address, MAIN_TABLE, Protocol, Route, State};
use super::{DOWN, DefaultRouteMss, FullRoute, InterfaceName, Key, PRESENT, UP, kept};
use lvs::ipvs::AddressFamily;

impl State {
    /// The value of a key; `None` if an older snapshot does not contain it.
    pub(crate) fn value(&self, key: &Key) -> Option<Option<String>> {
        let present = |found: bool| found.then(|| PRESENT.to_owned());
        Some(match key {
            Key::Link(name) => self.link(name).map(|link| link.kind.to_string()),
            Key::LinkUp(name) => {
                self.link(name).map(|link| if link.up { UP } else { DOWN }.to_owned())
            }
            Key::Port(name) => {
                self.link(name).and_then(|link| Some(link.master.as_ref()?.to_string()))
            }
            Key::Mtu(name) => self.link(name).map(|link| link.mtu.to_string()),
            Key::Address { address, prefix, device } => {
                present(self.address(*address, *prefix, device).is_some())
            }
            Key::FullAddress { address, prefix, device } => {
                return self.full(self.address(*address, *prefix, device), kept::address);
            }
            Key::Route { destination, prefix, device } => {
                present(self.route(*destination, *prefix, device).is_some())
            }
            Key::DefaultRoute(family) => self.default_route(*family).map(kept::default_route),
            // Nothing is missing where there is no such route.
            Key::DefaultRouteMss { .. } => {
                let mut routes = self.default_routes_mss().into_iter();
                let found = routes.find(|route| route.key() == *key)?;
                found.advmss.map(|mss| mss.to_string())
            }
            Key::FullRoute(identity) => {
                let found = self.full_routes().find(|(it, _)| it == identity);
                return self.full(found.map(|(_, route)| route), kept::route);
            }
            Key::Rule { source, table, priority } => present(self.rules.iter().any(|rule| {
                rule.only_source() == Some(*source)
                    && (rule.table, rule.priority) == (*table, *priority)
            })),
            Key::FouPort { port, family } => {
                let mut ports = self.fou_ports.as_ref()?.iter();
                let found = ports.find(|it| (it.port, it.family) == (*port, *family));
                found.map(|found| found.kind.clone())
            }
            Key::Sysctl(sysctl) => self.sysctl(sysctl).map(str::to_owned),
        })
    }

    /// The value of an object by its message, which older snapshots lack.
    fn full<O>(
        &self,
        found: Option<&O>,
        value: fn(&O) -> Option<String>,
    ) -> Option<Option<String>> {
        match found.and_then(value) {
            None if self.partial.is_some() => None,
            value => Some(value),
        }
    }

    /// An address of an interface.
    pub(crate) fn address(
        &self,
        address: IpAddr,
        prefix: u8,
        device: &InterfaceName,
    ) -> Option<&Address> {
        self.addresses
            .iter()
            .find(|it| it.address == address && it.prefix == prefix && it.interface.name == *device)
    }

    /// The unicast route of the main table to exactly this prefix through this interface.
    pub(crate) fn route(
        &self,
        destination: IpAddr,
        prefix: u8,
        device: &InterfaceName,
    ) -> Option<&Route> {
        self.main_routes().find(|route| {
            (route.destination, route.prefix, route.device()) == (destination, prefix, Some(device))
        })
    }

    /// The default route that the kernel prefers to all others: of the main table, of the smallest
    /// metric. Default routes of larger metrics, such as those of DHCP (100 and more) and router
    /// advertisements (1024), stay: the programs that maintain them do not notice.
    pub(crate) fn default_route(&self, family: AddressFamily) -> Option<&Route> {
        self.routes.iter().find(|route| {
            route.is_default()
                && route.table == MAIN_TABLE
                && AddressFamily::from(route.destination) == family
                && route.tos == 0
                && route.source.is_none()
                && !route.cached
                && route.metric == kept::default_metric(family)
        })
    }

    /// The routes through one interface that the kernel did not make.
    pub(crate) fn full_routes(&self) -> impl Iterator<Item = (FullRoute, &Route)> {
        let own = self.routes.iter().filter(|route| !route.is_made_by_kernel());
        own.filter_map(|route| Some((FullRoute::of(route)?, route)))
    }

    /// The MSS of the default routes of the main table, of each metric that of the first, which is
    /// the one that the kernel uses.
    pub(crate) fn default_routes_mss(&self) -> Vec<DefaultRouteMss> {
        let mut routes: Vec<DefaultRouteMss> = Vec::new();
        for route in self.unicast_defaults() {
            let (family, metric) = (route.destination.into(), route.metric);
            let is_known = routes.iter().any(|it| (it.family, it.metric) == (family, metric));
            if !is_known && can_change_mss(route) {
                routes.push(DefaultRouteMss { family, metric, advmss: route.advmss });
            }
        }
        routes
    }

    /// The default route of a metric whose MSS can be changed.
    pub(super) fn default_route_with_mss(
        &self,
        family: AddressFamily,
        metric: u32,
    ) -> Option<&Route> {
        let first = self.unicast_defaults().find(|route| {
            route.metric == metric && AddressFamily::from(route.destination) == family
        });
        first.filter(|route| can_change_mss(route))
    }

    fn unicast_defaults(&self) -> impl Iterator<Item = &Route> {
        self.main_routes()
            .filter(|route| route.is_default() && route.tos == 0 && route.source.is_none())
    }
}

/// The kernel renews the routes of router advertisements by flags that a request cannot set; one with
/// several next hops, or with an encapsulation, cannot be repeated in full.
fn can_change_mss(route: &Route) -> bool {
    let [hop] = &route.hops[..] else { return false };
    route.protocol != Protocol::ROUTER_ADVERTISEMENT
        && route.expires.is_none()
        && hop.encapsulation.is_none()
}
