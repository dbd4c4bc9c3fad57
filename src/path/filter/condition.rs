//! Conditions of nftables: bytes of a packet, or of what the kernel knows of it, that must be among
//! some values.
//!
//! nftables has no matches of its own kind per header field: a rule loads bytes into registers, changes
//! their bits, and compares them. [`Byte`] says where a byte of a register comes from, so that a
//! comparison can be made for a packet of which only a part is known.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::packet::{Matched, Packet, Peer, port};
use super::{ConnectionState, Hexadecimal};

/// Bytes that must be within one of several intervals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Condition {
    /// What is loaded, such as `ct mark`.
    pub(crate) name: String,
    pub(crate) bytes: Vec<Byte>,
    /// The lengths of the parts of a concatenation, each of which is compared by itself; empty for one.
    pub(crate) parts: Vec<usize>,
    /// The first and the last value of each.
    pub(crate) intervals: Vec<(Hexadecimal, Hexadecimal)>,
}

/// A byte of a register: that of the field, with some bits cleared, and others inverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Byte {
    /// `None` is a constant, which `xor` has.
    pub(crate) of: Option<(Field, u8)>,
    pub(crate) mask: u8,
    pub(crate) xor: u8,
}

/// Where bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Field {
    /// The IP header.
    Network,
    /// The header behind it.
    Transport,
    /// The names of interfaces, padded to 16 bytes.
    Input,
    Output,
    InputIndex,
    OutputIndex,
    Family,
    EtherType,
    Protocol,
    Mark,
    /// The state of connection tracking.
    State,
    /// `IPS_*` of connection tracking.
    Status,
    /// The type of the destination address.
    DestinationType,
    /// What is not known of any packet.
    Other,
}

impl Condition {
    /// The first value of bytes of a field, if they are compared as they are.
    pub(crate) fn value(&self, field: Field, start: u8) -> Option<&[u8]> {
        let own = (start..).zip(&self.bytes);
        let is_field = own.into_iter().all(|(at, byte)| *byte == Byte::of(field, at));
        self.intervals.first().filter(|_| is_field).map(|(first, _)| first.0.as_slice())
    }
}

impl Byte {
    pub(crate) const fn constant(value: u8) -> Self {
        Self { of: None, mask: 0, xor: value }
    }

    pub(crate) const fn of(field: Field, at: u8) -> Self {
        Self { of: Some((field, at)), mask: u8::MAX, xor: 0 }
    }
}

/// The bytes of an address that are compared, with their masks.
#[derive(Default)]
struct Compared {
    value: [u8; 16],
    mask: [u8; 16],
    is_used: bool,
}

impl Compared {
    fn add(&mut self, at: usize, value: u8, mask: u8) {
        for (bytes, byte) in [(&mut self.value, value), (&mut self.mask, mask)] {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        self.is_used = true;
    }
}

#[derive(Default)]
struct Ends {
    source: Compared,
    destination: Compared,
}

impl Ends {
    const fn of(&mut self, side: Side) -> &mut Compared {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }
}

fn address(bytes: [u8; 16], is_ipv4: bool) -> IpAddr {
    match bytes {
        [one, two, three, four, ..] if is_ipv4 => Ipv4Addr::new(one, two, three, four).into(),
        bytes => Ipv6Addr::from(bytes).into(),
    }
}

/// A byte of which only the end of the packet is known, not its address or port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Source,
    Destination,
}

impl Packet {
    /// Whether the packet has the bytes.
    pub(super) fn satisfies(&self, condition: &Condition) -> Matched {
        let mut result = Matched::No;
        for (first, last) in &condition.intervals {
            result = result.or(self.is_within(condition, &first.0, &last.0));
            if result == Matched::Yes {
                break;
            }
        }
        result
    }

