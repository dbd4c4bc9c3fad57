//! A request at a real server of TUN, DR or NAT, and its reply.

use std::cmp::Reverse;
use std::net::IpAddr;

use super::arrival::{Expected, SYN_ACK, WHOLE, arrive, filtered, leave, no_way_back, request};
use super::director::outer;
use super::filter::{ConnectionState, Hook, Packet, Peer};
use super::machine::{Client, Listener, Machine, remote, unspecified};
use super::route::{Answer, Query};
use super::{Check, Fault, Flow, Stage, Walk};
use crate::host::{Link, Sysctl};
use lvs::ipvs::{Checksum, Forwarding, Protocol, Tunnel};

/// A virtual address of a real server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) address: IpAddr,
    pub(crate) forwarding: Forwarding,
    /// The journal or the cluster file names it, so that it is expected even if it is missing.
    pub(crate) desired: bool,
    /// What the cluster file says of its services; empty without one.
    pub(crate) ends: Vec<End>,
    /// The directors of the cluster file.
    pub(crate) directors: Vec<IpAddr>,
}

/// Where the packets of a service arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) protocol: Protocol,
    /// Of the server; 0 is any.
    pub(crate) port: u16,
    /// The address of this machine in the director's table.
    pub(crate) own: IpAddr,
    /// `None` if it is not known.
    pub(crate) tunnel: Option<Tunnel>,
}

/// The faults whose repair depends on what is desired.
pub(crate) trait Faults {
    fn missing_address(&self, served: &Served) -> Fault;
    fn no_tunnel(&self, served: &Served, end: Option<&End>) -> (Check, Fault);
    fn nobody_listens(&self, served: &Served, end: Option<&End>) -> Fault;
}

impl Served {
    pub(crate) const fn new(address: IpAddr, forwarding: Forwarding, desired: bool) -> Self {
        Self { address, forwarding, desired, ends: Vec::new(), directors: Vec::new() }
    }

    /// The requests of each kind of clients to each server, and the replies.
    pub(crate) fn walks(&self, machine: &Machine<'_>, faults: &dyn Faults) -> Vec<Walk> {
        if !self.ends.is_empty() {
            let ends = self.ends.iter().map(Some);
            return ends.flat_map(|end| self.walks_to(end, machine, faults)).collect();
        }
        // Which of the programs is meant is not known: filters may protect the others.
        let mut first = None;
        for end in self.likely_ends(machine) {
            let walks = self.walks_to(Some(&end), machine, faults);
            let is_protected =
                |walk: &Walk| walk.stopped().any(|stop| matches!(stop.check, Check::F1));
            if !walks.iter().any(is_protected) {
                return walks;
            }
            first.get_or_insert(walks);
        }
        first.unwrap_or_else(|| self.walks_to(None, machine, faults))
    }

    /// What programs listen for, without a cluster file.
    fn likely_ends(&self, machine: &Machine<'_>) -> Vec<End> {
        const MOST: usize = 32;
        let listeners = machine.listeners.unwrap_or_default().iter();
        let listeners = listeners.filter(|listener| {
            let masquerade = self.forwarding == Forwarding::Masquerade;
            listener.hears(self.address) && !masquerade
        });
        let end = |it: &Listener| {
            let (protocol, port, own) = (it.protocol, it.port, self.address);
            End { protocol, port, own, tunnel: None }
        };
        listeners.map(end).take(MOST).collect()
    }

    fn director(&self) -> Option<IpAddr> {
        let mut directors = self.directors.iter();
        directors.find(|it| it.is_ipv4() == self.address.is_ipv4()).copied()
    }

