//! What is asked of this machine, checked as a whole.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use clap::ValueEnum;

use super::arguments::{AddressFlags, DirectorFlags};
use super::{Error, RealServer};
use crate::ipvs::{Destination, Forwarding, Protocol, Service, ServiceIdentity};

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
    /// Services of each of them; of a director only.
    pub listeners: Vec<Listener>,
    /// Scheduler of each service.
    pub scheduler: String,
    /// Real servers of each service.
    pub reals: Vec<RealServer>,
}

impl Task {
    /// The task of a real server.
    pub(super) fn of_real_server(flags: AddressFlags) -> Result<Self, Error> {
        Self {
            role: Role::RealServer,
            mode: flags.mode,
            vips: unique(flags.vips),
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
            listeners: unique(flags.services),
            scheduler: flags.scheduler,
            reals: unique(flags.reals),
        }
        .checked()
    }

    /// Whether it can be done at all; asked before anything is touched.
    fn checked(self) -> Result<Self, Error> {
        if self.mode != Mode::Tun {
            return Err(Error::NotYet(format!("--mode {}", self.mode)));
        }
        let addresses = self.vips.iter().chain(self.reals.iter().map(|real| &real.address));
        if let Some(address) = addresses.into_iter().find(|address| address.is_ipv6()) {
            return Err(Error::NotYet(format!("IPv6 ({address})")));
        }
        for (at, real) in self.reals.iter().enumerate() {
            let address = real.address;
            if self.vips.contains(&address) {
                return Err(Error::Usage(format!(
                    "--real {address} is also a --vip: a real server needs an address of its own, \
                     give that one"
                )));
            }
            if self.reals.iter().skip(at + 1).any(|other| other.address == address) {
                return Err(Error::Usage(format!(
                    "--real {address} is given twice, with different ports or weights: leave one"
                )));
            }
            let other = |port: &u16| self.listeners.iter().find(|listener| listener.port != *port);
            if let Some((port, listener)) = real.port.and_then(|port| Some((port, other(&port)?))) {
                return Err(Error::Usage(format!(
                    "--real {} has another port than --service {listener}: tunnelled packets keep \
                     their port, so leave :{port} out, or serve port {port} with a command of its own",
                    SocketAddr::new(address, port)
                )));
            }
        }
        Ok(self)
    }

    /// A director without services or real servers would have nothing to hand on.
    pub(super) fn complete(self) -> Result<Self, Error> {
        let missing = match self.role {
            Role::RealServer => None,
            Role::Director if self.listeners.is_empty() => Some("--service, such as tcp:80"),
            Role::Director if self.reals.is_empty() => Some("--real, such as 192.168.10.2"),
            Role::Director => None,
        };
        match missing {
            Some(option) => Err(Error::Usage(format!("director up needs at least one {option}"))),
            None => Ok(self),
        }
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
        let destinations = self.reals.iter().map(|real| {
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
    fn what_is_not_there_yet_is_said_in_one_way() {
        for (line, what) in [
            ("lvsctl real-server up --mode nat --vip 192.0.2.1", "--mode nat"),
            ("lvsctl director down --mode dr --vip 192.0.2.1", "--mode dr"),
            ("lvsctl real-server status --mode tun --vip 2001:db8::1", "IPv6 (2001:db8::1)"),
            (
                "lvsctl director up --mode tun --vip 192.0.2.1 --service tcp:80 --real 2001:db8::2",
                "IPv6 (2001:db8::2)",
            ),
        ] {
            let expected =
                format!("{what} is not supported yet: only --mode tun with IPv4 addresses is");
            assert_eq!(refusal(line), expected);
        }
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
