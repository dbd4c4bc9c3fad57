//! A request through a director: to IPVS, from there to a real server, and with NAT its reply.

use std::net::{IpAddr, SocketAddr};

use super::arrival::{
    Expected, IPVS, SYN_ACK, WHOLE, arrive, clients_are_resolved, filtered, leave, no_way_back,
    number, request, resolved,
};
use super::filter::{ConnectionState, Hook, Packet, Peer};
use super::machine::{Machine, anywhere};
use super::route::{Answer, Query};
use super::service::{Directed, NotLocal, is_full};
use super::{
    Check, Fault, Flow, Severity, Stage, Step, Walk, deprecate, mark, reverse_path, service_name,
};
use crate::host::{Effective, InterfaceName, Scope, Sysctl};
use lvs::ipvs::{
    AddressFamily, Destination, Forwarding, Protocol, Service, ServiceIdentity, Tunnel,
};

/// A destination of a service.
pub(crate) struct Forwarded<'a> {
    pub(crate) service: &'a Service,
    pub(crate) destination: &'a Destination,
    /// It has established connections.
    pub(crate) is_proved: bool,
    /// The steps after which IPVS forgets the source of tunnels that is the virtual address.
    pub(crate) renewed: &'a dyn Fn(IpAddr) -> Vec<Step>,
}

impl Directed<'_> {
    /// The requests of each kind of clients, up to the choice of a real server.
    pub(crate) fn walks(&self, machine: &Machine<'_>, not_local: &NotLocal<'_>) -> Vec<Walk> {
        let service = self.service.identity;
        let ServiceIdentity::Address { protocol, address, port } = service else {
            return mark::walks(self, machine, not_local);
        };
        if self.standby {
            let mut walk = Walk::new(Flow::Request { client: None, service }, true);
            let seen = format!("{address} is not local: another machine may have it now");
            walk.passes(Stage::LocalDelivery, seen);
            self.balanced(&mut walk);
            return vec![walk];
        }
        let clients = machine.clients(address, None);
        let walks = clients.iter().map(|client| {
            let flow = Flow::Request { client: Some(client.address), service };
            let mut walk = Walk::new(flow, client.sure);
            let port = (port != 0).then_some(port);
            let mut packet = request(client, address, protocol, port);
            packet.later = self.later(machine);
            let not_local: &dyn Fn() -> Fault = &|| not_local(address);
            let expected = Expected {
                below: IPVS,
                reverse_path: Check::P4,
                not_local: (Check::A16, not_local),
            };
            if arrive(machine, &mut walk, &mut packet, client, expected) {
                if packet.redirected || packet.destination_port != port {
                    walk.unknown(
                        Stage::Translation,
                        format!("a NAT rule takes the packets of {}", service_name(service)),
                        "iptables -t nat -L PREROUTING -vn",
                    );
                }
                self.balanced(&mut walk);
            }
            walk
        });
        walks.collect()
    }

    /// What connection tracking says of the packets after the first one: IPVS takes them from it,
    /// unless `conntrack` is on. Of a connection that a real server answers directly it has seen
    /// half the handshake.
    pub(super) fn later(&self, machine: &Machine<'_>) -> Option<ConnectionState> {
        let mut all = self.destinations.iter().map(|it| it.destination.forwarding);
        Some(match is_tracked(machine) {
            false => ConnectionState::New,
            true if all.all(|it| it == Forwarding::Masquerade) => ConnectionState::Established,
            true => ConnectionState::Invalid,
        })
    }

    /// The service, and whether a real server takes new connections.
    pub(super) fn balanced(&self, walk: &mut Walk) {
        let scheduler = &self.service.scheduler;
        walk.passes(Stage::Service, format!("in the IPVS table, scheduler {scheduler}"));
        let usable = self.destinations.iter().filter(|it| it.destination.weight > 0);
        let (usable, full): (Vec<_>, Vec<_>) = usable.partition(|it| !is_full(it));
        // Those without any are checks of their own, which know what is desired.
        if !usable.is_empty() {
            let all = self.destinations.len();
            let full = match full.len() {
                0 => String::new(),
                count => format!(", {count} at the upper threshold"),
            };
            let seen = format!("{} of {all} take new connections{full}", usable.len());
            walk.passes(Stage::RealServers, seen);
        }
    }
}

