//! What a walk looks at, and the questions that several stages ask.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::Severity;
use super::fault::Step;
use super::filter::{self, Peer};
use super::route::{Answer, Query, Routes};
use crate::engine::Change;
use crate::host::{
    self, Address, DOWN, Effective, InterfaceName, Link, Neighbour, Prefix, Route, RouteKind, Rule,
    RuleAction, State, Sysctl, UP,
};
use lvs::ipvs::Protocol;

/// A socket that waits for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listener {
    pub(crate) protocol: Protocol,
    /// The unspecified address stands for every address of the machine.
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
}

impl Listener {
    /// Whether the socket accepts packets for an address. A socket for every IPv6 address commonly
    /// accepts IPv4 too; `/proc` does not say.
    pub(crate) fn hears(&self, address: IpAddr) -> bool {
        self.address == address
            || self.address == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
            || self.address == IpAddr::V4(Ipv4Addr::UNSPECIFIED) && address.is_ipv4()
    }
}

/// The recorded state of a machine.
pub(crate) struct Machine<'a> {
    pub(crate) network: &'a State,
    pub(crate) filters: Option<&'a filter::Filters>,
    /// `None` if some of them may be unknown.
    pub(crate) listeners: Option<&'a [Listener]>,
    /// The client whose packets are followed, instead of each kind of clients.
    pub(crate) from: Option<IpAddr>,
    /// The reverse path filter has dropped packets.
    pub(crate) has_dropped: bool,
    /// New connections that connection tracking had no place for; `None` if it does not say.
    pub(crate) untracked_drops: Option<u64>,
    /// Clients that were seen, and to which there is no route.
    pub(crate) unreachable_clients: &'a [IpAddr],
    /// Somebody has added a local route.
    pub(crate) has_local_by_hand: bool,
    routes: Routes<'a>,
    links: HashMap<&'a str, &'a Link>,
    neighbours: HashMap<IpAddr, Vec<&'a Neighbour>>,
    own: HashMap<IpAddr, Vec<&'a Address>>,
    /// The addresses on a subnet of an interface with ARP, the longest prefix first; of several in
    /// one subnet, the first sends the packets.
    subnets: Vec<&'a Address>,
    /// Networks and hosts that have a route or a policy rule of their own, and whether it refuses.
    parts: Vec<(Prefix, bool)>,
}

/// Bans of single clients may be many; each costs a walk per service.
const MOST_PARTS: usize = 16;

/// Who sends requests, and where they arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) peer: Peer,
    /// One of them.
    pub(crate) address: IpAddr,
    pub(crate) input: InterfaceName,
    /// Otherwise there may be no such clients.
    pub(crate) sure: bool,
    /// Some clients, which have a route or a rule of their own.
    pub(crate) few: bool,
}

impl Client {
    /// Of what stops them. A route or rule for some of them may be meant.
    pub(crate) const fn severity(&self) -> Severity {
        if self.few { Severity::Warning } else { Severity::Failure }
    }

    /// Such as `192.168.10.0/24`.
    pub(crate) fn name(&self) -> String {
        match self.peer {
            Peer::Anyone(prefix) if prefix.length == 0 => "remote clients".to_owned(),
            Peer::Anyone(prefix) if prefix.is_host() => prefix.address.to_string(),
            Peer::Anyone(prefix) => format!("clients in {}/{}", prefix.address, prefix.length),
            Peer::Host(host) => host.to_string(),
        }
    }
}

