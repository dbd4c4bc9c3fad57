//! What can go wrong with this machine's network.

use std::io;

use lvs::netlink;

/// The network of this machine cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No conversation with the kernel.
    #[error("cannot talk to the kernel over route netlink: {0}")]
    Start(io::Error),
    /// The kernel refused.
    #[error("{what}: {}{}", io::Error::from_raw_os_error(*errno), hint(*errno, what))]
    Refused {
        /// What was asked for, as a command or a question.
        what: String,
        /// Positive error number (`errno.h`).
        errno: i32,
    },
    /// The kernel's answer cannot be understood.
    #[error("{what}: {reason}")]
    Garbled {
        /// What was asked for.
        what: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// No answer.
    #[error("{what}: no answer from the kernel within {seconds} seconds")]
    TimedOut {
        /// What was asked for.
        what: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// There is an interface of that name, but it is of another kind.
    #[error("interface {name} is of kind {found}, not {desired}: rename or remove it first")]
    OtherKind {
        /// Its name.
        name: String,
        /// Its kind.
        found: String,
        /// The kind that is needed.
        desired: String,
    },
    /// It is a port of another interface.
    #[error("{port} is a port of {found} already; release it first: ip link set {port} nomaster")]
    OtherMaster {
        /// The port.
        port: String,
        /// Whose it is.
        found: String,
    },
    /// A route leads through other interfaces too, or is one of an `ip nexthop` object.
    #[error(
        "{0} has several ways, or one by a nexthop object: it cannot be taken from one interface \
         alone and put back. Remove it, or make it a route with one way"
    )]
    SharedRoute(String),
    /// A file under `/proc/sys`.
    #[error("cannot {action} {path}: {source}{}", sysctl_hint(source))]
    Sysctl {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// There is no such interface (any more).
    #[error("there is no interface {0}")]
    NoInterface(String),
}

impl Error {
    /// Of a conversation over generic netlink.
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

/// Cause and cure, where the number alone does not tell them.
fn hint(errno: i32, what: &str) -> &'static str {
    match errno {
        libc::EPERM => "; it takes the capability CAP_NET_ADMIN: run it as root",
        libc::EOPNOTSUPP if what.contains("ipip") => {
            "; the kernel has no IP-in-IP tunnels: its module ipip is not there. Install the \
             package with the kernel's further modules (linux-modules-extra-… on Ubuntu, \
             kernel-modules-extra on Fedora), then try: modprobe ipip"
        }
        libc::EOPNOTSUPP if what.contains("ip6_tunnel") => {
            "; the kernel has no tunnels over IPv6: its module ip6_tunnel is not there. Install \
             the package with the kernel's further modules (linux-modules-extra-… on Ubuntu, \
             kernel-modules-extra on Fedora), then try: modprobe ip6_tunnel"
        }
        libc::EOPNOTSUPP if what.contains(" fou ") => {
            "; the kernel has no GUE: its module fou is not there. Install the package with the \
             kernel's further modules, then try: modprobe fou"
        }
        libc::EALREADY | libc::EADDRINUSE if what.contains(" fou ") => {
            "; the port is in use: see `ip fou show` and `ss -ulnp`"
        }
        libc::EOPNOTSUPP if what.contains("modprobe sit") => {
            "; the kernel has no tunnels for IPv6 over IPv4: its module sit is not there. Install \
             the package with the kernel's further modules, then try: modprobe sit"
        }
        libc::EOPNOTSUPP if what.contains("gre") => {
            "; the kernel has no GRE: its modules ip_gre and ip6_gre are not there. Install the \
             package with the kernel's further modules, then try: modprobe -a ip_gre ip6_gre"
        }
        libc::EOPNOTSUPP if what.contains("type bond") => {
            "; the kernel has no bonds: its module bonding is not there. Install the package with \
             the kernel's further modules, then try: modprobe bonding"
        }
        libc::ENOTEMPTY if what.contains("type bond") => {
            "; it has ports, and is in another mode: release them first (ip link set PORT nomaster)"
        }
        libc::EBUSY if what.contains("type bond") => {
            "; it is up, and in another mode: set it down first"
        }
        libc::EEXIST if what.starts_with("ip route") => {
            "; another route leads there: see `ip route show`, and remove it first"
        }
        _ => "",
    }
}

fn sysctl_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; run it as root",
        io::ErrorKind::ReadOnlyFilesystem => {
            "; /proc/sys is mounted read-only, as containers have it: set it on the host, or start \
             the container with it writable"
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
    fn errors_say_how_to_mend_it() {
        assert!(refused("ip link set tunl0 up", libc::EPERM).contains("CAP_NET_ADMIN"));
        assert!(refused("modprobe ipip", libc::EOPNOTSUPP).contains("linux-modules-extra"));
        assert!(refused("ip route add 192.0.2.1/32", libc::EEXIST).contains("ip route show"));
    }
}
