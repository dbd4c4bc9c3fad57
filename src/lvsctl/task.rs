//! What is asked of this machine, checked as a whole.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use clap::ValueEnum;

use super::arguments::{DirectorFlags, RealServerFlags};
use super::{Error, RealServer};
use crate::ipvs::{Destination, Forwarding, Protocol, Service, ServiceIdentity};
use crate::node::InterfaceName;

/// How packets reach the real servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Network address translation
    Nat,
    /// IP tunnelling
    Tun,
    /// Direct routing
    Dr,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nat => "nat",
            Self::Tun => "tun",
            Self::Dr => "dr",
        })
    }
}

/// What a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Hands connections on.
    Director,
    /// Answers them.
    RealServer,
}

impl Role {
    /// As the command line and the journal call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Director => "director",
            Self::RealServer => "real-server",
        }
    }
}

/// A protocol and a port that a virtual address listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// In host byte order; never 0.
    pub port: u16,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.protocol.name().unwrap_or("ip"), self.port)
    }
}

/// One role in one mode, for one or more virtual addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What this machine is.
    pub role: Role,
    /// How packets reach the real servers.
    pub mode: Mode,
    /// Virtual addresses, each once.
    pub vips: Vec<IpAddr>,
    /// The interface that faces the clients or the director, where it was named.
    pub device: Option<InterfaceName>,
    /// Where a real server's answers go in NAT: the director, at most one of each family.
    pub gateways: Vec<IpAddr>,
    /// Services of each of them; of a director only.
    pub listeners: Vec<Listener>,
    /// Scheduler of each service.
    pub scheduler: String,
    /// Real servers of each service; those of a virtual address are of its family.
    pub reals: Vec<RealServer>,
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

    /// The real servers of a virtual address: those of its family.
    pub(super) fn reals_for(&self, vip: IpAddr) -> impl Iterator<Item = &RealServer> {
        self.reals.iter().filter(move |real| real.address.is_ipv4() == vip.is_ipv4())
    }

    /// The name under which the journal keeps what a virtual address needs, or what one service of
    /// it needs.
    #[must_use]
    pub fn claim(&self, vip: IpAddr, listener: Option<Listener>) -> String {
        let claim = format!("{} {} {vip}", self.role.name(), self.mode);
        match listener {
            Some(listener) => format!("{claim} {listener}"),
            None => claim,
        }
    }

    /// Whether this task speaks of that claim: of each virtual address, and each service of it
    /// that is named, or else every one.
    #[must_use]
    pub fn covers(&self, claim: &str) -> bool {
        self.vips.iter().any(|vip| {
            let whole = self.claim(*vip, None);
            let mut services = self.listeners.iter();
            match claim.strip_prefix(&whole) {
                Some("") => self.listeners.is_empty() || self.role == Role::RealServer,
                Some(rest) if rest.starts_with(' ') => {
                    self.listeners.is_empty()
                        || services.any(|listener| rest == format!(" {listener}"))
                }
                _ => false,
            }
        })
    }

    /// The service of a virtual address, with its destinations.
    pub(super) fn service(&self, vip: IpAddr, listener: Listener) -> (Service, Vec<Destination>) {
        let identity = ServiceIdentity::Address {
            protocol: listener.protocol,
            address: vip,
            port: listener.port,
        };
        let forwarding = match self.mode {
            Mode::Nat => Forwarding::Masquerade,
            Mode::Tun => Forwarding::Tunnel,
            Mode::Dr => Forwarding::DirectRouting,
        };
        let destinations = self.reals_for(vip).map(|real| {
            let port = real.port.unwrap_or(listener.port);
            let mut destination = Destination::new(real.address, port, forwarding);
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

fn usage<T>(message: String) -> Result<T, Error> {
    Err(Error::Usage(message))
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::arguments::Arguments;
    use super::super::commands::task_of;
    use super::*;

    fn task(line: &str) -> Result<Task, Error> {
        let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
        task_of(arguments.command).map(|(_, task)| task)
    }

    fn refusal(line: &str) -> String {
        let error = task(line).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_cure() {
        let director = "lvsctl director up --mode tun --vip 192.0.2.1 --service tcp:80";
        let real = |more: &str| refusal(&format!("{director} {more}"));
        assert!(real("--real 192.0.2.1").contains("is also a --vip"));
        assert!(real("--real 192.0.2.2:81").contains("leave :81 out"));
        assert!(real("--real 192.0.2.2 --real 192.0.2.2,weight=2").contains("given twice"));
        assert!(real("--real 192.0.2.2:80 --service tcp:443").contains("--service tcp:443"));
        assert!(real("").contains("--real"));
        let none = refusal("lvsctl director up --mode tun --vip 192.0.2.1 --real 192.0.2.2");
        assert!(none.contains("--service"));
    }

    #[test]
    fn ways_that_lead_nowhere_are_refused() {
        let server = |more: &str| refusal(&format!("lvsctl real-server up --vip 192.0.2.1 {more}"));
        assert!(server("--mode nat").contains("needs --gateway"));
        assert!(server("--mode dr --gateway 192.0.2.9").contains("is for --mode nat"));
        assert!(server("--mode nat --gateway 192.0.2.1").contains("is also a --vip"));
        assert!(server("--mode nat --gateway 2001:db8::9").contains("another family"));
        assert!(
            server("--mode nat --gateway 192.0.2.8 --gateway 192.0.2.9")
                .contains("not the only one")
        );
        assert!(server("--mode tun --device eth0").contains("no meaning"));
        assert!(task("lvsctl real-server down --mode nat --vip 192.0.2.1").is_ok());
    }

    #[test]
    fn each_virtual_address_has_the_real_servers_of_its_family() {
        let director = "lvsctl director up --mode nat --vip 192.0.2.1 --vip 2001:db8::1 \
                        --service tcp:80 --real 192.0.2.2:80 --real 192.0.2.2:8080";
        assert!(refusal(director).contains("the family of --vip 2001:db8::1"));
        let task = task(&format!("{director} --real [2001:db8::2]:81")).unwrap();
        let ports = |vip: usize| {
            let (_, destinations) = task.service(task.vips[vip], task.listeners[0]);
            destinations.iter().map(|destination| destination.port).collect::<Vec<u16>>()
        };
        assert_eq!((ports(0), ports(1)), (vec![80, 8080], vec![81]));
    }

    #[test]
    fn what_is_repeated_counts_once() {
        let line = "lvsctl director up --mode tun --vip 192.0.2.1 --vip 192.0.2.1 \
                    --service tcp:80 --service tcp:80 --real 192.0.2.2 --real 192.0.2.2";
        let task = task(line).unwrap();
        assert_eq!((task.vips.len(), task.listeners.len(), task.reals.len()), (1, 1, 1));
        assert_eq!(task.scheduler, "wlc");
    }

    #[test]
    fn a_task_covers_its_own_claims_only() {
        let all = task("lvsctl director down --mode tun --vip 192.0.2.1").unwrap();
        assert!(all.covers("director tun 192.0.2.1"));
        assert!(all.covers("director tun 192.0.2.1 tcp:80"));
        assert!(!all.covers("director tun 192.0.2.10 tcp:80"));
        assert!(!all.covers("director tun 192.0.2.10"));
        assert!(!all.covers("director dr 192.0.2.1 tcp:80"));
        assert!(!all.covers("real-server tun 192.0.2.1"));
        let one = task("lvsctl director down --mode tun --vip 192.0.2.1 --service tcp:80").unwrap();
        assert!(one.covers("director tun 192.0.2.1 tcp:80"));
        assert!(!one.covers("director tun 192.0.2.1 tcp:8080"));
        assert!(!one.covers("director tun 192.0.2.1 udp:80"));
        assert!(!one.covers("director tun 192.0.2.1"));
        let server = task("lvsctl real-server down --mode tun --vip 192.0.2.1").unwrap();
        assert!(server.covers("real-server tun 192.0.2.1"));
        assert!(!server.covers("real-server tun 192.0.2.10"));
    }
}
