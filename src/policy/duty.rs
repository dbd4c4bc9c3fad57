//! Roles, modes, and what one machine must be, as plain data.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::Deserialize;

use super::Bond;
use crate::host::{InterfaceName, State, Sysctl};
use lvs::ipvs::{Daemon, Destination, Forwarding, Protocol, Service, Timeouts, Tunnel};

/// How packets reach the real servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    Nat,
    Tun,
    Dr,
}

impl Mode {
    /// Every mode.
    pub(crate) const ALL: [Self; 3] = [Self::Nat, Self::Tun, Self::Dr];

    /// The name on the command line, in cluster files and in the journal.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nat => "nat",
            Self::Tun => "tun",
            Self::Dr => "dr",
        }
    }

    /// The forwarding method of IPVS.
    pub(crate) const fn forwarding(self) -> Forwarding {
        match self {
            Self::Nat => Forwarding::Masquerade,
            Self::Tun => Forwarding::Tunnel,
            Self::Dr => Forwarding::DirectRouting,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Director,
    RealServer,
}

impl Role {
    /// Both roles.
    pub(crate) const ALL: [Self; 2] = [Self::Director, Self::RealServer];

    /// The name on the command line and in the journal.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Director => "director",
            Self::RealServer => "real-server",
        }
    }
}

/// Not the name of a mode, a role or a listener.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a mode, a role or a service such as tcp:80")]
pub struct InvalidName(String);

impl FromStr for Mode {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        let mode = Self::ALL.into_iter().find(|mode| mode.name() == name);
        mode.ok_or_else(|| InvalidName(name.to_owned()))
    }
}

impl FromStr for Role {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        let role = Self::ALL.into_iter().find(|role| role.name() == name);
        role.ok_or_else(|| InvalidName(name.to_owned()))
    }
}

/// A protocol and a port that a virtual address listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listener {
    /// TCP, UDP or SCTP.
    pub(crate) protocol: Protocol,
    /// In host byte order; never 0.
    pub(crate) port: u16,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.protocol.name().unwrap_or("ip"), self.port)
    }
}

impl FromStr for Listener {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName(text.to_owned());
        let (name, port) = text.split_once(':').ok_or_else(invalid)?;
        let protocol = Protocol::named(name).ok_or_else(invalid)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(invalid)?;
        Ok(Self { protocol, port })
    }
}

/// One thing that a role requires of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// Accept packets for a virtual address.
    Address(AddressDuty),
    /// Forward connections.
    Service(Service, Vec<Destination>),
    /// Connection timeouts; 0 keeps a timeout.
    Timeouts(Timeouts),
    /// Kernel parameters and their values.
    Parameters(Vec<(Sysctl, String)>),
    /// Combine several ports into one link.
    Bond(Bond),
    /// Synchronize connections with another director.
    Daemon(Daemon),
}

impl Duty {
    /// The same with the names that its interfaces have themselves, if it has an alternative one.
    pub(crate) fn with_actual_names(&self, state: &State) -> Option<Self> {
        let actual = |name: &InterfaceName| state.actual_name(name.as_str()).cloned();
        match self {
            Self::Address(duty) => {
                let device = Some(actual(duty.device.as_ref()?)?);
                Some(Self::Address(AddressDuty { device, ..duty.clone() }))
            }
            Self::Bond(bond) => {
                bond.ports.iter().find_map(actual)?;
                let ports = bond.ports.iter().map(|port| actual(port).unwrap_or(port.clone()));
                Some(Self::Bond(Bond { ports: ports.collect(), ..bond.clone() }))
            }
            Self::Daemon(daemon) => {
                let interface = state.actual_name(&daemon.interface)?.to_string();
                let mut daemon = daemon.clone();
                daemon.interface = interface;
                Some(Self::Daemon(daemon))
            }
            Self::Service(..) | Self::Timeouts(_) | Self::Parameters(_) => None,
        }
    }
}

/// What a virtual address requires of a machine in one role and mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddressDuty {
    pub(crate) role: Role,
    pub(crate) mode: Mode,
    pub(crate) vip: IpAddr,
    /// The interface that faces the clients (director) or the director (real server), where it was
    /// named.
    pub(crate) device: Option<InterfaceName>,
    /// Where a real server's replies go in NAT: the director.
    pub(crate) gateway: Option<IpAddr>,
    /// The directors of the cluster; known to a real server by its file.
    pub(crate) directors: Vec<IpAddr>,
    /// Real servers behind a director; the own addresses of a real server, known by its file.
    pub(crate) reals: Vec<IpAddr>,
    /// How its packets arrive at a real server of IP tunnelling, each way once: to which of its own
    /// addresses, encapsulated in what. Where it is empty: as IP in IP of the same family.
    pub(crate) tunnels: Vec<(IpAddr, Tunnel)>,
    /// Whether a director must assign the address: another program, such as keepalived, may do it.
    pub(crate) assigned: bool,
    /// Whether the default routes of a real server of IP tunnelling announce an MSS that fits the
    /// tunnel.
    pub(crate) advmss: bool,
}

impl AddressDuty {
    /// Nothing but the address in that role and mode.
    pub(crate) const fn new(role: Role, mode: Mode, vip: IpAddr) -> Self {
        Self {
            role,
            mode,
            vip,
            device: None,
            gateway: None,
            directors: Vec::new(),
            reals: Vec::new(),
            tunnels: Vec::new(),
            assigned: true,
            advmss: true,
        }
    }
}
