//! What the file makes of one machine.

use crate::policy::{AddressDuty, Duty, Mode, Role};
use std::collections::HashMap;
use std::net::IpAddr;

use super::file::{Cluster, Real, ServiceTable};
use lvs::ipvs::{
    AddressFamily, Destination, Netmask, Service, ServiceFlags, ServiceIdentity, Tunnel,
};

/// The file does not say what this machine is, or not enough of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// None of its addresses is in the file.
    #[error(
        "none of this machine's addresses ({own}) is a director or a real server of the cluster \
         file: add it there, or say what the machine is with --role"
    )]
    Unknown {
        /// The addresses.
        own: String,
    },
    /// A real server of NAT does not know where its answers go.
    #[error(
        "the cluster file names no director of the family of {vip}, through which the answers of \
         this real server must go: add its address to directors, or to gateways of [real-server]"
    )]
    NoGateway {
        /// A virtual address in NAT.
        vip: IpAddr,
    },
}

impl Cluster {
    /// What a machine of these addresses is. One that is both is a director: it serves locally
    /// what it hands to itself.
    ///
    /// # Errors
    ///
    /// [`RoleError::Unknown`] where none of them is in the file.
    pub fn role(&self, own: &[IpAddr]) -> Result<Role, RoleError> {
        let director =
            |address: &IpAddr| self.directors.iter().any(|it| it.get_ref().0 == *address);
        if own.iter().any(director) {
            return Ok(Role::Director);
        }
        if self.services.iter().any(|service| serves(service, own)) {
            return Ok(Role::RealServer);
        }
        let own: Vec<String> =
            own.iter().filter(|it| !it.is_loopback()).map(ToString::to_string).collect();
        Err(RoleError::Unknown { own: own.join(", ") })
    }

    /// What a machine of that role and these addresses must have, in the order in which it is set
    /// up. A real server has the services that list it, or all where none does.
    ///
    /// # Errors
    ///
    /// [`RoleError::NoGateway`].
    pub fn duties(&self, role: Role, own: &[IpAddr]) -> Result<Vec<Duty>, RoleError> {
        match role {
            Role::Director => Ok(self.of_director()),
            Role::RealServer => self.of_real_server(own),
        }
    }

    fn of_director(&self) -> Vec<Duty> {
        let mut addresses = Addresses::default();
        for service in &self.services {
            for (real, mode) in self.reals(service) {
                for vip in vips(service) {
                    let device = service.vip_device.as_ref().or(self.director.vip_device.as_ref());
                    let duty = addresses.duty(Role::Director, mode, vip);
                    // IPv4 in a tunnel has its own device.
                    if mode != Mode::Tun || vip.is_ipv6() {
                        duty.device = duty.device.take().or(device.cloned());
                    }
                    duty.assigned = self.director.assign_vips;
                    if !duty.reals.contains(&real.address) {
                        duty.reals.push(real.address);
                    }
                }
            }
        }
        let bonds = self.director.bond.iter().map(|bond| Duty::Bond(bond.get_ref().bond()));
        let mut duties: Vec<Duty> =
            bonds.chain(addresses.list.into_iter().map(Duty::Address)).collect();
        duties.extend(self.services.iter().map(|table| {
            let reals = self.reals(table).map(|(real, mode)| destination(table, real, mode));
            Duty::Service(service(table), reals.collect())
        }));
        let timeouts = self.director.timeouts.as_ref();
        duties.extend(timeouts.map(|timeouts| Duty::Timeouts(timeouts.timeouts())));
        let daemons = self.director.sync.iter();
        duties.extend(daemons.map(|sync| Duty::Daemon(sync.get_ref().daemon())));
        duties
    }

