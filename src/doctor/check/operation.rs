//! Timeouts, switches, sizes, and connection synchronization: what hurts later.

use crate::doctor::context::Context;
use crate::doctor::finding::{Fault, Step};
use crate::engine::Change;
use crate::host::{self, DOWN, InterfaceName, Sysctl, UP};
use lvs::ipvs::{AddressFamily, Daemon, DaemonState, Forwarding, Protocol, ServiceFlags, Timeouts};

pub(super) fn drained_server_keeps_clients(context: &Context<'_>) -> Option<Fault> {
    let sysctl = Sysctl::of_ipvs("expire_quiescent_template");
    if context.number(&sysctl) != Some(0) {
        return None;
    }
    let (state, drained) = context.services().iter().find_map(|state| {
        let drained = state.destinations.iter().find(|it| it.destination.weight == 0)?;
        state.service.service.is_persistent().then_some((state, drained))
    })?;
    let title = format!(
        "{} has weight 0 and keeps its persistent clients of {} as long as they return",
        drained.destination.address,
        state.name()
    );
    Some(context.is_off(sysctl, ", with persistence", title))
}

pub(super) fn removed_server_keeps_connections(context: &Context<'_>) -> Option<Fault> {
    let sysctl = Sysctl::of_ipvs("expire_nodest_conn");
    let mut controllers = context.facts.controllers.iter();
    let checker = controllers.find(|name| matches!(name.as_str(), "keepalived" | "ldirectord"))?;
    if context.number(&sysctl) != Some(0) || context.services().is_empty() {
        return None;
    }
    let title = format!(
        "clients of a real server that {checker} removes hang until their own timeout, instead of \
         being reset at once"
    );
    Some(context.is_off(sysctl, "", title))
}

/// A value of `drop_entry`, `drop_packet` and `secure_tcp`: on, even without an attack.
const ALWAYS: u32 = 3;

pub(super) fn defence_is_always_on(context: &Context<'_>) -> Vec<Fault> {
    let effects = [
        ("drop_entry", "connections are dropped at random"),
        ("drop_packet", "packets are dropped at random"),
        ("secure_tcp", "connections that are not established time out early"),
    ];
    let fault = |(name, effect): (&'static str, &str)| {
        let sysctl = Sysctl::of_ipvs(name);
        if context.services().is_empty() || context.number(&sysctl) != Some(ALWAYS) {
            return None;
        }
        Some(Fault {
            title: format!("{effect}, though memory is not short"),
            found: format!("{sysctl} is 3"),
            expected: "0, or 1 to do so when memory is short".to_owned(),
            repair: vec![context.set(sysctl, 0)],
        })
    };
    effects.into_iter().filter_map(fault).collect()
}

pub(super) fn tunnel_packets_are_fragmented(context: &Context<'_>) -> Option<Fault> {
    let sysctl = Sysctl::of_ipvs("pmtu_disc");
    let tunnels =
        context.destinations().any(|(_, it)| it.destination.forwarding == Forwarding::Tunnel);
    if !tunnels || context.number(&sysctl) != Some(0) {
        return None;
    }
    let title = "packets too large for a tunnel are fragmented, and clients do not learn a \
                 smaller MTU: many networks drop fragments";
    Some(context.is_off(sysctl, ", with tunnel real servers", title.to_owned()))
}

/// The timeouts of the table, unless the cluster file sets this one.
fn timeouts(context: &Context<'_>, timeout: impl Fn(Timeouts) -> u32) -> Option<Timeouts> {
    let is_desired = context.desired_timeouts().is_some_and(|desired| timeout(desired) != 0);
    Some(context.facts.table.as_ref()?.timeouts).filter(|_| !is_desired)
}

/// The default timeouts of the kernel, in seconds.
const TCP: u32 = 900;
const UDP: u32 = 300;

pub(super) fn tcp_timeout_is_short(context: &Context<'_>) -> Option<Fault> {
    let Timeouts { tcp, tcp_fin, udp, .. } = timeouts(context, |it| it.tcp)?;
    let mut services = context.services().iter();
    if tcp >= TCP || !services.any(|state| state.identity().protocol() == Protocol::TCP) {
        return None;
    }
    Some(Fault {
        title: format!(
            "connections idle for {tcp} seconds are dropped, and their next packet is reset: \
             keepalives start after 7200 seconds by default"
        ),
        found: format!("timeouts {tcp} {tcp_fin} {udp} (ipvsadm -L --timeout)"),
        expected: format!("at least {TCP}, the default, or applications that send more often"),
        repair: vec![Step::Shell {
            fix: format!("ipvsadm --set {TCP} 0 0"),
            undo: Some(format!("ipvsadm --set {tcp} 0 0")),
        }],
    })
}

