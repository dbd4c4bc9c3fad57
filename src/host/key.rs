//! The keys of a machine's state, and the shell command of each change.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::links::FALLBACK_TUNNELS;
use super::{FullRoute, InterfaceName, Sysctl, kept, without_message};
use crate::engine::Change;
use lvs::ipvs::AddressFamily;
use lvs::table::quoted;

/// Value of an address or a route that exists.
pub const PRESENT: &str = "present";

/// Value of an interface that is up.
pub const UP: &str = "up";

/// Value of an interface that is down.
pub const DOWN: &str = "down";

/// One piece of a machine's state. Values are text: the kind of a link, [`UP`] or [`DOWN`],
/// [`PRESENT`], a route, or the content of a sysctl's file. Where `ip` syntax cannot express all
/// attributes, the kernel's message follows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Key {
    /// A network interface; its value is its kind, as in `ip -d link`, with the options of a
    /// bond ([`BondMode::value`](super::BondMode::value)) or of a tunnel endpoint.
    Link(InterfaceName),
    /// Whether an interface is up; a missing one is neither up nor down.
    LinkUp(InterfaceName),
    /// The bond or bridge of a port; its value is the name.
    Port(InterfaceName),
    /// The MTU of an interface, in bytes.
    Mtu(InterfaceName),
    /// A FOU/GUE receive port; its value is `gue`.
    FouPort {
        /// The UDP port.
        port: u16,
        /// The family of the outer packets.
        family: AddressFamily,
    },
    /// An address of an interface. It may be written with a value of [`Key::FullAddress`] too.
    Address {
        /// The address.
        address: IpAddr,
        /// Length of its prefix in bits.
        prefix: u8,
        /// The interface that has it.
        device: InterfaceName,
    },
    /// An address with all its attributes: label, scope, lifetimes and so on.
    #[serde(rename = "whole-address")]
    FullAddress {
        /// The address.
        address: IpAddr,
        /// Length of its prefix in bits.
        prefix: u8,
        /// The interface that has it.
        device: InterfaceName,
    },
    /// A route with all its attributes.
    #[serde(rename = "whole-route")]
    FullRoute(FullRoute),
    /// A policy rule `from SOURCE lookup TABLE`.
    Rule {
        /// The source.
        source: IpAddr,
        /// The number of the table.
        table: u32,
        /// Smaller is matched first.
        priority: u32,
    },
    /// A route of the main table without a gateway, of scope link.
    Route {
        /// The destination.
        destination: IpAddr,
        /// Length of the prefix in bits.
        prefix: u8,
        /// The output interface.
        device: InterfaceName,
    },
    /// The default route of the smallest metric, 0 for IPv4 and 1 for IPv6; its value is that of
    /// `Key::through`.
    DefaultRoute(AddressFamily),
    /// The MSS that the default route of a metric announces (`advmss`). A route that somebody
    /// replaced has none, so that nothing is to be put back.
    DefaultRouteMss {
        /// The family of the route.
        family: AddressFamily,
        /// Its metric.
        metric: u32,
    },
    /// A kernel parameter.
    Sysctl(Sysctl),
}

impl Key {
    /// Value of a default route through a gateway.
    pub(crate) fn through(gateway: IpAddr, device: &InterfaceName) -> String {
        format!("via {gateway} dev {device}")
    }

