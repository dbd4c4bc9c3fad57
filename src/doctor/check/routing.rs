//! Routing: with NAT both directions pass the director, and no redirect bypasses it.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use crate::doctor::context::Context;
use crate::doctor::finding::{Fault, Step};
use crate::engine::Change;
use crate::host::{self, InterfaceName};
use crate::path::{self, Answer, Query};
use lvs::ipvs::{AddressFamily, Forwarding};

/// The real servers of NAT, this machine excluded.
fn nat_real_servers(context: &Context<'_>, family: AddressFamily) -> Vec<IpAddr> {
    let mut seen = HashSet::new();
    let nat = context.destinations().map(|(_, entry)| &entry.destination).filter(|it| {
        it.forwarding == Forwarding::Masquerade
            && it.family() == family
            && !context.is_own(it.address)
    });
    nat.map(|it| it.address).filter(|address| seen.insert(*address)).collect()
}

/// On a one-armed director, replies arrive on and leave by one interface, and the kernel sends
/// redirects to the real server. If it accepts them, its replies bypass the director.
pub(super) fn redirects_bypass_the_director(context: &Context<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut judged: Vec<&InterfaceName> = Vec::new();
    let vips = context.directed_vips().into_iter().filter(IpAddr::is_ipv4);
    let of_vips: HashSet<&InterfaceName> =
        vips.filter_map(|address| context.machine.facing(address)).collect();
    for real in nat_real_servers(context, AddressFamily::Ipv4) {
        let Some(device) = context.machine.facing(real) else {
            continue;
        };
        let one_armed =
            context.network().default_interface(false) == Some(device) || of_vips.contains(device);
        let effective = context.effective("send_redirects", device);
        let effective = effective.filter(|effective| effective.value() != 0 && one_armed);
        let Some(effective) = effective.filter(|_| !judged.contains(&device)) else {
            continue;
        };
        judged.push(device);
        faults.push(Fault {
            title: format!(
                "{device} sends redirects, from which {real} learns a route to the clients that \
                 bypasses the director"
            ),
            found: effective.to_string(),
            expected: "0 for both".to_owned(),
            repair: context.switch_off(&effective),
        });
    }
    faults.extend(accepted_redirects(context));
    faults
}

/// On a real server whose default route lvsctl set.
fn accepted_redirects(context: &Context<'_>) -> Option<Fault> {
    // A director with two legs, on which the clients are elsewhere, sends none.
    let one_armed = |device: &InterfaceName| {
        let mut served = context.expectation.served.iter().filter(|it| it.address.is_ipv4());
        served.any(|it| context.machine.facing(it.address) == Some(device))
    };
    let mut routes = journalled_routes(context).filter(|it| it.family == AddressFamily::Ipv4);
    let route = routes.next().filter(|it| it.journalled || one_armed(&it.device))?;
    let effective = context.effective("accept_redirects", &route.device)?;
    (effective.value() != 0).then(|| Fault {
        title: format!(
            "{} accepts redirects, with which replies bypass the director",
            route.device
        ),
        found: effective.to_string(),
        expected: "0".to_owned(),
        repair: context.switch_off(&effective),
    })
}

/// A default route through the director that lvsctl set, or that the cluster file desires.
struct DirectorRoute<'a> {
    family: AddressFamily,
    /// Otherwise only the cluster file has it.
    journalled: bool,
    director: IpAddr,
    device: InterfaceName,
    key: &'a host::Key,
    value: &'a str,
}

/// Parses values such as `via ADDRESS dev INTERFACE`.
fn journalled_routes<'a>(context: &Context<'a>) -> impl Iterator<Item = DirectorRoute<'a>> {
    let journal = context.facts.journal.iter();
    let journalled = journal.map(|entry| (true, entry.key.as_ref(), entry.value.as_ref()));
    let desired = context.expectation.unmet().filter_map(|entry| match &entry.step {
        Step::Host(change) => Some((false, Some(&change.key), change.to.as_ref())),
        Step::Table(_) | Step::Shell { .. } => None,
    });
    let mut known: Vec<&host::Key> = Vec::new();
    journalled.chain(desired).filter_map(move |(journalled, key, value)| {
        let (Some(key @ host::Key::DefaultRoute(family)), Some(value)) = (key, value) else {
            return None;
        };
        if known.contains(&key) {
            return None;
        }
        known.push(key);
        let mut words = value.split(' ');
        let (director, device) = (words.nth(1)?.parse().ok()?, words.nth(1)?.parse().ok()?);
        Some(DirectorRoute { family: *family, journalled, director, device, key, value })
    })
}

