//! What the values of a file must be to each other.

use crate::policy::Mode;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use toml::Spanned;

use super::derive;
use super::error::Mistake;
use super::file::{Cluster, Real, ServiceTable, Unicast};
use lvs::ipvs::{AddressFamily, Netmask, Protocol, ServiceIdentity, Tunnel};

/// The first mistake, in the order of the file as far as that is possible.
pub(super) fn whole(cluster: &Cluster) -> Result<(), Mistake> {
    machines(cluster)?;
    let vips: HashSet<IpAddr> = cluster.services.iter().flat_map(derive::vips).collect();
    for director in &cluster.directors {
        let address = director.get_ref().0;
        if vips.contains(&address) {
            return wrong(
                director,
                format!(
                    "the director {address} is also a virtual address: give the address that is \
                     the machine's own"
                ),
            );
        }
    }
    let mut seen = HashSet::new();
    for service in &cluster.services {
        if !seen.insert(service.listen.get_ref().0) {
            return wrong(
                &service.listen,
                format!(
                    "{} is another service's already: put all its real servers into one",
                    service.listen.get_ref()
                ),
            );
        }
        self::service(cluster, service, &vips)?;
    }
    checksums(cluster)
}

/// Of the tunnel's ends that a packet of GRE fits, the kernel takes the one that names the address,
/// and drops the packet where that end expects a checksum and there is none: so the kernel's lookup
/// has it (`ip_tunnel_lookup`, `ipgre_rcv`).
fn checksums(cluster: &Cluster) -> Result<(), Mistake> {
    let mut known = HashMap::new();
    for entry in cluster.services.iter().flat_map(|service| &service.real) {
        let real = entry.get_ref();
        if let Some(Tunnel::Gre { checksum }) = real.tunnel
            && *known.entry(real.address).or_insert(checksum) != checksum
        {
            return wrong(
                entry,
                format!(
                    "{} unpacks GRE with a checksum or without, not both: give all its gre \
                     tunnels the same checksum",
                    real.address
                ),
            );
        }
    }
    Ok(())
}

fn wrong<T, U>(at: &Spanned<T>, message: impl Into<String>) -> Result<U, Mistake> {
    Err(Mistake::new(at, message))
}

/// What is said of machines, not of services.
fn machines(cluster: &Cluster) -> Result<(), Mistake> {
    let mut states = Vec::new();
    for sync in &cluster.director.sync {
        let state = sync.get_ref().state;
        if states.contains(&state) {
            return wrong(sync, format!("a director runs one {} daemon at most", state.name()));
        }
        states.push(state);
        if let Some(key) = sync.get_ref().zero() {
            return wrong(sync, format!("{key} = 0 has no meaning: leave it out, or give another"));
        }
    }
    let mut interfaces = HashSet::new();
    for bond in &cluster.director.bond {
        if bond.get_ref().interfaces().count() < 2 {
            return wrong(bond, "a bond without ports leads nowhere: ports = [\"eth2\", \"eth3\"]");
        }
        for name in bond.get_ref().interfaces() {
            if !interfaces.insert(*name.get_ref()) {
                let told = format!("{} is named twice: a port belongs to one bond", name.get_ref());
                return wrong(&name, told);
            }
        }
    }
    let mut families = Vec::new();
    for gateway in &cluster.real_server.gateways {
        let family = AddressFamily::from(gateway.get_ref().0);
        if families.contains(&family) {
            return wrong(gateway, "a default route has one gateway: leave one of each family");
        }
        families.push(family);
    }
    Ok(())
}

