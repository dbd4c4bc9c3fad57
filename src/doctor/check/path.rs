//! Where packets stop: the walks of requests and replies, and the faults whose repair depends on what
//! is desired.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use crate::doctor::check::table::established;
use crate::doctor::context::{Context, add_address};
use crate::doctor::finding::{Fault, Step};
use crate::engine::Change;
use crate::host::{self, Address, DOWN, InterfaceName, UP, host_prefix};
use crate::path::{Answer, Check, Directed, End, Faults, Forwarded, Machine, Query, Served, Walk};
use crate::policy::TunnelEndpoint;
use lvs::ipvs::{DaemonState, DestinationEntry, Forwarding, ServiceIdentity};
use lvs::table;

/// Every walk through this machine: of each service, to each real server once for each method, and of
/// what a real server serves.
pub(in crate::doctor) fn walks(
    context: &Context<'_>,
    wanted: Option<&dyn Fn(ServiceIdentity) -> bool>,
) -> Vec<Walk> {
    let machine = &context.machine;
    let has_filters = machine.filters.is_none_or(|it| !it.tables.is_empty());
    let mut walks = Vec::new();
    let (mut seen, mut seen_vips) = (HashSet::new(), HashSet::new());
    for state in context.services() {
        let (identity, service) = (state.identity(), &state.service.service);
        if wanted.is_some_and(|wanted| !wanted(identity)) {
            continue;
        }
        let vip = match identity {
            ServiceIdentity::Address { address, .. } => Some(address),
            ServiceIdentity::Mark { .. } => None,
        };
        let standby = vip.is_some_and(|address| is_excused(context, machine, address));
        let directed = Directed { service, destinations: &state.destinations, standby };
        let fault = |address| match identity {
            ServiceIdentity::Address { .. } => not_local(context, address),
            ServiceIdentity::Mark { mark, .. } => mark_not_local(context, mark, address),
        };
        // Without filters, the way to an address is the same for all its ports.
        let narrow = has_filters || wanted.is_some();
        if vip.is_none_or(|vip| narrow || seen_vips.insert(vip)) {
            walks.extend(directed.walks(machine, &fault));
        }
        for entry in &state.destinations {
            let destination = &entry.destination;
            // Without filters, the way to a real server is the same for all services of a network.
            let of = narrow.then_some((identity, destination.port));
            let clients = vip.and_then(|vip| machine.facing(vip));
            let method = (destination.forwarding, destination.tunnel);
            // The source of a tunnel is one of the virtual addresses.
            let is_source = vip.is_some() && machine.source(destination.address) == vip;
            let key = (destination.address, method, clients, identity.family(), of, is_source);
            if destination.weight > 0 && seen.insert(key) {
                let is_proved = established(context, identity, entry) > 0;
                let renewed = &|vip| renewed(context, vip);
                walks.push(Forwarded { service, destination, is_proved, renewed }.walk(machine));
            }
        }
    }
    for served in &context.expectation.served {
        walks.extend(served.walks(machine, context));
    }
    walks
}

/// IPVS keeps the source of a tunnel until its destination is edited.
fn renewed(context: &Context<'_>, vip: IpAddr) -> Vec<Step> {
    let stale = context.destinations().filter(|(_, entry)| {
        let destination = &entry.destination;
        destination.forwarding == Forwarding::Tunnel
            && context.machine.source(destination.address) == Some(vip)
    });
    let edit = |(service, entry): (ServiceIdentity, &DestinationEntry)| {
        let key = table::Key::of(service, &entry.destination);
        let value = Some(table::Value::Destination(entry.destination.clone()));
        Step::Table(Change { key, from: value.clone(), to: value })
    };
    stale.map(edit).collect()
}

/// Whether the machine may be a standby, which has the table without the address: keepalived and
/// others add the address on takeover, and so does the backup of the connection synchronization.
fn may_stand_by(context: &Context<'_>) -> bool {
    let mut daemons = context.facts.table.iter().flat_map(|table| &table.daemons);
    daemons.any(|daemon| daemon.state == DaemonState::Backup)
        || !context.facts.controllers.is_empty()
}