pub(super) fn replies_bypass_the_director(context: &Context<'_>) -> Vec<Fault> {
    let machine = &context.machine;
    let fault = |DirectorRoute { family, director, device, key, value, .. }: DirectorRoute<'_>| {
        let ipv4 = director.is_ipv4();
        let mut own = context.network().addresses.iter();
        let own = own.find(|it| it.interface == device && it.address.is_ipv4() == ipv4);
        let query = Query { source: own.map(|own| own.address), ..Query::to(path::remote(ipv4)) };
        let answer = machine.look_up(&query);
        if answer.hop().is_some_and(|(_, gateway)| gateway == Some(director)) {
            return None;
        }
        let routes = context.network().routes.iter();
        let defaults = routes.filter(|route| {
            let of_family = AddressFamily::from(route.destination) == family;
            route.prefix == 0 && route.table == host::MAIN_TABLE && of_family
        });
        let metric = defaults.clone().map(|route| route.metric).min();
        let best: Vec<_> = defaults.filter(|route| Some(route.metric) == metric).collect();
        let found = best.first();
        // lvsctl sets its route with the lowest metric of the family.
        let lowest = match family {
            AddressFamily::Ipv4 => 0,
            AddressFamily::Ipv6 => 1,
        };
        let replaced = found.filter(|route| route.metric <= lowest);
        let from =
            replaced.and_then(|route| Some(host::Key::through(route.gateway()?, route.device()?)));
        Some(Fault {
            title: format!(
                "replies bypass the director {director}: they come from an unexpected source \
                 address, and clients reset the connection"
            ),
            found: match found.and_then(|route| Some((route.gateway(), route.device()?))) {
                Some((Some(gateway), device)) => format!("default via {gateway} dev {device}"),
                Some((None, device)) => format!("default dev {device}"),
                None => "no default route".to_owned(),
            },
            expected: format!("default via {director} dev {device}"),
            repair: vec![Step::Host(Change { key: key.clone(), from, to: Some(value.to_owned()) })],
        })
    };
    journalled_routes(context).filter_map(fault).collect()
}

/// Seen by half-open connections: the real server reaches the client directly.
pub(super) fn client_is_in_subnet_of_real_server(context: &Context<'_>) -> Vec<Fault> {
    let mut faults: Vec<(IpAddr, Fault)> = Vec::new();
    for connection in context.facts.table.iter().flat_map(|table| &table.half_open) {
        let (client, real) = (connection.client, connection.destination.ip());
        let is_nat = context.destinations().any(|(_, entry)| {
            let destination = &entry.destination;
            destination.address == real && destination.forwarding == Forwarding::Masquerade
        });
        let topology = context.network();
        let on_link = topology.on_link(client);
        let together = on_link.is_some()
            && on_link == topology.on_link(real)
            && topology.route_to(client) == topology.route_to(real);
        let known = faults.iter().any(|(other, _)| *other == client);
        if !is_nat || !together || known || context.is_own(client) || context.is_own(real) {
            continue;
        }
        let fault = Fault {
            title: format!(
                "the client {client} is in the subnet of the real server {real}, whose replies \
                 bypass the director"
            ),
            found: format!("connections of {client} to {} in SYN_RECV", connection.service),
            expected: "clients of NAT in other subnets than the real servers".to_owned(),
            repair: Vec::new(),
        };
        faults.push((client, fault));
    }
    faults.into_iter().map(|(_, fault)| fault).collect()
}

/// A tunnel may lead anywhere, but routers of the internet have no route to private addresses.
pub(super) fn private_address_is_routed_to_the_internet(context: &Context<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut judged = HashSet::new();
    for (_, entry) in context.destinations() {
        let IpAddr::V4(address) = entry.destination.address else {
            continue;
        };
        if !address.is_private() || !judged.insert(address) {
            continue;
        }
        let answer = context.machine.look_up(&Query::to(address.into()));
        let by_default = matches!(&answer, Answer::Unicast { route, .. } if route.is_default());
        let Some((_, Some(IpAddr::V4(router)))) = answer.hop().filter(|_| by_default) else {
            continue;
        };
        if is_internal(router) {
            continue;
        }
        faults.push(Fault {
            title: format!(
                "the real server {address} has a private address, and packets to it go to the \
                 internet router {router}, which has no route to it"
            ),
            found: format!("{address} by the default route, via {router}"),
            expected: "a public address, or a route to the private network".to_owned(),
            repair: Vec::new(),
        });
    }
    faults
}

/// Whether a router may know routes to private addresses.
const fn is_internal(router: Ipv4Addr) -> bool {
    let [first, second, ..] = router.octets();
    router.is_private() || router.is_link_local() || first == 100 && second & 0xc0 == 64
}
