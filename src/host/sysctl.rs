//! Network sysctls: files under `/proc/sys/net`.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::{Error, InterfaceName};
use lvs::ipvs::AddressFamily;

/// Longer values are cut; those of the network are a few numbers.
const LONGEST_VALUE: u64 = 4096;

/// A network sysctl, by its path under `/proc/sys`.
///
/// The parts are separated by slashes, never by dots: an interface may be called `eth0.100`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sysctl(String);

/// A path that is not that of a network sysctl.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network sysctl: net/…, parts separated by slashes, none of them ..")]
pub struct InvalidSysctl(String);

impl Sysctl {
    /// `net/ipv4/conf/INTERFACE/NAME`: an IPv4 parameter of an interface.
    pub fn of_interface(interface: &InterfaceName, name: &'static str) -> Self {
        Self(format!("net/ipv4/conf/{interface}/{name}"))
    }

    /// `net/ipv4/conf/all/NAME`: the value combined with that of each interface.
    pub fn of_all_interfaces(name: &'static str) -> Self {
        Self(format!("net/ipv4/conf/all/{name}"))
    }

    /// `net/ipv4/conf/default/NAME`: the initial value of new interfaces.
    pub(crate) fn of_default(name: &'static str) -> Self {
        Self(format!("net/ipv4/conf/default/{name}"))
    }

    /// `net/ipv4/vs/NAME`: a parameter of IPVS.
    pub(crate) fn of_ipvs(name: &'static str) -> Self {
        Self(format!("net/ipv4/vs/{name}"))
    }

    /// `net/netfilter/nf_conntrack_NAME`: a parameter of connection tracking.
    pub(crate) fn of_conntrack(name: &'static str) -> Self {
        Self(format!("net/netfilter/nf_conntrack_{name}"))
    }

    /// `net/ipv6/conf/INTERFACE/NAME`: an IPv6 parameter of an interface.
    pub(crate) fn of_interface_ipv6(interface: &InterfaceName, name: &'static str) -> Self {
        Self(format!("net/ipv6/conf/{interface}/{name}"))
    }

    /// The interface; `None` for `all`, `default`, and parameters of no interface.
    pub(crate) fn interface(&self) -> Option<InterfaceName> {
        let mut parts = self.0.split('/').skip(2);
        let name = (parts.next() == Some("conf")).then(|| parts.next()).flatten()?;
        if matches!(name, "all" | "default") { None } else { name.parse().ok() }
    }

    /// The same parameter of an interface that has another name.
    pub(super) fn on(&self, name: &InterfaceName) -> Self {
        let renamed = self.interface().map(|interface| {
            Self(self.0.replacen(&format!("/{interface}/"), &format!("/{name}/"), 1))
        });
        renamed.unwrap_or_else(|| self.clone())
    }

    /// The `default` parameter whose value a new interface gets, for a parameter of an interface.
    pub(crate) fn inherited(&self) -> Option<Self> {
        let interface = self.interface()?;
        Some(Self(self.0.replacen(&format!("/{interface}/"), "/default/", 1)))
    }

    /// Forwarding between all interfaces: `net/ipv4/ip_forward` or
    /// `net/ipv6/conf/all/forwarding`.
    pub(crate) fn forwarding(family: AddressFamily) -> Self {
        Self(forwarding(family).to_owned())
    }

    /// The parameters that the kernel changes by itself when this one is set to `value`, with their
    /// new values, on a machine with these interfaces.
    ///
    /// Seen on Linux 6.1, and as `ip-sysctl` says of `ip_forward`: switching the forwarding of a
    /// machine switches that of every interface and of new ones; for IPv4 a router then ignores
    /// redirects, and a host accepts them.
    pub(super) fn side_effects(
        &self,
        value: &str,
        interfaces: &[InterfaceName],
    ) -> Vec<(Self, String)> {
        let family = match &*self.0 {
            path if path == forwarding(AddressFamily::Ipv4) => "ipv4",
            path if path == forwarding(AddressFamily::Ipv6) => "ipv6",
            _ => return Vec::new(),
        };
        let names = interfaces.iter().map(InterfaceName::as_str).chain(["default"]);
        let parameter = |name| Self(format!("net/{family}/conf/{name}/forwarding"));
        let mut all: Vec<_> = names.map(|name| (parameter(name), value.to_owned())).collect();
        if family == "ipv4" {
            let redirects = if value == "0" { "1" } else { "0" };
            all.push((Self::of_all_interfaces("accept_redirects"), redirects.to_owned()));
        }
        all
    }

