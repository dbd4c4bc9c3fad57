//! What the cluster makes of one machine.

use std::collections::HashMap;
use std::net::IpAddr;

use super::file::{ClusterSpec, Real, ServiceTable};
use crate::policy::{AddressDuty, Duty, Mode, Role};

/// The file does not define the role of this machine, or not completely.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RoleError {
    #[error(
        "no address of this machine ({own}) matches a director or real server of the cluster file: \
         add it there, or give the role with --role"
    )]
    Unknown { own: String },
    #[error(
        "the cluster file has no director of the address family of {vip}, which replies of this \
         real server must pass: add its address to directors, or to gateways of [real-server]"
    )]
    NoGateway { vip: IpAddr },
}

impl ClusterSpec {
    /// The role of a machine with these addresses. One that is both is a director: it serves the
    /// connections that it forwards to itself locally.
    pub(crate) fn role(&self, own: &[IpAddr]) -> Result<Role, RoleError> {
        if self.directors.iter().any(|director| own.contains(&director.get_ref().0)) {
            return Ok(Role::Director);
        }
        if self.services.iter().any(|service| service.is_served_by(own)) {
            return Ok(Role::RealServer);
        }
        let own: Vec<String> =
            own.iter().filter(|it| !it.is_loopback()).map(ToString::to_string).collect();
        Err(RoleError::Unknown { own: own.join(", ") })
    }

    /// What a machine with that role and these addresses must have, in the order of setting it up.
    /// A real server has the services that list it, or all if none does.
    pub(crate) fn duties(&self, role: Role, own: &[IpAddr]) -> Result<Vec<Duty>, RoleError> {
        match role {
            Role::Director => Ok(self.director_duties()),
            Role::RealServer => self.real_server_duties(own),
        }
    }

    fn director_duties(&self) -> Vec<Duty> {
        let mut addresses = Addresses::default();
        for service in &self.services {
            for (real, mode) in self.reals(service) {
                for vip in service.vips() {
                    let device = service.vip_device.as_ref().or(self.director.vip_device.as_ref());
                    let duty = addresses.duty(Role::Director, mode, vip);
                    // An IPv4 VIP of TUN is on the tunnel device.
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
        duties.extend(self.services.iter().map(|service| {
            let reals = self.reals(service).map(|(real, mode)| service.destination(real, mode));
            Duty::Service(service.service(), reals.collect())
        }));
        let timeouts = self.director.timeouts.as_ref();
        duties.extend(timeouts.map(|timeouts| Duty::Timeouts(timeouts.timeouts())));
        let parameters = self.director.parameters.sysctls();
        duties.extend((!parameters.is_empty()).then_some(Duty::Parameters(parameters)));
        let daemons = self.director.sync.iter();
        duties.extend(daemons.map(|sync| Duty::Daemon(sync.get_ref().daemon())));
        duties
    }

    fn real_server_duties(&self, own: &[IpAddr]) -> Result<Vec<Duty>, RoleError> {
        let listed = self.services.iter().any(|service| service.is_served_by(own));
        let mut addresses = Addresses::default();
        for service in &self.services {
            for (real, mode) in self.reals(service) {
                if listed && !own.contains(&real.address) {
                    continue;
                }
                for vip in service.vips() {
                    let gateway = match mode {
                        Mode::Nat => Some(self.gateway(vip).ok_or(RoleError::NoGateway { vip })?),
                        Mode::Tun | Mode::Dr => None,
                    };
                    let duty = addresses.duty(Role::RealServer, mode, vip);
                    duty.gateway = gateway;
                    duty.advmss = self.real_server.advmss;
                    duty.directors = self.director_addresses().collect();
                    if !duty.reals.contains(&real.address) {
                        duty.reals.push(real.address);
                    }
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

    fn reals<'a>(&'a self, service: &'a ServiceTable) -> impl Iterator<Item = (&'a Real, Mode)> {
        let reals = service.real.iter().map(toml::Spanned::get_ref);
        reals.filter_map(|real| Some((real, self.mode(service, real)?)))
    }

    pub(crate) fn director_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.directors.iter().map(|director| director.get_ref().0)
    }

    fn gateway(&self, vip: IpAddr) -> Option<IpAddr> {
        let all = self.real_server.gateways.iter().chain(&self.directors);
        let mut all = all.map(|address| address.get_ref().0);
        all.find(|address| address.is_ipv4() == vip.is_ipv4())
    }
}

/// Address duties, one per role, mode and address, in the order of the file.
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
