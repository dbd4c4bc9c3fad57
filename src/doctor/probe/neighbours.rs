//! Probes for other owners of an address, as a machine sends them before it takes one (RFC 5227 for
//! ARP, RFC 4862 for IPv6). Neighbours learn nothing from them.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};

use crate::host::Link;

/// The number of probes, and the time to wait for answers to each.
const ROUNDS: u32 = 2;
const WAIT: Duration = Duration::from_millis(400);

/// `linux/if_ether.h`.
const ETH_P_ARP: u16 = 0x0806;
const ETH_P_IPV6: u16 = 0x86dd;

type Hardware = [u8; 6];

/// The hardware addresses of the neighbours that answer for the address.
pub(super) fn owners(address: IpAddr, link: &Link) -> io::Result<Vec<String>> {
    let own = link.hardware.as_deref().and_then(hardware).ok_or_else(|| {
        io::Error::new(
            ErrorKind::Unsupported,
            format!("{} is not an Ethernet interface", link.name),
        )
    })?;
    let (protocol, to, probe) = match address {
        IpAddr::V4(address) => (ETH_P_ARP, [0xff; 6], arp_probe(own, address)),
        IpAddr::V6(address) => (ETH_P_IPV6, multicast(address), solicitation(address)),
    };
    // Without a protocol it receives nothing until it is bound.
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, None)?;
    let index = i32::try_from(link.index).map_err(io::Error::other)?;
    socket.bind(&link_address(index, protocol, [0; 6]))?;
    let mut found = Vec::new();
    for _ in 0..ROUNDS {
        socket.send_to(&probe, &link_address(index, protocol, to))?;
        let end = Instant::now() + WAIT;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|it| !it.is_zero())
        {
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
            let owner = match address {
                IpAddr::V4(address) => arp_answer(packet, address),
                IpAddr::V6(address) => advertisement(packet, address),
            };
            let owner = owner
                .filter(|owner| *owner != own)
                .map(|owner| owner.map(|byte| format!("{byte:02x}")).join(":"));
            found.extend(owner.filter(|owner| !found.contains(owner)));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The address of a neighbour on an interface (`packet(7)`).
#[allow(unsafe_code)]
fn link_address(index: i32, protocol: u16, to: Hardware) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_storage has room for a sockaddr_ll, which is valid as zeroes.
    let address: &mut libc::sockaddr_ll = unsafe { storage.view_as() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = index;
    address.sll_halen = 6;
    for (place, byte) in address.sll_addr.iter_mut().zip(to) {
        *place = byte;
    }
    // SAFETY: the storage holds the sockaddr_ll written above, with its family and length.
    unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t) }
}

fn hardware(text: &str) -> Option<Hardware> {
    let bytes: Option<Vec<u8>> =
        text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes?.try_into().ok()
}

/// The sender address is zero, so that no neighbour learns a wrong owner.
fn arp_probe(own: Hardware, address: Ipv4Addr) -> Vec<u8> {
    // Ethernet, IPv4, lengths of their addresses, ARP request (`linux/if_arp.h`).
    let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 1];
    packet.extend(own);
    packet.extend([0; 10]);
    packet.extend(address.octets());
    packet
}

fn arp_answer(packet: &[u8], address: Ipv4Addr) -> Option<Hardware> {
    let reply = packet.starts_with(&[0, 1, 8, 0, 6, 4, 0, 2]);
    let owner = packet.get(8..14)?.try_into().ok()?;
    (reply && packet.get(14..18)? == address.octets()).then_some(owner)
}

/// The Ethernet address of the solicited-node multicast group.
fn multicast(address: Ipv6Addr) -> Hardware {
    let [.., one, two, three] = address.octets();
    [0x33, 0x33, 0xff, one, two, three]
}

const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// Any other value proves that a router forwarded the packet (RFC 4861).
const HOP_LIMIT: u8 = 255;
const HEADER: usize = 40;

fn solicitation(address: Ipv6Addr) -> Vec<u8> {
    let [.., one, two, three] = address.octets();
    let group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, one, two, three];
    let mut message = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    message.extend(address.octets());
    let length = message.len() as u8;
    // The pseudo-header: unspecified source, group, length, protocol (RFC 8200).
    let mut summed = vec![0; 16];
    summed.extend(group);
    summed.extend([0, 0, 0, length, 0, 0, 0, ICMPV6]);
    summed.extend(&message);
    for (place, byte) in message.iter_mut().skip(2).zip(checksum(&summed).to_be_bytes()) {
        *place = byte;
    }
    let mut packet = vec![0x60, 0, 0, 0, 0, length, ICMPV6, HOP_LIMIT];
    packet.extend([0; 16]);
    packet.extend(group);
    packet.extend(message);
    packet
}

/// The checksum of an even number of bytes (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| pair.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    let mut sum: u32 = bytes.chunks_exact(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The owner of an address. The first option contains it, since the answer is multicast.
fn advertisement(packet: &[u8], address: Ipv6Addr) -> Option<Hardware> {
    let message = packet.get(HEADER..)?;
    let ours = packet.get(6..8)? == [ICMPV6, HOP_LIMIT]
        && message.first() == Some(&ADVERTISEMENT)
        && message.get(8..24)? == address.octets();
    let (option, owner) = message.get(24..32)?.split_at(2);
    (ours && option == [2, 1]).then(|| owner.try_into().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_arp_replies_for_the_address_name_an_owner() {
        let (own, address) = ([2, 0, 0, 0, 0, 1], Ipv4Addr::new(192, 0, 2, 1));
        let mut packet = arp_probe(own, address);
        assert_eq!(packet.len(), 28);
        assert_eq!(arp_answer(&packet, address), None, "a request");
        packet[7] = 2;
        assert_eq!(arp_answer(&packet, address), None, "of another address");
        packet[14..18].copy_from_slice(&address.octets());
        assert_eq!(arp_answer(&packet, address), Some(own));
        assert_eq!(arp_answer(&packet[..20], Ipv4Addr::LOCALHOST), None);
        for length in 0..packet.len() {
            arp_answer(&packet[..length], address);
            advertisement(&packet[..length], Ipv6Addr::LOCALHOST);
        }
    }

    #[test]
    fn solicitation_has_valid_checksum() {
        let packet = solicitation("2001:db8::1".parse().unwrap());
        assert_eq!(packet.len(), 64);
        let mut summed = packet[8..40].to_vec();
        summed.extend([0, 0, 0, 24, 0, 0, 0, ICMPV6]);
        summed.extend(&packet[40..]);
        assert_eq!(checksum(&summed), 0);
    }

    #[test]
    fn advertisement_with_option_names_the_owner() {
        let address: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let mut packet = solicitation(address);
        packet[40] = ADVERTISEMENT;
        assert_eq!(advertisement(&packet, address), None, "without the option");
        packet.extend([2, 1, 2, 0, 0, 0, 0, 9]);
        assert_eq!(advertisement(&packet, address), Some([2, 0, 0, 0, 0, 9]));
        assert_eq!(advertisement(&packet, Ipv6Addr::LOCALHOST), None);
    }
}
