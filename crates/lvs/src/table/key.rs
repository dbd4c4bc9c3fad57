//! Entries of the table, and their attributes.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::ipvs::{
    AddressFamily, Checksum, Daemon, DaemonState, Destination, Forwarding, Service, ServiceFlags,
    ServiceIdentity, Timeouts, Tunnel,
};
use crate::ruleset::syntax::{SCHEDULER_FLAGS, SchedulerFlag};

/// Identifies an entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case", deny_unknown_fields))]
#[non_exhaustive]
pub enum Key {
    /// A service.
    Service(ServiceIdentity),
    /// A destination of a service.
    Destination {
        /// The service.
        service: ServiceIdentity,
        /// Address of the real server.
        address: IpAddr,
        /// Its port, in host byte order.
        port: u16,
    },
    /// The timeouts of connections.
    Timeouts,
    /// The connection synchronization daemon of a state.
    Daemon(DaemonState),
}

impl Key {
    /// Returns the key of a destination.
    #[must_use]
    pub const fn of(service: ServiceIdentity, destination: &Destination) -> Self {
        Self::Destination { service, address: destination.address, port: destination.port }
    }

    /// Returns the service that the entry is, or belongs to.
    #[must_use]
    pub const fn service(&self) -> Option<ServiceIdentity> {
        match self {
            Self::Service(service) | Self::Destination { service, .. } => Some(*service),
            Self::Timeouts | Self::Daemon(_) => None,
        }
    }
}

/// The attributes of an entry, of the same kind as its key. Most values of a large table are
/// destinations, so the larger kinds are boxed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Value {
    /// A service.
    Service(Box<Service>),
    /// A destination.
    Destination(Destination),
    /// Timeouts in seconds. In a desired value, 0 accepts any.
    Timeouts(Timeouts),
    /// A running daemon. In a desired value, `None` accepts any.
    Daemon(Box<Daemon>),
}

impl From<Service> for Value {
    fn from(service: Service) -> Self {
        Self::Service(Box::new(service))
    }
}

impl From<Daemon> for Value {
    fn from(daemon: Daemon) -> Self {
        Self::Daemon(Box::new(daemon))
    }
}

impl Value {
    /// Returns whether an actual value needs no change to be the desired one.
    #[must_use]
    pub fn satisfies(&self, desired: &Self) -> bool {
        fn open<T: PartialEq>(actual: Option<T>, desired: Option<T>) -> bool {
            desired.is_none() || actual == desired
        }
        match (self, desired) {
            (Self::Timeouts(actual), Self::Timeouts(desired)) => {
                let actual = [actual.tcp, actual.tcp_fin, actual.udp];
                let desired = [desired.tcp, desired.tcp_fin, desired.udp];
                actual
                    .iter()
                    .zip(desired)
                    .all(|(actual, desired)| desired == 0 || *actual == desired)
            }
            (Self::Daemon(actual), Self::Daemon(desired)) => {
                (actual.state, &actual.interface, actual.sync_id)
                    == (desired.state, &desired.interface, desired.sync_id)
                    && open(actual.maximum_length, desired.maximum_length)
                    && open(actual.group, desired.group)
                    && open(actual.port, desired.port)
                    && open(actual.time_to_live, desired.time_to_live)
            }
            _ => self == desired,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => write!(f, "service {}", Named(service)),
            Self::Destination { service, address, port } => {
                let destination = SocketAddr::new(*address, *port);
                write!(f, "destination {destination} of {}", Named(service))
            }
            Self::Timeouts => f.write_str("timeouts of connections"),
            Self::Daemon(state) => write!(f, "{} synchronization daemon", state.name()),
        }
    }
}

struct Named<'a>(&'a ServiceIdentity);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ServiceIdentity::Address { protocol, address, port } => {
                match protocol.name() {
                    Some(name) => write!(f, "{name}")?,
                    None => write!(f, "protocol {}", protocol.0)?,
                }
                write!(f, " {}", SocketAddr::new(*address, *port))
            }
            ServiceIdentity::Mark { mark, family: AddressFamily::Ipv4 } => {
                write!(f, "fwmark {mark}")
            }
            ServiceIdentity::Mark { mark, family: AddressFamily::Ipv6 } => {
                write!(f, "fwmark {mark} of IPv6")
            }
        }
    }
}

/// All that is set, so that two values that differ never print alike.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => of_service(f, service),
            Self::Destination(destination) => of_destination(f, destination),
            Self::Timeouts(timeouts) => of_timeouts(f, timeouts),
            Self::Daemon(daemon) => of_daemon(f, daemon),
        }
    }
}

/// A word and its value, where there is one.
fn also(f: &mut fmt::Formatter<'_>, word: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    match value {
        Some(value) => write!(f, " {word} {value}"),
        None => Ok(()),
    }
}

