//! Consistency of the values of a file.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use toml::Spanned;

use super::error::Mistake;
use super::file::{ClusterSpec, Real, ServiceTable};
use super::value::Unicast;
use crate::policy::Mode;
use lvs::ipvs::{AddressFamily, Netmask, Protocol, ServiceIdentity, Tunnel};

/// Returns the mistake at a value, with a formatted message.
macro_rules! refuse {
    ($at:expr, $($message:tt)+) => {
        return Err(Mistake::new($at, format!($($message)+)))
    };
}

/// Reports the first mistake, as far as possible in the order of the file.
pub(super) fn check(cluster: &ClusterSpec) -> Result<(), Mistake> {
    machines(cluster)?;
    let vips: HashSet<IpAddr> = cluster.services.iter().flat_map(ServiceTable::vips).collect();
    for director in &cluster.directors {
        let address = director.get_ref().0;
        if vips.contains(&address) {
            refuse!(
                director,
                "the director {address} is also a virtual address: give the machine's own \
                     address"
            );
        }
    }
    let mut seen = HashSet::new();
    for service in &cluster.services {
        if !seen.insert(service.listen.get_ref().0) {
            refuse!(
                &service.listen,
                "{} is already defined by another service: put all its real servers into one",
                service.listen.get_ref()
            );
        }
        self::service(cluster, service, &vips)?;
    }
    if cluster.services.is_empty() {
        // Its end is where they are missing.
        let span = usize::MAX..usize::MAX;
        let message = format!(
            "the file has no [[service]]: it is incomplete. To take the cluster down, run `lvsctl \
             down {}`",
            cluster.name()
        );
        return Err(Mistake { message, span });
    }
    checksums(cluster)
}

/// A GRE packet goes to the tunnel with the most specific local address, and the kernel drops it if
/// that tunnel expects a checksum and there is none (`ip_tunnel_lookup`, `ipgre_rcv`). So one address
/// cannot serve both.
fn checksums(cluster: &ClusterSpec) -> Result<(), Mistake> {
    let mut known = HashMap::new();
    for entry in cluster.services.iter().flat_map(|service| &service.real) {
        let real = entry.get_ref();
        let Some(Tunnel::Gre { checksum }) = real.tunnel else { continue };
        if *known.entry(real.address).or_insert(checksum) != checksum {
            refuse!(
                entry,
                "{} decapsulates GRE with or without checksums, not both: give all its gre \
                     tunnels the same checksum",
                real.address
            );
        }
    }
    Ok(())
}

/// Settings of the machines, not of services.
fn machines(cluster: &ClusterSpec) -> Result<(), Mistake> {
    let mut states = Vec::new();
    for sync in &cluster.director.sync {
        let state = sync.get_ref().state;
        if states.contains(&state) {
            refuse!(sync, "a director runs one {} daemon at most", state.name());
        }
        states.push(state);
        if let Some(key) = sync.get_ref().zero() {
            refuse!(sync, "{key} = 0 is not a valid value: omit it, or give another");
        }
    }
    let mut interfaces = HashSet::new();
    for bond in &cluster.director.bond {
        if bond.get_ref().interfaces().count() < 2 {
            refuse!(bond, "a bond needs ports: ports = [\"eth2\", \"eth3\"]");
        }
        if bond
            .get_ref()
            .interfaces()
            .next()
            .is_some_and(|name| name.get_ref().is_only_alternative())
        {
            refuse!(bond, "the name of a bond has at most 15 bytes");
        }
        for name in bond.get_ref().interfaces() {
            if !interfaces.insert(*name.get_ref()) {
                refuse!(&name, "{} is listed twice: a port has one bond", name.get_ref());
            }
        }
    }
    let mut families = Vec::new();
    for gateway in &cluster.real_server.gateways {
        let family = AddressFamily::from(gateway.get_ref().0);
        if families.contains(&family) {
            refuse!(gateway, "a default route has one gateway: keep one per address family");
        }
        families.push(family);
    }
    Ok(())
}

