//! Probes of real servers, each by the path that IPVS uses.
//!
//! The packets are those of a client whose address is the director's own: to the VIP by the hardware
//! address of the real server (direct routing), in the tunnel, or to the real server (NAT). They
//! bypass the packet filters, the connection tracking and the IPVS table of this machine, and so leave
//! nothing there.

mod exchange;
mod packet;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::gather::route_of_kernel;
use super::neighbours::{self, Hardware, Patience, Wire};
use super::state::{Link, NeighbourState, Route, RouteKind, State};
use super::{Error, InterfaceName, Scope};
use exchange::{Way, exchange};
use packet::Flow;

use lvs::ipvs::{Forwarding, Protocol, Tunnel};

/// A real server of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// TCP or UDP.
    pub(crate) protocol: Protocol,
    pub(crate) vip: SocketAddr,
    /// The port is used with NAT alone.
    pub(crate) real: SocketAddr,
    pub(crate) forwarding: Forwarding,
    pub(crate) tunnel: Tunnel,
}

/// What became of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With a SYN-ACK or a datagram.
    Answers {
        after: Duration,
        device: InterfaceName,
        sent_by: InterfaceName,
    },
    /// The service is silent, while the real server refuses a port that is closed.
    Open,
    /// The real server is this machine.
    Own,
    /// A RST, or ICMP "port unreachable" of a UDP service.
    Refused,
    Unreachable {
        from: IpAddr,
        what: Unreachable,
    },
    /// Clients do not accept an answer from there.
    OtherSource(SocketAddr),
    /// The real server sends the packet on: it does not have the address.
    Returned,
    Silent,
    NoNeighbour {
        next: IpAddr,
        device: InterfaceName,
    },
    BehindRouter {
        gateway: IpAddr,
        device: InterfaceName,
    },
    LinkDown(InterfaceName),
    NoRoute,
    /// This machine has no address that a client could have.
    NoSource,
}

/// The messages of ICMP and ICMPv6 that a probe can have as its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    Network,
    Host,
    Protocol,
    Port,
    Prohibited,
    TimeExceeded,
}

impl Unreachable {
    /// `None` for messages that end nothing.
    pub(super) const fn of(is_ipv4: bool, kind: u8, code: u8) -> Option<Self> {
        Some(match (is_ipv4, kind, code) {
            (true, 3, 0 | 6 | 11) | (false, 1, 0) => Self::Network,
            (true, 3, 1 | 7 | 12) | (false, 1, 2 | 3) => Self::Host,
            (true, 3, 2) | (false, 4, 1) => Self::Protocol,
            (true, 3, 3) | (false, 1, 4) => Self::Port,
            (true, 3, 9 | 10 | 13) | (false, 1, 1 | 5 | 6) => Self::Prohibited,
            (true, 11, _) | (false, 3, _) => Self::TimeExceeded,
            _ => return None,
        })
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "network unreachable",
            Self::Host => "host unreachable",
            Self::Protocol => "protocol unreachable",
            Self::Port => "port unreachable",
            Self::Prohibited => "administratively prohibited",
            Self::TimeExceeded => "time exceeded",
        })
    }
}

/// Questions per real server, neighbour or service.
const ATTEMPTS: u32 = 3;

/// Targets that are probed at once; each has a port of its own.
const AT_ONCE: usize = 64;

/// A port that hardly any machine serves: a real server that refuses it is reached. The first of
/// `traceroute`.
const CLOSED: u16 = 33434;

/// Probes real servers, each for at most about this time per stage: neighbour, then service.
///
/// # Errors
///
/// Without `CAP_NET_RAW`, and if the network cannot be read.
pub(crate) fn probe(targets: &[Target], within: Duration) -> Result<Vec<Outcome>, Error> {
    let mut planner = Planner { state: State::links_and_routes()?, routes: HashMap::new() };
    let own: Vec<IpAddr> = targets.iter().map(|target| target.vip.ip()).collect();
    let mut outcomes = Vec::new();
    for targets in targets.chunks(AT_ONCE) {
        let mut ways = Vec::new();
        for target in targets {
            ways.push(planner.way(target, &own)?);
        }
        resolve(&mut ways, within)?;
        let mut found = exchange(&ways, within).map_err(Error::Probe)?;
        prove_silent(&ways, &mut found, within)?;
        outcomes.append(&mut found);
    }
    Ok(outcomes)
}

/// A UDP service that is silent may be well: a closed port that is refused proves that packets
/// arrive, and that the port of the service is open.
fn prove_silent(
    ways: &[Result<Way, Outcome>],
    outcomes: &mut [Outcome],
    within: Duration,
) -> Result<(), Error> {
    let is_silent = |way: &Way, outcome: &Outcome| {
        way.target.protocol == Protocol::UDP && matches!(outcome, Outcome::Silent)
    };
    let closed: Vec<Result<Way, Outcome>> = ways
        .iter()
        .zip(outcomes.iter())
        .map(|(way, outcome)| match way {
            Ok(way) if is_silent(way, outcome) => {
                let mut way = way.clone();
                way.flow.destination.set_port(CLOSED);
                Ok(way)
            }
            _ => Err(Outcome::Silent),
        })
        .collect();
    if closed.iter().all(Result::is_err) {
        return Ok(());
    }
    let found = exchange(&closed, within).map_err(Error::Probe)?;
    for ((way, found), outcome) in closed.iter().zip(found).zip(outcomes) {
        if way.is_ok() && matches!(found, Outcome::Refused) {
            *outcome = Outcome::Open;
        }
    }
    Ok(())
}

