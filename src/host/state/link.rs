//! Network interfaces.

use std::fmt;

use netlink_packet_core::DecodeError;
use serde::{Deserialize, Serialize};

use super::attributes::{attributes, text, u8, u32, u64};
use super::{Interface, LinkKind};
use crate::host::InterfaceName;

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) name: InterfaceName,
    pub(crate) index: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) alternative_names: Vec<String>,
    /// The link-layer address, such as `02:00:00:00:00:01`, where it has one.
    pub(crate) hardware: Option<String>,
    pub(crate) kind: LinkKind,
    /// Set up by the administrator.
    pub(crate) up: bool,
    pub(crate) carrier: bool,
    #[serde(default)]
    pub(crate) operational: OperationalState,
    /// Neighbours are resolved on it (neither `NOARP` nor loopback).
    pub(crate) arp: bool,
    /// The bridge or bond of the port, or the VRF.
    pub(crate) master: Option<Interface>,
    /// The interface that carries its packets, as a VLAN or a tunnel has, in this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lower: Option<Interface>,
    pub(crate) mtu: u32,
    pub(crate) receive_dropped: u64,
    pub(crate) transmit_dropped: u64,
}

impl Link {
    pub(crate) fn is_dummy(&self) -> bool {
        self.kind.name() == "dummy"
    }

    /// Whether nobody is behind it: it is a dummy interface as the kernel makes it. One with ARP stands
    /// for a NIC.
    pub(crate) fn is_silent_dummy(&self) -> bool {
        self.is_dummy() && !self.arp
    }

    /// Whether it has neighbours of a link layer, so that it is of no use with ARP turned off.
    pub(crate) fn has_neighbours(&self) -> bool {
        let of_a_link_layer = match &self.kind {
            LinkKind::Device | LinkKind::Bond(_) => true,
            LinkKind::Tunnel(_) => false,
            LinkKind::Other(kind) => {
                matches!(&**kind, "veth" | "vlan" | "bridge" | "macvlan" | "team")
            }
        };
        of_a_link_layer && self.hardware.is_some() && self.name != InterfaceName::loopback()
    }
}

/// The operational state (RFC 2863), in the words of `ip link`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum OperationalState {
    #[default]
    Unknown,
    NotPresent,
    Down,
    LowerLayerDown,
    Testing,
    Dormant,
    Up,
}

impl OperationalState {
    const ALL: [Self; 7] = [
        Self::Unknown,
        Self::NotPresent,
        Self::Down,
        Self::LowerLayerDown,
        Self::Testing,
        Self::Dormant,
        Self::Up,
    ];
}

impl fmt::Display for OperationalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "UNKNOWN",
            Self::NotPresent => "NOTPRESENT",
            Self::Down => "DOWN",
            Self::LowerLayerDown => "LOWERLAYERDOWN",
            Self::Testing => "TESTING",
            Self::Dormant => "DORMANT",
            Self::Up => "UP",
        })
    }
}

/// Length of `struct ifinfomsg`.
const HEADER: usize = 16;

// IFF_*.
const UP: u32 = 1;
const LOOPBACK: u32 = 1 << 3;
const NO_ARP: u32 = 1 << 7;
const LOWER_UP: u32 = 1 << 16;

/// Where `struct rtnl_link_stats64` has `rx_dropped` and `tx_dropped`.
const DROPPED: [usize; 2] = [6 * 8, 7 * 8];

impl Link {
    /// A link that is down and has nothing.
    pub(crate) const fn new(index: u32, name: InterfaceName) -> Self {
        Self {
            name,
            index,
            alternative_names: Vec::new(),
            hardware: None,
            kind: LinkKind::Device,
            up: false,
            carrier: false,
            operational: OperationalState::Unknown,
            arp: false,
            master: None,
            lower: None,
            mtu: 0,
            receive_dropped: 0,
            transmit_dropped: 0,
        }
    }

    /// Reads what follows the header of an `RTM_NEWLINK`. The names of master and lower link are
    /// not known yet.
    pub(crate) fn parse(message: &[u8]) -> Result<Self, DecodeError> {
        let (header, rest) = message
            .split_first_chunk::<HEADER>()
            .ok_or_else(|| DecodeError::from("a link without its header"))?;
        let [_, _, _, _, a, b, c, d, e, f, g, h, ..] = *header;
        let index = u32::from_ne_bytes([a, b, c, d]);
        let flags = u32::from_ne_bytes([e, f, g, h]);
        let mut link = Self {
            up: flags & UP != 0,
            carrier: flags & LOWER_UP != 0,
            arp: flags & (NO_ARP | LOOPBACK) == 0,
            ..Self::new(index, Interface::unknown(index).name)
        };
        let mut is_lower_elsewhere = false;
        for (kind, value) in attributes(rest) {
            match kind {
                libc::IFLA_IFNAME if !text(value).is_empty() => {
                    link.name = InterfaceName::from_kernel(text(value));
                }
                libc::IFLA_ADDRESS if !value.is_empty() => {
                    link.hardware = Some(super::colons(value));
                }
                libc::IFLA_MTU => link.mtu = u32(value).unwrap_or_default(),
                libc::IFLA_LINK => {
                    let index = u32(value).filter(|lower| *lower != 0 && *lower != index);
                    link.lower = index.map(Interface::unknown);
                }
                libc::IFLA_LINK_NETNSID => is_lower_elsewhere = true,
                libc::IFLA_MASTER => {
                    link.master = u32(value).filter(|master| *master != 0).map(Interface::unknown);
                }
                libc::IFLA_OPERSTATE => {
                    let state = u8(value).map(usize::from);
                    let state = state.and_then(|state| OperationalState::ALL.get(state));
                    link.operational = state.copied().unwrap_or_default();
                }
                libc::IFLA_LINKINFO => link.kind = LinkKind::parse(value),
                libc::IFLA_STATS64 => {
                    let [received, sent] =
                        DROPPED.map(|at| value.get(at..).and_then(u64).unwrap_or_default());
                    (link.receive_dropped, link.transmit_dropped) = (received, sent);
                }
                libc::IFLA_PROP_LIST => {
                    let names =
                        attributes(value).filter(|(kind, _)| *kind == libc::IFLA_ALT_IFNAME);
                    link.alternative_names =
                        names.map(|(_, name)| String::from_utf8_lossy(text(name)).into()).collect();
                }
                _ => {}
            }
        }
        if is_lower_elsewhere {
            link.lower = None;
        }
        Ok(link)
    }
}
