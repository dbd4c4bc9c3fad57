//! What of a machine can be read and written, and how a person would write it.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::link::FALLBACK_TUNNELS;
use super::{FullRoute, InterfaceName, Sysctl, message};
use crate::engine::Change;
use lvs::ipvs::AddressFamily;

/// Value of an address or a route that exists.
pub const PRESENT: &str = "present";

/// Value of an interface that is up.
pub const UP: &str = "up";

/// Value of an interface that is down.
pub const DOWN: &str = "down";

/// One thing that a machine has or has not. Values are text: the kind of a link, [`UP`] or
/// [`DOWN`], [`PRESENT`], a way, or what the file of a sysctl says. Where words cannot say all, they
/// are those for people, and the kernel's message stands behind them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Key {
    /// A network interface; its value is its kind, as `ip -d link` calls it, with the options of a
    /// bond ([`BondMode::value`](super::BondMode::value)) or of a tunnel endpoint.
    Link(InterfaceName),
    /// Whether it is up; one that does not exist is neither up nor down.
    LinkUp(InterfaceName),
    /// The interface of which one is a port; its value is the name.
    Port(InterfaceName),
    /// How long the packets of an interface can be, in bytes.
    Mtu(InterfaceName),
    /// A UDP port that unpacks what comes to it; its value is `gue`.
    FouPort {
        /// Its number.
        port: u16,
        /// The family of the packets outside.
        family: AddressFamily,
    },
    /// An address of an interface. It may be given a value of [`Key::FullAddress`] too.
    Address {
        /// The address.
        address: IpAddr,
        /// Length of its prefix in bits.
        prefix: u8,
        /// The interface that has it.
        device: InterfaceName,
    },
    /// An address with all that the kernel keeps of it: label, scope, lifetimes and so on.
    #[serde(rename = "whole-address")]
    FullAddress {
        /// The address.
        address: IpAddr,
        /// Length of its prefix in bits.
        prefix: u8,
        /// The interface that has it.
        device: InterfaceName,
    },
    /// A route with all that the kernel keeps of it.
    #[serde(rename = "whole-route")]
    FullRoute(FullRoute),
    /// A rule by which packets from a source go by another table of routes.
    Rule {
        /// The source.
        source: IpAddr,
        /// The number of the table.
        table: u32,
        /// Smaller comes first.
        priority: u32,
    },
    /// A route of the main table without a gateway, of scope link.
    Route {
        /// Where it leads.
        destination: IpAddr,
        /// Length of the prefix in bits.
        prefix: u8,
        /// The interface that it goes through.
        device: InterfaceName,
    },
    /// The default route of the smallest metric, 0 for IPv4 and 1 for IPv6; its value is as
    /// [`Key::through`] says.
    DefaultRoute(AddressFamily),
    /// A kernel parameter.
    Sysctl(Sysctl),
}

impl Key {
    /// Value of a default route through a gateway.
    pub(crate) fn through(gateway: IpAddr, device: &InterfaceName) -> String {
        format!("via {gateway} dev {device}")
    }

    /// The interface that it is about, and cannot have a value without.
    #[must_use]
    pub fn device(&self) -> Option<&InterfaceName> {
        match self {
            Self::LinkUp(device)
            | Self::Port(device)
            | Self::Mtu(device)
            | Self::Address { device, .. }
            | Self::FullAddress { device, .. }
            | Self::FullRoute(FullRoute { device, .. })
            | Self::Route { device, .. } => Some(device),
            Self::Link(_)
            | Self::FouPort { .. }
            | Self::Rule { .. }
            | Self::DefaultRoute(_)
            | Self::Sysctl(_) => None,
        }
    }