    fn of_real_server(&self, own: &[IpAddr]) -> Result<Vec<Duty>, RoleError> {
        let listed = self.services.iter().any(|service| serves(service, own));
        let mut addresses = Addresses::default();
        for service in &self.services {
            for (real, mode) in self.reals(service) {
                if listed && !own.contains(&real.address) {
                    continue;
                }
                for vip in vips(service) {
                    let gateway = match mode {
                        Mode::Nat => Some(self.gateway(vip).ok_or(RoleError::NoGateway { vip })?),
                        Mode::Tun | Mode::Dr => None,
                    };
                    let duty = addresses.duty(Role::RealServer, mode, vip);
                    duty.gateway = gateway;
                    if mode != Mode::Tun {
                        duty.device = self.real_server.device.clone();
                    }
                    let tunnel = (real.address, real.tunnel.unwrap_or_default());
                    if mode == Mode::Tun && !duty.tunnels.contains(&tunnel) {
                        duty.tunnels.push(tunnel);
                    }
                }
            }
        }
        Ok(addresses.list.into_iter().map(Duty::Address).collect())
    }

    /// The real servers of a service, each with the mode in which it is reached.
    fn reals<'a>(&'a self, service: &'a ServiceTable) -> impl Iterator<Item = (&'a Real, Mode)> {
        service.real.iter().filter_map(|real| {
            let real = real.get_ref();
            Some((real, real.mode.or(service.mode).or(self.mode)?))
        })
    }

    fn gateway(&self, vip: IpAddr) -> Option<IpAddr> {
        let all = self.real_server.gateways.iter().chain(&self.directors);
        let mut all = all.map(|address| address.get_ref().0);
        all.find(|address| address.is_ipv4() == vip.is_ipv4())
    }
}

/// Duties of addresses, one for each role, mode and address, in the order of the file.
#[derive(Default)]
struct Addresses {
    list: Vec<AddressDuty>,
    places: HashMap<(Mode, IpAddr), usize>,
}

impl Addresses {
    fn duty(&mut self, role: Role, mode: Mode, vip: IpAddr) -> &mut AddressDuty {
        let place = *self.places.entry((mode, vip)).or_insert(self.list.len());
        if place == self.list.len() {
            self.list.push(AddressDuty::new(role, mode, vip));
        }
        #[expect(clippy::indexing_slicing, reason = "it was pushed just now, or earlier")]
        &mut self.list[place]
    }
}

fn serves(service: &ServiceTable, own: &[IpAddr]) -> bool {
    service.real.iter().any(|real| own.contains(&real.get_ref().address))
}

/// The virtual addresses of a service: that of `listen`, or those of a mark.
pub(super) fn vips(service: &ServiceTable) -> Vec<IpAddr> {
    match service.listen.get_ref().0 {
        ServiceIdentity::Address { address, .. } => vec![address],
        ServiceIdentity::Mark { .. } => service.vips.iter().map(|vip| vip.get_ref().0).collect(),
    }
}

/// The port of a real server: the service's own where none was given.
pub(super) fn port(service: &ServiceTable, real: &Real) -> u16 {
    real.port.unwrap_or_else(|| service.listen.get_ref().0.port())
}

fn service(table: &ServiceTable) -> Service {
    let identity = table.listen.get_ref().0;
    let mut service = Service::new(identity, &*table.scheduler.0);
    for flag in &table.flags {
        service.flags = service.flags.union(flag.get_ref().flag);
    }
    if table.one_packet.as_ref().is_some_and(|one_packet| *one_packet.get_ref()) {
        service.flags = service.flags.union(ServiceFlags::ONE_PACKET);
    }
    if let Some(persistence) = &table.persistence {
        let persistence = persistence.get_ref();
        service.flags = service.flags.union(ServiceFlags::PERSISTENT);
        service.timeout = persistence.timeout.0;
        let family: AddressFamily = identity.family();
        service.netmask = persistence.netmask.unwrap_or_else(|| Netmask::host(family));
    }
    service.persistence_engine = table.persistence_engine.as_ref().map(|engine| engine.0.clone());
    service
}

fn destination(table: &ServiceTable, real: &Real, mode: Mode) -> Destination {
    Destination {
        weight: real.weight,
        upper_threshold: real.upper_threshold,
        lower_threshold: real.lower_threshold,
        tunnel: real.tunnel.unwrap_or(Tunnel::Ipip),
        ..Destination::new(real.address, port(table, real), mode.forwarding())
    }
}
