//! Sends probes and waits for their answers, by packet sockets.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::{Domain, SockFilter, Socket, Type};

use super::packet::{ACK, Flow, ICMP, ICMPV6, Packet, RST, SYN, TCP, UDP, encapsulated};
use super::{AT_ONCE, ATTEMPTS, Outcome, Target, Unreachable};
use crate::host::neighbours::{ETH_P_IPV6, Hardware, Wire, link_address};
use crate::host::state::append;
use crate::host::{InterfaceName, Sysctl, interface_name};
use lvs::ipvs::{Forwarding, Protocol};
use lvs::netlink::{Connection, Socket as Netlink};

/// `linux/if_ether.h`.
const ETH_P_IP: u16 = 0x0800;

/// Ports above those that Linux gives to connections of its own.
const PORTS: u16 = 61000;

/// The path of a probe.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) target: Target,
    /// The port of the source is set when it is sent.
    pub(super) flow: Flow,
    /// The ends of the tunnel.
    pub(super) outer: Option<(IpAddr, IpAddr)>,
    pub(super) index: i32,
    pub(super) device: InterfaceName,
    pub(super) next: IpAddr,
    /// The address of this machine that asks for the next hop.
    pub(super) sender: IpAddr,
    pub(super) hardware: Option<Hardware>,
    /// Where the next hop has to be asked for.
    pub(super) ask: Option<Wire>,
}

impl Way {
    fn is_tcp(&self) -> bool {
        self.target.protocol == Protocol::TCP
    }

    fn send(&self, socket: &Socket, inner: &[u8]) -> io::Result<()> {
        let outer =
            self.outer.map(|(source, real)| encapsulated(self.target.tunnel, source, real, inner));
        let packet = outer.as_deref().unwrap_or(inner);
        let is_ipv4 = packet.first().is_some_and(|byte| byte >> 4 == 4);
        let protocol = if is_ipv4 { ETH_P_IP } else { ETH_P_IPV6 };
        match socket.send_to(packet, &link_address(self.index, protocol, self.hardware)) {
            // The interface went down: nothing will answer.
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => Ok(()),
            sent => sent.map(|_| ()),
        }
    }

    /// What a packet says of the probe, whose first sequence number is given.
    fn judge(&self, packet: &Packet<'_>, sequence: u32) -> Option<Outcome> {
        let Flow { source, destination } = self.flow;
        let protocol = if self.is_tcp() { TCP } else { UDP };
        let ends = |packet: &Packet<'_>| {
            let (from, to) = packet.ports().filter(|_| packet.protocol == protocol)?;
            Some((SocketAddr::new(packet.source, from), SocketAddr::new(packet.destination, to)))
        };
        if packet.destination == source.ip()
            || self.outer.is_some_and(|(own, _)| own == packet.destination)
        {
            if let Some((kind, code, quoted)) = packet.icmp() {
                let is_own = ends(&quoted) == Some((source, destination))
                    || self.outer == Some((quoted.source, quoted.destination))
                        && quoted.is_of(self.target.tunnel);
                return if is_own { self.error(packet, kind, code) } else { None };
            }
        }
        let (from, to) = ends(packet)?;
        if (from, to) == (source, destination) && self.target.forwarding != Forwarding::Masquerade {
            return Some(Outcome::Returned);
        }
        if to != source {
            return None;
        }
        if let Some((flags, acknowledged)) = packet.flags() {
            if flags & ACK == 0 || acknowledged != sequence.wrapping_add(1) {
                return None;
            }
            if flags & RST != 0 {
                return Some(Outcome::Refused);
            }
        }
        if from != destination {
            return Some(Outcome::OtherSource(from));
        }
        let (device, sent_by) = (self.device.clone(), self.device.clone());
        Some(Outcome::Answers { after: Duration::ZERO, device, sent_by })
    }

    fn error(&self, packet: &Packet<'_>, kind: u8, code: u8) -> Option<Outcome> {
        const REDIRECT: u8 = 5;
        let is_ipv4 = packet.source.is_ipv4();
        let from = packet.source;
        if is_ipv4 && kind == REDIRECT {
            let by_real = from == self.target.real.ip();
            return by_real.then_some(Outcome::Returned);
        }
        match Unreachable::of(is_ipv4, kind, code)? {
            Unreachable::Port if !self.is_tcp() && self.outer.is_none() => Some(Outcome::Refused),
            // Of the packet in the tunnel, and not of the tunnel.
            Unreachable::Port if !self.is_tcp() && from == self.flow.destination.ip() => {
                Some(Outcome::Refused)
            }
            what => Some(Outcome::Unreachable { from, what }),
        }
    }
}

