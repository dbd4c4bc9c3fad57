//! Refused destinations and sync daemons: by address, address family, thresholds or interface.

use std::io;
use std::net::{IpAddr, UdpSocket};

use lvs::ipvs::{AddressFamily, Daemon, DaemonState, Destination, Forwarding};

use super::listed;

/// The type of an address by the routes of this network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Local, or reachable by a route.
    Routed,
    /// The broadcast address of a local network.
    Broadcast,
    Unrouted,
}

/// Asks the kernel by connecting a UDP socket, which sends nothing.
pub(super) fn reach(address: IpAddr) -> Reach {
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    const DISCARD: u16 = 9;
    match UdpSocket::bind(any).and_then(|socket| socket.connect((address, DISCARD))) {
        Ok(()) => Reach::Routed,
        // Broadcasts need SO_BROADCAST (udp(7)).
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Reach::Broadcast,
        Err(_) => Reach::Unrouted,
    }
}

/// The kernel accepts IPv4 addresses that its local table calls unicast or local (`ip_vs_add_dest`,
/// `inet_addr_type`), hence none in a network namespace without addresses. Of IPv6 it accepts unicast
/// addresses that are not link-local.
pub(super) fn address(address: IpAddr, reach: Reach) -> Option<String> {
    let what = match address {
        _ if address.is_multicast() => "a multicast address",
        IpAddr::V4(address) if address.is_broadcast() => "the broadcast address",
        IpAddr::V4(address) if address.octets().first() == Some(&0) => "of \"this network\"",
        _ if address.is_unspecified() => "the unspecified address",
        IpAddr::V6(address) if address.is_unicast_link_local() => "link-local",
        _ => match reach {
            Reach::Broadcast => "the broadcast address of a network of this machine",
            Reach::Unrouted => {
                return Some(format!(
                    "No route leads to {address} in this network namespace: see `ip address` and \
                     `ip route`. At least one interface must be up and have an address \
                     (`ip link set lo up`)."
                ));
            }
            Reach::Routed => return None,
        },
    };
    Some(format!("{address} is {what}: a real server needs a unicast address of its own."))
}

/// For a destination of another address family than its service.
pub(super) fn family(destination: &Destination, daemons: &[Daemon]) -> Option<String> {
    if !daemons.is_empty() {
        // `sync_state` in net/netfilter/ipvs/ip_vs_ctl.c: a sync message has one family.
        let running = listed(daemons.iter().map(|daemon| daemon.state.name()));
        let stop = daemons.iter().map(|daemon| format!("--stop-daemon {}", daemon.state.name()));
        return Some(format!(
            "While a sync daemon runs ({running}), real servers must have the address family of \
             their service: stop it first ({}), or use an {} address.",
            listed(stop),
            match destination.family() {
                AddressFamily::Ipv4 => "IPv6",
                AddressFamily::Ipv6 => "IPv4",
            }
        ));
    }
    (destination.forwarding != Forwarding::Tunnel).then(|| {
        "Only tunnelling reaches a real server of another address family: use -i.".to_owned()
    })
}

/// The only cause of `ERANGE` that the command line does not rule out.
pub(super) fn thresholds(destination: &Destination) -> Option<String> {
    let (upper, lower) = (destination.upper_threshold, destination.lower_threshold);
    if lower <= upper {
        return None;
    }
    Some(match upper {
        0 => format!("A lower threshold needs an upper one: add -x NUMBER, at least {lower}."),
        _ => format!(
            "The lower threshold {lower} is above the upper one, {upper}: -y may not exceed -x."
        ),
    })
}

pub(super) fn not_started(daemon: &Daemon, errno: i32, running: &[Daemon]) -> Option<String> {
    let state = daemon.state.name();
    let interface = daemon.interface.escape_debug();
    match errno {
        libc::EEXIST => {
            let found = running.iter().find(|found| found.state == daemon.state)?;
            Some(format!(
                "The {} is already running: stop it first (--stop-daemon {state}).",
                description(found)
            ))
        }
        libc::ENODEV => Some(format!(
            "There is no interface {interface} in this network namespace: see `ip link`, and choose \
             one with --mcast-interface."
        )),
        // `mixed_address_family_dests` in net/netfilter/ipvs/ip_vs_ctl.c.
        libc::EINVAL => Some(
            "No sync daemon can run while a real server is of another address family than its \
             service: see `ipvsadm -Ln`."
                .to_owned(),
        ),
        libc::EADDRNOTAVAIL => Some(format!(
            "The interface {interface} has no address to send from: assign one, or choose another \
             interface with --mcast-interface."
        )),
        _ => None,
    }
}

