//! Sync daemons that cannot be started or stopped.

use lvs::ipvs::{Daemon, DaemonState};

use super::listed;

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
    use super::*;

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