    fn is_within(&self, condition: &Condition, first: &[u8], last: &[u8]) -> Matched {
        let mut result = Matched::Yes;
        let mut at = 0;
        let whole = [condition.bytes.len()];
        let parts = if condition.parts.is_empty() { &whole[..] } else { &condition.parts };
        for length in parts {
            let part = at..at + length;
            let (Some(bytes), Some(first), Some(last)) =
                (condition.bytes.get(part.clone()), first.get(part.clone()), last.get(part))
            else {
                return Matched::Perhaps;
            };
            result = result.and(match first == last {
                true => self.equals(bytes, first),
                false => self.is_between(bytes, first, last),
            });
            // Each part begins with a register of four bytes.
            at += length.next_multiple_of(4);
        }
        result
    }

    fn equals(&self, bytes: &[Byte], value: &[u8]) -> Matched {
        let mut result = Matched::Yes;
        let mut addresses = Ends::default();
        let mut ports = Ends::default();
        for (byte, value) in bytes.iter().zip(value) {
            let Some((field, at)) = byte.of else {
                result = result.and(Matched::of(byte.xor == *value));
                continue;
            };
            let value = value ^ byte.xor;
            if value & !byte.mask != 0 {
                return Matched::No;
            }
            match self.anybody(field, at) {
                Some((side, at)) if field == Field::Network => {
                    addresses.of(side).add(at, value, byte.mask);
                }
                Some((side, at)) => ports.of(side).add(at, value, byte.mask),
                None => {
                    let (own, known) = self.byte(field, at);
                    if (own ^ value) & byte.mask & known != 0 {
                        return Matched::No;
                    }
                    if byte.mask & !known != 0 {
                        result = result.and(Matched::Perhaps);
                    }
                }
            }
        }
        let is_ipv4 = self.is_ipv4();
        for (compared, peer) in
            [(addresses.source, self.source), (addresses.destination, self.destination)]
        {
            if compared.is_used {
                let (value, mask) = (compared.value, compared.mask);
                result = result.and(peer.within(address(value, is_ipv4), address(mask, is_ipv4)));
            }
        }
        for compared in [ports.source, ports.destination].iter().filter(|it| it.is_used) {
            result = result.and(match (compared.mask, compared.value) {
                ([255, 255, ..], [high, low, ..]) => {
                    let number = u16::from_be_bytes([high, low]);
                    port(None, &[(number, number)])
                }
                _ => Matched::Perhaps,
            });
        }
        result
    }

    fn is_between(&self, bytes: &[Byte], first: &[u8], last: &[u8]) -> Matched {
        let known = bytes.iter().map(|byte| match byte.of {
            None => Some(byte.xor),
            Some((field, at)) => {
                let (own, known) = self.byte(field, at);
                (byte.mask & !known == 0).then_some((own & byte.mask) ^ byte.xor)
            }
        });
        if let Some(known) = known.collect::<Option<Vec<u8>>>() {
            return Matched::of(*first <= *known && *known <= *last);
        }
        // All bytes from the beginning of one address or port, as they are.
        let mut side = None;
        for (at, byte) in bytes.iter().enumerate() {
            let found = byte.of.filter(|_| (byte.mask, byte.xor) == (u8::MAX, 0));
            let found = found.and_then(|(field, at)| Some((field, self.anybody(field, at)?)));
            match (found, side) {
                (Some((field, (this, place))), None) if at == 0 && place == 0 => {
                    side = Some((field, this));
                }
                (Some((field, (this, place))), Some(same))
                    if place == at && (field, this) == same => {}
                _ => return Matched::Perhaps,
            }
        }
        let filled = |value: &[u8], rest: u8| {
            let mut bytes = [rest; 16];
            bytes.iter_mut().zip(value).for_each(|(place, byte)| *place = *byte);
            bytes
        };
        let (first, last) = (filled(first, 0), filled(last, u8::MAX));
        match side {
            Some((Field::Network, side)) => {
                let peer = if side == Side::Source { self.source } else { self.destination };
                peer.between(address(first, self.is_ipv4()), address(last, self.is_ipv4()))
            }
            Some(_) => {
                let number = |[high, low, ..]: [u8; 16]| u16::from_be_bytes([high, low]);
                port(None, &[(number(first), number(last))])
            }
            None => Matched::Perhaps,
        }
    }