    fn walks_to(&self, end: Option<&End>, machine: &Machine<'_>, faults: &dyn Faults) -> Vec<Walk> {
        let protocol = end.map_or(Protocol::TCP, |end| end.protocol);
        let port = end.map(|end| end.port).filter(|port| *port != 0);
        let director = self.director();
        let input = director.and_then(|director| machine.towards(director));
        let local = match (self.forwarding, end) {
            (Forwarding::Masquerade, Some(end)) => end.own,
            // The route of the replies alone is judged, by another check.
            (Forwarding::Masquerade, None) => return Vec::new(),
            _ => self.address,
        };
        let mut clients = machine.clients(self.address, input.as_ref());
        if self.forwarding == Forwarding::Masquerade {
            // Another check knows that the default route leads to the director.
            clients.retain(|it| !it.few || it.address != remote(local.is_ipv4()));
        }
        let walk = |mut client: Client| {
            let (client_address, vip) = (client.address, self.address);
            let flow = Flow::Served { client: client_address, protocol, vip, local, port };
            let mut walk = Walk::new(flow, client.sure);
            let mut reverse_path = Check::P3;
            if self.forwarding == Forwarding::Tunnel {
                match self.decapsulate(machine, &mut walk, &client, end, faults) {
                    Some(tunnel) => {
                        client.input = tunnel.name.clone();
                        let late = is_loose_by_default_only(machine);
                        reverse_path = if late { Check::P2 } else { Check::P1 };
                    }
                    None => return walk,
                }
            }
            let missing: &dyn Fn() -> Fault = &|| faults.missing_address(self);
            let not_local = (Check::A1, missing);
            let mut packet = request(&client, local, protocol, port);
            let expected = Expected { below: WHOLE, reverse_path, not_local };
            let goes_on = arrive(machine, &mut walk, &mut packet, &client, expected);
            if goes_on && (machine.is_own(local) || walk.stopped().next().is_none()) {
                self.listener(machine, &mut walk, &packet, local, end, faults);
            }
            if goes_on && walk.stopped().next().is_none() {
                self.reply(machine, &mut walk, &client, &packet, local);
            }
            walk
        };
        clients.into_iter().map(walk).collect()
    }

