//! One validated command line.

use lvs::ipvs::{Request, ServiceIdentity};
use lvs::netlink::Namespace;

use super::connections::Choice;

/// The command of one command line. Every value in it is valid.
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
    /// `ipvsadm-restore`: the same, after the table is cleared.
    ClearAndRestore,
    /// `-R --replace`: the table becomes what is read, by the changes that it takes.
    Replace,
}

/// How any command is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// `--netns`: where it is run.
    pub namespace: Option<Namespace>,
    /// `--no-load`: IPVS is not loaded only to be looked at.
    pub no_load: bool,
    /// `--explain`: cause and cure of errors, also where no terminal shows them.
    pub explain: bool,
}

/// What `-L` lists, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub subject: Subject,
    pub format: Format,
    /// `-n`: no names.
    pub numeric: bool,
    /// `--exact`: numbers in full.
    pub exact: bool,
    /// False with `--nosort`: the kernel's order.
    pub sorted: bool,
    /// `--json`: one JSON object, without names, with every number in full.
    pub json: bool,
}

/// What is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Table,
    Service(ServiceIdentity),
    Connections {
        /// `--persistent-conn`: with the data of persistence engines.
        engine_data: bool,
        choice: Choice,
    },
    Timeouts,
    Daemons,
}

/// Columns of services and destinations. With several options, the first of this list wins.
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
