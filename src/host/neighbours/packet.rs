//! The packets: ARP (RFC 826, RFC 5227) and neighbour discovery (RFC 4861, RFC 4862).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Hardware;

/// The destination and content of a question for the owner of an address. Without a sender it is a
/// probe: no neighbour learns a wrong owner from it.
pub(super) fn question(
    address: IpAddr,
    sender: Option<IpAddr>,
    own: Hardware,
) -> (Hardware, Vec<u8>) {
    match (address, sender) {
        (IpAddr::V4(address), sender) => {
            let sender = match sender {
                Some(IpAddr::V4(sender)) => sender,
                _ => Ipv4Addr::UNSPECIFIED,
            };
            (BROADCAST, arp(own, sender, address))
        }
        (IpAddr::V6(address), sender) => {
            let [.., one, two, three] = address.octets();
            let mut group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).octets();
            group[13..].copy_from_slice(&[one, two, three]);
            let mut message = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
            message.extend(address.octets());
            let source = match sender {
                Some(IpAddr::V6(sender)) => {
                    message.extend(SOURCE_HARDWARE);
                    message.extend(own.0);
                    sender
                }
                _ => Ipv6Addr::UNSPECIFIED,
            };
            (multicast(group), icmpv6(source, group, message))
        }
    }
}

/// The destination and content of an announcement: every neighbour that knows the address learns
/// its new owner.
pub(super) fn announcement(address: IpAddr, own: Hardware) -> (Hardware, Vec<u8>) {
    match address {
        IpAddr::V4(address) => (BROADCAST, arp(own, address, address)),
        IpAddr::V6(address) => {
            let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).octets();
            let mut message = vec![ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0];
            message.extend(address.octets());
            message.extend(TARGET_HARDWARE);
            message.extend(own.0);
            (multicast(group), icmpv6(address, group, message))
        }
    }
}

/// The owner of an address, if the packet is its answer.
pub(super) fn owner(packet: &[u8], address: IpAddr) -> Option<Hardware> {
    match address {
        IpAddr::V4(address) => arp_answer(packet, address),
        IpAddr::V6(address) => advertisement(packet, address),
    }
}

const BROADCAST: Hardware = Hardware([0xff; 6]);

/// Ethernet, IPv4, lengths of their addresses (`linux/if_arp.h`); the operation follows.
const ARP: [u8; 7] = [0, 1, 8, 0, 6, 4, 0];
const REQUEST: u8 = 1;
const REPLY: u8 = 2;

fn arp(own: Hardware, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut packet = ARP.to_vec();
    packet.push(REQUEST);
    packet.extend(own.0);
    packet.extend(sender.octets());
    packet.extend([0; 6]);
    packet.extend(target.octets());
    packet
}

fn arp_answer(packet: &[u8], address: Ipv4Addr) -> Option<Hardware> {
    let reply = packet.starts_with(&ARP) && packet.get(7) == Some(&REPLY);
    let owner = packet.get(8..14)?.try_into().ok()?;
    (reply && packet.get(14..18)? == address.octets()).then_some(Hardware(owner))
}

/// The Ethernet address of a multicast group (RFC 2464).
const fn multicast([.., zero, one, two, three]: [u8; 16]) -> Hardware {
    Hardware([0x33, 0x33, zero, one, two, three])
}

const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const OVERRIDE: u8 = 0x20;
/// The options with a hardware address, of eight bytes.
const SOURCE_HARDWARE: [u8; 2] = [1, 1];
const TARGET_HARDWARE: [u8; 2] = [2, 1];
/// Any other value proves that a router forwarded the packet (RFC 4861).
const HOP_LIMIT: u8 = 255;
const HEADER: usize = 40;

/// A packet with a message whose checksum is not set yet.
fn icmpv6(source: Ipv6Addr, destination: [u8; 16], mut message: Vec<u8>) -> Vec<u8> {
    let length = message.len() as u8;
    // The pseudo-header (RFC 8200).
    let mut summed = source.octets().to_vec();
    summed.extend(destination);
    summed.extend([0, 0, 0, length, 0, 0, 0, ICMPV6]);
    summed.extend(&message);
    for (place, byte) in message.iter_mut().skip(2).zip(checksum(&summed).to_be_bytes()) {
        *place = byte;
    }
    let mut packet = vec![0x60, 0, 0, 0, 0, length, ICMPV6, HOP_LIMIT];
    packet.extend(source.octets());
    packet.extend(destination);
    packet.extend(message);
    packet
}

