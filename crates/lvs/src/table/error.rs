//! Errors of reading and changing the table.

use super::{Change, Key, Value, command};
use crate::netlink;

/// The table cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// IPVS cannot be reached.
    #[error("cannot open IPVS: {source}{}", opening_hint(source))]
    Open {
        /// The cause.
        source: netlink::Error,
    },
    /// The table cannot be dumped.
    #[error("cannot list the IPVS table: {source}{}", privilege_hint(source))]
    List {
        /// The cause.
        source: netlink::Error,
    },
    /// The kernel refused a change.
    #[error("{}: {source}{}", command(change), change_hint(change, source))]
    Change {
        /// The change.
        change: Box<Change<Key, Value>>,
        /// The cause.
        source: netlink::Error,
    },
    /// No two dumps agreed.
    #[error("the IPVS table keeps changing while it is read: does another program manage it?")]
    Unsettled,
    /// A change was accepted, but the entry has another value.
    #[error("{0} is not as it was set: does another program manage the table?")]
    NotAsSet(Key),
    /// A key with a value of another kind.
    #[error("{0} cannot have that value")]
    Mismatch(Key),
}

fn opening_hint(error: &netlink::Error) -> &'static str {
    match error {
        netlink::Error::NoFamily(_) => {
            "; its module ip_vs is not there. Install the package with the kernel's further \
             modules (linux-modules-extra-… on Ubuntu, kernel-modules-core on Fedora), then try: \
             modprobe ip_vs"
        }
        other => privilege_hint(other),
    }
}

fn privilege_hint(error: &netlink::Error) -> &'static str {
    match error.errno() {
        Some(libc::EPERM) => {
            "; IPVS needs the capability CAP_NET_ADMIN in the initial user namespace, or in the one \
             that owns this network namespace: run it as root"
        }
        _ => "",
    }
}

fn change_hint(change: &Change<Key, Value>, error: &netlink::Error) -> String {
    match (&change.to, error.errno()) {
        (Some(Value::Service(service)), Some(libc::ENOENT)) => format!(
            "; the kernel has no scheduler {0}: check its name, or install the module ip_vs_{0}",
            service.scheduler
        ),
        (Some(Value::Destination(_)), Some(libc::EINVAL)) => {
            "; the real server's address must be a unicast address that this machine has a route to"
                .to_owned()
        }
        (Some(Value::Daemon(_)), Some(errno)) => {
            daemon_hint(errno).unwrap_or_else(|| privilege_hint(error)).to_owned()
        }
        _ => privilege_hint(error).to_owned(),
    }
}

/// Why a synchronization daemon does not start: `start_sync_thread` in net/netfilter/ipvs/ip_vs_sync.c,
/// and for the families `mixed_address_family_dests` in ip_vs_ctl.c.
const fn daemon_hint(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ENODEV => Some("; there is no such interface: see `ip link`"),
        libc::EADDRNOTAVAIL => Some("; the interface has no address to send from: assign one"),
        libc::EINVAL => Some(
            "; the kernel starts none while a real server is of another address family than its \
             service: see `ipvsadm -Ln`",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::ipvs::{Daemon, DaemonState, Destination, Forwarding, Service, ServiceIdentity};

    #[test]
    fn refused_change_names_its_cure() {
        let refused = |key, from, to, errno| {
            let source = netlink::Error::refused(errno, None);
            Error::Change { change: Box::new(Change { key, from, to }), source }.to_string()
        };
        let identity = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80);
        let service = Value::from(Service::new(identity, "xyz"));
        let add = refused(Key::Service(identity), None, Some(service.clone()), libc::ENOENT);
        assert!(add.starts_with("ipvsadm -A ") && add.contains("module ip_vs_xyz"), "{add}");
        let server = Destination::new(Ipv4Addr::new(198, 51, 100, 2), 80, Forwarding::Tunnel);
        let key = Key::of(identity, &server);
        let add = refused(key, None, Some(Value::Destination(server)), libc::EINVAL);
        assert!(add.contains("unicast"), "{add}");
        let daemon = |errno| {
            let daemon = Daemon::new(DaemonState::Master, "eth0", 1);
            refused(Key::Daemon(DaemonState::Master), None, Some(daemon.into()), errno)
        };
        assert!(daemon(libc::EINVAL).contains("another address family"));
        assert!(daemon(libc::EPERM).contains("CAP_NET_ADMIN"));
        let delete = refused(Key::Service(identity), Some(service), None, libc::EPERM);
        assert!(delete.contains("CAP_NET_ADMIN"));
        let source = netlink::Error::NoFamily("IPVS".to_owned());
        assert!(Error::Open { source }.to_string().contains("modprobe ip_vs"));
    }
}