impl Forwarded<'_> {
    /// From IPVS to the real server, and with NAT back.
    pub(crate) fn walk(&self, machine: &Machine<'_>) -> Walk {
        let real = self.destination.address;
        let real_server = SocketAddr::new(real, self.destination.port);
        let flow = Flow::Forwarded { service: self.service.identity, real: real_server };
        let mut walk = Walk::new(flow, true);
        let answer = machine.look_up(&Query::to(real));
        if let Answer::Local(route) = answer {
            match machine.is_own(real) {
                true => walk.passes(Stage::Forwarding, format!("{real} is this machine itself")),
                false => walk.stops(Stage::Route, Check::A2, machine.captured(real, real, route)),
            }
            return walk;
        }
        let Some((device, next)) = self.routed(machine, &answer, &mut walk) else { return walk };
        if self.destination.forwarding == Forwarding::Tunnel {
            self.encapsulated(machine, &mut walk, &device);
        }
        let Some(mut packet) = self.packet(machine, &answer) else { return walk };
        if leave(machine, &mut walk, &mut packet, &device, next)
            && self.destination.forwarding == Forwarding::Masquerade
        {
            self.reply(machine, &mut walk, &device);
        }
        walk
    }

    fn routed(
        &self,
        machine: &Machine<'_>,
        answer: &Answer<'_>,
        walk: &mut Walk,
    ) -> Option<(InterfaceName, IpAddr)> {
        let real = self.destination.address;
        if let Some(device) = machine.facing(real).filter(|_| answer.hop().is_none()) {
            if let Some(fault) = machine.dead_link(device) {
                walk.stops(Stage::Link, Check::L1, fault);
                return None;
            }
        }
        match answer {
            Answer::Unknown(why) => {
                walk.unknown(Stage::Route, why.clone(), format!("ip route get {real}"));
                None
            }
            Answer::Unicast { .. } => {
                let (device, gateway) = answer.hop()?;
                if let (true, Answer::Unicast { route, .. }) =
                    (machine.leads_nowhere(device), answer)
                {
                    walk.stops(Stage::Route, Check::A2, machine.captured(real, real, route));
                    return None;
                }
                let direct = self.destination.forwarding == Forwarding::DirectRouting;
                if let Some(gateway) = gateway.filter(|_| direct) {
                    walk.stops(Stage::Route, Check::L3, behind_router(real, gateway, device));
                    return None;
                }
                walk.passes(
                    Stage::Route,
                    match gateway {
                        Some(gateway) => format!("{real} via {gateway} dev {device}"),
                        None => format!("{real} dev {device}"),
                    },
                );
                Some((device.clone(), gateway.unwrap_or(real)))
            }
            _ => {
                let found = match answer {
                    Answer::Refused(how) => format!("an {how} route (ip route get {real})"),
                    _ => format!("no route to {real} (ip route get {real})"),
                };
                walk.stops(
                    Stage::Route,
                    Check::L2,
                    Fault {
                        title: format!(
                            "there is no route to the real server {real}: its clients get \
                                    no answer"
                        ),
                        found,
                        expected: format!("a route to {real}"),
                        repair: Vec::new(),
                    },
                );
                None
            }
        }
    }

    /// The outer source of a tunnel, and the way of an ICMP error to clients.
    fn encapsulated(&self, machine: &Machine<'_>, walk: &mut Walk, device: &InterfaceName) {
        let ServiceIdentity::Address { address: vip, .. } = self.service.identity else { return };
        let Destination { address: real, tunnel, .. } = *self.destination;
        // `ip6_tnl_rcv_ctl` refuses an own address as the source, as IPv4 does for every packet.
        let is_refused = real.is_ipv4() || !matches!(tunnel, Tunnel::Gre { .. });
        if machine.source(real) == Some(vip) && is_refused {
            // Without another address it stays the source.
            let mut others = machine.network.addresses.iter();
            let has_other = others
                .any(|it| it.address.is_ipv6() && it.address != vip && it.scope == Scope::GLOBAL);
            let states = machine.assignments(vip).filter(|_| vip.is_ipv6() && has_other);
            let fault = Fault {
                title: format!(
                    "packets of tunnels come from {vip}, which real servers have too: they drop \
                     them"
                ),
                found: format!("source {vip} (ip route get {real})"),
                expected: "another address of this director as the source".to_owned(),
                repair: match states.map(deprecate).collect::<Vec<_>>() {
                    steps if steps.is_empty() => steps,
                    steps => steps.into_iter().chain((self.renewed)(vip)).collect(),
                },
            };
            // One may have a route to it alone.
            let severity = if self.is_proved { Severity::Warning } else { Severity::Failure };
            walk.stops_as(Stage::Route, Check::M8, severity, fault);
        }
        let mtu = |device: &InterfaceName| machine.link(device).map_or(0, |link| link.mtu);
        for client in machine.clients(vip, None) {
            let is_unreached = matches!(
                machine.look_up(&Query::to(client.address)),
                Answer::NoRoute | Answer::Refused(_)
            );
            if is_unreached && mtu(device) <= mtu(&client.input) {
                let fault = Fault {
                    title: format!(
                        "no ICMP about packets too big for the tunnel reaches {}: large requests hang, \
                         unless real servers announce a smaller segment size",
                        client.name()
                    ),
                    expected: "a route to the clients, for ICMP".to_owned(),
                    ..no_way_back(machine, vip, &client)
                };
                walk.stops_as(Stage::ReplyRoute, Check::L5, Severity::Warning, fault);
            }
        }
    }

    /// The packet that IPVS sends; `None` for a mark service, whose packets may be any.
    fn packet(&self, machine: &Machine<'_>, answer: &Answer<'_>) -> Option<Packet> {
        let Destination { address: real, port, forwarding, tunnel, .. } = self.destination;
        let ServiceIdentity::Address { protocol, address: vip, port: vport } =
            self.service.identity
        else {
            return None;
        };
        let client = machine.clients(vip, None).into_iter().next()?;
        let mut packet = request(&client, vip, protocol, (vport != 0).then_some(vport));
        packet.local = false;
        if !is_tracked(machine) {
            packet.state = ConnectionState::Untracked;
        }
        packet.later = Some(ConnectionState::Invalid);
        match forwarding {
            Forwarding::Masquerade => {
                packet.later = Some(ConnectionState::Established);
                packet.destination = Peer::Host(*real);
                packet.destination_port = (*port != 0).then_some(*port);
            }
            Forwarding::Tunnel => {
                let source = match answer {
                    Answer::Unicast { route, .. } => route.preferred_source,
                    _ => None,
                };
                let device = answer.hop().map(|(device, _)| device.clone())?;
                packet =
                    outer(vip, *real, *tunnel, source.or_else(|| own(machine, &device, *real)));
            }
            _ => {}
        }
        Some(packet)
    }

    /// The reply of a real server of NAT.
    fn reply(&self, machine: &Machine<'_>, walk: &mut Walk, device: &InterfaceName) {
        let ServiceIdentity::Address { protocol, address: vip, .. } = self.service.identity else {
            return;
        };
        let real = self.destination.address;
        if let Some((check, fault)) = does_not_forward(machine, real, device) {
            walk.stops(Stage::Forwarding, check, fault);
        }
        let tracked = is_tracked(machine);
        for client in machine.clients(vip, None) {
            if client.input == *device && machine.facing(vip) == Some(device) {
                continue;
            }
            let mut packet = Packet {
                source_port: Some(self.destination.port).filter(|port| *port != 0),
                flags: if protocol == Protocol::TCP { SYN_ACK } else { 0 },
                input: Some(device.to_string()),
                state: match (tracked, protocol) {
                    (true, _) => ConnectionState::Established,
                    // Connection tracking has not seen the translated request.
                    (false, Protocol::TCP) => ConnectionState::Invalid,
                    (false, _) => ConnectionState::New,
                },
                later: Some(match tracked {
                    true => ConnectionState::Established,
                    false => ConnectionState::New,
                }),
                ..Packet::new(number(protocol), Peer::Host(real), client.peer)
            };
            if !filtered(machine, walk, Hook::Prerouting, WHOLE, &mut packet) {
                continue;
            }
            let dropped = reverse_path::check(machine, device, real, client.address, 0);
            if let Err(reverse_path::Dropped::Elsewhere { effective, .. }) = dropped {
                let fault = reply_dropped(machine, real, &effective);
                walk.stops_as(Stage::ReversePath, Check::P4, client.severity(), fault);
            }
            let query = Query {
                source: Some(real),
                input: device.as_str(),
                mark: packet.mark.unwrap_or(0),
                ..Query::to(client.address)
            };
            let answer = machine.look_up(&query);
            match (&answer, answer.hop()) {
                (_, Some((by, gateway))) => {
                    packet.output = Some(by.to_string());
                    if !filtered(machine, walk, Hook::Forward, 100, &mut packet) {
                        continue;
                    }
                    packet.source = Peer::Host(vip);
                    packet.source_port = match self.service.identity.port() {
                        0 => None,
                        port => Some(port),
                    };
                    if let Some(fault) = machine.dead_link(by) {
                        walk.stops(Stage::Link, Check::L1, fault);
                        continue;
                    }
                    filtered(machine, walk, Hook::Postrouting, WHOLE, &mut packet);
                    clients_are_resolved(machine, walk, by, client.peer);
                    if let Some(gateway) = gateway {
                        resolved(machine, walk, by, gateway);
                    }
                }
                (Answer::Unknown(why), _) => {
                    let ask = format!("ip route get {} from {real} iif {device:#}", client.address);
                    walk.unknown(Stage::ReplyRoute, why.clone(), ask);
                }
                _ => {
                    let fault = no_way_back(machine, real, &client);
                    walk.stops_as(Stage::ReplyRoute, Check::L5, client.severity(), fault);
                }
            }
        }
    }
}

