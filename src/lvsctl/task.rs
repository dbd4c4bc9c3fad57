//! The task of `director` and `real-server`: one role in one mode, checked as a whole.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::arguments::{AddressFlags, ChangeFlags, DirectorFlags, RealServerFlags};
use super::error::{Error, usage};
use super::values::{self, RealServer};
use crate::host::InterfaceName;
use crate::policy::{AddressDuty, AddressOwner, Duty, Listener, Mode, Owned, Owner, Role};
use lvs::ipvs::{Destination, Service, ServiceIdentity};

/// One role in one mode, for one or more virtual addresses. No value is repeated in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) role: Role,
    pub(crate) mode: Mode,
    pub(crate) vips: Vec<IpAddr>,
    /// The interface that faces the clients or the director, if given.
    pub(crate) device: Option<InterfaceName>,
    /// Of a NAT real server: the directors, at most one per address family.
    pub(crate) gateways: Vec<IpAddr>,
    /// Of a real server: the default routes announce an MSS that fits the tunnel.
    pub(crate) advmss: bool,
    pub(crate) change: ChangeFlags,
    /// Of a director: the services of each virtual address.
    pub(crate) listeners: Vec<Listener>,
    pub(crate) scheduler: String,
    /// Of a director: the real servers of each service whose address family they have.
    pub(crate) reals: Vec<RealServer>,
}

impl Task {
    pub(super) fn new(role: Role, mode: Mode, addresses: AddressFlags) -> Self {
        Self {
            role,
            mode,
            vips: unique(addresses.vips),
            device: addresses.device,
            gateways: Vec::new(),
            advmss: true,
            change: ChangeFlags::default(),
            listeners: Vec::new(),
            scheduler: String::new(),
            reals: Vec::new(),
        }
    }

    pub(super) fn of_real_server(flags: RealServerFlags) -> Result<Self, Error> {
        let mode = mode(&flags.addresses)?;
        let task = Self::new(Role::RealServer, mode, flags.addresses);
        let gateways = unique(flags.gateways);
        if flags.no_advmss && task.mode != Mode::Tun {
            usage!("--no-advmss is for --mode tun: with {} no packet gets longer", task.mode);
        }
        let change = flags.change;
        Self { gateways, advmss: !flags.no_advmss, change, ..task }.checked()
    }

    pub(super) fn of_director(flags: DirectorFlags) -> Result<Self, Error> {
        let mode = mode(&flags.addresses)?;
        Self {
            listeners: unique(flags.services),
            scheduler: flags.scheduler,
            change: flags.change,
            reals: unique(flags.reals),
            ..Self::new(Role::Director, mode, flags.addresses)
        }
        .checked()
    }

    fn reals_for(&self, vip: IpAddr) -> impl Iterator<Item = &RealServer> {
        self.reals.iter().filter(move |real| real.address.is_ipv4() == vip.is_ipv4())
    }

    /// The owner of what a virtual address or one of its services requires.
    fn owner(&self, vip: IpAddr, listener: Option<Listener>) -> Owner {
        let Self { role, mode, .. } = *self;
        Owner::Address(AddressOwner { cluster: None, role, mode, vip, listener })
    }

    /// Whether the owner is one of this task: of its virtual addresses, and of its services or, if it
    /// has none, of every service.
    pub(super) fn covers(&self, owner: &Owner) -> bool {
        let Owner::Address(AddressOwner { cluster: None, role, mode, vip, listener }) = owner
        else {
            return false;
        };
        let of_service = match listener {
            _ if self.listeners.is_empty() => true,
            Some(listener) => self.listeners.contains(listener),
            None => self.role == Role::RealServer,
        };
        (*role, *mode) == (self.role, self.mode) && self.vips.contains(vip) && of_service
    }

    /// What this machine must have, in order. Each virtual address and each of its services has an
    /// owner of its own.
    pub(super) fn duties(&self) -> Vec<Owned> {
        let listeners: Vec<Option<Listener>> = match self.listeners.as_slice() {
            [] => vec![None],
            listeners => listeners.iter().copied().map(Some).collect(),
        };
        let mut duties = Vec::new();
        for vip in &self.vips {
            for listener in &listeners {
                let owner = self.owner(*vip, *listener);
                let duty = Duty::Address(self.address(*vip));
                duties.push(Owned { owner: owner.clone(), duty });
                duties.extend(
                    listener.map(|listener| Owned { owner, duty: self.service(*vip, listener) }),
                );
            }
        }
        duties
    }

    fn address(&self, vip: IpAddr) -> AddressDuty {
        let same_family = |gateway: &&IpAddr| gateway.is_ipv4() == vip.is_ipv4();
        AddressDuty {
            device: self.device.clone(),
            advmss: self.advmss,
            gateway: self.gateways.iter().find(same_family).copied(),
            reals: self.reals_for(vip).map(|real| real.address).collect(),
            ..AddressDuty::new(self.role, self.mode, vip)
        }
    }

    fn service(&self, vip: IpAddr, listener: Listener) -> Duty {
        let Listener { protocol, port } = listener;
        let identity = ServiceIdentity::Address { protocol, address: vip, port };
        let destinations = self.reals_for(vip).map(|real| {
            let port = real.port.unwrap_or(port);
            Destination::new(real.address, port, self.mode.forwarding()).with_weight(real.weight)
        });
        Duty::Service(Service::new(identity, &*self.scheduler), destinations.collect())
    }
}