    /// The outer packet, up to the interface that decapsulates it.
    fn decapsulate<'a>(
        &self,
        machine: &Machine<'a>,
        walk: &mut Walk,
        client: &Client,
        end: Option<&End>,
        faults: &dyn Faults,
    ) -> Option<&'a Link> {
        let input = &client.input;
        if let Some(fault) = machine.dead_link(input) {
            walk.stops(Stage::Link, Check::L1, fault);
            return None;
        }
        if let Some((end, tunnel)) = end.and_then(|end| Some((end, end.tunnel?))) {
            let mut packet = outer(self.address, end.own, tunnel, self.director());
            packet.input = Some(input.to_string());
            packet.local = true;
            if !filtered(machine, walk, Hook::Prerouting, WHOLE, &mut packet)
                || !filtered(machine, walk, Hook::Input, WHOLE, &mut packet)
            {
                return None;
            }
        }
        let tunnel = self.tunnel(machine, end);
        match tunnel {
            Some(tunnel) => {
                walk.passes(Stage::Decapsulation, format!("{} ({})", tunnel.name, tunnel.kind));
            }
            None => {
                let (check, fault) = faults.no_tunnel(self, end);
                let missing = faults.missing_address(self);
                let is_local = machine.look_up(&Query::to(self.address));
                // Bringing the tunnel up can restore its address.
                let is_restored = missing.repair.iter().all(|step| fault.repair.contains(step));
                walk.stops(Stage::Decapsulation, check, fault);
                if !matches!(is_local, Answer::Local(_)) && !is_restored {
                    walk.stops(Stage::LocalDelivery, Check::A1, missing);
                }
            }
        }
        tunnel
    }

    /// The interface that decapsulates: the most specific one for these ends.
    pub(crate) fn tunnel<'a>(&self, machine: &Machine<'a>, end: Option<&End>) -> Option<&'a Link> {
        let director = self.director();
        let fits = |link: &&Link| {
            let Some(tunnel) = link.kind.tunnel() else { return false };
            let local = match (tunnel.local, end.filter(|end| end.tunnel.is_some())) {
                (None, _) => true,
                (Some(local), Some(end)) => local == end.own,
                (Some(local), None) => machine.is_own(local),
            };
            let remote = tunnel.remote.is_none_or(|remote| director.is_none_or(|it| it == remote));
            let checksum = match end.and_then(|end| end.tunnel) {
                Some(Tunnel::Gre { checksum }) => {
                    (checksum != Checksum::None) == tunnel.input_checksum
                }
                _ => true,
            };
            link.up && local && remote && checksum && self.kinds(end).contains(&tunnel.kind.name())
        };
        let has_address = |link: &Link| {
            let mut states = machine.network.addresses.iter();
            states.any(|it| it.address == self.address && it.interface == link.name)
        };
        let kind = end.and_then(|end| end.tunnel);
        let rank = |link: &&Link| {
            let specific = link.kind.tunnel().map_or(0, |tunnel| {
                2 * u8::from(tunnel.remote.is_some()) + u8::from(tunnel.local.is_some())
            });
            let order = self.kinds(end).iter().position(|it| *it == link.kind.name());
            // Without a cluster file, the tunnel with the address is likely the one.
            (Reverse(specific), kind.is_none() && !has_address(link), order)
        };
        machine.network.links.iter().filter(fits).min_by_key(rank)
    }

    /// The kinds of interfaces that decapsulate.
    fn kinds(&self, end: Option<&End>) -> &'static [&'static str] {
        let ipv4 = self.address.is_ipv4();
        match end.and_then(|end| Some((end.tunnel?, end.own.is_ipv4()))) {
            Some((Tunnel::Gre { .. }, true)) => &["gre"],
            Some((Tunnel::Gre { .. }, false)) => &["ip6gre"],
            Some((_, true)) if ipv4 => &["ipip"],
            Some((_, true)) => &["sit"],
            Some((_, false)) => &["ip6tnl"],
            None if ipv4 => &["ipip", "gre", "ip6tnl", "ip6gre"],
            None => &["ip6tnl", "sit", "gre", "ip6gre"],
        }
    }

    fn listener(
        &self,
        machine: &Machine<'_>,
        walk: &mut Walk,
        packet: &Packet,
        local: IpAddr,
        end: Option<&End>,
        faults: &dyn Faults,
    ) {
        let Some(listeners) = machine.listeners else { return };
        if packet.redirected {
            return;
        }
        // /proc does not show sockets of SCTP.
        if end.is_some_and(|end| !matches!(end.protocol, Protocol::TCP | Protocol::UDP)) {
            return;
        }
        let hears = listeners.iter().any(|listener| {
            listener.hears(local)
                && end.is_none_or(|end| {
                    listener.protocol == end.protocol
                        && (end.port == 0 || listener.port == end.port)
                })
        });
        match hears {
            true => walk.passes(Stage::Listener, format!("a program listens on {local}")),
            false => walk.stops(Stage::Listener, Check::A11, faults.nobody_listens(self, end)),
        }
    }

    fn reply(
        &self,
        machine: &Machine<'_>,
        walk: &mut Walk,
        client: &Client,
        request: &Packet,
        local: IpAddr,
    ) {
        let query = Query {
            source: Some(local),
            protocol: request.protocol,
            source_port: request.destination_port,
            ..Query::to(client.address)
        };
        let answer = machine.look_up(&query);
        if let Answer::Local(route) = &answer {
            let fault = machine.captured(client.address, self.address, route);
            walk.stops(Stage::ReplyRoute, Check::A2, fault);
            return;
        }
        if let Answer::Unknown(why) = &answer {
            let ask = format!("ip route get {} from {local}", client.address);
            walk.unknown(Stage::ReplyRoute, why.clone(), ask);
            return;
        }
        let Some((device, gateway)) = answer.hop() else {
            let fault = no_way_back(machine, local, client);
            walk.stops_as(Stage::ReplyRoute, Check::L5, client.severity(), fault);
            return;
        };
        // With NAT, no client is on a network that the virtual address makes.
        let mut states = machine.assignments(self.address);
        let captures = self.forwarding == Forwarding::Masquerade
            && gateway.is_none()
            && states.any(|it| it.subnet().contains(client.address));
        let is_lost = captures || machine.leads_nowhere(device);
        if let (true, Answer::Unicast { route, .. }) = (is_lost, &answer) {
            let fault = machine.captured(client.address, self.address, route);
            walk.stops(Stage::ReplyRoute, Check::A2, fault);
            return;
        }
        walk.passes(
            Stage::ReplyRoute,
            match gateway {
                Some(gateway) => format!("via {gateway} dev {device}"),
                None => format!("dev {device}"),
            },
        );
        let mut packet = Packet {
            source_port: request.destination_port,
            flags: SYN_ACK,
            later: Some(ConnectionState::Established),
            state: match request.state {
                ConnectionState::Untracked => ConnectionState::Untracked,
                _ => ConnectionState::Established,
            },
            ..Packet::new(request.protocol, Peer::Host(local), client.peer)
        };
        let next = gateway.unwrap_or(unspecified(local.is_ipv4()));
        leave(machine, walk, &mut packet, device, next);
    }
}

/// Whether only the filter of new interfaces is loose.
fn is_loose_by_default_only(machine: &Machine<'_>) -> bool {
    let default = machine.number(&Sysctl::of_default("rp_filter"));
    let all = machine.number(&Sysctl::of_all_interfaces("rp_filter"));
    all == Some(0) && default.is_some_and(|value| value != 1)
}