fn service(
    cluster: &ClusterSpec,
    service: &ServiceTable,
    vips: &HashSet<IpAddr>,
) -> Result<(), Mistake> {
    let listen = &service.listen;
    attributes(service)?;
    if service.real.is_empty() {
        refuse!(listen, "{} has no real server: real = [\"…\"]", listen.get_ref());
    }
    let mut seen = HashSet::new();
    for entry in &service.real {
        let real = entry.get_ref();
        let Some(mode) = cluster.mode(service, real) else {
            refuse!(
                listen,
                "no mode: write mode = \"nat\", \"tun\" or \"dr\" at the top of the file, or here"
            );
        };
        self::real(service, mode, entry)?;
        let mixed = AddressFamily::from(real.address) != listen.get_ref().0.family();
        if mixed && !cluster.director.sync.is_empty() {
            refuse!(
                entry,
                "{} has another address family than {}: with such a destination the kernel \
                     runs no synchronization daemon, so omit one or the other",
                real.address,
                listen.get_ref()
            );
        }
        if vips.contains(&real.address) {
            refuse!(
                entry,
                "the real server {} is also a virtual address: give the machine's own address",
                real.address
            );
        }
        if !seen.insert((real.address, service.port(real))) {
            refuse!(entry, "{} is listed twice: keep one", real.address);
        }
    }
    Ok(())
}

/// The attributes of a service.
fn attributes(service: &ServiceTable) -> Result<(), Mistake> {
    let listen = service.listen.get_ref();
    let identity = listen.0;
    let marked = matches!(identity, ServiceIdentity::Mark { .. });
    if let (false, Some(vip)) = (marked, service.vips.first()) {
        refuse!(vip, "vips is for services with a firewall mark: here listen has the address");
    }
    let other_family =
        |vip: &&Spanned<Unicast>| AddressFamily::from(vip.get_ref().0) != identity.family();
    if let Some(vip) = service.vips.iter().find(other_family) {
        refuse!(vip, "{} has another address family than {listen}", vip.get_ref().0);
    }
    if !marked && identity.port() == 0 && service.persistence.is_none() {
        refuse!(
            &service.listen,
            "{listen} has no port: give one, or persistence, with which a service has all ports"
        );
    }
    let asked = service.one_packet.as_ref().filter(|flag| *flag.get_ref());
    if let Some(one_packet) = asked.filter(|_| !marked && identity.protocol() != Protocol::UDP) {
        refuse!(one_packet, "one-packet is for UDP services and firewall marks");
    }
    for flag in &service.flags {
        let scheduler = service.scheduler.0.as_str();
        if !flag.get_ref().0.fits(scheduler) {
            refuse!(flag, "the scheduler {scheduler} has no such flag");
        }
    }
    if let Some(persistence) = &service.persistence {
        let family = match persistence.get_ref().netmask {
            None => return Ok(()),
            Some(Netmask::Ipv4(_)) => AddressFamily::Ipv4,
            Some(Netmask::Ipv6(_)) => AddressFamily::Ipv6,
        };
        if family != identity.family() {
            refuse!(
                persistence,
                "the netmask has the other address family: 255.255.255.0 is for IPv4, 64 for IPv6"
            );
        }
    }
    Ok(())
}

/// A real server of a service.
fn real(service: &ServiceTable, mode: Mode, entry: &Spanned<Real>) -> Result<(), Mistake> {
    let (real, identity) = (entry.get_ref(), service.listen.get_ref().0);
    if real.tunnel.is_some() && mode != Mode::Tun {
        refuse!(entry, "tunnel is for mode = \"tun\", and this is {mode}");
    }
    if AddressFamily::from(real.address) != identity.family() && mode != Mode::Tun {
        refuse!(
            entry,
            "{} has another address family than {}: only tunnels connect the two",
            real.address,
            service.listen.get_ref()
        );
    }
    match (real.port, mode) {
        (Some(port), Mode::Tun | Mode::Dr) if port != identity.port() => {
            let how = if mode == Mode::Tun { "tunnelled" } else { "directly routed" };
            refuse!(
                entry,
                "{} has another port than {}: {how} packets keep their port, so omit :{port}",
                SocketAddr::new(real.address, port),
                service.listen.get_ref()
            )
        }
        _ => Ok(()),
    }
}
