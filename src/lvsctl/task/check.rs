//! What cannot work is refused before anything is touched.

use crate::policy::{Mode, Role};
use std::net::{IpAddr, SocketAddr};

use super::Task;
use crate::lvsctl::{Error, RealServer};

impl Task {
    /// Whether it can be done at all; asked before anything is touched.
    pub(super) fn checked(self) -> Result<Self, Error> {
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
    pub(in crate::lvsctl) fn stays_one_end_of_nat(&self, owners: &[String]) -> Result<(), Error> {
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
    pub(in crate::lvsctl) fn complete(self) -> Result<Self, Error> {
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

fn usage<T>(message: String) -> Result<T, Error> {
    Err(Error::Usage(message))
}