fn service(
    cluster: &Cluster,
    service: &ServiceTable,
    vips: &HashSet<IpAddr>,
) -> Result<(), Mistake> {
    let listen = &service.listen;
    attributes(service)?;
    if service.real.is_empty() {
        return wrong(listen, format!("{} has no real server: real = [\"…\"]", listen.get_ref()));
    }
    let mut seen = HashSet::new();
    for entry in &service.real {
        let real = entry.get_ref();
        let Some(mode) = real.mode.or(service.mode).or(cluster.mode) else {
            return wrong(
                listen,
                "no mode: write mode = \"nat\", \"tun\" or \"dr\" at the top of the file, or here",
            );
        };
        self::real(service, mode, entry)?;
        let mixed = AddressFamily::from(real.address) != listen.get_ref().0.family();
        if mixed && !cluster.director.sync.is_empty() {
            return wrong(
                entry,
                format!(
                    "{} is of another family than {}: beside that the kernel runs no \
                     synchronization daemon, so leave out one or the other",
                    real.address,
                    listen.get_ref()
                ),
            );
        }
        if vips.contains(&real.address) {
            return wrong(
                entry,
                format!(
                    "the real server {} is also a virtual address: give the address that is the \
                     machine's own",
                    real.address
                ),
            );
        }
        if !seen.insert((real.address, derive::port(service, real))) {
            return wrong(entry, format!("{} is listed twice: leave one", real.address));
        }
    }
    Ok(())
}

/// The attributes of a service, to each other.
fn attributes(service: &ServiceTable) -> Result<(), Mistake> {
    let listen = service.listen.get_ref();
    let identity = listen.0;
    let marked = matches!(identity, ServiceIdentity::Mark { .. });
    if let (false, Some(vip)) = (marked, service.vips.first()) {
        return wrong(vip, "vips belong to a service of a firewall mark: listen says it here");
    }
    let other_family = |vip: &&Spanned<_>| AddressFamily::from(named(vip)) != identity.family();
    if let Some(vip) = service.vips.iter().find(other_family) {
        return wrong(vip, format!("{} is of another family than {listen}", named(vip)));
    }
    if !marked && identity.port() == 0 && service.persistence.is_none() {
        return wrong(
            &service.listen,
            format!(
                "{listen} has no port: give one, or persistence, which lets a service have all \
                 ports"
            ),
        );
    }
    if let Some(one_packet) = &service.one_packet
        && *one_packet.get_ref()
        && !marked
        && identity.protocol() != Protocol::UDP
    {
        return wrong(one_packet, "one-packet is for services of UDP and of firewall marks");
    }
    for flag in &service.flags {
        let scheduler = service.scheduler.0.as_str();
        if flag.get_ref().is_foreign_to(scheduler) {
            return wrong(flag, format!("the scheduler {scheduler} has no such flag"));
        }
    }
    if let Some(persistence) = &service.persistence {
        let family = match persistence.get_ref().netmask {
            None => return Ok(()),
            Some(Netmask::Ipv4(_)) => AddressFamily::Ipv4,
            Some(Netmask::Ipv6(_)) => AddressFamily::Ipv6,
        };
        if family != identity.family() {
            return wrong(
                persistence,
                "the netmask is of the other family: 255.255.255.0 is for IPv4, 64 for IPv6",
            );
        }
    }
    Ok(())
}

fn named(vip: &Spanned<Unicast>) -> IpAddr {
    vip.get_ref().0
}

/// A real server, to its service.
fn real(service: &ServiceTable, mode: Mode, entry: &Spanned<Real>) -> Result<(), Mistake> {
    let (real, identity) = (entry.get_ref(), service.listen.get_ref().0);
    if real.tunnel.is_some() && mode != Mode::Tun {
        return wrong(entry, format!("a tunnel is for mode = \"tun\", and this is {mode}"));
    }
    if AddressFamily::from(real.address) != identity.family() && mode != Mode::Tun {
        return wrong(
            entry,
            format!(
                "{} is of another family than {}: only tunnels lead from one to the other",
                real.address,
                service.listen.get_ref()
            ),
        );
    }
    match (real.port, mode) {
        (Some(port), Mode::Tun | Mode::Dr) if port != identity.port() => {
            let how = if mode == Mode::Tun { "tunnelled" } else { "directly routed" };
            wrong(
                entry,
                format!(
                    "{} has another port than {}: {how} packets keep theirs, so leave :{port} out",
                    SocketAddr::new(real.address, port),
                    service.listen.get_ref()
                ),
            )
        }
        _ => Ok(()),
    }
}