    /// The interface without which the key cannot have a value.
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
            | Self::DefaultRouteMss { .. }
            | Self::Sysctl(_) => None,
        }
    }

    /// The interface that it is about.
    pub(super) fn interface(&self) -> Option<InterfaceName> {
        match self {
            Self::Link(name) => Some(name.clone()),
            Self::Sysctl(sysctl) => sysctl.interface(),
            _ => self.device().cloned(),
        }
    }

    /// The same of an interface that has another name.
    pub(super) fn on(&self, name: &InterfaceName) -> Self {
        let mut key = self.clone();
        match &mut key {
            Self::Link(device)
            | Self::LinkUp(device)
            | Self::Port(device)
            | Self::Mtu(device)
            | Self::Address { device, .. }
            | Self::FullAddress { device, .. }
            | Self::FullRoute(FullRoute { device, .. })
            | Self::Route { device, .. } => device.clone_from(name),
            Self::Sysctl(sysctl) => *sysctl = sysctl.on(name),
            Self::FouPort { .. }
            | Self::Rule { .. }
            | Self::DefaultRoute(_)
            | Self::DefaultRouteMss { .. } => {}
        }
        key
    }

    /// The change as a shell command.
    #[must_use]
    pub fn command(change: &Change<Self, String>) -> String {
        let to = change.to.as_deref();
        let verb = if to.is_some() { "add" } else { "del" };
        match &change.key {
            // Loading the module makes the interface, so that `ip link add` would fail.
            Self::Link(name) => match (to, fallback_module(name, to)) {
                (_, Some(module)) => format!("modprobe {module}"),
                (Some(kind), _) if change.from.is_some() => {
                    format!("ip link set {name:#} type {kind}")
                }
                (Some(kind), _) => format!("ip link add {name:#} type {kind}"),
                (None, _) => format!("ip link del {name:#}"),
            },
            Self::LinkUp(name) => format!("ip link set {name:#} {}", to.unwrap_or(DOWN)),
            Self::Port(name) => match to {
                Some(master) => {
                    let master = quoted(master);
                    format!("ip link set {name:#} down && ip link set {name:#} master {master}")
                }
                None => format!("ip link set {name:#} nomaster"),
            },
            Self::FouPort { port, family } => {
                let ip = match family {
                    AddressFamily::Ipv4 => "ip",
                    AddressFamily::Ipv6 => "ip -6",
                };
                // `ip fou` does not make the kernel load the module.
                match to {
                    Some(kind) => format!("modprobe fou && {ip} fou add port {port} {kind}"),
                    None => format!("{ip} fou del port {port}"),
                }
            }
            Self::Mtu(name) => format!("ip link set {name:#} mtu {}", to.unwrap_or_default()),
            Self::Address { address, prefix, device }
            | Self::FullAddress { address, prefix, device } => {
                let options = match (address, to) {
                    (_, Some(to)) if to != PRESENT => format!(" {}", without_message(to)),
                    (IpAddr::V6(_), Some(_)) => " preferred_lft 0 nodad".to_owned(),
                    (_, None) => peer(change.from.as_deref()),
                    _ => String::new(),
                };
                format!("ip address {verb} {address}/{prefix} dev {device:#}{options}")
            }
            Self::Rule { source, table, priority } => {
                let ip = if source.is_ipv4() { "ip" } else { "ip -6" };
                format!("{ip} rule {verb} from {source} lookup {table} priority {priority}")
            }
            Self::FullRoute(route) => {
                let verb = if change.from.is_some() && to.is_some() { "replace" } else { verb };
                let options =
                    to.map(|to| format!(" {}", words(without_message(to)))).unwrap_or_default();
                let (ip, words, device) = (route.ip(), route.words(), &route.device);
                format!("{ip} route {verb} {words} dev {device:#}{options}")
            }
            Self::Route { destination, prefix, device } => {
                format!("ip route {verb} {destination}/{prefix} dev {device:#} scope link")
            }
            Self::DefaultRoute(family) => {
                let (ip, metric) = match family {
                    AddressFamily::Ipv4 => ("ip", ""),
                    AddressFamily::Ipv6 => ("ip -6", " metric 1"),
                };
                match to {
                    Some(to) => match kept::route_words(to) {
                        Some(words) => format!("{ip} route replace {}", self::words(&words)),
                        None => format!("{ip} route replace default {}{metric}", self::words(to)),
                    },
                    None => format!("{ip} route del default{metric}"),
                }
            }
            Self::DefaultRouteMss { family, metric } => {
                let ip = match family {
                    AddressFamily::Ipv4 => "ip",
                    AddressFamily::Ipv6 => "ip -6",
                };
                let mss = to.map(|to| format!(" advmss {to}")).unwrap_or_default();
                format!(
                    "{ip} route replace $({ip} route show default metric {metric} | \
                     sed 's/ advmss [0-9]*//;q'){mss}"
                )
            }
            Self::Sysctl(sysctl) => {
                let path = sysctl.path().to_string();
                format!("echo {} > {}", words(to.unwrap_or_default()), quoted(&path))
            }
        }
    }
}

/// The words of a value, each quoted for a shell: a name in it has no blanks.
fn words(value: &str) -> String {
    value.split_ascii_whitespace().map(quoted).collect::<Vec<_>>().join(" ")
}

/// The module that makes this interface of that kind.
fn fallback_module(name: &InterfaceName, kind: Option<&str>) -> Option<&'static str> {
    let mut tunnels = FALLBACK_TUNNELS.iter();
    let found = tunnels.find(|it| (it.name, Some(it.kind.name())) == (name.as_str(), kind));
    found.map(|tunnel| tunnel.module)
}

/// The kernel does not find an address that has a peer without it.
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
            Self::DefaultRouteMss { family, metric } => {
                write!(f, "advmss of {}", Self::DefaultRoute(*family))?;
                if *metric == 0 { Ok(()) } else { write!(f, " metric {metric}") }
            }
            Self::Sysctl(sysctl) => write!(f, "{sysctl}"),
        }
    }
}