/// Whether IPVS leaves its connections to connection tracking.
fn is_tracked(machine: &Machine<'_>) -> bool {
    machine.number(&Sysctl::of_ipvs("conntrack")) == Some(1)
}

/// An address of the interface by which packets to `real` leave.
fn own(machine: &Machine<'_>, device: &InterfaceName, real: IpAddr) -> Option<IpAddr> {
    let mut states = machine.network.addresses.iter();
    let found = states.find(|it| it.interface == *device && it.address.is_ipv4() == real.is_ipv4());
    found.map(|state| state.address)
}

/// The packet of a tunnel.
pub(crate) fn outer(vip: IpAddr, real: IpAddr, tunnel: Tunnel, source: Option<IpAddr>) -> Packet {
    let (protocol, port) = match tunnel {
        Tunnel::Gue { port, .. } => (17, Some(port)),
        Tunnel::Gre { .. } => (47, None),
        _ if vip.is_ipv4() => (4, None),
        _ => (41, None),
    };
    let source = source.map_or(Peer::Anyone(anywhere(real.is_ipv4())), Peer::Host);
    Packet { destination_port: port, ..Packet::new(protocol, source, Peer::Host(real)) }
}

fn behind_router(real: IpAddr, gateway: IpAddr, device: &InterfaceName) -> Fault {
    Fault {
        title: format!(
            "the real server {real} is behind the router {gateway}: direct routing reaches \
             machines on the same network alone"
        ),
        found: format!("{real} via {gateway} dev {device} (ip route get {real})"),
        expected: "a real server on the same network, or tunnelling".to_owned(),
        repair: Vec::new(),
    }
}

