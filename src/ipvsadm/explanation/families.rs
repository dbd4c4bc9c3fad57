//! A destination of another address family than its service.

use lvs::ipvs::{AddressFamily, Daemon, Destination, Forwarding};

use super::listed;

pub(super) fn explain(destination: &Destination, daemons: &[Daemon]) -> Option<String> {
    if !daemons.is_empty() {
        // `sync_state` in net/netfilter/ipvs/ip_vs_ctl.c: its messages have one family each.
        let running = listed(daemons.iter().map(|daemon| daemon.state.name()));
        let stop = daemons.iter().map(|daemon| format!("--stop-daemon {}", daemon.state.name()));
        return Some(format!(
            "While a sync daemon runs ({running}), real servers must be of their service's address \
             family: stop it first ({}), or use an {} address.",
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

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;
    use lvs::ipvs::DaemonState;

    #[test]
    fn daemons_and_methods_forbid_it() {
        let server =
            |forwarding| Destination::new(Ipv6Addr::from_bits(0xfd00 << 112 | 5), 80, forwarding);
        let daemon = |state| Daemon::new(state, "eth0", 1);
        let both = [daemon(DaemonState::Master), daemon(DaemonState::Backup)];
        let text = explain(&server(Forwarding::Tunnel), &both).unwrap();
        assert!(text.contains("runs (master, backup)"), "{text}");
        assert!(text.contains("(--stop-daemon master, --stop-daemon backup)"), "{text}");
        assert!(text.ends_with("use an IPv4 address."), "{text}");
        assert!(explain(&server(Forwarding::Masquerade), &[]).unwrap().ends_with("use -i."));
        assert_eq!(explain(&server(Forwarding::Tunnel), &[]), None);
    }
}
