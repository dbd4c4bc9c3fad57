//! What `-S` writes: commands that `-R` reads back to the same table.
//!
//! Beyond the reference: marks are unsigned, thresholds are written, the third flag of `sh` and
//! `mh` has a name, and a host or service has one only where it reads back to the same value.

use std::fmt::Write as _;
use std::io::Write;

use lvs::ipvs::{
    AddressFamily, Checksum, Destination, Forwarding, Protocol, Service, ServiceEntry,
    ServiceFlags, ServiceIdentity, Tunnel,
};
use lvs::netlink::Transport;

use super::columns::Columns;
use super::endpoint::Endpoint;
use super::error::Error;
use super::pools;
use super::source::Source;
use super::{Names, scheduler_flags};

/// Writes the whole table, services in the order of a listing.
///
/// # Errors
///
/// The kernel's refusal, or a failing write.
pub(super) fn save<T: Transport>(
    source: &mut Source<T>,
    names: Option<&dyn Names>,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let services = source.services(false)?;
    // The kernel's own table has neither thresholds nor tunnels.
    let read = |source: &mut Source<T>, _, entry: &ServiceEntry| {
        source.bare_destinations(&entry.service.identity)
    };
    pools::write(source, &services, true, names, output, read, |output, pool, names| {
        let service = &pool.service.service;
        let option = service_option(&service.identity, names);
        let mut line = String::new();
        append_service(&mut line, &option, service);
        output.write_all(line.as_bytes())?;
        pool.destinations.iter().try_for_each(|destination| {
            line.clear();
            append_destination(&mut line, &option, &service.identity, destination, names);
            output.write_all(line.as_bytes())
        })
    })
}

// Writing to a string does not fail.
fn append_service(line: &mut String, option: &str, service: &Service) {
    let _ = write!(line, "-A {option} -s {}", service.scheduler);
    if let Some(persistence) = service.persistence {
        let _ = write!(line, " -p {}", persistence.timeout);
        if !persistence.netmask.is_host() {
            let _ = write!(line, " -M {}", persistence.netmask);
        }
    }
    if let Some(engine) = &service.persistence_engine {
        let _ = write!(line, " --pe {engine}");
    }
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        line.push_str(" -o");
    }
    if service.flags.intersects(ServiceFlags::SCHEDULER) {
        let _ = write!(line, " -b {}", scheduler_flags::saved(service));
    }
    line.push('\n');
}

/// Piece by piece, since most lines of a large table are these.
fn append_destination(
    line: &mut String,
    option: &str,
    service: &ServiceIdentity,
    destination: &Destination,
    names: Option<&dyn Names>,
) {
    let Destination { address, port, forwarding, weight, upper_threshold, lower_threshold, .. } =
        *destination;
    for piece in ["-a ", option, " -r "] {
        line.push_str(piece);
    }
    Endpoint::of_server(service, address, port).append_saved(line, names);
    for piece in [" ", method(forwarding), " -w "] {
        line.push_str(piece);
    }
    line.number(weight.into());
    if forwarding == Forwarding::Tunnel {
        append_tunnel(line, destination.tunnel);
    }
    for (option, threshold) in [(" -x ", upper_threshold), (" -y ", lower_threshold)] {
        if threshold != 0 {
            line.push_str(option);
            line.number(threshold.into());
        }
    }
    line.push('\n');
}

pub(super) const fn method(forwarding: Forwarding) -> &'static str {
    match forwarding {
        Forwarding::Masquerade => "-m",
        Forwarding::Tunnel => "-i",
        // No option asks for local delivery; the kernel finds it out by itself.
        Forwarding::DirectRouting | Forwarding::Local | Forwarding::Other(_) => "-g",
    }
}

pub(super) fn append_tunnel(line: &mut String, tunnel: Tunnel) {
    let option = |checksum| match checksum {
        Checksum::None => "--tun-nocsum",
        Checksum::Full => "--tun-csum",
        Checksum::Remote => "--tun-remcsum",
    };
    let _ = match tunnel {
        Tunnel::Ipip => write!(line, " --tun-type ipip"),
        Tunnel::Gue { port, checksum } => {
            let checksum = option(checksum);
            write!(line, " --tun-type gue --tun-port {port} {checksum}")
        }
        Tunnel::Gre { checksum } => write!(line, " --tun-type gre {}", option(checksum)),
        // A type of a newer kernel: nothing that could be read back names it.
        Tunnel::Other(_) => Ok(()),
    };
}

