//! What can go wrong with the table.

use crate::netlink;

/// The table cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No conversation with IPVS.
    #[error("cannot open IPVS: {source}{}", opening_hint(source))]
    Open {
        /// Why not.
        source: netlink::Error,
    },
    /// The table cannot be listed.
    #[error("cannot list the IPVS table: {source}{}", privilege_hint(source))]
    List {
        /// Why not.
        source: netlink::Error,
    },
    /// A change was refused.
    #[error("{command}: {source}{}", change_hint(command, scheduler, source))]
    Change {
        /// The change, as it would be typed.
        command: String,
        /// The scheduler, where a service is set.
        scheduler: String,
        /// Why not.
        source: netlink::Error,
    },
    /// Two readings never agreed.
    #[error(
        "the IPVS table keeps changing while it is read, so that nothing was removed on the strength \
         of it: does another program manage it?"
    )]
    Unsettled,
    /// A key with the value of another.
    #[error("{0} cannot have that value")]
    Mismatch(String),
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
            "; IPVS takes the capability CAP_NET_ADMIN, of the host and not of a container's user \
             namespace: run it as root"
        }
        _ => "",
    }
}

fn change_hint(command: &str, scheduler: &str, error: &netlink::Error) -> String {
    let of_destination = command.starts_with("ipvsadm -a") || command.starts_with("ipvsadm -e");
    match error.errno() {
        Some(libc::ENOENT) if !scheduler.is_empty() => format!(
            "; the kernel has no scheduler {scheduler}: check its name, or install the module \
             ip_vs_{scheduler}"
        ),
        Some(libc::EINVAL) if of_destination => {
            "; the real server's address must be a unicast address that this machine has a route to"
                .to_owned()
        }
        Some(errno) if command.starts_with("ipvsadm --start-daemon") => {
            daemon_hint(errno).unwrap_or_else(|| privilege_hint(error)).to_owned()
        }
        _ => privilege_hint(error).to_owned(),
    }
}

/// Why no synchronization daemon starts (`start_sync_thread` in net/netfilter/ipvs/ip_vs_sync.c; the
/// families: `mixed_address_family_dests` in ip_vs_ctl.c).
const fn daemon_hint(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ENODEV => Some("; there is no such interface here: `ip link` lists those there are"),
        libc::EADDRNOTAVAIL => Some("; that interface has no address to send from: give it one"),
        libc::EINVAL => Some(
            "; the kernel runs none while a real server is of another address family than its \
             service: `ipvsadm -Ln` shows which",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(command: &str, scheduler: &str, errno: i32) -> String {
        let source = netlink::Error::refused(errno, None);
        let (command, scheduler) = (command.to_owned(), scheduler.to_owned());
        Error::Change { command, scheduler, source }.to_string()
    }

    #[test]
    fn errors_say_how_to_mend_it() {
        assert!(refused("ipvsadm -A", "xyz", libc::ENOENT).contains("module ip_vs_xyz"));
        assert!(refused("ipvsadm -a", "", libc::EINVAL).contains("unicast"));
        let daemon = |errno| refused("ipvsadm --start-daemon master", "", errno);
        assert!(daemon(libc::EINVAL).contains("another address family"));
        assert!(daemon(libc::EPERM).contains("CAP_NET_ADMIN"));
        assert!(refused("ipvsadm -D", "", libc::EPERM).contains("CAP_NET_ADMIN"));
        let source = netlink::Error::NoFamily("IPVS".to_owned());
        assert!(Error::Open { source }.to_string().contains("modprobe ip_vs"));
    }
}
