//! What is asked of this machine, checked as a whole.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::Error;
use super::arguments::{DirectorFlags, RealServerFlags};
use super::values::RealServer;
use crate::host::InterfaceName;
use crate::policy::{AddressDuty, Duty, Listener, Mode, Owned, Role};
use lvs::ipvs::{Destination, Service, ServiceIdentity};

/// One role in one mode, for one or more virtual addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    /// What this machine is.
    pub(crate) role: Role,
    /// How packets reach the real servers.
    pub(crate) mode: Mode,
    /// Virtual addresses, each once.
    pub(crate) vips: Vec<IpAddr>,
    /// The interface that faces the clients or the director, where it was named.
    pub(crate) device: Option<InterfaceName>,
    /// Where a real server's answers go in NAT: the director, at most one of each family.
    pub(crate) gateways: Vec<IpAddr>,
    /// Services of each of them; of a director only.
    pub(crate) listeners: Vec<Listener>,
    /// Scheduler of each service.
    pub(crate) scheduler: String,
    /// Real servers of each service; those of a virtual address are of its family.
    pub(crate) reals: Vec<RealServer>,
}

impl Task {
    /// The task of a real server.
    pub(super) fn of_real_server(flags: RealServerFlags) -> Result<Self, Error> {
        Self {
            role: Role::RealServer,
            mode: flags.addresses.mode,
            vips: unique(flags.addresses.vips),
            device: flags.addresses.device,
            gateways: unique(flags.gateways),
            listeners: Vec::new(),
            scheduler: String::new(),
            reals: Vec::new(),
        }
        .checked()
    }

    /// The task of a director.
    pub(super) fn of_director(flags: DirectorFlags) -> Result<Self, Error> {
        Self {
            role: Role::Director,
            mode: flags.addresses.mode,
            vips: unique(flags.addresses.vips),
            device: flags.addresses.device,
            gateways: Vec::new(),
            listeners: unique(flags.services),
            scheduler: flags.scheduler,
            reals: unique(flags.reals),
        }
        .checked()
    }

    /// The real servers of a virtual address: those of its family.
    pub(super) fn reals_for(&self, vip: IpAddr) -> impl Iterator<Item = &RealServer> {
        self.reals.iter().filter(move |real| real.address.is_ipv4() == vip.is_ipv4())
    }

    /// The name under which the journal keeps what a virtual address needs, or what one service of
    /// it needs.
    #[must_use]
    pub(crate) fn owner(&self, vip: IpAddr, listener: Option<Listener>) -> String {
        let owner = format!("{} {} {vip}", self.role.name(), self.mode);
        match listener {
            Some(listener) => format!("{owner} {listener}"),
            None => owner,
        }
    }

    /// Whether this task speaks of that owner: of each virtual address, and each service of it
    /// that is named, or else every one.
    #[must_use]
    pub(crate) fn covers(&self, owner: &str) -> bool {
        self.vips.iter().any(|vip| {
            let whole = self.owner(*vip, None);
            let mut services = self.listeners.iter();
            match owner.strip_prefix(&whole) {
                Some("") => self.listeners.is_empty() || self.role == Role::RealServer,
                Some(rest) if rest.starts_with(' ') => {
                    self.listeners.is_empty()
                        || services.any(|listener| rest == format!(" {listener}"))
                }
                _ => false,
            }
        })
    }

    /// What the task asks of this machine, in order: each virtual address and each service of it,
    /// by a owner of its own.
    pub(super) fn duties(&self) -> Vec<Owned> {
        let mut duties = Vec::new();
        for vip in &self.vips {
            for listener in self.claimants() {
                let owner = self.owner(*vip, listener);
                let duty = Duty::Address(self.address(*vip));
                duties.push(Owned { owner: owner.clone(), duty });
                duties.extend(listener.map(|listener| {
                    let (service, destinations) = self.service(*vip, listener);
                    Owned { owner, duty: Duty::Service(service, destinations) }
                }));
            }
        }
        duties
    }

    /// The services of each virtual address, or nothing in their place: each has a owner.
    fn claimants(&self) -> Vec<Option<Listener>> {
        match self.listeners.as_slice() {
            [] => vec![None],
            listeners => listeners.iter().copied().map(Some).collect(),
        }
    }

    fn address(&self, vip: IpAddr) -> AddressDuty {
        let same_family = |gateway: &&IpAddr| gateway.is_ipv4() == vip.is_ipv4();
        AddressDuty {
            device: self.device.clone(),
            gateway: self.gateways.iter().find(same_family).copied(),
            reals: self.reals_for(vip).map(|real| real.address).collect(),
            ..AddressDuty::new(self.role, self.mode, vip)
        }
    }

    /// The service of a virtual address, with its destinations.
    fn service(&self, vip: IpAddr, listener: Listener) -> (Service, Vec<Destination>) {
        let identity = ServiceIdentity::Address {
            protocol: listener.protocol,
            address: vip,
            port: listener.port,
        };
        let destinations = self.reals_for(vip).map(|real| {
            let port = real.port.unwrap_or(listener.port);
            let mut destination = Destination::new(real.address, port, self.mode.forwarding());
            destination.weight = real.weight;
            destination
        });
        (Service::new(identity, &*self.scheduler), destinations.collect())
    }
}

/// What cannot work is refused before anything is touched.
impl Task {
    /// Whether it can be done at all; asked before anything is touched.
    fn checked(self) -> Result<Self, Error> {
        self.check_ways()?;
        for (at, real) in self.reals.iter().enumerate() {
            self.check_real_server(real)?;
            let address = real.address;
            let again = |other: &&RealServer| {
                other.address == address && (self.mode != Mode::Nat || other.port == real.port)
            };
            if self.reals.iter().skip(at + 1).any(|other| again(&other)) {
                return usage(format!(
                    "--real {address} is given twice, with different ports or weights: leave one"
                ));
            }
        }
        Ok(self)
    }