/// Zero stands for what is not set.
const fn set(number: u32) -> Option<u32> {
    if number == 0 { None } else { Some(number) }
}

fn of_service(f: &mut fmt::Formatter<'_>, service: &Service) -> fmt::Result {
    f.write_str(&service.scheduler)?;
    if let Some(persistence) = service.persistence {
        write!(f, " persistent {}", persistence.timeout)?;
        also(f, "netmask", Some(persistence.netmask).filter(|mask| !mask.is_host()))?;
    }
    also(f, "engine", service.persistence_engine.as_ref())?;
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        f.write_str(" one-packet")?;
    }
    let set = |row: &&SchedulerFlag| row.is_general() && service.flags.contains(row.flag);
    SCHEDULER_FLAGS.iter().filter(set).try_for_each(|row| write!(f, " {}", row.name))
}

fn of_destination(f: &mut fmt::Formatter<'_>, destination: &Destination) -> fmt::Result {
    match destination.forwarding {
        Forwarding::Masquerade => f.write_str("masq")?,
        Forwarding::Local => f.write_str("local")?,
        Forwarding::Tunnel => f.write_str("tunnel")?,
        Forwarding::DirectRouting => f.write_str("route")?,
        Forwarding::Other(number) => write!(f, "method {number}")?,
    }
    let checksum = match destination.tunnel {
        Tunnel::Ipip => Checksum::None,
        Tunnel::Gue { port, checksum } => {
            write!(f, " gue port {port}")?;
            checksum
        }
        Tunnel::Gre { checksum } => {
            f.write_str(" gre")?;
            checksum
        }
        Tunnel::Other(number) => {
            write!(f, " type {number}")?;
            Checksum::None
        }
    };
    f.write_str(match checksum {
        Checksum::None => "",
        Checksum::Full => " checksum full",
        Checksum::Remote => " checksum remote",
    })?;
    write!(f, " weight {}", destination.weight)?;
    also(f, "upper-threshold", set(destination.upper_threshold))?;
    also(f, "lower-threshold", set(destination.lower_threshold))
}

fn of_timeouts(f: &mut fmt::Formatter<'_>, timeouts: &Timeouts) -> fmt::Result {
    let Timeouts { tcp, tcp_fin, udp } = *timeouts;
    let all = [("tcp", tcp), ("tcp-fin", tcp_fin), ("udp", udp)];
    let set = all.iter().filter(|(_, seconds)| *seconds != 0);
    let words: Vec<String> = set.map(|(word, seconds)| format!("{word} {seconds}")).collect();
    f.write_str(&words.join(" "))
}

fn of_daemon(f: &mut fmt::Formatter<'_>, daemon: &Daemon) -> fmt::Result {
    write!(f, "{} id {}", daemon.interface, daemon.sync_id)?;
    also(f, "maximum-length", daemon.maximum_length)?;
    also(f, "group", daemon.group)?;
    also(f, "port", daemon.port)?;
    also(f, "ttl", daemon.time_to_live)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::ipvs::{Netmask, Persistence};

    #[test]
    fn words_of_a_value_say_all_that_is_set() {
        let address = Ipv4Addr::new(192, 0, 2, 1);
        let mut service = Service::new(ServiceIdentity::udp(address, 53), "mh");
        assert_eq!(Value::from(service.clone()).to_string(), "mh");
        service.flags = ServiceFlags::ONE_PACKET.union(ServiceFlags::SCHEDULER_2);
        let netmask = Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0));
        service.persistence = Some(Persistence::new(300, netmask));
        service.persistence_engine = Some("sip".to_owned());
        let words = "mh persistent 300 netmask 255.255.255.0 engine sip one-packet flag-2";
        assert_eq!(Value::from(service).to_string(), words);

        let mut server = Destination::new(address, 53, Forwarding::Tunnel);
        assert_eq!(Value::Destination(server.clone()).to_string(), "tunnel weight 1");
        server.tunnel = Tunnel::Gue { port: 6080, checksum: Checksum::Remote };
        (server.upper_threshold, server.lower_threshold) = (9, 8);
        let words =
            "tunnel gue port 6080 checksum remote weight 1 upper-threshold 9 lower-threshold 8";
        assert_eq!(Value::Destination(server).to_string(), words);

        let timeouts = Timeouts { tcp: 900, tcp_fin: 0, udp: 300 };
        assert_eq!(Value::Timeouts(timeouts).to_string(), "tcp 900 udp 300");
        let daemon = Daemon {
            state: DaemonState::Master,
            interface: "eth0".to_owned(),
            sync_id: 7,
            maximum_length: None,
            group: Some(Ipv4Addr::new(224, 0, 0, 81).into()),
            port: Some(8848),
            time_to_live: Some(1),
        };
        let words = "eth0 id 7 group 224.0.0.81 port 8848 ttl 1";
        assert_eq!(Value::from(daemon).to_string(), words);
    }
}