pub(super) fn not_running(state: DaemonState, running: &[Daemon]) -> String {
    if running.is_empty() {
        return "No sync daemon is running in this network namespace.".to_owned();
    }
    let running = listed(running.iter().map(description));
    format!("No {} is running, only the {running}.", state.name())
}

fn description(daemon: &Daemon) -> String {
    let Daemon { state, interface, sync_id, .. } = daemon;
    format!("{} on {interface} with sync id {sync_id}", state.name())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn of_address(text: &str, reach: Reach) -> Option<String> {
        address(text.parse().unwrap(), reach)
    }

    #[test]
    fn address_that_is_not_unicast_is_named() {
        for (address, what) in [
            ("224.0.0.1", "a multicast address"),
            ("ff02::1", "a multicast address"),
            ("255.255.255.255", "the broadcast address"),
            ("0.0.0.0", "of \"this network\""),
            ("0.1.2.3", "of \"this network\""),
            ("::", "the unspecified address"),
            ("fe80::1", "link-local"),
        ] {
            let text = of_address(address, Reach::Routed).unwrap();
            assert!(text.starts_with(&format!("{address} is {what}: ")), "{text}");
        }
    }

    #[test]
    fn unicast_address_is_judged_by_the_routes() {
        let text = of_address("192.0.2.255", Reach::Broadcast).unwrap();
        assert!(text.starts_with("192.0.2.255 is the broadcast address of a network"), "{text}");
        let text = of_address("192.0.2.7", Reach::Unrouted).unwrap();
        assert!(text.starts_with("No route leads to 192.0.2.7 in this network namespace"));
        assert_eq!(of_address("192.0.2.7", Reach::Routed), None);
        assert_eq!(of_address("2001:db8::7", Reach::Routed), None);
    }

    #[test]
    fn reach_is_what_the_kernel_answers() {
        assert_eq!(reach(IpAddr::from([127, 0, 0, 1])), Reach::Routed);
        assert_eq!(reach(IpAddr::from([255, 255, 255, 255])), Reach::Broadcast);
    }

    #[test]
    fn other_family_is_refused_by_daemons_and_methods() {
        let server =
            |forwarding| Destination::new(Ipv6Addr::from_bits(0xfd00 << 112 | 5), 80, forwarding);
        let daemon = |state| Daemon::new(state, "eth0", 1);
        let both = [daemon(DaemonState::Master), daemon(DaemonState::Backup)];
        let text = family(&server(Forwarding::Tunnel), &both).unwrap();
        assert!(text.contains("runs (master, backup)"), "{text}");
        assert!(text.contains("(--stop-daemon master, --stop-daemon backup)"), "{text}");
        assert!(text.ends_with("use an IPv4 address."), "{text}");
        assert!(family(&server(Forwarding::Masquerade), &[]).unwrap().ends_with("use -i."));
        assert_eq!(family(&server(Forwarding::Tunnel), &[]), None);
    }

    #[test]
    fn lower_threshold_above_the_upper_one_is_named() {
        let thresholds = |upper_threshold, lower_threshold| {
            let server = Destination::new(Ipv4Addr::LOCALHOST, 80, Forwarding::Tunnel);
            super::thresholds(&server.with_thresholds(upper_threshold, lower_threshold))
        };
        assert!(thresholds(0, 5).unwrap().contains("-x NUMBER, at least 5"));
        assert!(thresholds(4, 5).unwrap().contains("threshold 5 is above the upper one, 4"));
        assert_eq!(thresholds(5, 5), None);
    }

    fn daemon(state: DaemonState) -> Daemon {
        Daemon::new(state, "eth1", 3)
    }

    #[test]
    fn refused_start_names_its_cause() {
        let master = daemon(DaemonState::Master);
        let explain = |errno| not_started(&master, errno, std::slice::from_ref(&master));
        assert_eq!(
            explain(libc::EEXIST).unwrap(),
            "The master on eth1 with sync id 3 is already running: stop it first (--stop-daemon master)."
        );
        assert!(explain(libc::ENODEV).unwrap().starts_with("There is no interface eth1 in this"));
        assert!(explain(libc::EINVAL).unwrap().contains("another address family"));
        assert!(explain(libc::EADDRNOTAVAIL).unwrap().contains("has no address to send from"));
        assert_eq!(explain(libc::ENOMEM), None);
    }

    #[test]
    fn refused_stop_names_what_runs() {
        let backup = [daemon(DaemonState::Backup)];
        let expected = "No master is running, only the backup on eth1 with sync id 3.";
        assert_eq!(not_running(DaemonState::Master, &backup), expected);
        assert!(not_running(DaemonState::Master, &[]).starts_with("No sync daemon is running"));
    }
}