/// Sends the probes, again where nothing answers, and returns what became of each. A connection that
/// was opened is reset.
pub(super) fn exchange(
    ways: &[Result<Way, Outcome>],
    within: Duration,
) -> io::Result<Vec<Outcome>> {
    let random = RandomState::new().hash_one(ways.len());
    let sequence = (random >> 32) as u32;
    let room = u64::from(u16::MAX - PORTS) - AT_ONCE as u64;
    let first = PORTS + (random % room) as u16;
    let mut found: Vec<Option<Outcome>> = Vec::new();
    let (mut sent, mut answers) = (Vec::new(), Vec::new());
    for (at, way) in ways.iter().enumerate() {
        found.push(way.as_ref().err().cloned());
        if let Ok(way) = way {
            let mut way = way.clone();
            way.flow.source.set_port(first + at as u16);
            sent.push((at, way));
        }
    }
    if sent.is_empty() {
        return Ok(found.into_iter().flatten().collect());
    }
    let sockets = Sockets::open(first, first + ways.len() as u16)?;
    let started = Instant::now();
    for attempt in 1..=ATTEMPTS {
        for (_, way) in sent.iter().filter(|(at, _)| matches!(found.get(*at), Some(None))) {
            let packet = match way.is_tcp() {
                true => way.flow.segment(SYN, sequence),
                false => way.flow.datagram(),
            };
            way.send(&sockets.ipv4, &packet)?;
        }
        let end = started + within / ATTEMPTS * attempt;
        while found.iter().any(Option::is_none) {
            let Some(bytes) = sockets.receive(end)? else { break };
            let Some(packet) = Packet::parse(&bytes.packet) else { continue };
            for (at, way) in &sent {
                let Some(place) = found.get_mut(*at).filter(|it| it.is_none()) else { continue };
                let Some(mut outcome) = way.judge(&packet, sequence) else { continue };
                if let Outcome::Answers { after, device, .. } = &mut outcome {
                    *after = started.elapsed();
                    if bytes.index != way.index {
                        *device = interface_name(bytes.index as u32);
                    }
                }
                let to = way.flow.source;
                match &outcome {
                    Outcome::Answers { .. } => answers.push((way.flow.destination, to)),
                    Outcome::OtherSource(from) => answers.push((*from, to)),
                    _ => {}
                }
                *place = Some(outcome);
            }
        }
    }
    for (_, way) in sent.iter().filter(|(_, way)| way.is_tcp()) {
        way.send(&sockets.ipv4, &way.flow.segment(RST, sequence.wrapping_add(1)))?;
    }
    if sent.iter().any(|(_, way)| !way.is_tcp()) {
        answers.into_iter().for_each(|(from, to)| forget(from, to));
    }
    Ok(found.into_iter().map(|it| it.unwrap_or(Outcome::Silent)).collect())
}

/// Deletes the entry that connection tracking made of an answer, for which no socket waits. It makes
/// none of a SYN-ACK or an ICMP error without a connection.
fn forget(from: SocketAddr, to: SocketAddr) {
    const DELETE: u16 = 1 << 8 | 2;
    const NESTED: u16 = 1 << 15;
    let is_tracked = Sysctl::of_conntrack("count").read().is_ok_and(|it| it.is_some());
    if !is_tracked {
        return;
    }
    // `CTA_TUPLE_ORIG` with `CTA_TUPLE_IP` and `CTA_TUPLE_PROTO` of nfnetlink_conntrack.h.
    let mut addresses = Vec::new();
    for (at, address) in [(0, from.ip()), (1, to.ip())] {
        match address {
            IpAddr::V4(address) => append(&mut addresses, 1 + at, &address.octets()),
            IpAddr::V6(address) => append(&mut addresses, 3 + at, &address.octets()),
        }
    }
    let mut ports = Vec::new();
    append(&mut ports, 1, &[UDP]);
    append(&mut ports, 2, &from.port().to_be_bytes());
    append(&mut ports, 3, &to.port().to_be_bytes());
    let mut tuple = Vec::new();
    append(&mut tuple, NESTED | 1, &addresses);
    append(&mut tuple, NESTED | 2, &ports);
    let family = if from.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let mut request = vec![family as u8, 0, 0, 0];
    append(&mut request, NESTED | 1, &tuple);
    // The packet socket is ahead of connection tracking by some microseconds, and this namespace need
    // not track at all. What is left ends by itself in half a minute.
    let Ok(mut connection) = Netlink::netfilter().map(Connection::new) else { return };
    for _ in 0..3 {
        match connection.execute_message(DELETE, 0, &request) {
            Err(error) if error.errno() == Some(libc::ENOENT) => sleep(Duration::from_millis(1)),
            _ => return,
        }
    }
}

/// A packet, and the interface that received it.
struct Received {
    index: i32,
    packet: Vec<u8>,
}

/// Sockets of both families that see packets before the filters and the routing of this machine, and
/// only those with one of our ports, and ICMP.
struct Sockets {
    ipv4: Socket,
    ipv6: Socket,
}

impl Sockets {
    fn open(first: u16, end: u16) -> io::Result<Self> {
        let open = |protocol, filter: &[SockFilter]| {
            // Without a protocol it receives nothing until it is bound.
            let socket = Socket::new(Domain::PACKET, Type::DGRAM, None)?;
            socket.attach_filter(filter)?;
            socket.bind(&link_address(0, protocol, None))?;
            Ok::<_, io::Error>(socket)
        };
        let ports = (u32::from(first), u32::from(end) - 1);
        Ok(Self { ipv4: open(ETH_P_IP, &ipv4(ports))?, ipv6: open(ETH_P_IPV6, &ipv6(ports))? })
    }