    fn is_ipv4(&self) -> bool {
        match self.destination {
            Peer::Host(address) => address.is_ipv4(),
            Peer::Anyone(prefix) => prefix.address.is_ipv4(),
        }
    }

    /// Where the addresses are in the IP header: the offset, and the length of one.
    fn addresses(&self) -> (u8, u8) {
        if self.is_ipv4() { (12, 4) } else { (8, 16) }
    }

    /// The address or port that a byte belongs to, if it may be any.
    fn anybody(&self, field: Field, at: u8) -> Option<(Side, usize)> {
        let (start, length) = match field {
            Field::Network => self.addresses(),
            Field::Transport if self.has_ports() => (0, 2),
            _ => return None,
        };
        let at = at.checked_sub(start)?;
        let side = match at / length {
            0 => Side::Source,
            1 => Side::Destination,
            _ => return None,
        };
        let is_known = match (field, side) {
            (Field::Network, Side::Source) => matches!(self.source, Peer::Host(_)),
            (Field::Network, Side::Destination) => matches!(self.destination, Peer::Host(_)),
            (_, Side::Source) => self.source_port.is_some(),
            (_, Side::Destination) => self.destination_port.is_some(),
        };
        (!is_known).then_some((side, usize::from(at % length)))
    }

    /// TCP, UDP, SCTP.
    const fn has_ports(&self) -> bool {
        matches!(self.protocol, 6 | 17 | 132)
    }

    /// The value of a byte, and the bits of it that are known.
    fn byte(&self, field: Field, at: u8) -> (u8, u8) {
        let index = usize::from(at);
        let all = |byte: Option<&u8>| byte.map_or((0, 0), |byte| (*byte, u8::MAX));
        let named = |name: &Option<String>| {
            let name = name.as_deref().unwrap_or_default().as_bytes();
            (name.get(index).copied().unwrap_or_default(), u8::MAX)
        };
        match field {
            Field::Network => self.network(at),
            Field::Transport if self.has_ports() => match (at, self.protocol) {
                (0..2, _) => {
                    all(self.source_port.map(u16::to_be_bytes).unwrap_or_default().get(index))
                }
                (2..4, _) => {
                    let port = self.destination_port.map(u16::to_be_bytes).unwrap_or_default();
                    all(port.get(index - 2))
                }
                (13, 6) => (self.flags, u8::MAX),
                _ => (0, 0),
            },
            Field::Input => named(&self.input),
            Field::Output => named(&self.output),
            Field::Family => (if self.is_ipv4() { 2 } else { 10 }, u8::MAX),
            Field::EtherType => {
                let kind: u16 = if self.is_ipv4() { 0x0800 } else { 0x86dd };
                all(kind.to_be_bytes().get(index))
            }
            Field::Protocol => (self.protocol, u8::MAX),
            Field::Mark => self.mark.map_or((0, 0), |mark| all(mark.to_ne_bytes().get(index))),
            Field::State => {
                let bit: u32 = match self.state {
                    ConnectionState::Invalid => 1,
                    ConnectionState::Established => 2,
                    ConnectionState::Related => 4,
                    ConnectionState::New => 8,
                    ConnectionState::Untracked => 64,
                };
                all(bit.to_ne_bytes().get(index))
            }
            Field::Status => self.status(index),
            Field::DestinationType => {
                // `RTN_UNICAST` and `RTN_LOCAL`.
                let kind: u32 = if self.local { 2 } else { 1 };
                all(kind.to_ne_bytes().get(index))
            }
            Field::Transport | Field::InputIndex | Field::OutputIndex | Field::Other => (0, 0),
        }
    }

    fn network(&self, at: u8) -> (u8, u8) {
        let (start, length) = self.addresses();
        if let Some(at) = at.checked_sub(start) {
            let peer = match at / length {
                0 => self.source,
                1 => self.destination,
                _ => return (0, 0),
            };
            let octet = |bytes: &[u8]| bytes.get(usize::from(at % length)).copied();
            return match peer {
                Peer::Host(IpAddr::V4(host)) => (octet(&host.octets()).unwrap_or(0), u8::MAX),
                Peer::Host(IpAddr::V6(host)) => (octet(&host.octets()).unwrap_or(0), u8::MAX),
                Peer::Anyone(_) => (0, 0),
            };
        }
        match (self.is_ipv4(), at) {
            (true, 0) => (0x45, u8::MAX),
            // No fragment; whether it may become one is not known.
            (true, 6) => (0, 0xbf),
            (true, 7) => (0, u8::MAX),
            (true, 9) | (false, 6) => (self.protocol, u8::MAX),
            (false, 0) => (0x60, 0xf0),
            _ => (0, 0),
        }
    }