    /// Options that another mode or role has no use for would be taken for done.
    fn check_ways(&self) -> Result<(), Error> {
        if !self.gateways.is_empty() && self.mode != Mode::Nat {
            return usage(format!(
                "--gateway is for --mode nat: with {} real servers answer the clients directly",
                self.mode
            ));
        }
        for gateway in &self.gateways {
            if self.vips.contains(gateway) {
                return usage(format!(
                    "--gateway {gateway} is also a --vip: give the director's own address on the \
                     real servers' network"
                ));
            }
            let family = |address: &&IpAddr| address.is_ipv4() == gateway.is_ipv4();
            if self.gateways.iter().filter(family).count() > 1 {
                return usage(format!(
                    "--gateway {gateway} is not the only one of its family: a default route has one"
                ));
            }
            if !self.vips.iter().any(|vip| family(&vip)) {
                return usage(format!("--gateway {gateway} is of another family than every --vip"));
            }
        }
        let tunnelled = |vip: &IpAddr| vip.is_ipv4() || self.role == Role::RealServer;
        match &self.device {
            Some(device) if self.mode == Mode::Tun && self.vips.iter().all(tunnelled) => {
                usage(format!(
                    "--device {device} has no meaning here: with --mode tun the virtual address is \
                     on the tunnel's device"
                ))
            }
            _ => Ok(()),
        }
    }

    fn check_real_server(&self, real: &RealServer) -> Result<(), Error> {
        let address = real.address;
        if self.vips.contains(&address) {
            return usage(format!(
                "--real {address} is also a --vip: a real server needs an address of its own, \
                 give that one"
            ));
        }
        if !self.vips.iter().any(|vip| vip.is_ipv4() == address.is_ipv4()) {
            return usage(format!(
                "--real {address} is of another family than every --vip: give it an address of the \
                 same"
            ));
        }
        let how = match self.mode {
            Mode::Nat => return Ok(()),
            Mode::Tun => "tunnelled packets keep their port",
            Mode::Dr => "directly routed packets keep their port",
        };
        let other = |port: &u16| self.listeners.iter().find(|listener| listener.port != *port);
        match real.port.and_then(|port| Some((port, other(&port)?))) {
            Some((port, listener)) => usage(format!(
                "--real {} has another port than --service {listener}: {how}, so leave :{port} \
                 out, or serve port {port} with a command of its own",
                SocketAddr::new(address, port)
            )),
            None => Ok(()),
        }
    }

    /// A director of NAT leads answers on to the clients, a real server of NAT leads its own to a
    /// director: one machine has one default route for both. `owners` are those of the journal.
    pub(super) fn stays_one_end_of_nat(&self, owners: &[String]) -> Result<(), Error> {
        let other = match self.role {
            _ if self.mode != Mode::Nat => return Ok(()),
            Role::Director => Role::RealServer,
            Role::RealServer => Role::Director,
        };
        let is_other = |owner: &&String| {
            let mut words = owner.split(' ').skip_while(|word| *word != other.name());
            let (mode, vip) = (words.nth(1), words.next().and_then(|word| word.parse().ok()));
            let same_family =
                |vip: IpAddr| self.vips.iter().any(|own| own.is_ipv4() == vip.is_ipv4());
            mode == Some("nat") && vip.is_some_and(same_family)
        };
        match owners.iter().find(is_other) {
            Some(owner) => usage(format!(
                "this machine is the other end of nat already (`{owner}`): its one default route \
                 cannot lead to the clients and to a director. Take that back first, or give the \
                 roles to two machines"
            )),
            None => Ok(()),
        }
    }

    /// A director without services or real servers would have nothing to hand on, a real server
    /// of NAT without a gateway would answer past the director.
    pub(super) fn complete(self) -> Result<Self, Error> {
        let lonely = |vip: &&IpAddr| self.reals_for(**vip).next().is_none();
        let wayless =
            |vip: &&IpAddr| !self.gateways.iter().any(|way| way.is_ipv4() == vip.is_ipv4());
        match self.role {
            Role::Director if self.listeners.is_empty() => {
                usage("director up needs at least one --service, such as tcp:80".to_owned())
            }
            Role::Director => match self.vips.iter().find(lonely) {
                Some(vip) => usage(format!(
                    "director up needs at least one --real of the family of --vip {vip}, such as {}",
                    if vip.is_ipv4() { "192.168.10.2" } else { "2001:db8::2" }
                )),
                None => Ok(self),
            },
            Role::RealServer if self.mode == Mode::Nat => match self.vips.iter().find(wayless) {
                Some(vip) => usage(format!(
                    "real-server up --mode nat needs --gateway, the director's address on this \
                     network, of the family of --vip {vip}: the answers must pass the director"
                )),
                None => Ok(self),
            },
            Role::RealServer => Ok(self),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vips: Vec<String> = self.vips.iter().map(ToString::to_string).collect();
        let role = match self.role {
            Role::Director => "director",
            Role::RealServer => "real server",
        };
        write!(f, "{role} for {}", vips.join(", "))?;
        for (at, listener) in self.listeners.iter().enumerate() {
            f.write_str(if at == 0 { " " } else { ", " })?;
            write!(f, "{listener}")?;
        }
        write!(f, " ({})", self.mode)
    }
}

fn unique<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut unique = Vec::new();
    for value in values {
        if !unique.contains(&value) {
            unique.push(value);
        }
    }
    unique
}

fn usage<T>(message: String) -> Result<T, Error> {
    Err(Error::Usage(message))
}
