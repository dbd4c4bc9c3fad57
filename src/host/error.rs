//! What can go wrong with this machine's network.

use std::io;

use super::state::Failure;
use lvs::netlink::{self, reason};

/// The network of this machine cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Error {
    /// There is no route netlink socket.
    #[error("cannot open a route netlink socket: {}", reason(.0))]
    Start(io::Error),
    /// The kernel refused the command or the dump `what`.
    #[error("{what}: {}{}", reason(&io::Error::from_raw_os_error(*errno)), hint(*errno, what))]
    Refused { what: String, errno: i32 },
    /// The kernel's reply is malformed.
    #[error("{what}: {reason}")]
    Garbled { what: String, reason: String },
    /// The kernel did not reply in time.
    #[error("{what}: no reply from the kernel within {seconds} seconds")]
    TimedOut { what: String, seconds: u64 },
    /// An interface of that name exists, and is of another kind.
    #[error("interface {name} is of kind {actual}, not {desired}: rename or remove it first")]
    OtherKind { name: String, actual: String, desired: String },
    /// An interface is a port of another bond or bridge already.
    #[error("{port} is already a port of {actual}; release it first: ip link set {port} nomaster")]
    OtherMaster { port: String, actual: String },
    /// A route has several next hops, or uses an `ip nexthop` object.
    #[error(
        "{0} has several next hops, or uses a nexthop object: it cannot be moved from one interface \
         and put back. Remove it, or replace it by a route with one next hop"
    )]
    SharedRoute(String),
    /// A file under `/proc/sys` cannot be read or written.
    #[error("cannot {action} {path}: {}{}", reason(source), sysctl_hint(source))]
    Sysctl { action: &'static str, path: String, source: io::Error },
    /// Packets cannot be sent or received.
    #[error("cannot send probes: {}{}", reason(.0), raw_socket_hint(.0))]
    Probe(io::Error),
    /// There is no such interface (any more).
    #[error("interface {0} does not exist")]
    NoInterface(String),
}

impl Error {
    /// An error of generic netlink.
    pub(super) fn generic(what: String, error: netlink::Error) -> Self {
        match error {
            netlink::Error::Refused { errno, .. } => Self::Refused { what, errno },
            netlink::Error::NoFamily(_) => Self::Refused { what, errno: libc::EOPNOTSUPP },
            netlink::Error::Socket(error) => Self::Start(error),
            netlink::Error::TimedOut(seconds) => Self::TimedOut { what, seconds },
            other => Self::Garbled { what, reason: other.to_string() },
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::generic(format!("reading {}", failure.what), failure.error)
    }
}

fn raw_socket_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; CAP_NET_RAW is needed: run it as root",
        _ => "",
    }
}

/// Cause and cure, where the error number alone does not say them.
fn hint(errno: i32, what: &str) -> &'static str {
    match errno {
        libc::EPERM => "; CAP_NET_ADMIN is needed: run it as root",
        libc::EOPNOTSUPP if what.contains("ipip") => {
            "; the kernel module ipip is missing (IP-in-IP tunnels). Install the package with the \
             extra kernel modules (linux-modules-extra-… on Ubuntu, kernel-modules-extra on \
             Fedora), then try: modprobe ipip"
        }
        libc::EOPNOTSUPP if what.contains("ip6_tunnel") => {
            "; the kernel module ip6_tunnel is missing (tunnels over IPv6). Install the package \
             with the extra kernel modules (linux-modules-extra-… on Ubuntu, kernel-modules-extra \
             on Fedora), then try: modprobe ip6_tunnel"
        }
        libc::EOPNOTSUPP if what.contains(" fou ") => {
            "; the kernel module fou is missing (GUE). Install the package with the extra kernel \
             modules, then try: modprobe fou"
        }
        libc::EALREADY | libc::EADDRINUSE if what.contains(" fou ") => {
            "; the port is in use: see `ip fou show` and `ss -ulnp`"
        }
        libc::EOPNOTSUPP if what.contains("modprobe sit") => {
            "; the kernel module sit is missing (tunnels for IPv6 over IPv4). Install the package \
             with the extra kernel modules, then try: modprobe sit"
        }
        libc::EOPNOTSUPP if what.contains("gre") => {
            "; the kernel modules ip_gre and ip6_gre are missing (GRE). Install the package with \
             the extra kernel modules, then try: modprobe -a ip_gre ip6_gre"
        }
        libc::EOPNOTSUPP if what.contains("type bond") => {
            "; the kernel module bonding is missing (bonds). Install the package with the extra \
             kernel modules, then try: modprobe bonding"
        }
        libc::ENOTEMPTY if what.contains("type bond") => {
            "; it has ports, and is in another mode: release them first (ip link set PORT nomaster)"
        }
        libc::EBUSY if what.contains("type bond") => {
            "; it is up, and in another mode: set it down first"
        }
        libc::EACCES if what.starts_with("ip address add") => {
            "; IPv6 is disabled on that interface: set net.ipv6.conf.INTERFACE.disable_ipv6 to 0"
        }
        libc::ENETUNREACH if what.starts_with("ip route") => {
            "; the gateway is not on a network of that interface: give it an address there, or name \
             the interface that has one (of a bridge or bond, not its port)"
        }
        libc::EEXIST if what.starts_with("ip route") => {
            "; another route to this destination exists: see `ip route show`, and remove it first"
        }
        _ => "",
    }
}

fn sysctl_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; run it as root",
        io::ErrorKind::ReadOnlyFilesystem => {
            "; /proc/sys is mounted read-only, as in containers: set it on the host, or start the \
             container with a writable /proc/sys"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(what: &str, errno: i32) -> String {
        let what = what.to_owned();
        Error::Refused { what, errno }.to_string()
    }

    #[test]
    fn refused_request_has_a_hint() {
        assert!(refused("ip link set tunl0 up", libc::EPERM).contains("CAP_NET_ADMIN"));
        assert!(refused("modprobe ipip", libc::EOPNOTSUPP).contains("linux-modules-extra"));
        assert!(refused("ip route add 192.0.2.1/32", libc::EEXIST).contains("ip route show"));
    }
}
