//! Probes: the only part of the doctor that sends packets, and only on request.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::context::Context;
use super::expectation::Expectation;
use super::facts::{AddressOwners, Facts, PathMtu, Probes, Unread};
use crate::host::{InterfaceName, Patience, Wire, neighbours_with};
use lvs::ipvs::Forwarding;
use lvs::netlink::reason;

/// Of probes for other owners of an address.
const PATIENCE: Patience = Patience { probes: 2, wait: Duration::from_millis(400) };

/// The number of addresses, and of paths, that take a few seconds.
const MAX_PROBES: usize = 8;

impl Facts {
    /// Probes for other owners of the virtual addresses and for the path MTU to tunnel real
    /// servers. Takes a second or two, and adds the results to the facts.
    pub(crate) fn probe(&mut self, expectation: &Expectation) {
        let mut probes = Probes::default();
        let mut unread = Vec::new();
        let mut note = |what: String, error: io::Error| {
            let hint = match error.kind() {
                ErrorKind::PermissionDenied => ": probes take CAP_NET_RAW, run it as root",
                _ => "",
            };
            unread.push(Unread { what, why: format!("{}{hint}", reason(&error)) });
        };
        let context = Context::new(self, expectation, None);
        for (address, device) in probed_addresses(&context) {
            let Some(link) = context.network().link(&device) else {
                continue;
            };
            let wire = link.hardware.as_deref().and_then(|it| Wire::parse(link.index, it));
            let found = wire.map_or_else(
                || {
                    let why = format!("{} is not an Ethernet interface", link.name);
                    Err(io::Error::new(ErrorKind::Unsupported, why))
                },
                |wire| neighbours_with(&[address], wire, PATIENCE),
            );
            match found {
                Ok(found) => {
                    let hardware = found.into_iter().map(|(_, owner)| owner.to_string()).collect();
                    let kind =
                        if address.is_ipv4() { "ARP probes" } else { "neighbour solicitations" };
                    probes.sent.push(format!("two {kind} for {address} on {device}"));
                    probes.owners.push(AddressOwners { address, device, hardware });
                }
                Err(error) => note(format!("who has {address}"), error),
            }
        }
        for real in tunnel_real_servers(&context) {
            match path_mtu(real) {
                Ok(path) => {
                    let size = path.assumed;
                    probes.sent.push(format!(
                        "datagrams of up to {size} bytes to UDP port {PORT} of {real}"
                    ));
                    probes.paths.push(path);
                }
                Err(error) => note(format!("the path MTU to {real}"), error),
            }
        }
        self.unread.extend(unread);
        self.probes = Some(probes);
    }
}

/// Virtual addresses that neighbours may have, with the interface that faces them.
fn probed_addresses(context: &Context<'_>) -> Vec<(IpAddr, InterfaceName)> {
    let mut addresses = context.directed_vips();
    addresses.extend(context.local_vips().map(|served| served.address));
    let facing = |address| Some((address, context.machine.facing(address)?.clone()));
    let mut found: Vec<_> = addresses.into_iter().filter_map(facing).collect();
    found.dedup();
    found.truncate(MAX_PROBES);
    found
}

fn tunnel_real_servers(context: &Context<'_>) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for (_, entry) in context.destinations() {
        let destination = &entry.destination;
        if destination.forwarding == Forwarding::Tunnel
            && !found.contains(&destination.address)
            && !context.is_own(destination.address)
        {
            found.push(destination.address);
        }
    }
    found.truncate(MAX_PROBES);
    found
}

/// The first port of `traceroute`: the receiver refuses the datagram, which proves its arrival.
const PORT: u16 = 33434;

/// An answer takes a few milliseconds on one network; machines may rate-limit those after the
/// first ones.
const WAIT: Duration = Duration::from_millis(250);

/// Common path MTUs, also behind another tunnel; 1280 is the minimum of IPv6.
const SIZES: [u16; 7] = [1492, 1480, 1460, 1440, 1420, 1400, 1280];
const SMALL: u16 = 200;

/// Finds the largest datagram with DF set that reaches a machine.
fn path_mtu(real: IpAddr) -> io::Result<PathMtu> {
    let (any, headers) = match real {
        IpAddr::V4(_) => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 28),
        IpAddr::V6(_) => (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 48),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect((real, PORT))?;
    socket.set_read_timeout(Some(WAIT))?;
    set_dont_fragment(&socket, real)?;
    let assumed = assumed_mtu(&socket, real)?;
    let arrives = |size: u16| arrives(&socket, size.saturating_sub(headers));
    let mut carried = None;
    if arrives(SMALL)? {
        let sizes = SIZES.into_iter().filter(|size| *size < assumed);
        let sizes = [assumed, assumed].into_iter().chain(sizes).chain([SMALL]);
        for size in sizes {
            if size == SMALL || arrives(size)? {
                carried = Some(size);
                break;
            }
        }
    }
    Ok(PathMtu { real, assumed, carried })
}

/// Sends a datagram, and waits for the refusal.
fn arrives(socket: &UdpSocket, payload: u16) -> io::Result<bool> {
    let bytes = vec![0; usize::from(payload)];
    let refused = |error: &io::Error| error.kind() == ErrorKind::ConnectionRefused;
    let outcome = match socket.send(&bytes) {
        // The late refusal of the datagram before.
        Err(error) if refused(&error) => socket.send(&bytes),
        outcome => outcome,
    };
    match outcome.and_then(|_| socket.recv(&mut [0; 1])) {
        Ok(_) => Ok(true),
        Err(error) if refused(&error) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Ok(false)
        }
        // A router reported it, or the kernel knew.
        Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => Ok(false),
        Err(error) => Err(error),
    }
}

/// `IP_PMTUDISC_PROBE`: sets DF, and ignores the path MTU that the kernel knows.
#[allow(unsafe_code)]
fn set_dont_fragment(socket: &UdpSocket, real: IpAddr) -> io::Result<()> {
    let (level, option, value): (_, _, libc::c_int) = match real {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE),
    };
    // SAFETY: the descriptor is open as long as `socket` lives, and the kernel reads one integer.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The path MTU that the kernel assumes, by its route and by what routers reported.
#[allow(unsafe_code)]
fn assumed_mtu(socket: &UdpSocket, real: IpAddr) -> io::Result<u16> {
    let (level, option) = match real {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MTU),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_MTU),
    };
    let mut value: libc::c_int = 0;
    let mut length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the descriptor is open as long as `socket` lives, and the kernel writes at most
    // `length` bytes, which is the size of `value`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    // An interface may allow more than the largest datagram.
    match result {
        0 => Ok(u16::try_from(value).unwrap_or(u16::MAX)),
        _ => Err(io::Error::last_os_error()),
    }
}