impl<'a> Machine<'a> {
    pub(crate) fn new(
        network: &'a State,
        filters: Option<&'a filter::Filters>,
        listeners: Option<&'a [Listener]>,
    ) -> Self {
        let links: HashMap<&str, &Link> =
            network.links.iter().map(|link| (link.name.as_str(), link)).collect();
        let is_subnet = |it: &&Address| {
            let link = links.get(it.interface.name.as_str());
            !it.subnet().is_host()
                && it.prefix > 0
                && link.is_some_and(|link| link.arp || link.has_neighbours())
        };
        let mut subnets: Vec<&Address> = network.addresses.iter().filter(is_subnet).collect();
        subnets.sort_by_key(|it| Reverse(it.prefix));
        let mut neighbours: HashMap<IpAddr, Vec<&Neighbour>> = HashMap::new();
        for neighbour in network.neighbours.iter().filter(|it| !it.proxy) {
            neighbours.entry(neighbour.address).or_default().push(neighbour);
        }
        let mut own: HashMap<IpAddr, Vec<&Address>> = HashMap::new();
        for state in &network.addresses {
            own.entry(state.address).or_default().push(state);
        }
        let routes = Routes::new(network);
        let (from, has_dropped, untracked_drops) = (None, false, None);
        let unreachable_clients = &[];
        let has_local_by_hand = network.routes.iter().any(Route::is_local_by_hand);
        let parts = parts(network);
        Self {
            network,
            filters,
            listeners,
            from,
            has_dropped,
            untracked_drops,
            unreachable_clients,
            has_local_by_hand,
            parts,
            routes,
            links,
            neighbours,
            own,
            subnets,
        }
    }

    pub(crate) fn look_up(&self, query: &Query<'_>) -> Answer<'a> {
        self.routes.look_up(query)
    }

    pub(crate) fn link(&self, device: &InterfaceName) -> Option<&'a Link> {
        self.links.get(device.as_str()).copied()
    }

    pub(crate) fn number(&self, sysctl: &Sysctl) -> Option<u32> {
        self.network.sysctl(sysctl)?.parse().ok()
    }

    pub(crate) fn effective(
        &self,
        parameter: &'static str,
        device: &InterfaceName,
    ) -> Option<Effective> {
        Effective::read(parameter, device, |sysctl| self.network.sysctl(sysctl))
    }

    /// The step that sets a sysctl.
    pub(crate) fn set(&self, sysctl: Sysctl, to: impl ToString) -> Step {
        let from = self.network.sysctl(&sysctl).map(str::to_owned);
        Step::Host(Change { key: host::Key::Sysctl(sysctl), from, to: Some(to.to_string()) })
    }

    pub(crate) fn is_own(&self, address: IpAddr) -> bool {
        self.own.contains_key(&address)
    }