/// Whether a director without an address is meant: the address is that of another machine now.
fn is_excused(context: &Context<'_>, machine: &Machine<'_>, address: IpAddr) -> bool {
    if address.is_unspecified() {
        return true;
    }
    if matches!(machine.look_up(&Query::to(address)), Answer::Local(_)) {
        return false;
    }
    let desired = context.desired_device(address);
    let covers_host = context.expectation.desired.as_ref().is_some_and(|it| it.covers_host);
    let mut probed = context.facts.probes.iter().flat_map(|probes| &probes.owners);
    let answered = probed.any(|it| it.address == address && !it.hardware.is_empty());
    // A duplicate is reported by another check. With a cluster file that does not name the address,
    // another program may add it.
    may_stand_by(context)
        || answered
        || covers_host && desired.is_none()
        || context.assignments(address).any(Address::is_duplicate)
}

/// A director does not accept packets for a virtual address.
fn not_local(context: &Context<'_>, address: IpAddr) -> Fault {
    let device = context.desired_device(address).or_else(|| context.machine.facing(address));
    // A tunnel disappears with its module. An interface that is down keeps its addresses.
    let is_missing = |device: &InterfaceName| context.network().link(device).is_none();
    let repair = match device {
        Some(device) if is_missing(device) => bring_up(context, device, "ipip"),
        device => device.map(|device| add_address(address, device)).into_iter().collect(),
    };
    let on = device.map_or("the interface that faces the clients", InterfaceName::as_str);
    Fault {
        title: format!(
            "{address} is not a local address of this director: IPVS never sees its packets"
        ),
        found: match device.filter(|device| is_missing(device)) {
            Some(device) => format!("services in the IPVS table, but no interface {device}"),
            None => "services in the IPVS table, but no local route".to_owned(),
        },
        expected: format!("{address} on {on}"),
        repair,
    }
}

/// Packets with a mark are not delivered to this director.
fn mark_not_local(context: &Context<'_>, mark: u32, address: IpAddr) -> Fault {
    let ip = if address.is_ipv4() { "ip" } else { "ip -6" };
    let of_mark = context.network().rules.iter().find(|rule| {
        rule.family == address.into()
            && rule.mark.is_some_and(|it| it.mark != 0 && it.matches(mark))
    });
    let table = of_mark.map_or(100, |rule| rule.table);
    let route = format!("local {address} dev lo table {table}");
    let rule = format!("fwmark {mark} lookup {table}");
    let step = |what: &str, of: &str| {
        Step::shell(format!("{ip} {what} add {of}"), format!("{ip} {what} del {of}"))
    };
    let rule = of_mark.is_none().then(|| step("rule", &rule));
    Fault {
        title: format!(
            "packets to {address} with the mark {mark} are not delivered to this director: IPVS \
             never sees them"
        ),
        found: match of_mark {
            Some(_) => format!("a policy rule for the mark, but no local route in table {table}"),
            None => format!("no policy rule for the mark, and {address} is not a local address"),
        },
        expected: format!("a local route to {address} for packets with the mark"),
        repair: [step("route", &route)].into_iter().chain(rule).collect(),
    }
}

/// The interface for the virtual address of a real server.
fn vip_device(context: &Context<'_>, served: &Served) -> InterfaceName {
    if let Some(device) = context.desired_device(served.address) {
        return device.clone();
    }
    match served.forwarding {
        Forwarding::Tunnel if served.address.is_ipv4() => InterfaceName::tunl0(),
        Forwarding::Tunnel => InterfaceName::ip6tnl0(),
        _ => InterfaceName::loopback(),
    }
}

/// The interface that should decapsulate, with its kind.
fn tunnel_device(
    context: &Context<'_>,
    served: &Served,
    end: Option<&End>,
) -> (InterfaceName, String) {
    let of_file = end.and_then(|end| {
        let endpoint = TunnelEndpoint::new(served.address.into(), end.own, end.tunnel?)?;
        Some((endpoint.device, endpoint.kind))
    });
    let journalled =
        context.facts.journal.iter().find_map(|entry| match (&entry.key, &entry.value) {
            (Some(host::Key::Link(device)), Some(kind)) => Some((device.clone(), kind.clone())),
            _ => None,
        });
    of_file.or(journalled).unwrap_or_else(|| match served.address.is_ipv4() {
        true => (InterfaceName::tunl0(), "ipip".to_owned()),
        false => (InterfaceName::ip6tnl0(), "ip6tnl".to_owned()),
    })
}

