//! What one machine must be, as plain data.

use std::net::IpAddr;

use super::{Mode, Role};
use crate::host::{Bond, InterfaceName};
use lvs::ipvs::{Daemon, Destination, Service, Timeouts, Tunnel};

/// One thing that a role asks of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// To have a virtual address, or to be reached and answer for it.
    Address(AddressDuty),
    /// To hand the connections of a service on.
    Service(Service, Vec<Destination>),
    /// To forget connections after so long; a 0 leaves a timeout as it is.
    Timeouts(Timeouts),
    /// To use several ports as one.
    Bond(Bond),
    /// To tell another director of connections, or to listen to one.
    Daemon(Daemon),
}

/// What a virtual address asks of a machine in one role and mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressDuty {
    /// What the machine is.
    pub role: Role,
    /// How packets reach the real servers.
    pub mode: Mode,
    /// The address.
    pub vip: IpAddr,
    /// The interface that faces the clients (director) or the director (real server), where it was
    /// named.
    pub device: Option<InterfaceName>,
    /// Where a real server's answers go in NAT: the director.
    pub gateway: Option<IpAddr>,
    /// Real servers behind it; known to a director.
    pub reals: Vec<IpAddr>,
    /// How its packets arrive at a real server of IP tunnelling, each way once: at which of its own
    /// addresses, in what. Empty where nothing was said: as IP in IP of the same family.
    pub tunnels: Vec<(IpAddr, Tunnel)>,
    /// Whether a director must assign the address: another program, such as keepalived, may do it.
    pub assigned: bool,
}

impl AddressDuty {
    /// Nothing but the address in that role and mode.
    #[must_use]
    pub const fn new(role: Role, mode: Mode, vip: IpAddr) -> Self {
        Self {
            role,
            mode,
            vip,
            device: None,
            gateway: None,
            reals: Vec::new(),
            tunnels: Vec::new(),
            assigned: true,
        }
    }
}