/// Learns the hardware addresses of the next hops, and ends the ways to those that do not answer.
fn resolve(ways: &mut [Result<Way, Outcome>], within: Duration) -> Result<(), Error> {
    let patience = Patience { probes: ATTEMPTS, wait: within / ATTEMPTS };
    let mut groups: Vec<(Wire, IpAddr, Vec<IpAddr>)> = Vec::new();
    for way in ways.iter().flatten() {
        let Some(wire) = way.ask else { continue };
        let same = |(it, sender, _): &&mut (Wire, IpAddr, Vec<IpAddr>)| {
            *it == wire && sender.is_ipv4() == way.next.is_ipv4()
        };
        match groups.iter_mut().find(same) {
            Some((.., hops)) if hops.contains(&way.next) => {}
            Some((.., hops)) => hops.push(way.next),
            None => groups.push((wire, way.sender, vec![way.next])),
        }
    }
    let mut known = Vec::new();
    for (wire, sender, hops) in groups {
        let found = neighbours::resolve(&hops, sender, wire, patience).map_err(Error::Probe)?;
        known.extend(found.into_iter().map(|(address, hardware)| (wire, address, hardware)));
    }
    for way in ways {
        let Ok(Way { ask: Some(wire), next, hardware, device, .. }) = way else { continue };
        match known.iter().find(|(on, address, _)| on == wire && address == next) {
            Some((.., found)) => *hardware = Some(*found),
            None => *way = Err(Outcome::NoNeighbour { next: *next, device: device.clone() }),
        }
    }
    Ok(())
}

struct Planner {
    state: State,
    /// The kernel's answers.
    routes: HashMap<IpAddr, Option<Route>>,
}

impl Planner {
    /// The way to a real server, or what it fails of before anything is sent.
    fn way(&mut self, target: &Target, vips: &[IpAddr]) -> Result<Result<Way, Outcome>, Error> {
        let real = target.real.ip();
        if !self.routes.contains_key(&real) {
            let route = route_of_kernel(&self.state, real)?;
            self.routes.insert(real, route);
        }
        let route = self.routes.get(&real).and_then(Option::as_ref);
        Ok(self.way_by(target, vips, route))
    }

    fn way_by(
        &self,
        target: &Target,
        vips: &[IpAddr],
        route: Option<&Route>,
    ) -> Result<Way, Outcome> {
        let real = target.real.ip();
        let route = route.ok_or(Outcome::NoRoute)?;
        match route.kind {
            RouteKind::Unicast => {}
            RouteKind::Local => return Err(Outcome::Own),
            _ => return Err(Outcome::NoRoute),
        }
        let link = route.device().and_then(|device| self.state.link(device));
        let link = link.ok_or(Outcome::NoRoute)?;
        let device = link.name.clone();
        if !link.up || !link.carrier {
            return Err(Outcome::LinkDown(device));
        }
        let direct = target.forwarding == Forwarding::DirectRouting;
        if let Some(gateway) = route.gateway().filter(|_| direct) {
            return Err(Outcome::BehindRouter { gateway, device });
        }
        let next = route.gateway().unwrap_or(real);
        let sender = route.preferred_source.or_else(|| self.address(real, &[]));
        let sender = sender.ok_or(Outcome::NoSource)?;
        let is_nat = target.forwarding == Forwarding::Masquerade;
        let asked = if is_nat { target.real } else { target.vip };
        let is_usable =
            |it: &IpAddr| it.is_ipv4() == asked.is_ipv4() && (is_nat || !vips.contains(it));
        let source = Some(sender).filter(is_usable).or_else(|| self.address(asked.ip(), vips));
        let source = source.ok_or(Outcome::NoSource)?;
        let (hardware, ask) = self.neighbour(link, next);
        Ok(Way {
            target: *target,
            flow: Flow { source: SocketAddr::new(source, 0), destination: asked },
            outer: (target.forwarding == Forwarding::Tunnel).then_some((sender, real)),
            index: link.index as i32,
            device,
            next,
            sender,
            hardware,
            ask,
        })
    }

    /// An address of this machine for packets to another: of its subnet, if there is one.
    fn address(&self, towards: IpAddr, without: &[IpAddr]) -> Option<IpAddr> {
        let own = self.state.addresses.iter().filter(|it| {
            it.address.is_ipv4() == towards.is_ipv4()
                && it.scope == Scope::GLOBAL
                && !without.contains(&it.address)
        });
        own.max_by_key(|it| (it.subnet().contains(towards), !it.subnet().is_host()))
            .map(|it| it.address)
    }

    /// The hardware address that the kernel need not ask for, and otherwise where to ask.
    fn neighbour(&self, link: &Link, next: IpAddr) -> (Option<Hardware>, Option<Wire>) {
        let wire = |hardware: &str| Wire::parse(link.index, hardware);
        let fixed = self.state.neighbours.iter().find(|it| {
            it.address == next
                && it.interface == link.name
                && it.state == NeighbourState::Permanent
                && !it.proxy
        });
        let fixed = fixed.and_then(|it| wire(it.hardware.as_deref()?));
        match (fixed, link.arp) {
            (Some(fixed), _) => (Some(fixed.hardware()), None),
            (None, true) => (None, link.hardware.as_deref().and_then(wire)),
            (None, false) => (None, None),
        }
    }
}