    /// The interface, or `all`, and the name of an IPv4 parameter of interfaces.
    pub(crate) fn parameter(&self) -> Option<(&str, &str)> {
        self.0.strip_prefix("net/ipv4/conf/")?.split_once('/')
    }

    /// The file under `/proc/sys`.
    pub fn path(&self) -> String {
        format!("/proc/sys/{}", self.0)
    }

    /// The actual value without its line end; `None` if there is no such parameter, as for a missing
    /// interface.
    pub(super) fn read(&self) -> Result<Option<String>, Error> {
        let mut value = String::new();
        let read = match File::open(self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(error),
            Ok(file) => file.take(LONGEST_VALUE).read_to_string(&mut value),
        };
        match read {
            Ok(_) => Ok(Some(value.trim_end().to_owned())),
            Err(source) => Err(self.error("read", source)),
        }
    }

    pub(super) fn write(&self, value: &str) -> Result<(), Error> {
        tracing::debug!(target: "sysctl", "write {value:?} to {}", self.path());
        File::options()
            .write(true)
            .open(self.path())
            .and_then(|mut file| file.write_all(format!("{value}\n").as_bytes()))
            .map_err(|source| self.error("write", source))
    }

    fn error(&self, action: &'static str, source: io::Error) -> Error {
        Error::Sysctl { action, path: self.path(), source }
    }
}

const fn forwarding(family: AddressFamily) -> &'static str {
    match family {
        AddressFamily::Ipv4 => "net/ipv4/ip_forward",
        AddressFamily::Ipv6 => "net/ipv6/conf/all/forwarding",
    }
}

impl TryFrom<String> for Sysctl {
    type Error = InvalidSysctl;

    fn try_from(path: String) -> Result<Self, InvalidSysctl> {
        // A part may be any name that an interface can have, with control characters, too.
        let forbidden = |byte| matches!(byte, 0 | b'\t'..=b'\r');
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.bytes().any(forbidden);
        let mut parts = path.split('/');
        if parts.next() == Some("net") && parts.clone().count() > 0 && parts.all(plain) {
            Ok(Self(path))
        } else {
            Err(InvalidSysctl(path))
        }
    }
}

impl From<Sysctl> for String {
    fn from(sysctl: Sysctl) -> Self {
        sysctl.0
    }
}

impl fmt::Display for Sysctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A parameter of IPVS (`net.ipv4.vs`), and the values that the kernel accepts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IpvsParameter {
    pub(crate) name: &'static str,
    pub(crate) least: i64,
    pub(crate) most: i64,
    /// The first kernel that has it.
    pub(crate) since: &'static str,
}

const fn flag(name: &'static str, since: &'static str) -> IpvsParameter {
    number(name, 0, 1, since)
}

const fn number(name: &'static str, least: i64, most: i64, since: &'static str) -> IpvsParameter {
    IpvsParameter { name, least, most, since }
}

/// `Documentation/networking/ipvs-sysctl.rst` of the kernel. [`SYNC_THRESHOLD`] is not a
/// number, nor is `est_cpulist`.
pub(crate) const IPVS_PARAMETERS: [IpvsParameter; 30] = [
    number("am_droprate", 1, i32::MAX as i64, "2.6"),
    number("amemthresh", 0, i32::MAX as i64, "2.6"),
    flag("backup_only", "3.9"),
    flag("cache_bypass", "2.6"),
    number("conn_lfactor", -8, 8, "7.1"),
    number("conn_max", 0, i32::MAX as i64, "7.1"),
    number("conn_reuse_mode", 0, 3, "4.1"),
    flag("conntrack", "2.6.37"),
    number("drop_entry", 0, 3, "2.6"),
    number("drop_packet", 0, 3, "2.6"),
    number("est_nice", -20, 19, "6.2"),
    flag("expire_nodest_conn", "2.6"),
    flag("expire_quiescent_template", "2.6"),
    flag("ignore_tunneled", "4.4"),
    flag("nat_icmp_send", "2.6"),
    flag("pmtu_disc", "3.7"),
    flag("run_estimation", "5.16"),
    flag("schedule_icmp", "4.4"),
    number("secure_tcp", 0, 3, "2.6"),
    flag("sloppy_sctp", "3.11"),
    flag("sloppy_tcp", "3.11"),
    flag("snat_reroute", "2.6.37"),
    number("svc_lfactor", -8, 8, "7.1"),
    flag("sync_persist_mode", "3.11"),
    number("sync_ports", 1, 64, "3.5"),
    number("sync_qlen_max", 0, i32::MAX as i64, "3.5"),
    number("sync_refresh_period", 0, i32::MAX as i64, "3.5"),
    number("sync_retries", 0, 3, "3.5"),
    number("sync_sock_size", 0, i32::MAX as i64, "3.5"),
    flag("sync_version", "2.6.39"),
];

