//! The connection synchronization daemon of a director.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Which half of the synchronization a daemon does (`IP_VS_STATE_*`). Both may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DaemonState {
    /// Sends the state of connections (`IP_VS_STATE_MASTER`, 1).
    Master,
    /// Receives it (`IP_VS_STATE_BACKUP`, 2).
    Backup,
}

impl DaemonState {
    /// The kernel's number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Master => 1,
            Self::Backup => 2,
        }
    }

    /// The state with that number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Master),
            2 => Some(Self::Backup),
            _ => None,
        }
    }

    /// `master` or `backup`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Backup => "backup",
        }
    }
}

/// A synchronization daemon, as it is started and as the kernel lists it.
///
/// What is `None` is the kernel's choice when a daemon is started, and not known (kernels before
/// 4.3) when it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Daemon {
    /// Sender or receiver.
    pub state: DaemonState,
    /// Interface that messages go through, at most 15 bytes.
    pub interface: String,
    /// Group of directors that understand each other, 0 to 255.
    pub sync_id: u32,
    /// Longest message in bytes, without headers.
    pub maximum_length: Option<u16>,
    /// Multicast group.
    pub group: Option<IpAddr>,
    /// UDP port, in host byte order.
    pub port: Option<u16>,
    /// Time to live of the messages.
    pub time_to_live: Option<u8>,
}