/// `-t 192.0.2.1:80`, `-f 5 -6`.
pub(super) fn service_option(identity: &ServiceIdentity, names: Option<&dyn Names>) -> String {
    match *identity {
        ServiceIdentity::Mark { mark, family } => match family {
            AddressFamily::Ipv4 => format!("-f {mark}"),
            AddressFamily::Ipv6 => format!("-f {mark} -6"),
        },
        ServiceIdentity::Address { protocol, address, port } => {
            let option = match protocol {
                Protocol::TCP => "-t ",
                Protocol::UDP => "-u ",
                Protocol::SCTP => "--sctp-service ",
                // The reference's word for what no command can add.
                _ => "--xxx-service ",
            };
            let mut text = option.to_owned();
            let endpoint = Endpoint { address, port, protocol: Some(protocol) };
            endpoint.append_saved(&mut text, names);
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::ipvsadm::fake_names::FakeNames;
    use lvs::ipvs::{Netmask, Persistence};

    fn service_line(service: &Service, names: Option<&dyn Names>) -> String {
        let mut line = String::new();
        append_service(&mut line, &service_option(&service.identity, names), service);
        line
    }

    fn destination_line(service: &ServiceIdentity, destination: &Destination) -> String {
        let mut line = String::new();
        append_destination(&mut line, &service_option(service, None), service, destination, None);
        line
    }

    fn web() -> ServiceIdentity {
        ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80)
    }

    /// Lines as the reference writes them.
    #[test]
    fn services() {
        let mut service = Service::new(web(), "rr");
        assert_eq!(service_line(&service, None), "-A -t 192.0.2.1:80 -s rr\n");
        let netmask = Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0));
        service.persistence = Some(Persistence::new(360, netmask));
        assert_eq!(
            service_line(&service, None),
            "-A -t 192.0.2.1:80 -s rr -p 360 -M 255.255.255.0\n"
        );

        let phone = ServiceIdentity::udp(Ipv4Addr::new(192, 0, 2, 1), 5060);
        let mut service = Service::new(phone, "rr");
        service.persistence_engine = Some("sip".to_owned());
        service.flags = ServiceFlags::ONE_PACKET;
        assert_eq!(service_line(&service, None), "-A -u 192.0.2.1:5060 -s rr --pe sip -o\n");

        let identity = ServiceIdentity::Mark { mark: 5, family: AddressFamily::Ipv6 };
        let mut service = Service::new(identity, "sh");
        service.flags = ServiceFlags::from_bits_retain(0x18);
        assert_eq!(service_line(&service, None), "-A -f 5 -6 -s sh -b sh-fallback,sh-port\n");

        let identity = ServiceIdentity::Address {
            protocol: Protocol::SCTP,
            address: "2001:db8::1".parse().unwrap(),
            port: 99,
        };
        let mut service = Service::new(identity, "wlc");
        service.persistence = Some(Persistence::new(30, Netmask::Ipv6(64)));
        assert_eq!(
            service_line(&service, None),
            "-A --sctp-service [2001:db8::1]:99 -s wlc -p 30 -M 64\n"
        );
    }

    /// What the reference writes so that it cannot read it.
    #[test]
    fn services_that_the_reference_loses() {
        let identity = ServiceIdentity::Mark { mark: 3_000_000_000, family: AddressFamily::Ipv4 };
        assert_eq!(
            service_line(&Service::new(identity, "none"), None),
            "-A -f 3000000000 -s none\n"
        );
        let mut hashed = Service::new(web(), "sh");
        hashed.flags = ServiceFlags::from_bits_retain(0x20);
        assert_eq!(service_line(&hashed, None), "-A -t 192.0.2.1:80 -s sh -b flag-3\n");
    }

    #[test]
    fn names_where_they_read_back() {
        let names = FakeNames(&[("vip.example", "192.0.2.1")]);
        let service = Service::new(web(), "rr");
        assert_eq!(service_line(&service, Some(&names)), "-A -t vip.example:http -s rr\n");
    }

    #[test]
    fn destinations() {
        let server = |address: &str, port, forwarding| {
            Destination::new(address.parse::<IpAddr>().unwrap(), port, forwarding)
        };
        let masqueraded = server("198.51.100.4", 8080, Forwarding::Masquerade);
        assert_eq!(
            destination_line(&web(), &masqueraded),
            "-a -t 192.0.2.1:80 -r 198.51.100.4:8080 -m -w 1\n"
        );
        let mut limited = server("198.51.100.6", 80, Forwarding::DirectRouting);
        limited.upper_threshold = 100;
        limited.lower_threshold = 50;
        assert_eq!(
            destination_line(&web(), &limited),
            "-a -t 192.0.2.1:80 -r 198.51.100.6:80 -g -w 1 -x 100 -y 50\n"
        );
        let mark = ServiceIdentity::Mark { mark: 5, family: AddressFamily::Ipv4 };
        let local = server("2001:db8::5", 0, Forwarding::Local);
        assert_eq!(destination_line(&mark, &local), "-a -f 5 -r [2001:db8::5]:0 -g -w 1\n");
    }

    #[test]
    fn tunnels() {
        let line = |tunnel| {
            let address = Ipv4Addr::new(198, 51, 100, 7);
            let mut server = Destination::new(address, 80, Forwarding::Tunnel);
            server.tunnel = tunnel;
            destination_line(&web(), &server)
        };
        let gue = |checksum| Tunnel::Gue { port: 6080, checksum };
        let full = Checksum::Full;
        let cases = [
            (Tunnel::Ipip, "--tun-type ipip"),
            (gue(Checksum::None), "--tun-type gue --tun-port 6080 --tun-nocsum"),
            (gue(full), "--tun-type gue --tun-port 6080 --tun-csum"),
            (gue(Checksum::Remote), "--tun-type gue --tun-port 6080 --tun-remcsum"),
            (Tunnel::Gre { checksum: full }, "--tun-type gre --tun-csum"),
        ];
        for (tunnel, options) in cases {
            let expected = format!("-a -t 192.0.2.1:80 -r 198.51.100.7:80 -i -w 1 {options}\n");
            assert_eq!(line(tunnel), expected);
        }
    }
}