/// It has two values: the packet of a connection with which it is synchronized, and after how many
/// packets it is again.
pub(crate) const SYNC_THRESHOLD: &str = "sync_threshold";

/// The first kernel that has a parameter, by the name of its sysctl: `net/ipv4/vs/NAME`.
pub(crate) fn first_kernel(path: &str) -> Option<&'static str> {
    let name = path.strip_prefix("net/ipv4/vs/")?;
    Some(IPVS_PARAMETERS.iter().find(|it| it.name == name)?.since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysctl_outside_net_is_refused() {
        let bad = [
            "",
            "net",
            "net/",
            "/net/ipv4",
            "kernel/modprobe",
            "net/../kernel/modprobe",
            "net/ipv4/conf/./x",
            "net//ipv4",
            "net/ipv4/a\0b",
            "net.ipv4.ip_forward",
        ];
        for path in bad {
            assert!(Sysctl::try_from(path.to_owned()).is_err(), "{path:?}");
        }
        assert!(Sysctl::try_from("net/ipv4/conf/eth0.100/rp_filter".to_owned()).is_ok());
    }

    #[test]
    fn sysctl_path_keeps_dot_of_interface_name() {
        let interface = "eth0.100".parse().unwrap();
        let sysctl = Sysctl::of_interface(&interface, "arp_ignore");
        assert_eq!(sysctl.path(), "/proc/sys/net/ipv4/conf/eth0.100/arp_ignore");
    }

    #[test]
    fn inherited_sysctl_of_interface_is_default() {
        let said = |path: &str| {
            let sysctl = Sysctl::try_from(path.to_owned()).unwrap();
            (sysctl.interface().map(String::from), sysctl.inherited().map(String::from))
        };
        let inherited = "net/ipv4/conf/default/rp_filter".to_owned();
        assert_eq!(
            said("net/ipv4/conf/eth0.100/rp_filter"),
            (Some("eth0.100".to_owned()), Some(inherited))
        );
        for path in ["net/ipv4/conf/all/rp_filter", "net/ipv4/ip_forward", "net/ipv4/vs/conntrack"]
        {
            assert_eq!(said(path), (None, None), "{path}");
        }
    }

    #[test]
    fn forwarding_has_side_effects() {
        let interfaces = ["eth0".parse().unwrap()];
        let of = |sysctl: &Sysctl, value| {
            let all = sysctl.side_effects(value, &interfaces).into_iter();
            all.map(|(sysctl, value)| format!("{sysctl}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(
            of(&Sysctl::forwarding(AddressFamily::Ipv4), "1"),
            [
                "net/ipv4/conf/eth0/forwarding=1",
                "net/ipv4/conf/default/forwarding=1",
                "net/ipv4/conf/all/accept_redirects=0",
            ]
        );
        assert_eq!(
            of(&Sysctl::forwarding(AddressFamily::Ipv6), "0"),
            ["net/ipv6/conf/eth0/forwarding=0", "net/ipv6/conf/default/forwarding=0"]
        );
        assert!(of(&Sysctl::of_all_interfaces("rp_filter"), "1").is_empty());
    }

    #[test]
    fn missing_sysctl_is_absent_and_write_fails() {
        let missing = Sysctl("net/ipv4/conf/no-such-device/arp_ignore".to_owned());
        assert!(missing.read().unwrap().is_none());
        let message = missing.write("1").unwrap_err().to_string();
        assert!(message.contains("/proc/sys/net/ipv4/conf/no-such-device/arp_ignore"), "{message}");
    }
}