    /// Of a new connection it is known whether it is translated.
    fn status(&self, at: usize) -> (u8, u8) {
        const TRANSLATED: u32 = 0x30;
        const DESTINATION: u32 = 0x20;
        let known = self.state != ConnectionState::Established;
        let value = if self.redirected { DESTINATION } else { 0 };
        let byte = |number: u32| number.to_ne_bytes().get(at).copied().unwrap_or_default();
        (byte(value), if known { byte(TRANSLATED) } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Prefix;

    fn packet(source: Peer) -> Packet {
        Packet {
            destination_port: Some(80),
            flags: 2,
            input: Some("eth0".to_owned()),
            ..Packet::new(6, source, Peer::Host("192.0.2.10".parse().unwrap()))
        }
    }

    fn anyone(prefix: &str, length: u8) -> Peer {
        Peer::Anyone(Prefix { address: prefix.parse().unwrap(), length })
    }

    fn holds(packet: &Packet, field: Field, at: u8, first: &[u8], last: &[u8]) -> Matched {
        let bytes = (0..first.len() as u8).map(|index| Byte::of(field, at + index)).collect();
        let interval = (Hexadecimal(first.to_vec()), Hexadecimal(last.to_vec()));
        let intervals = vec![interval];
        packet.satisfies(&Condition { name: String::new(), bytes, parts: Vec::new(), intervals })
    }

    #[test]
    fn known_fields_are_compared_byte_by_byte() {
        let packet = packet(Peer::Host("192.0.2.1".parse().unwrap()));
        let is = |field, at, value: &[u8]| holds(&packet, field, at, value, value);
        assert_eq!(is(Field::Network, 12, &[192, 0, 2, 1]), Matched::Yes);
        assert_eq!(is(Field::Network, 12, &[192, 0, 2]), Matched::Yes);
        assert_eq!(is(Field::Network, 12, &[192, 0, 2, 1, 192, 0, 2, 10]), Matched::Yes);
        assert_eq!(is(Field::Network, 9, &[17]), Matched::No);
        assert_eq!(is(Field::Transport, 2, &[0, 80]), Matched::Yes);
        assert_eq!(is(Field::Transport, 0, &[0, 80]), Matched::No, "hardly a client's port");
        assert_eq!(is(Field::Input, 0, b"eth"), Matched::Yes);
        assert_eq!(is(Field::Input, 0, b"eth0\0\0\0\0"), Matched::Yes);
        assert_eq!(is(Field::Input, 0, b"eth01"), Matched::No);
        assert_eq!(is(Field::Network, 8, &[64]), Matched::Perhaps, "the TTL");
        assert_eq!(holds(&packet, Field::Transport, 2, &[0, 1], &[0, 90]), Matched::Yes);
    }

    #[test]
    fn networks_of_clients_match_as_a_whole_or_some_of_them() {
        let packet = packet(anyone("192.0.2.0", 24));
        let source = |first: &[u8], last: &[u8]| holds(&packet, Field::Network, 12, first, last);
        assert_eq!(source(&[192, 0, 2], &[192, 0, 2]), Matched::Yes);
        assert_eq!(source(&[192, 0, 2, 7], &[192, 0, 2, 7]), Matched::SomeClients);
        assert_eq!(source(&[10, 0, 0, 0], &[10, 255, 255, 255]), Matched::No);
        assert_eq!(source(&[192, 0, 0, 0], &[192, 0, 3, 255]), Matched::Yes);
        assert_eq!(source(&[192, 0, 2, 9], &[192, 0, 3, 255]), Matched::SomeClients);
    }
}
