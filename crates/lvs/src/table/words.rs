//! Changes of the table as `ipvsadm` command lines, and values of the table in words.

use std::fmt::{Display, Formatter, Result};

use super::{Key, Value};
use crate::ipvs::{
    Checksum, Daemon, Destination, Forwarding, Service, ServiceFlags, Timeouts, Tunnel,
};
use crate::ruleset::syntax::{SCHEDULER_FLAGS, SchedulerFlag, Style, append_request};
use crate::table::Change;

/// The change as a person would type it.
///
/// # Examples
///
/// ```
/// use std::net::Ipv4Addr;
/// use lvs::ipvs::{Service, ServiceIdentity};
/// use lvs::table::Change;
/// use lvs::table::{Key, Value, command};
///
/// let web = ServiceIdentity::tcp(Ipv4Addr::new(192, 168, 10, 10), 80);
/// let add = Change {
///     key: Key::Service(web),
///     from: None,
///     to: Some(Value::from(Service::new(web, "rr"))),
/// };
/// assert_eq!(command(&add), "ipvsadm -A -t 192.168.10.10:80 -s rr");
/// assert_eq!(command(&add.inverse()), "ipvsadm -D -t 192.168.10.10:80");
/// ```
#[must_use]
pub fn command(change: &Change<Key, Value>) -> String {
    let Ok(request) = change.request() else {
        // Only timeouts have no request without a value.
        return "# timeouts of connections stay".to_owned();
    };
    let mut line = String::new();
    if let Some(stop) = change.stop_request() {
        line.push_str("ipvsadm ");
        append_request(&mut line, &stop, Style::Short);
        line.push_str(" && ");
    }
    line.push_str("ipvsadm ");
    append_request(&mut line, &request, Style::Short);
    line
}

/// All that is set, so that two values that differ never print alike.
impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Service(service) => of_service(f, service),
            Self::Destination(destination) => of_destination(f, destination),
            Self::Timeouts(timeouts) => of_timeouts(f, timeouts),
            Self::Daemon(daemon) => of_daemon(f, daemon),
        }
    }
}

/// A word and its value, where there is one.
fn also(f: &mut Formatter<'_>, word: &str, value: Option<impl Display>) -> Result {
    match value {
        Some(value) => write!(f, " {word} {value}"),
        None => Ok(()),
    }
}

/// Zero stands for what is not set.
const fn set(number: u32) -> Option<u32> {
    if number == 0 { None } else { Some(number) }
}

fn of_service(f: &mut Formatter<'_>, service: &Service) -> Result {
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

fn of_destination(f: &mut Formatter<'_>, destination: &Destination) -> Result {
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

fn of_timeouts(f: &mut Formatter<'_>, timeouts: &Timeouts) -> Result {
    let Timeouts { tcp, tcp_fin, udp } = *timeouts;
    let all = [("tcp", tcp), ("tcp-fin", tcp_fin), ("udp", udp)];
    let set = all.iter().filter(|(_, seconds)| *seconds != 0);
    let words: Vec<String> = set.map(|(word, seconds)| format!("{word} {seconds}")).collect();
    f.write_str(&words.join(" "))
}

fn of_daemon(f: &mut Formatter<'_>, daemon: &Daemon) -> Result {
    write!(f, "{} id {}", daemon.interface, daemon.sync_id)?;
    also(f, "maximum-length", daemon.maximum_length)?;
    also(f, "group", daemon.group)?;
    also(f, "port", daemon.port)?;
    also(f, "ttl", daemon.time_to_live)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::ipvs::{AddressFamily, DaemonState, Netmask, Persistence, ServiceIdentity};

    const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 10);

    #[test]
    fn command_has_every_attribute_of_a_service() {
        let identity = ServiceIdentity::udp(VIP, 53);
        let mut service = Service::new(identity, "sh");
        service.flags = ServiceFlags::from_bits_retain(0x0c);
        let netmask = Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0));
        service.persistence = Some(Persistence::new(300, netmask));
        let value = Some(Value::from(service));
        let change = Change { key: Key::Service(identity), from: value.clone(), to: value };
        assert_eq!(
            command(&change),
            "ipvsadm -E -u 192.168.10.10:53 -s sh -p 300 -M 255.255.255.0 -o -b sh-fallback"
        );
    }

    #[test]
    fn command_has_every_attribute_of_a_destination() {
        let service = ServiceIdentity::Mark { mark: 7, family: AddressFamily::Ipv6 };
        let mut destination = Destination::new(Ipv6Addr::LOCALHOST, 80, Forwarding::Tunnel);
        destination.upper_threshold = 9;
        destination.lower_threshold = 8;
        destination.tunnel = Tunnel::Gue { port: 6080, checksum: Checksum::Remote };
        let change = Change {
            key: Key::of(service, &destination),
            from: None,
            to: Some(Value::Destination(destination)),
        };
        assert_eq!(
            command(&change),
            "ipvsadm -a -f 7 -6 -r [::1]:80 -i -w 1 \
             --tun-type gue --tun-port 6080 --tun-remcsum -x 9 -y 8"
        );
        assert_eq!(command(&change.inverse()), "ipvsadm -d -f 7 -6 -r [::1]:80");
    }

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