/// The checksum (RFC 1071).
pub(in crate::host) fn checksum(bytes: &[u8]) -> u16 {
    let word = |word: &[u8]| match word {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    };
    let mut sum: u32 = bytes.chunks(2).map(word).sum();
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
    (ours && option == TARGET_HARDWARE).then(|| owner.try_into().ok().map(Hardware)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Hardware = Hardware([2, 0, 0, 0, 0, 1]);

    #[test]
    fn only_arp_replies_for_the_address_name_an_owner() {
        let address = Ipv4Addr::new(192, 0, 2, 1);
        let (to, mut packet) = question(address.into(), None, OWN);
        assert_eq!((to, packet.len()), (BROADCAST, 28));
        assert_eq!(arp_answer(&packet, address), None, "a request");
        packet[7] = REPLY;
        assert_eq!(arp_answer(&packet, address), None, "of another address");
        packet[14..18].copy_from_slice(&address.octets());
        assert_eq!(arp_answer(&packet, address), Some(OWN));
        assert_eq!(arp_answer(&packet[..20], Ipv4Addr::LOCALHOST), None);
        for length in 0..packet.len() {
            arp_answer(&packet[..length], address);
            advertisement(&packet[..length], Ipv6Addr::LOCALHOST);
        }
    }

    #[test]
    fn arp_announcement_has_the_address_as_sender_and_target() {
        let address = Ipv4Addr::new(192, 0, 2, 1);
        let (to, packet) = announcement(address.into(), OWN);
        assert_eq!((to, packet[7]), (BROADCAST, REQUEST));
        assert_eq!((&packet[8..14], &packet[14..18]), (&OWN.0[..], &address.octets()[..]));
        assert_eq!(packet[24..28], address.octets());
    }

    fn has_valid_checksum(packet: &[u8]) -> bool {
        let mut summed = packet[8..40].to_vec();
        summed.extend([0, 0, 0, packet[5], 0, 0, 0, ICMPV6]);
        summed.extend(&packet[40..]);
        checksum(&summed) == 0
    }

    #[test]
    fn solicitation_goes_to_the_group_of_the_address() {
        let (to, packet) = question("2001:db8::12:3456".parse().unwrap(), None, OWN);
        assert_eq!(to, Hardware([0x33, 0x33, 0xff, 0x12, 0x34, 0x56]));
        assert_eq!(packet.len(), 64);
        assert!(has_valid_checksum(&packet));
        let group: Ipv6Addr = "ff02::1:ff12:3456".parse().unwrap();
        assert_eq!(packet[24..40], group.octets());
    }

    #[test]
    fn question_in_the_name_of_an_address_has_it_as_source() {
        let (address, sender) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 9));
        let (_, packet) = question(address.into(), Some(sender.into()), OWN);
        assert_eq!(packet[14..18], sender.octets());
        let (address, sender): (Ipv6Addr, Ipv6Addr) =
            ("2001:db8::1".parse().unwrap(), "2001:db8::9".parse().unwrap());
        let (_, packet) = question(address.into(), Some(sender.into()), OWN);
        assert_eq!(packet[8..24], sender.octets());
        assert_eq!(packet[64..], [1, 1, 2, 0, 0, 0, 0, 1]);
        assert!(has_valid_checksum(&packet));
    }

    #[test]
    fn advertisement_names_the_owner() {
        let address: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let (to, packet) = announcement(address.into(), OWN);
        assert_eq!(to, Hardware([0x33, 0x33, 0, 0, 0, 1]));
        assert!(has_valid_checksum(&packet));
        assert_eq!(advertisement(&packet, address), Some(OWN));
        assert_eq!(advertisement(&packet, Ipv6Addr::LOCALHOST), None);
        assert_eq!(advertisement(&packet[..packet.len() - 8], address), None, "without the option");
    }
}
