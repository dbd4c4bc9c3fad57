//! Neighbours: what ARP and neighbour discovery know.

use std::fmt;
use std::net::IpAddr;

use netlink_packet_core::DecodeError;
use serde::{Deserialize, Serialize};

use super::attributes::{address, attributes};
use super::{Interface, Interfaces};

/// A neighbour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Neighbour {
    pub(crate) address: IpAddr,
    #[serde(rename = "device")]
    pub(crate) interface: Interface,
    /// The link-layer address, such as `02:00:00:00:00:01`, where it is known.
    pub(crate) hardware: Option<String>,
    pub(crate) state: NeighbourState,
    /// This machine answers for the address.
    #[serde(default)]
    pub(crate) proxy: bool,
}

/// `NUD_*`, in the words of `ip neigh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum NeighbourState {
    None,
    Incomplete,
    Reachable,
    Stale,
    Delay,
    Probe,
    Failed,
    NoArp,
    Permanent,
}

impl NeighbourState {
    const fn of(number: u16) -> Self {
        match number {
            0x01 => Self::Incomplete,
            0x02 => Self::Reachable,
            0x04 => Self::Stale,
            0x08 => Self::Delay,
            0x10 => Self::Probe,
            0x20 => Self::Failed,
            0x40 => Self::NoArp,
            0x80 => Self::Permanent,
            _ => Self::None,
        }
    }
}

impl fmt::Display for NeighbourState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "NONE",
            Self::Incomplete => "INCOMPLETE",
            Self::Reachable => "REACHABLE",
            Self::Stale => "STALE",
            Self::Delay => "DELAY",
            Self::Probe => "PROBE",
            Self::Failed => "FAILED",
            Self::NoArp => "NOARP",
            Self::Permanent => "PERMANENT",
        })
    }
}

/// Length of `struct ndmsg`.
const HEADER: usize = 12;

// NDA_* and NTF_PROXY.
const DESTINATION: u16 = 1;
const LINK_LAYER_ADDRESS: u16 = 2;
const PROXY: u8 = 8;

impl Neighbour {
    /// Reads what follows the header of an `RTM_NEWNEIGH`. `None` if it has no IP address, as the
    /// entries of a bridge.
    pub(super) fn parse(
        message: &[u8],
        interfaces: &Interfaces,
    ) -> Result<Option<Self>, DecodeError> {
        let (header, rest) = message
            .split_first_chunk::<HEADER>()
            .ok_or_else(|| DecodeError::from("a neighbour without its header"))?;
        let [_, _, _, _, a, b, c, d, e, f, flags, _] = *header;
        let (mut destination, mut hardware) = (None, None);
        for (kind, value) in attributes(rest) {
            match kind {
                DESTINATION => destination = address(value),
                LINK_LAYER_ADDRESS => hardware = Some(super::colons(value)),
                _ => {}
            }
        }
        Ok(destination.map(|address| Self {
            address,
            interface: interfaces.get(u32::from_ne_bytes([a, b, c, d])),
            hardware,
            state: NeighbourState::of(u16::from_ne_bytes([e, f])),
            proxy: flags & PROXY != 0,
        }))
    }
}

/// As a line of `ip neigh`.
impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dev {}", self.address, self.interface)?;
        if let Some(hardware) = &self.hardware {
            write!(f, " lladdr {hardware}")?;
        }
        if self.proxy {
            return f.write_str(" proxy");
        }
        write!(f, " {}", self.state)
    }
}