    /// Every assignment of an address to an interface of this machine.
    pub(crate) fn assignments(&self, address: IpAddr) -> impl Iterator<Item = &'a Address> {
        self.own.get(&address).into_iter().flatten().copied()
    }

    /// The interface whose subnet holds an address, whether it is up or not.
    pub(crate) fn facing(&self, address: IpAddr) -> Option<&'a InterfaceName> {
        let mut subnets = self.subnets.iter();
        let longest = subnets.find(|state| state.subnet().contains(address));
        longest.map(|state| &state.interface.name)
    }

    /// The interface that leads to an address.
    pub(crate) fn towards(&self, address: IpAddr) -> Option<InterfaceName> {
        let answer = self.look_up(&Query::to(address));
        let device = answer.hop().map(|(device, _)| device.clone());
        device.or_else(|| self.facing(address).cloned())
    }

    /// The interface of the default route.
    pub(crate) fn default_device(&self, ipv4: bool) -> Option<InterfaceName> {
        let answer = self.look_up(&Query::to(remote(ipv4)));
        answer.hop().map(|(device, _)| device.clone())
    }

    pub(crate) fn neighbour(
        &self,
        address: IpAddr,
        device: &InterfaceName,
    ) -> Option<&'a Neighbour> {
        let mut all = self.neighbours.get(&address)?.iter().copied();
        all.find(|it| it.interface == *device)
    }

    /// The clients of a virtual address: those of its subnet, and those behind the default route.
    /// Their requests arrive on `input`, or on the interface that faces the address.
    pub(crate) fn clients(&self, vip: IpAddr, input: Option<&InterfaceName>) -> Vec<Client> {
        let facing = self.facing(vip);
        if let Some(address) = self.from {
            // One behind a router sends to the network of the virtual address.
            let on_link = self.facing(address);
            let input = input.or(on_link).or(facing).cloned().or_else(|| self.towards(address));
            let peer = Peer::Host(address);
            return input
                .map(|input| Client { peer, address, input, sure: true, few: false })
                .into_iter()
                .collect();
        }
        let default = self.default_device(vip.is_ipv4());
        let mut clients = Vec::new();
        if let Some((device, subnet)) = facing.and_then(|it| Some((it, self.subnet(vip, it)?))) {
            let address = self.somebody(subnet, vip);
            let input = input.unwrap_or(device).clone();
            clients.push(Client {
                peer: Peer::Anyone(subnet),
                address,
                input,
                sure: true,
                few: false,
            });
        }
        let everybody = Peer::Anyone(anywhere(vip.is_ipv4()));
        let client = |input: &InterfaceName, peer, address, sure, few| {
            let input = input.clone();
            Client { peer, address, input, sure, few }
        };
        // Where do clients come from, if no network of this machine has the address?
        let few = clients.is_empty() && default.is_none();
        if few {
            clients = self.neighbours_of(vip, input);
        }
        let arrival = input.or(facing).or(default.as_ref());
        let arrival = arrival.or(clients.first().map(|it| &it.input)).cloned();
        if let Some(arrival) = arrival.as_ref().filter(|_| default.is_some() || few) {
            clients.push(client(arrival, everybody, remote(vip.is_ipv4()), false, few));
        }
        let seen = self.unreachable_clients.iter().filter(|it| it.is_ipv4() == vip.is_ipv4());
        clients.extend(seen.filter_map(|address| {
            Some(client(arrival.as_ref()?, Peer::Host(*address), *address, true, false))
        }));
        let few: Vec<Client> = clients.iter().flat_map(|all| self.some_of(all, vip)).collect();
        clients.extend(few);
        clients
    }

    /// Those with a route or a policy rule of their own; of remote ones those that are refused.
    fn some_of(&self, all: &Client, vip: IpAddr) -> Vec<Client> {
        let Peer::Anyone(whole) = all.peer else { return Vec::new() };
        let parts = self.parts.iter().filter(|(_, refused)| *refused || whole.length > 0);
        let here = |part: &&Prefix| {
            part.length > whole.length && whole.contains(part.address) && !part.contains(vip)
        };
        let client = |part: Prefix| Client {
            peer: Peer::Anyone(part),
            address: if part.is_host() { part.address } else { self.somebody(part, vip) },
            few: true,
            ..all.clone()
        };
        let parts = parts.map(|(part, _)| part).filter(here);
        parts.take(MOST_PARTS).map(|it| client(*it)).collect()
    }

    /// The hosts of each subnet. The interface that leads to the others may be down.
    fn neighbours_of(&self, vip: IpAddr, input: Option<&InterfaceName>) -> Vec<Client> {
        let wired = self.subnets.iter().filter(|it| {
            let link = self.link(&it.interface.name);
            link.is_some_and(|link| link.has_neighbours())
                && it.address.is_ipv4() == vip.is_ipv4()
                && !is_link_local(it.address)
        });
        let client = |it: &&Address| {
            let (peer, address) = (Peer::Anyone(it.subnet()), self.somebody(it.subnet(), vip));
            let input = input.unwrap_or(&it.interface.name).clone();
            Client { peer, address, input, sure: false, few: false }
        };
        wired.map(client).collect()
    }

    /// The source address of this machine that the kernel selects towards an address.
    pub(crate) fn source(&self, towards: IpAddr) -> Option<IpAddr> {
        let mut sources = self.network.sources.iter();
        sources.find(|it| it.towards == towards).map(|it| it.source)
    }

    /// The subnet of an interface that holds an address.
    fn subnet(&self, vip: IpAddr, device: &InterfaceName) -> Option<Prefix> {
        let on = self.subnets.iter().filter(|it| it.interface.name == *device);
        on.map(|it| it.subnet()).find(|subnet| subnet.contains(vip))
    }

    /// A host of a subnet that is not this machine.
    fn somebody(&self, subnet: Prefix, vip: IpAddr) -> IpAddr {
        let network = host::masked(subnet.address, subnet.mask()).unwrap_or(subnet.address);
        let host = |offset: u8| match network {
            IpAddr::V4(network) => IpAddr::V4((network.to_bits() | u32::from(offset)).into()),
            IpAddr::V6(network) => IpAddr::V6((network.to_bits() | u128::from(offset)).into()),
        };
        let free = |address: &IpAddr| {
            *address != vip
                && subnet.contains(*address)
                && !self.is_own(*address)
                && matches!(self.look_up(&Query::to(*address)), Answer::Unicast { .. })
        };
        (1..=254).rev().map(host).find(free).unwrap_or_else(|| host(1))
    }

    /// The fault of an interface that does not carry packets.
    pub(crate) fn dead_link(&self, device: &InterfaceName) -> Option<super::Fault> {
        let link = self.link(device)?;
        let state = match (link.up, link.carrier) {
            (false, _) => "down",
            (true, false) if !link.is_dummy() => "without carrier",
            _ if !link.arp && link.has_neighbours() => "without ARP",
            _ => return None,
        };
        let key = host::Key::LinkUp(device.clone());
        let up = Step::Host(Change { key, from: Some(DOWN.to_owned()), to: Some(UP.to_owned()) });
        let arp = |value| format!("ip link set {device:#} arp {value}");
        Some(super::Fault {
            title: format!("{device} is {state}: no packets arrive on it or leave by it"),
            found: format!("{device} is {state} (ip link show {device})"),
            expected: format!("{device} up, with a carrier and ARP"),
            repair: match (link.up, link.carrier) {
                (false, _) => vec![up],
                (true, false) => Vec::new(),
                (true, true) => vec![Step::shell(arp("on"), arp("off"))],
            },
        })
    }
}