fn reply_dropped(machine: &Machine<'_>, real: IpAddr, effective: &Effective) -> Fault {
    let device = &effective.device;
    let (value, _) = crate::policy::loose_filter(effective.all, "2");
    Fault {
        title: format!("{device} drops the replies of {real}: the route to it is another one"),
        found: effective.to_string(),
        expected: "0 or 2".to_owned(),
        repair: vec![machine.set(Sysctl::of_interface(device, "rp_filter"), value)],
    }
}

/// Whether replies that arrive on an interface are forwarded. For IPv4 that interface decides
/// (`ip_route_input_slow`).
fn does_not_forward(
    machine: &Machine<'_>,
    real: IpAddr,
    device: &InterfaceName,
) -> Option<(Check, Fault)> {
    let family = AddressFamily::from(real);
    let sysctl = Sysctl::forwarding(family);
    let check = if real.is_ipv4() { Check::N1 } else { Check::V5 };
    let fault = |sysctl: Sysctl, title: String, found: String| Fault {
        title,
        found,
        expected: "1".to_owned(),
        repair: vec![machine.set(sysctl, 1)],
    };
    if machine.number(&sysctl) == Some(0) {
        let title = "this director does not forward: replies of NAT never reach a client";
        let found = format!("{sysctl} is 0");
        return Some((check, fault(sysctl, title.to_owned(), found)));
    }
    let own = Sysctl::of_interface(device, "forwarding");
    if real.is_ipv4() && machine.number(&own) == Some(0) {
        let title = format!("{device} does not forward: replies of {real} never reach a client");
        let found = format!("{own} is 0, though ip_forward is 1");
        return Some((check, fault(own, title, found)));
    }
    None
}
