//! The packets of probes: IP, TCP, UDP, and the tunnels of IPVS around them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::host::neighbours::packet::checksum;
use lvs::ipvs::{Checksum, Tunnel};

pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMPV6: u8 = 58;
const IPIP: u8 = 4;
const IPV6: u8 = 41;
const GRE: u8 = 47;

pub(super) const SYN: u8 = 2;
pub(super) const RST: u8 = 4;
pub(super) const ACK: u8 = 16;

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const TTL: u8 = 64;

/// The ends of a probe: of the director, and the one it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
}

impl Flow {
    /// A segment with these flags and a sequence number. A SYN announces the usual MSS of a tunnel.
    pub(super) fn segment(&self, flags: u8, sequence: u32) -> Vec<u8> {
        const MSS: [u8; 4] = [2, 4, 0x05, 0x64];
        let mut segment = self.ports();
        segment.extend(sequence.to_be_bytes());
        segment.extend([0; 4]);
        let options: &[u8] = if flags & SYN != 0 { &MSS } else { &[] };
        let words = 5 + options.len() / 4;
        segment.extend([(words as u8) << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(options);
        self.packet(TCP, segment, 16)
    }

    /// A datagram with one byte.
    pub(super) fn datagram(&self) -> Vec<u8> {
        let mut datagram = self.ports();
        datagram.extend([0, 9, 0, 0, b'\n']);
        self.packet(UDP, datagram, 6)
    }

    fn ports(&self) -> Vec<u8> {
        [self.source.port().to_be_bytes(), self.destination.port().to_be_bytes()].concat()
    }

    /// With the checksum at a place of the payload.
    fn packet(&self, protocol: u8, mut payload: Vec<u8>, place: usize) -> Vec<u8> {
        let (source, destination) = (self.source.ip(), self.destination.ip());
        let mut sum = checksum(&pseudo(source, destination, protocol, &payload));
        if protocol == UDP && sum == 0 {
            sum = u16::MAX;
        }
        write(&mut payload, place, sum);
        ip(source, destination, protocol, &payload)
    }
}

/// The packet in the tunnel from one address to another.
pub(super) fn encapsulated(
    tunnel: Tunnel,
    source: IpAddr,
    destination: IpAddr,
    inner: &[u8],
) -> Vec<u8> {
    let is_ipv4 = inner.first().is_some_and(|byte| byte >> 4 == 4);
    let protocol = if is_ipv4 { IPIP } else { IPV6 };
    match tunnel {
        Tunnel::Gre { checksum: kind } => {
            let kind_of_inner = if is_ipv4 { [0x08, 0x00] } else { [0x86, 0xdd] };
            let summed = kind != Checksum::None;
            let mut payload = vec![if summed { 0x80 } else { 0 }, 0];
            payload.extend(kind_of_inner);
            if summed {
                payload.extend([0; 4]);
            }
            payload.extend(inner);
            if summed {
                let sum = checksum(&payload);
                write(&mut payload, 4, sum);
            }
            ip(source, destination, GRE, &payload)
        }
        Tunnel::Gue { port, checksum: kind } => {
            // From the range that the kernel uses for flows of tunnels.
            let mut payload = 49152_u16.to_be_bytes().to_vec();
            payload.extend(port.to_be_bytes());
            payload.extend((8 + 4 + inner.len() as u16).to_be_bytes());
            payload.extend([0, 0, 0, protocol, 0, 0]);
            payload.extend(inner);
            if kind != Checksum::None {
                let sum = checksum(&pseudo(source, destination, UDP, &payload));
                write(&mut payload, 6, if sum == 0 { u16::MAX } else { sum });
            }
            ip(source, destination, UDP, &payload)
        }
        Tunnel::Ipip | Tunnel::Other(_) => ip(source, destination, protocol, inner),
    }
}

fn write(bytes: &mut [u8], place: usize, value: u16) {
    for (place, byte) in bytes.iter_mut().skip(place).zip(value.to_be_bytes()) {
        *place = byte;
    }
}

/// A payload behind the pseudo-header of its checksum.
fn pseudo(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = octets(source);
    bytes.extend(octets(destination));
    bytes.extend((payload.len() as u32).to_be_bytes());
    bytes.extend([0, 0, 0, protocol]);
    bytes.extend(payload);
    bytes
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Addresses of one family, as an IP packet that must not be fragmented.
fn ip(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16;
    let mut packet = match source {
        IpAddr::V4(_) => {
            let [high, low] = (length + IPV4_HEADER as u16).to_be_bytes();
            vec![0x45, 0, high, low, 0, 0, 0x40, 0, TTL, protocol, 0, 0]
        }
        IpAddr::V6(_) => {
            let [high, low] = length.to_be_bytes();
            vec![0x60, 0, 0, 0, high, low, protocol, TTL]
        }
    };
    packet.extend(octets(source));
    packet.extend(octets(destination));
    if source.is_ipv4() {
        let sum = checksum(&packet);
        write(&mut packet, 10, sum);
    }
    packet.extend(payload);
    packet
}

/// A packet that arrived, or that an ICMP error quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Parses an IP packet, the end of which may be missing. `None` for later fragments.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let first = *bytes.first()?;
        match first >> 4 {
            4 => {
                let header = usize::from(first & 0xf) * 4;
                let offset = u16::from_be_bytes(array(bytes, 6)?) & 0x1fff;
                let payload = bytes.get(header..).filter(|_| header >= IPV4_HEADER)?;
                (offset == 0).then_some(Self {
                    source: Ipv4Addr::from(array::<4>(bytes, 12)?).into(),
                    destination: Ipv4Addr::from(array::<4>(bytes, 16)?).into(),
                    protocol: *bytes.get(9)?,
                    payload,
                })
            }
            6 => Some(Self {
                source: Ipv6Addr::from(array::<16>(bytes, 8)?).into(),
                destination: Ipv6Addr::from(array::<16>(bytes, 24)?).into(),
                protocol: *bytes.get(6)?,
                payload: bytes.get(IPV6_HEADER..)?,
            }),
            _ => None,
        }
    }

    /// The ports of TCP and UDP.
    pub(super) fn ports(&self) -> Option<(u16, u16)> {
        matches!(self.protocol, TCP | UDP)
            .then(|| {
                let port = |at| Some(u16::from_be_bytes(array(self.payload, at)?));
                Some((port(0)?, port(2)?))
            })
            .flatten()
    }

    /// The flags of TCP, and the number that the segment acknowledges.
    pub(super) fn flags(&self) -> Option<(u8, u32)> {
        let flags = *self.payload.get(13).filter(|_| self.protocol == TCP)?;
        Some((flags, u32::from_be_bytes(array(self.payload, 8)?)))
    }

    /// Type and code of an ICMP message of both families, and the packet that it is about.
    pub(super) fn icmp(&self) -> Option<(u8, u8, Packet<'a>)> {
        let quoted = match (self.protocol, *self.payload.first()?) {
            (ICMP, _) | (ICMPV6, 1..=4) => 8,
            // A redirect has the packet in an option.
            _ => return None,
        };
        let quoted = Packet::parse(self.payload.get(quoted..)?)?;
        Some((*self.payload.first()?, *self.payload.get(1)?, quoted))
    }

    /// Whether it is a packet of that tunnel.
    pub(super) fn is_of(&self, tunnel: Tunnel) -> bool {
        match tunnel {
            Tunnel::Gue { port, .. } => {
                self.protocol == UDP && self.ports().is_some_and(|(_, to)| to == port)
            }
            Tunnel::Gre { .. } => self.protocol == GRE,
            _ => matches!(self.protocol, IPIP | IPV6),
        }
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(source: &str, destination: &str) -> Flow {
        Flow { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
    }

    fn flows() -> [Flow; 2] {
        [flow("192.0.2.1:61000", "192.0.2.10:80"), flow("[2001:db8::1]:61000", "[2001:db8::10]:80")]
    }

    #[test]
    fn segments_and_datagrams_have_valid_checksums() {
        for flow in flows() {
            for bytes in [flow.segment(SYN, 7), flow.segment(RST, 8), flow.datagram()] {
                let packet = Packet::parse(&bytes).unwrap();
                assert_eq!(packet.ports(), Some((61000, 80)));
                let (from, to) = (packet.source, packet.destination);
                assert_eq!(checksum(&pseudo(from, to, packet.protocol, packet.payload)), 0);
                if bytes[0] == 0x45 {
                    assert_eq!(checksum(&bytes[..20]), 0);
                }
            }
        }
    }

    #[test]
    fn tunnels_hold_the_inner_packet() {
        let tunnels = [
            (Tunnel::Ipip, 0),
            (Tunnel::Gre { checksum: Checksum::None }, 4),
            (Tunnel::Gre { checksum: Checksum::Full }, 8),
            (Tunnel::Gue { port: 6080, checksum: Checksum::None }, 12),
            (Tunnel::Gue { port: 6080, checksum: Checksum::Full }, 12),
        ];
        for (tunnel, header) in tunnels {
            for (flow, ends) in flows().into_iter().zip(flows().into_iter().rev()) {
                let inner = flow.segment(SYN, 7);
                let (from, to) = (ends.source.ip(), ends.destination.ip());
                let outer = encapsulated(tunnel, from, to, &inner);
                let packet = Packet::parse(&outer).unwrap();
                assert!(packet.is_of(tunnel), "{tunnel:?}");
                assert_eq!(packet.payload[header..], inner, "{tunnel:?}");
            }
        }
    }

    #[test]
    fn error_names_the_packet_that_it_is_about() {
        let [flow, _] = flows();
        let mut message = vec![3, 3, 0, 0, 0, 0, 0, 0];
        message.extend(&flow.datagram()[..28]);
        let bytes = ip(flow.destination.ip(), flow.source.ip(), ICMP, &message);
        let (kind, code, quoted) = Packet::parse(&bytes).unwrap().icmp().unwrap();
        assert_eq!((kind, code, quoted.ports()), (3, 3, Some((61000, 80))));
        for length in 0..bytes.len() {
            let packet = Packet::parse(&bytes[..length]);
            let _ = packet.map(|it| (it.ports(), it.flags(), it.icmp()));
        }
    }
}