    /// The next packet before a time.
    #[allow(unsafe_code)]
    fn receive(&self, end: Instant) -> io::Result<Option<Received>> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let wait = left.as_micros().div_ceil(1000).min(60_000) as libc::c_int;
            let mut polled = [&self.ipv4, &self.ipv6].map(|socket| libc::pollfd {
                fd: socket.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            });
            // SAFETY: the array is live, and has the stated length.
            let count = unsafe { libc::poll(polled.as_mut_ptr(), 2, wait) };
            match count {
                0 if left.is_zero() => return Ok(None),
                0 => continue,
                1.. => {}
                _ => match io::Error::last_os_error() {
                    error if error.kind() == ErrorKind::Interrupted => continue,
                    error => return Err(error),
                },
            }
            let ready = polled.iter().position(|it| it.revents != 0);
            return match ready {
                Some(0) => received(&self.ipv4),
                Some(_) => received(&self.ipv6),
                None => continue,
            };
        }
    }
}

/// What a socket has. The interfaces that go down are an error once, of one packet.
#[allow(unsafe_code)]
fn received(socket: &Socket) -> io::Result<Option<Received>> {
    let mut packet = vec![0; 2048];
    // SAFETY: all bytes 0 are a valid sockaddr_ll: numbers.
    let mut from: libc::sockaddr_ll = unsafe { mem::zeroed() };
    let mut length = size_of_val(&from) as libc::socklen_t;
    // SAFETY: buffer and address are live, and the kernel writes at most the stated lengths.
    let count = unsafe {
        libc::recvfrom(
            socket.as_raw_fd(),
            packet.as_mut_ptr().cast(),
            packet.len(),
            libc::MSG_DONTWAIT,
            (&raw mut from).cast(),
            &raw mut length,
        )
    };
    match usize::try_from(count) {
        Ok(count) => packet.truncate(count),
        Err(_) => match io::Error::last_os_error() {
            error
                if error.raw_os_error() == Some(libc::ENETDOWN)
                    || matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                packet.clear();
            }
            error => return Err(error),
        },
    }
    Ok(Some(Received { index: from.sll_ifindex, packet }))
}

// Classic BPF (`linux/filter.h`), on packets that begin with the IP header.
const LOAD_BYTE: u16 = 0x30;
const LOAD_SHORT: u16 = 0x28;
const LOAD_SHORT_BEHIND: u16 = 0x48;
const LOAD_HEADER_LENGTH: u16 = 0xb1;
const EQUAL: u16 = 0x15;
const GREATER: u16 = 0x25;
const AT_LEAST: u16 = 0x35;
const ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// An instruction that jumps to one place or the other.
const fn jump(code: u16, value: u32, at: u8, yes: u8, no: u8) -> SockFilter {
    SockFilter::new(code, yes - at - 1, no - at - 1, value)
}

const fn load(code: u16, at: u32) -> SockFilter {
    SockFilter::new(code, 0, 0, at)
}

/// Accepts ICMP, and first fragments with a port in the range, on either side.
const fn ipv4((first, last): (u32, u32)) -> [SockFilter; 15] {
    [
        load(LOAD_BYTE, 9),
        jump(EQUAL, ICMP as u32, 1, 13, 2),
        jump(EQUAL, TCP as u32, 2, 4, 3),
        jump(EQUAL, UDP as u32, 3, 4, 14),
        load(LOAD_SHORT, 6),
        jump(ANY_BIT, 0x1fff, 5, 14, 6),
        load(LOAD_HEADER_LENGTH, 0),
        load(LOAD_SHORT_BEHIND, 2),
        jump(AT_LEAST, first, 8, 9, 10),
        jump(GREATER, last, 9, 10, 13),
        load(LOAD_SHORT_BEHIND, 0),
        jump(AT_LEAST, first, 11, 12, 14),
        jump(GREATER, last, 12, 14, 13),
        load(RETURN, u32::MAX),
        load(RETURN, 0),
    ]
}

const fn ipv6((first, last): (u32, u32)) -> [SockFilter; 12] {
    [
        load(LOAD_BYTE, 6),
        jump(EQUAL, ICMPV6 as u32, 1, 10, 2),
        jump(EQUAL, TCP as u32, 2, 4, 3),
        jump(EQUAL, UDP as u32, 3, 4, 11),
        load(LOAD_SHORT, 42),
        jump(AT_LEAST, first, 5, 6, 7),
        jump(GREATER, last, 6, 7, 10),
        load(LOAD_SHORT, 40),
        jump(AT_LEAST, first, 8, 9, 11),
        jump(GREATER, last, 9, 11, 10),
        load(RETURN, u32::MAX),
        load(RETURN, 0),
    ]
}