/// What routes and policy rules are about, own addresses aside.
fn parts(network: &State) -> Vec<(Prefix, bool)> {
    let is_wired =
        |device: &InterfaceName| network.link(device).is_some_and(|link| link.has_neighbours());
    let of_route = |route: &Route| match route.kind {
        _ if route.cached => None,
        RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit => {
            Some((route.to(), true))
        }
        RouteKind::Unicast if route.device().is_some_and(is_wired) => Some((route.to(), false)),
        _ => None,
    };
    let of_rule = |rule: &Rule| {
        let refuses = matches!(
            rule.action,
            RuleAction::Blackhole | RuleAction::Unreachable | RuleAction::Prohibit
        );
        [rule.from, rule.to].into_iter().flatten().map(move |part| (part, refuses))
    };
    let rules = network.rules.iter().flat_map(of_rule);
    let mut parts: Vec<_> = network.routes.iter().filter_map(of_route).chain(rules).collect();
    parts.retain(|(part, _)| !network.addresses.iter().any(|own| part.contains(own.address)));
    parts.sort_by_key(|(part, refuses)| (part.address, part.length, !refuses));
    parts.dedup_by_key(|(part, _)| *part);
    parts
}

pub(crate) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        // The kernel gives `sit0` addresses such as ::127.0.0.1/96.
        IpAddr::V6(address) => {
            address.is_unicast_link_local() || address.segments().iter().take(6).all(|it| *it == 0)
        }
    }
}

/// An address that no network of this machine holds.
pub(crate) const fn remote(ipv4: bool) -> IpAddr {
    match ipv4 {
        true => IpAddr::V4(Ipv4Addr::new(1, 0, 0, 1)),
        false => IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 1)),
    }
}

pub(crate) const fn unspecified(ipv4: bool) -> IpAddr {
    match ipv4 {
        true => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        false => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// Every address of a family.
pub(crate) const fn anywhere(ipv4: bool) -> Prefix {
    Prefix { address: unspecified(ipv4), length: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_on_unspecified_address_hears_every_address() {
        let hears = |listener: &str, address: &str| {
            let listener = listener.parse().unwrap();
            Listener { protocol: Protocol::TCP, address: listener, port: 80 }
                .hears(address.parse().unwrap())
        };
        assert!(hears("0.0.0.0", "192.0.2.1") && !hears("0.0.0.0", "2001:db8::1"));
        assert!(hears("::", "192.0.2.1") && hears("::", "2001:db8::1"));
        assert!(hears("192.0.2.1", "192.0.2.1") && !hears("192.0.2.1", "192.0.2.2"));
    }
}