/// The steps that bring a tunnel up, and restore what lvsctl has set on it.
pub(super) fn bring_up(context: &Context<'_>, device: &InterfaceName, kind: &str) -> Vec<Step> {
    let step = |key, from: Option<&str>, to: &str| {
        Step::Host(Change { key, from: from.map(str::to_owned), to: Some(to.to_owned()) })
    };
    let (link, state) = (host::Key::Link(device.clone()), host::Key::LinkUp(device.clone()));
    let missing = context.network().link(device).is_none();
    let mut steps = context.journal_drift_on(device);
    steps.retain(|step| !matches!(step, Step::Host(it) if it.key == link || it.key == state));
    // ARP suppression comes before the address.
    let is_sysctl =
        |step: &Step| matches!(step, Step::Host(Change { key: host::Key::Sysctl(_), .. }));
    let sysctls = steps.iter().take_while(|step| is_sysctl(step)).count();
    steps.insert(sysctls, step(state, Some(DOWN), UP));
    let make = missing.then(|| step(link, None, kind));
    make.into_iter().chain(steps).collect()
}

impl Faults for Context<'_> {
    fn missing_address(&self, served: &Served) -> Fault {
        let (address, device) = (served.address, vip_device(self, served));
        let has_it = self.is_own(address);
        Fault {
            title: format!(
                "{address} is missing: packets that the director forwards here for it are dropped"
            ),
            found: match has_it {
                true => format!("no local route to {address}, though an interface has it"),
                false => "no interface has the address".to_owned(),
            },
            expected: format!("{address}/{} on {device}", host_prefix(address)),
            repair: if has_it { Vec::new() } else { vec![add_address(address, &device)] },
        }
    }

    fn no_tunnel(&self, served: &Served, end: Option<&End>) -> (Check, Fault) {
        let (address, tunl0) = (served.address, InterfaceName::tunl0());
        if address.is_ipv6() && self.assignments(address).any(|it| it.interface.name == tunl0) {
            return (
                Check::V4,
                Fault {
                    title: format!(
                        "{address} is on tunl0, which decapsulates IPv4 only: its packets are lost"
                    ),
                    found: format!("{address} on tunl0, and no other tunnel is up"),
                    expected: "ip6tnl0 for IPv6 in IPv6 (sit0 for IPv6 in IPv4), up".to_owned(),
                    repair: bring_up(self, &InterfaceName::ip6tnl0(), "ip6tnl"),
                },
            );
        }
        let (device, kind) = tunnel_device(self, served, end);
        let link = self.network().link(&device);
        let state = match link {
            Some(link) if link.up => "not what the director sends to",
            Some(_) => "down",
            None => "missing",
        };
        (
            Check::K3,
            Fault {
                title: format!(
                    "{device} is {state}: no interface decapsulates the packets of the director"
                ),
                found: match link {
                    None => format!("no interface {device}"),
                    Some(_) => format!("{device} is {state}"),
                },
                expected: format!("{device} of kind {kind}, up"),
                repair: bring_up(self, &device, &kind),
            },
        )
    }

    fn nobody_listens(&self, served: &Served, end: Option<&End>) -> Fault {
        let address = match (served.forwarding, end) {
            (Forwarding::Masquerade, Some(end)) => end.own,
            _ => served.address,
        };
        let at = match end {
            Some(end) if end.port != 0 => {
                let name = end.protocol.name().unwrap_or("ip");
                format!("{name} {}", SocketAddr::new(address, end.port))
            }
            _ => address.to_string(),
        };
        let mut others: Vec<String> = self
            .listeners()
            .unwrap_or_default()
            .iter()
            .filter(|listener| !listener.address.is_loopback())
            .map(|listener| SocketAddr::new(listener.address, listener.port).to_string())
            .take(8)
            .collect();
        others.dedup();
        Fault {
            title: format!(
                "no program listens on {at}: clients are refused, while a check of the machine's \
                 own address may succeed"
            ),
            found: format!("listening: {}", others.join(", ")),
            expected: format!("a socket bound to {address} or to every address"),
            repair: Vec::new(),
        }
    }
}
