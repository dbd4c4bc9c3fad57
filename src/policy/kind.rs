//! Modes, roles, and what a virtual address listens on.

use std::fmt;

use clap::ValueEnum;
use serde::Deserialize;

use lvs::ipvs::{Forwarding, Protocol};

/// How packets reach the real servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Network address translation
    Nat,
    /// IP tunnelling
    Tun,
    /// Direct routing
    Dr,
}

impl Mode {
    /// What IPVS calls it.
    #[must_use]
    pub const fn forwarding(self) -> Forwarding {
        match self {
            Self::Nat => Forwarding::Masquerade,
            Self::Tun => Forwarding::Tunnel,
            Self::Dr => Forwarding::DirectRouting,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nat => "nat",
            Self::Tun => "tun",
            Self::Dr => "dr",
        })
    }
}

/// What a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Hands connections on
    Director,
    /// Answers them
    RealServer,
}

impl Role {
    /// As the command line and the journal call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Director => "director",
            Self::RealServer => "real-server",
        }
    }
}

/// A protocol and a port that a virtual address listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// In host byte order; never 0.
    pub port: u16,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.protocol.name().unwrap_or("ip"), self.port)
    }
}