pub(super) fn udp_timeout_is_long(context: &Context<'_>) -> Option<Fault> {
    let Timeouts { tcp, tcp_fin, udp, .. } = timeouts(context, |it| it.udp)?;
    let state = context.services().iter().find(|state| {
        state.identity().protocol() == Protocol::UDP
            && !state.service.service.flags.contains(ServiceFlags::ONE_PACKET)
    })?;
    (udp > UDP).then(|| Fault {
        title: format!(
            "clients of {} stay with one real server for {udp} seconds, even if it is dead",
            state.name()
        ),
        found: format!("timeouts {tcp} {tcp_fin} {udp} (ipvsadm -L --timeout)"),
        expected: format!("at most {UDP}, the default, or the service with --ops"),
        repair: vec![Step::Shell {
            fix: format!("ipvsadm --set 0 0 {UDP}"),
            undo: Some(format!("ipvsadm --set 0 0 {udp}")),
        }],
    })
}

/// The connections and persistence templates of all services.
fn connections(context: &Context<'_>) -> u64 {
    let counts = context.destinations().map(|(_, it)| {
        [it.active_connections, it.inactive_connections, it.persistent_connections].map(u64::from)
    });
    counts.flatten().sum()
}

/// New kernels have a limit, above which they silently drop new connections.
pub(super) fn connection_limit_is_reached(context: &Context<'_>) -> Option<Fault> {
    let sysctl = Sysctl::of_ipvs("conn_max");
    let limit = context.number(&sysctl).map(u64::from).filter(|limit| *limit > 0)?;
    let connections = connections(context);
    (connections >= limit).then(|| Fault {
        title: "there is no room for another connection: the packets of new clients are dropped"
            .to_owned(),
        found: format!("{connections} connections (ipvsadm -L), and {sysctl} is {limit}"),
        expected: "a larger limit, or 0 for none".to_owned(),
        repair: vec![context.set(sysctl, limit.saturating_mul(2))],
    })
}

/// More connections per bucket make lookups slow.
const CROWDED: u64 = 2;

pub(super) fn connection_table_is_small(context: &Context<'_>) -> Option<Fault> {
    // It grows by itself, and its size is that of now.
    if context.facts.kernel.resizes_tables {
        return None;
    }
    let buckets = u64::from(context.facts.table.as_ref()?.connection_buckets);
    let connections = connections(context);
    if buckets == 0 || connections <= buckets.saturating_mul(CROWDED) {
        return None;
    }
    // Every kernel allows up to 20.
    let bits = connections.next_power_of_two().trailing_zeros().min(20);
    Some(Fault {
        title: "the connection table is far too small: lookups get slower with every connection"
            .to_owned(),
        found: format!("{connections} connections in {buckets} buckets (ipvsadm -L)"),
        expected: format!("2^{bits} buckets, the next time that ip_vs is loaded"),
        repair: vec![Step::Shell {
            fix: format!("echo options ip_vs conn_tab_bits={bits} > /etc/modprobe.d/ip_vs.conf"),
            undo: Some("rm /etc/modprobe.d/ip_vs.conf".to_owned()),
        }],
    })
}

fn daemons<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a Daemon> {
    context.facts.table.iter().flat_map(|table| &table.daemons)
}

pub(super) fn sync_interface_is_down(context: &Context<'_>) -> Vec<Fault> {
    let fault = |daemon: &Daemon| {
        let device: InterfaceName = daemon.interface.parse().ok()?;
        let (state, is_fixable) = match context.network().link(&device) {
            Some(link) if link.up && link.carrier => return None,
            Some(link) if link.up => ("has no carrier", false),
            Some(_) => ("is down", true),
            None => ("is missing", false),
        };
        let up = is_fixable.then(|| {
            let (key, from) = (host::Key::LinkUp(device.clone()), Some(DOWN.to_owned()));
            Step::Host(Change { key, from, to: Some(UP.to_owned()) })
        });
        Some(Fault {
            title: format!(
                "{device}, which synchronizes connections with the other director, {state}: a \
                 takeover loses them"
            ),
            found: format!("the {} daemon on {device} (ipvsadm -L --daemon)", daemon.state.name()),
            expected: format!("{device} up, with a carrier"),
            repair: up.into_iter().collect(),
        })
    };
    daemons(context).filter_map(fault).collect()
}

/// Version 0 of the synchronization protocol has no IPv6 addresses (`ipvs-sysctl`).
pub(super) fn sync_version_lacks_ipv6(context: &Context<'_>) -> Option<Fault> {
    let sysctl = Sysctl::of_ipvs("sync_version");
    let sends = daemons(context).any(|daemon| daemon.state == DaemonState::Master);
    let mut services = context.services().iter();
    let state = services.find(|state| state.identity().family() == AddressFamily::Ipv6)?;
    if !sends || context.number(&sysctl) != Some(0) {
        return None;
    }
    let title = format!(
        "connections of {} are not synchronized with the other director: a takeover loses them",
        state.name()
    );
    Some(context.is_off(sysctl, ", a protocol without IPv6", title))
}
