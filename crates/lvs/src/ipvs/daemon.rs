//! The connection synchronization daemon of a director.

use std::net::IpAddr;

/// Which half of the synchronization a daemon does (`IP_VS_STATE_*`). Both may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
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

impl Daemon {
    /// A daemon that leaves everything else to the kernel.
    #[must_use]
    pub fn new(state: DaemonState, interface: impl Into<String>, sync_id: u32) -> Self {
        Self {
            state,
            interface: interface.into(),
            sync_id,
            maximum_length: None,
            group: None,
            port: None,
            time_to_live: None,
        }
    }

    /// Sets the length of the longest message in bytes.
    #[must_use]
    pub const fn with_maximum_length(mut self, bytes: u16) -> Self {
        self.maximum_length = Some(bytes);
        self
    }

    /// Sets the multicast group.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<IpAddr>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Sets the UDP port, in host byte order.
    #[must_use]
    pub const fn with_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets the time to live of the messages.
    #[must_use]
    pub const fn with_time_to_live(mut self, hops: u8) -> Self {
        self.time_to_live = Some(hops);
        self
    }
}