/// What cannot work is refused before anything is changed.
impl Task {
    fn checked(self) -> Result<Self, Error> {
        self.check_gateways()?;
        let on_tunnel = |vip: &IpAddr| vip.is_ipv4() || self.role == Role::RealServer;
        let unused = self.mode == Mode::Tun && self.vips.iter().all(on_tunnel);
        if let Some(device) = self.device.as_ref().filter(|_| unused) {
            usage!(
                "--device {device} is not used here: with --mode tun the virtual address is on the \
                 tunnel device"
            );
        }
        for (at, real) in self.reals.iter().enumerate() {
            self.check_real_server(real)?;
            let address = real.address;
            let again = |other: &RealServer| {
                other.address == address && (self.mode != Mode::Nat || other.port == real.port)
            };
            if self.reals.iter().skip(at + 1).any(again) {
                usage!(
                    "--real {address} is given twice, with different ports or weights: keep one"
                );
            }
        }
        Ok(self)
    }

    fn check_gateways(&self) -> Result<(), Error> {
        if !self.gateways.is_empty() && self.mode != Mode::Nat {
            usage!(
                "--gateway is for --mode nat: with {} real servers reply to the clients directly",
                self.mode
            );
        }
        for gateway in &self.gateways {
            if self.vips.contains(gateway) {
                usage!(
                    "--gateway {gateway} is also a --vip: give the director's own address on the \
                     real servers' network"
                );
            }
            let same_family = |address: &&IpAddr| address.is_ipv4() == gateway.is_ipv4();
            if self.gateways.iter().filter(same_family).count() > 1 {
                usage!(
                    "--gateway {gateway} is not the only one of its address family: a default route \
                     has one gateway"
                );
            }
            if !self.vips.iter().any(|vip| same_family(&vip)) {
                usage!("--gateway {gateway} has another address family than every --vip");
            }
        }
        Ok(())
    }

    fn check_real_server(&self, real: &RealServer) -> Result<(), Error> {
        let address = real.address;
        if self.vips.contains(&address) {
            usage!("--real {address} is also a --vip: give the real server's own address");
        }
        if !self.vips.iter().any(|vip| vip.is_ipv4() == address.is_ipv4()) {
            usage!(
                "--real {address} has another address family than every --vip: give an address of \
                 the same family"
            );
        }
        let how = match self.mode {
            Mode::Nat => return Ok(()),
            Mode::Tun => "tunnelled",
            Mode::Dr => "directly routed",
        };
        let Some(port) = real.port else { return Ok(()) };
        if let Some(listener) = self.listeners.iter().find(|listener| listener.port != port) {
            usage!(
                "--real {} has another port than --service {listener}: {how} packets keep their \
                 port, so omit :{port}, or serve port {port} by a separate command",
                SocketAddr::new(address, port)
            );
        }
        Ok(())
    }

    /// The default route of a NAT director leads to the clients, that of a NAT real server to the
    /// director: one machine cannot be both. `owners` are those of the journal.
    pub(super) fn check_other_end_of_nat(&self, owners: &[Owner]) -> Result<(), Error> {
        let other = match self.role {
            _ if self.mode != Mode::Nat => return Ok(()),
            Role::Director => Role::RealServer,
            Role::RealServer => Role::Director,
        };
        let is_other = |owner: &&AddressOwner| {
            let same_family = |own: &IpAddr| own.is_ipv4() == owner.vip.is_ipv4();
            (owner.role, owner.mode) == (other, Mode::Nat) && self.vips.iter().any(same_family)
        };
        if let Some(owner) = owners.iter().filter_map(Owner::address).find(is_other) {
            usage!(
                "this machine is the other end of nat already (`{owner}`): its default route cannot \
                 lead both to the clients and to a director. Revert that first, or use two machines"
            );
        }
        Ok(())
    }

    /// A director without services or real servers has nothing to forward, and the replies of a NAT
    /// real server without a gateway bypass the director.
    pub(super) fn complete(self) -> Result<Self, Error> {
        if self.role == Role::Director && self.listeners.is_empty() {
            usage!("director up needs at least one --service, such as tcp:80");
        }
        for vip in &self.vips {
            let has_gateway =
                || self.gateways.iter().any(|gateway| gateway.is_ipv4() == vip.is_ipv4());
            match self.role {
                Role::Director if self.reals_for(*vip).next().is_none() => usage!(
                    "director up needs at least one --real of the family of --vip {vip}, such as {}",
                    if vip.is_ipv4() { "192.168.10.2" } else { "2001:db8::2" }
                ),
                Role::RealServer if self.mode == Mode::Nat && !has_gateway() => usage!(
                    "real-server up --mode nat needs --gateway, the director's address on this \
                     network, of the family of --vip {vip}: replies must pass the director"
                ),
                _ => {}
            }
        }
        Ok(self)
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vips: Vec<String> = self.vips.iter().map(ToString::to_string).collect();
        write!(f, "{} for {}", values::role_words(self.role), vips.join(", "))?;
        for (at, listener) in self.listeners.iter().enumerate() {
            write!(f, "{} {listener}", if at == 0 { "" } else { "," })?;
        }
        write!(f, " ({})", self.mode)
    }
}

fn mode(addresses: &AddressFlags) -> Result<Mode, Error> {
    match addresses.mode {
        Some(mode) => Ok(mode),
        None => usage!("--mode is needed: nat, tun or dr"),
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
