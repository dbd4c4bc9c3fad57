//! What became of a probe.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::host::InterfaceName;

/// What became of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With a SYN-ACK or a datagram.
    Answers {
        after: Duration,
        device: InterfaceName,
        sent_by: InterfaceName,
    },
    /// The service is silent, while the real server refuses a port that is closed.
    Open,
    /// The real server is this machine.
    Own,
    /// A RST, or ICMP "port unreachable" of a UDP service.
    Refused,
    Unreachable {
        from: IpAddr,
        what: Unreachable,
    },
    /// Clients do not accept an answer from there.
    OtherSource(SocketAddr),
    /// The real server sends the packet on: it does not have the address.
    Returned,
    Silent,
    NoNeighbour {
        next: IpAddr,
        device: InterfaceName,
    },
    BehindRouter {
        gateway: IpAddr,
        device: InterfaceName,
    },
    LinkDown(InterfaceName),
    NoRoute,
    /// This machine has no address that a client could have.
    NoSource,
}

/// The messages of ICMP and ICMPv6 that a probe can have as its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    Network,
    Host,
    Protocol,
    Port,
    Prohibited,
    TimeExceeded,
}

impl Unreachable {
    /// `None` for messages that end nothing.
    pub(super) const fn of(is_ipv4: bool, kind: u8, code: u8) -> Option<Self> {
        Some(match (is_ipv4, kind, code) {
            (true, 3, 0 | 6 | 11) | (false, 1, 0) => Self::Network,
            (true, 3, 1 | 7 | 12) | (false, 1, 2 | 3) => Self::Host,
            (true, 3, 2) | (false, 4, 1) => Self::Protocol,
            (true, 3, 3) | (false, 1, 4) => Self::Port,
            (true, 3, 9 | 10 | 13) | (false, 1, 1 | 5 | 6) => Self::Prohibited,
            (true, 11, _) | (false, 3, _) => Self::TimeExceeded,
            _ => return None,
        })
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "network unreachable",
            Self::Host => "host unreachable",
            Self::Protocol => "protocol unreachable",
            Self::Port => "port unreachable",
            Self::Prohibited => "administratively prohibited",
            Self::TimeExceeded => "time exceeded",
        })
    }
}
