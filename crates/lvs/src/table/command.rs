//! A change of the table as an `ipvsadm` command line.

use std::fmt::Write;
use std::net::SocketAddr;

use super::key::option;
use super::{Change, Key, Value};
use crate::ipvs::{
    AddressFamily, Checksum, Daemon, Destination, Forwarding, Service, ServiceFlags,
    ServiceIdentity, Timeouts, Tunnel,
};

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
    let service = change.key.service().as_ref().map(named).unwrap_or_default();
    let new = change.from.is_none();
    match (&change.key, &change.to) {
        (_, Some(Value::Timeouts(Timeouts { tcp, tcp_fin, udp }))) => {
            format!("ipvsadm --set {tcp} {tcp_fin} {udp}")
        }
        (_, Some(Value::Daemon(daemon))) => {
            // The kernel runs one of each state, and changes none that runs.
            let stop = match &change.from {
                Some(_) => format!("ipvsadm --stop-daemon {} && ", daemon.state.name()),
                None => String::new(),
            };
            format!("{stop}ipvsadm --start-daemon {}{}", daemon.state.name(), of_daemon(daemon))
        }
        (Key::Timeouts, _) => "# timeouts of connections stay".to_owned(),
        (Key::Daemon(state), _) => format!("ipvsadm --stop-daemon {}", state.name()),
        (_, Some(Value::Service(attributes))) => {
            let verb = if new { "-A" } else { "-E" };
            format!("ipvsadm {verb} {service}{}", of_service(attributes))
        }
        (_, Some(Value::Destination(attributes))) => {
            let verb = if new { "-a" } else { "-e" };
            let server = SocketAddr::new(attributes.address, attributes.port);
            format!("ipvsadm {verb} {service} -r {server}{}", of_destination(attributes))
        }
        (Key::Service(_), None) => format!("ipvsadm -D {service}"),
        (Key::Destination { address, port, .. }, None) => {
            format!("ipvsadm -d {service} -r {}", SocketAddr::new(*address, *port))
        }
    }
}

fn named(service: &ServiceIdentity) -> String {
    match *service {
        ServiceIdentity::Address { protocol, address, port } => {
            format!("{} {}", option(protocol), SocketAddr::new(address, port))
        }
        ServiceIdentity::Mark { mark, family } => match family {
            AddressFamily::Ipv4 => format!("-f {mark}"),
            AddressFamily::Ipv6 => format!("-f {mark} -6"),
        },
    }
}

// Writing to a string does not fail.
fn of_service(service: &Service) -> String {
    let mut options = format!(" -s {}", service.scheduler);
    if let Some(persistence) = service.persistence {
        let _ = write!(options, " -p {}", persistence.timeout);
        if !persistence.netmask.is_host() {
            let _ = write!(options, " -M {}", persistence.netmask);
        }
    }
    if let Some(engine) = &service.persistence_engine {
        let _ = write!(options, " --pe {engine}");
    }
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        options.push_str(" -o");
    }
    let flags = [
        (ServiceFlags::SCHEDULER_1, "flag-1"),
        (ServiceFlags::SCHEDULER_2, "flag-2"),
        (ServiceFlags::SCHEDULER_3, "flag-3"),
    ];
    let set = flags.iter().filter(|(flag, _)| service.flags.contains(*flag));
    let set: Vec<&str> = set.map(|(_, name)| *name).collect();
    if !set.is_empty() {
        let _ = write!(options, " -b {}", set.join(","));
    }
    options
}

fn of_daemon(daemon: &Daemon) -> String {
    let mut options =
        format!(" --mcast-interface {} --syncid {}", daemon.interface, daemon.sync_id);
    if let Some(length) = daemon.maximum_length {
        let _ = write!(options, " --sync-maxlen {length}");
    }
    if let Some(group) = daemon.group {
        let _ = write!(options, " --mcast-group {group}");
    }
    if let Some(port) = daemon.port {
        let _ = write!(options, " --mcast-port {port}");
    }
    if let Some(ttl) = daemon.time_to_live {
        let _ = write!(options, " --mcast-ttl {ttl}");
    }
    options
}

fn of_destination(destination: &Destination) -> String {
    let method = match destination.forwarding {
        Forwarding::Masquerade => "-m",
        Forwarding::Tunnel => "-i",
        _ => "-g",
    };
    let mut options = format!(" {method} -w {}", destination.weight);
    if destination.upper_threshold != 0 {
        let _ = write!(options, " -x {}", destination.upper_threshold);
    }
    if destination.lower_threshold != 0 {
        let _ = write!(options, " -y {}", destination.lower_threshold);
    }
    let checksum = match destination.tunnel {
        Tunnel::Gue { port, checksum } => {
            let _ = write!(options, " --tun-type gue --tun-port {port}");
            checksum
        }
        Tunnel::Gre { checksum } => {
            options.push_str(" --tun-type gre");
            checksum
        }
        Tunnel::Ipip | Tunnel::Other(_) => return options,
    };
    options.push_str(match checksum {
        Checksum::None => " --tun-nocsum",
        Checksum::Full => " --tun-csum",
        Checksum::Remote => " --tun-remcsum",
    });
    options
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 10);

    #[test]
    fn every_attribute_of_a_service_is_said() {
        let identity = ServiceIdentity::udp(VIP, 53);
        let mut service = Service::new(identity, "sh");
        service.flags = ServiceFlags::from_bits_retain(0x0c);
        let netmask = crate::ipvs::Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0));
        service.persistence = Some(crate::ipvs::Persistence::new(300, netmask));
        let value = Some(Value::from(service));
        let change = Change { key: Key::Service(identity), from: value.clone(), to: value };
        assert_eq!(
            command(&change),
            "ipvsadm -E -u 192.168.10.10:53 -s sh -p 300 -M 255.255.255.0 -o -b flag-1"
        );
    }

    #[test]
    fn every_attribute_of_a_destination_is_said() {
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
            "ipvsadm -a -f 7 -6 -r [::1]:80 -i -w 1 -x 9 -y 8 \
             --tun-type gue --tun-port 6080 --tun-remcsum"
        );
        assert_eq!(command(&change.inverse()), "ipvsadm -d -f 7 -6 -r [::1]:80");
    }
}
