//! Neighbours on a segment: who else answers for an address, and that it is ours now.
//!
//! Probes are those that a machine sends before it takes an address (RFC 5227 for ARP, RFC 4862 for
//! IPv6): neighbours learn nothing from them.

mod announcement;
pub(in crate::host) mod packet;

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};

pub(crate) use announcement::announce;

/// `linux/if_ether.h`.
const ETH_P_ARP: u16 = 0x0806;
pub(in crate::host) const ETH_P_IPV6: u16 = 0x86dd;

/// An Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hardware(pub(crate) [u8; 6]);

impl fmt::Display for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = self.0;
        write!(f, "{first:02x}")?;
        rest.iter().try_for_each(|byte| write!(f, ":{byte:02x}"))
    }
}

/// An Ethernet interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wire {
    index: i32,
    hardware: Hardware,
}

impl Wire {
    /// The interface with this index and hardware address; `None` where that is no Ethernet address.
    pub(crate) fn parse(index: u32, hardware: &str) -> Option<Self> {
        let bytes = hardware.split(':').map(|byte| u8::from_str_radix(byte, 16).ok());
        let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
        let hardware = Hardware(bytes.try_into().ok()?);
        Some(Self { index: i32::try_from(index).ok()?, hardware })
    }

    pub(in crate::host) const fn hardware(self) -> Hardware {
        self.hardware
    }
}

/// How often to ask, and how long to wait for answers each time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) probes: u32,
    pub(crate) wait: Duration,
}

/// The neighbours that answer for these addresses, each once.
pub(crate) fn owners(
    addresses: &[IpAddr],
    wire: Wire,
    patience: Patience,
) -> io::Result<Vec<(IpAddr, Hardware)>> {
    let mut found = Vec::new();
    for (protocol, is_ipv4) in [(ETH_P_ARP, true), (ETH_P_IPV6, false)] {
        let mut addresses = addresses.to_vec();
        addresses.retain(|address| address.is_ipv4() == is_ipv4);
        if !addresses.is_empty() {
            found.extend(answers(&addresses, protocol, None, wire, patience)?);
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The neighbours at addresses of one family, asked for as the kernel does before it sends a packet:
/// in the name of an address of this machine. Returns as soon as each has answered.
pub(crate) fn resolve(
    addresses: &[IpAddr],
    sender: IpAddr,
    wire: Wire,
    patience: Patience,
) -> io::Result<Vec<(IpAddr, Hardware)>> {
    let protocol = if sender.is_ipv4() { ETH_P_ARP } else { ETH_P_IPV6 };
    answers(addresses, protocol, Some(sender), wire, patience)
}

/// Without a sender, all who answer for an address; with one, the first.
fn answers(
    addresses: &[IpAddr],
    protocol: u16,
    sender: Option<IpAddr>,
    wire: Wire,
    patience: Patience,
) -> io::Result<Vec<(IpAddr, Hardware)>> {
    // Without a protocol it receives nothing until it is bound.
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, None)?;
    socket.bind(&link_address(wire.index, protocol, None))?;
    let mut found: Vec<(IpAddr, Hardware)> = Vec::new();
    for _ in 0..patience.probes {
        let known = |address: &IpAddr| found.iter().any(|(it, _)| it == address);
        for address in addresses.iter().filter(|it| sender.is_none() || !known(it)) {
            let (to, question) = packet::question(*address, sender, wire.hardware);
            socket.send_to(&question, &link_address(wire.index, protocol, Some(to)))?;
        }
        let end = Instant::now() + patience.wait;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|it| !it.is_zero())
        {
            if sender.is_some() && found.len() == addresses.len() {
                return Ok(found);
            }
            socket.set_read_timeout(Some(left))?;
            let mut packet = [0; 2048];
            let length = match (&socket).read(&mut packet) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                length => length?,
            };
            let packet = packet.get(..length).unwrap_or_default();
            for address in addresses {
                let owner = packet::owner(packet, *address).filter(|it| *it != wire.hardware);
                let owner = owner.map(|owner| (*address, owner));
                let is_new = |(at, owner): &(IpAddr, Hardware)| match sender {
                    Some(_) => !found.iter().any(|(it, _)| it == at),
                    None => !found.contains(&(*at, *owner)),
                };
                let owner = owner.filter(is_new);
                found.extend(owner);
            }
        }
    }
    Ok(found)
}

/// A place on an interface (`packet(7)`); the kernel writes the link-layer header. Some interfaces,
/// such as tunnels, have no hardware addresses.
#[allow(unsafe_code)]
pub(in crate::host) fn link_address(index: i32, protocol: u16, to: Option<Hardware>) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_storage has room for a sockaddr_ll, which is valid as zeroes.
    let address: &mut libc::sockaddr_ll = unsafe { storage.view_as() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = index;
    if let Some(to) = to {
        address.sll_halen = 6;
        for (place, byte) in address.sll_addr.iter_mut().zip(to.0) {
            *place = byte;
        }
    }
    // SAFETY: the storage holds the sockaddr_ll written above, with its family and length.
    unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t) }
}
