//! What is asked of this machine, checked as a whole.

mod check;
#[cfg(test)]
mod tests;

use crate::policy::{AddressDuty, Duty, Listener, Mode, Role};
use std::fmt;
use std::net::IpAddr;

use super::arguments::{DirectorFlags, RealServerFlags};
use super::{Error, RealServer};
use crate::host::InterfaceName;
use crate::policy::Owned;
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
