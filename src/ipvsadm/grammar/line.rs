//! What a line has said so far.

use std::net::IpAddr;

use super::options::{OptionId, OptionRow, Verb};
use crate::ipvsadm::{Choice, Names};
use lvs::ipvs::{Checksum, DaemonState, Forwarding, Netmask, ServiceIdentity};
use lvs::netlink::Namespace;

/// Encapsulation, in the order of the columns in [`legality`](super::legality).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TunnelType {
    #[default]
    Ipip,
    Gue,
    Gre,
}

impl TunnelType {
    /// Its name on the command line and in messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ipip => "ipip",
            Self::Gue => "gue",
            Self::Gre => "gre",
        }
    }
}

/// What stands outside of a line and decides how it is read.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// `argv[0]`.
    pub(super) program: &'a str,
    /// Where hosts and ports have their names from.
    pub(super) names: &'a dyn Names,
    /// Whether this is a line of a restore.
    pub(super) restore: bool,
}

/// The values of a line. A field is only what its option said; that the option goes with the
/// command is checked later.
pub(super) struct Line<'a> {
    pub(super) surroundings: Surroundings<'a>,
    /// Row of the command in the table.
    pub(super) command: &'static OptionRow,
    pub(super) verb: Verb,
    pub(super) given: Vec<&'static OptionRow>,
    pub(super) operands: Vec<String>,

    pub(super) service: Option<ServiceIdentity>,
    pub(super) scheduler: String,
    pub(super) scheduler_flags: String,
    /// Seconds.
    pub(super) persistence: Option<u32>,
    /// `None`: the mask of a single client.
    pub(super) netmask: Option<Netmask>,
    pub(super) persistence_engine: Option<String>,

    pub(super) real_server: Option<(IpAddr, u16)>,
    pub(super) forwarding: Forwarding,
    pub(super) weight: u32,
    pub(super) upper_threshold: u32,
    pub(super) lower_threshold: u32,
    pub(super) tunnel_type: TunnelType,
    pub(super) tunnel_port: u16,
    pub(super) checksum: Checksum,

    pub(super) daemon_state: DaemonState,
    pub(super) interface: String,
    pub(super) sync_id: u32,
    pub(super) group: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) time_to_live: Option<u8>,
    pub(super) maximum_length: Option<u16>,

    pub(super) namespace: Option<Namespace>,
    /// Which connections are listed.
    pub(super) choice: Choice,
}

impl<'a> Line<'a> {
    /// A line of which only the command is known, and the operands before it.
    pub(super) fn new(
        surroundings: Surroundings<'a>,
        command: &'static OptionRow,
        verb: Verb,
        operands: Vec<String>,
    ) -> Self {
        Self {
            surroundings,
            command,
            verb,
            // Hardly a line has more.
            given: Vec::with_capacity(8),
            operands,
            service: None,
            scheduler: String::new(),
            scheduler_flags: String::new(),
            persistence: None,
            netmask: None,
            persistence_engine: None,
            real_server: None,
            forwarding: Forwarding::DirectRouting,
            weight: 1,
            upper_threshold: 0,
            lower_threshold: 0,
            tunnel_type: TunnelType::default(),
            tunnel_port: 0,
            checksum: Checksum::default(),
            daemon_state: DaemonState::Master,
            interface: String::new(),
            sync_id: 0,
            group: None,
            port: None,
            time_to_live: None,
            maximum_length: None,
            namespace: None,
            choice: Choice::default(),
        }
    }

    /// Whether that very option was given.
    pub(super) fn has(&self, id: OptionId) -> bool {
        self.given.iter().any(|row| row.id == id)
    }
}