    /// The change as a shell command.
    #[must_use]
    pub fn command(change: &Change<Self, String>) -> String {
        let to = change.to.as_deref();
        let verb = if to.is_some() { "add" } else { "del" };
        match &change.key {
            // Loading the module is what makes the device; adding it by hand comes too late then.
            Self::Link(name) => match (to, fallback_module(name, to)) {
                (_, Some(module)) => format!("modprobe {module}"),
                (Some(kind), _) if change.from.is_some() => {
                    format!("ip link set {name} type {kind}")
                }
                (Some(kind), _) => format!("ip link add {name} type {kind}"),
                (None, _) => format!("ip link del {name}"),
            },
            Self::LinkUp(name) => format!("ip link set {name} {}", to.unwrap_or(DOWN)),
            Self::Port(name) => match to {
                Some(master) => {
                    format!("ip link set {name} down && ip link set {name} master {master}")
                }
                None => format!("ip link set {name} nomaster"),
            },
            Self::FouPort { port, family } => {
                let ip = match family {
                    AddressFamily::Ipv4 => "ip",
                    AddressFamily::Ipv6 => "ip -6",
                };
                // Unlike others, `ip fou` does not make the kernel load the module.
                match to {
                    Some(kind) => format!("modprobe fou && {ip} fou add port {port} {kind}"),
                    None => format!("{ip} fou del port {port}"),
                }
            }
            Self::Mtu(name) => format!("ip link set {name} mtu {}", to.unwrap_or_default()),
            Self::Address { address, prefix, device }
            | Self::FullAddress { address, prefix, device } => {
                let options = match (address, to) {
                    (_, Some(to)) if to != PRESENT => format!(" {}", message::without_message(to)),
                    (IpAddr::V6(_), Some(_)) => " preferred_lft 0 nodad".to_owned(),
                    (_, None) => peer(change.from.as_deref()),
                    _ => String::new(),
                };
                format!("ip address {verb} {address}/{prefix} dev {device}{options}")
            }
            Self::Rule { source, table, priority } => {
                let ip = if source.is_ipv4() { "ip" } else { "ip -6" };
                format!("{ip} rule {verb} from {source} lookup {table} priority {priority}")
            }
            Self::FullRoute(route) => {
                let verb = if change.from.is_some() && to.is_some() { "replace" } else { verb };
                let options =
                    to.map(|to| format!(" {}", message::without_message(to))).unwrap_or_default();
                let (ip, words, device) = (route.ip(), route.words(), &route.device);
                format!("{ip} route {verb} {words} dev {device}{options}")
            }
            Self::Route { destination, prefix, device } => {
                format!("ip route {verb} {destination}/{prefix} dev {device} scope link")
            }
            Self::DefaultRoute(family) => {
                let (ip, metric) = match family {
                    AddressFamily::Ipv4 => ("ip", ""),
                    AddressFamily::Ipv6 => ("ip -6", " metric 1"),
                };
                match to {
                    Some(to) => {
                        let words = message::without_message(to);
                        format!("{ip} route replace default {words}{metric}")
                    }
                    None => format!("{ip} route del default{metric}"),
                }
            }
            Self::Sysctl(sysctl) => {
                format!("echo {} > {}", to.unwrap_or_default(), sysctl.path())
            }
        }
    }
}

/// The module that makes a device of that kind.
fn fallback_module(name: &InterfaceName, kind: Option<&str>) -> Option<&'static str> {
    let tunnel = |it: &&(&str, &str, &str)| (it.0, Some(it.1)) == (name.as_str(), kind);
    FALLBACK_TUNNELS.iter().find(tunnel).map(|(.., module)| *module)
}

/// Without it the kernel does not find an address that has one.
fn peer(value: Option<&str>) -> String {
    let mut words = value.unwrap_or_default().split(' ').skip_while(|word| *word != "peer");
    match (words.next(), words.next()) {
        (Some(_), Some(peer)) => format!(" peer {peer}"),
        _ => String::new(),
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(name) => write!(f, "link {name}"),
            Self::LinkUp(name) => write!(f, "state of {name}"),
            Self::Port(name) => write!(f, "master of {name}"),
            Self::FouPort { port, family } => {
                let family = match family {
                    AddressFamily::Ipv4 => "",
                    AddressFamily::Ipv6 => " of IPv6",
                };
                write!(f, "UDP port {port}{family}")
            }
            Self::Mtu(name) => write!(f, "MTU of {name}"),
            Self::FullRoute(route) => route.fmt(f),
            Self::Rule { source, table, .. } => {
                write!(f, "rule from {source} lookup {table}")
            }
            Self::Address { address, prefix, device }
            | Self::FullAddress { address, prefix, device } => {
                write!(f, "address {address}/{prefix} dev {device}")
            }
            Self::Route { destination, prefix, device } => {
                write!(f, "route {destination}/{prefix} dev {device}")
            }
            Self::DefaultRoute(AddressFamily::Ipv4) => f.write_str("default route"),
            Self::DefaultRoute(AddressFamily::Ipv6) => f.write_str("default route of IPv6"),
            Self::Sysctl(sysctl) => write!(f, "{sysctl}"),
        }
    }
}
