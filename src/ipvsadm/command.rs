//! One validated command line.

use crate::ipvs::{Request, ServiceIdentity};

/// What one command line asks for; every value in it is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `-h`.
    Help,
    /// `-v`.
    Version,
    /// Every command that changes the table.
    Change(Request),
    /// `-L`.
    List(Listing),
    /// `-S`.
    Save {
        /// `-n`: no names.
        numeric: bool,
    },
    /// `-R`.
    Restore,
}

/// What `-L` lists, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// What is listed.
    pub subject: Subject,
    /// Columns of services and destinations.
    pub format: Format,
    /// `-n`: no names.
    pub numeric: bool,
    /// `--exact`: numbers in full.
    pub exact: bool,
    /// False with `--nosort`: the kernel's order.
    pub sorted: bool,
}

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The whole table.
    Table,
    /// One service.
    Service(ServiceIdentity),
    /// The connection table.
    Connections {
        /// `--persistent-conn`: with the data of persistence engines.
        engine_data: bool,
    },
    /// Timeouts of connections.
    Timeouts,
    /// Synchronization daemons.
    Daemons,
}

/// Columns of services and destinations. Where several are asked for, the first of this list wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `--stats`: totals.
    Stats,
    /// `--rate`: averages.
    Rate,
    /// `--thresholds`.
    Thresholds,
    /// `--persistent-conn`: persistence templates.
    PersistentConnections,
    /// `--tun-info`: encapsulation.
    TunnelInfo,
    /// Forwarding method, weight and connections.
    Default,
}
