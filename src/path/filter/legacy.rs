//! The rules of iptables and ip6tables, as the kernel stores them: entries of an address part,
//! matches and one target (`linux/netfilter/x_tables.h`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Base, Chain, ConnectionState, Hook, Match, Rule, Table, Target, What};
use lvs::ipvs::AddressFamily;

/// The name of an entry that begins a chain.
const BEGIN: &str = "ERROR";

/// The places of an entry (`struct ipt_entry`, `struct ip6t_entry`).
struct Layout {
    interfaces: usize,
    protocol: usize,
    flags: usize,
    /// The flag of a goto.
    goto: u8,
    inverted: usize,
    target: usize,
    next: usize,
    matches: usize,
}

const IPV4: Layout = Layout {
    interfaces: 16,
    protocol: 80,
    flags: 82,
    goto: 2,
    inverted: 83,
    target: 88,
    next: 90,
    matches: 112,
};
const IPV6: Layout = Layout {
    interfaces: 64,
    protocol: 128,
    flags: 131,
    goto: 4,
    inverted: 132,
    target: 140,
    next: 142,
    matches: 168,
};

/// Inversions of the address part.
const NOT_INPUT: u8 = 1;
const NOT_OUTPUT: u8 = 2;
const NOT_SOURCE: u8 = 8;
const NOT_DESTINATION: u8 = 16;
const NOT_FRAGMENT: u8 = 32;
const NOT_PROTOCOL: u8 = 64;

/// An entry that has been parsed, before its chain is known.
struct Entry {
    offset: u32,
    matches: Vec<Match>,
    target: Raw,
}

enum Raw {
    Begin(String),
    Accept,
    Drop,
    Return,
    Queue,
    Jump { to: u32, goto: bool },
    Other(Target),
}

/// Builds a table from its entries. `hooks` are the offsets of the base chains, and `valid` the hooks
/// that it has.
pub(super) fn table(
    family: AddressFamily,
    name: &str,
    valid: u32,
    hooks: &[u32],
    bytes: &[u8],
) -> Table {
    let entries = entries(family, bytes);
    let base = |offset: u32| {
        let of =
            |(at, _): &(usize, &Hook)| valid & (1 << at) != 0 && hooks.get(*at) == Some(&offset);
        Hook::ALL.iter().enumerate().find(of).map(|(_, hook)| *hook)
    };
    // A jump leads behind the entry that begins the chain.
    let behind = |to: u32| {
        let at = entries.partition_point(|entry| entry.offset < to);
        match &entries.get(at.checked_sub(1)?)?.target {
            Raw::Begin(name) => Some(name.clone()),
            _ => None,
        }
    };
    let mut chains: Vec<Chain> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        if let Some(hook) = base(entry.offset) {
            let base = Base {
                hook,
                priority: priority(name, hook),
                accepts: true,
                translates: name == "nat",
                devices: Vec::new(),
            };
            let name = hook.name().to_owned();
            chains.push(Chain { name, base: Some(base), rules: Vec::new() });
        }
        let target = match &entry.target {
            Raw::Begin(name) => {
                chains.push(Chain { name: name.clone(), base: None, rules: Vec::new() });
                continue;
            }
            Raw::Accept => Target::Accept,
            Raw::Drop => Target::Drop,
            Raw::Return => Target::Return,
            Raw::Queue => Target::Other("NFQUEUE".to_owned()),
            Raw::Jump { to, .. } if entries.get(at + 1).is_some_and(|it| it.offset == *to) => {
                Target::Continue
            }
            Raw::Jump { to, goto } => match (behind(*to), goto) {
                (Some(name), true) => Target::Goto(name),
                (Some(name), false) => Target::Jump(name),
                (None, _) => Target::Other("jump".to_owned()),
            },
            Raw::Other(target) => target.clone(),
        };
        if let Some(chain) = chains.last_mut() {
            let number = chain.rules.len() as u64 + 1;
            chain.rules.push(Rule { number, matches: entry.matches.clone(), target });
        }
    }
    // The last rule of a base chain is its policy, that of another its return.
    for chain in &mut chains {
        let last = chain.rules.pop();
        if let (Some(base), Some(last)) = (&mut chain.base, last) {
            base.accepts = last.target != Target::Drop;
        }
    }
    // The entry that ends the table.
    chains.retain(|chain| chain.base.is_some() || chain.name != BEGIN);
    Table { family, name: name.to_owned(), chains, nft: None }
}

/// The priorities of `linux/netfilter_ipv4.h`.
fn priority(table: &str, hook: Hook) -> i32 {
    match (table, hook) {
        ("raw", _) => -300,
        ("mangle", _) => -150,
        ("nat", Hook::Input | Hook::Postrouting) => 100,
        ("nat", _) => -100,
        ("security", _) => 50,
        _ => 0,
    }
}

fn entries(family: AddressFamily, bytes: &[u8]) -> Vec<Entry> {
    let layout = match family {
        AddressFamily::Ipv4 => &IPV4,
        AddressFamily::Ipv6 => &IPV6,
    };
    let mut entries = Vec::new();
    let mut offset = 0;
    while let Some(entry) = bytes.get(offset..) {
        let Some(next) = short(entry, layout.next).map(usize::from) else { break };
        let Some(whole) = entry.get(..next).filter(|_| next >= layout.matches) else { break };
        entries.extend(parsed(family, layout, whole, offset));
        offset += next;
    }
    entries
}

fn parsed(family: AddressFamily, layout: &Layout, entry: &[u8], offset: usize) -> Option<Entry> {
    let target = usize::from(short(entry, layout.target)?);
    let mut matches = address_part(family, layout, entry)?;
    let mut at = layout.matches;
    while at < target {
        let size = usize::from(short(entry, at)?);
        let one = entry.get(at..at.checked_add(size)?).filter(|_| size >= 32)?;
        let (name, revision, data) = part(one)?;
        matches.extend(condition(&name, revision, data));
        at += size;
    }
    let size = usize::from(short(entry, target)?);
    let (name, revision, data) = part(entry.get(target..target.checked_add(size)?)?)?;
    let goto = byte(entry, layout.flags)? & layout.goto != 0;
    let target = match name.as_str() {
        "" => match int(data, 0)? {
            -2 => Raw::Accept,
            -1 => Raw::Drop,
            -5 => Raw::Return,
            to @ 0.. => Raw::Jump { to: to as u32, goto },
            _ => Raw::Queue,
        },
        BEGIN => Raw::Begin(text(data)),
        name => Raw::Other(action(family, name, revision, data)),
    };
    Some(Entry { offset: offset as u32, matches, target })
}

/// The name, the revision and the data of a match or target.
fn part(bytes: &[u8]) -> Option<(String, u8, &[u8])> {
    Some((text(bytes.get(2..31)?), byte(bytes, 31)?, bytes.get(32..)?))
}

fn address_part(family: AddressFamily, layout: &Layout, entry: &[u8]) -> Option<Vec<Match>> {
    let inverted = byte(entry, layout.inverted)?;
    let width = match family {
        AddressFamily::Ipv4 => 4,
        AddressFamily::Ipv6 => 16,
    };
    let address = |at: usize| ip(family, entry.get(at * width..(at + 1) * width)?);
    let (source, destination, source_mask, destination_mask) =
        (address(0)?, address(1)?, address(2)?, address(3)?);
    let mut matches = Vec::new();
    let mut add = |is_set: bool, what: What, inversion: u8| {
        let negated = inverted & inversion != 0;
        if is_set {
            matches.push(Match { what, negated });
        }
    };
    let what = What::Source { address: source, mask: source_mask };
    add(!source_mask.is_unspecified(), what, NOT_SOURCE);
    let what = What::Destination { address: destination, mask: destination_mask };
    add(!destination_mask.is_unspecified(), what, NOT_DESTINATION);
    for (at, inversion) in [(0, NOT_INPUT), (1, NOT_OUTPUT)] {
        let name = entry.get(layout.interfaces + 16 * at..layout.interfaces + 16 * (at + 1))?;
        let mask =
            entry.get(layout.interfaces + 16 * (at + 2)..layout.interfaces + 16 * (at + 3))?;
        let length = mask.iter().filter(|byte| **byte != 0).count();
        let bytes = name.get(..length)?;
        // A full name is compared with its NUL.
        let prefix = !bytes.contains(&0);
        let name = text(bytes);
        let what = match at {
            0 => What::Input { name, prefix },
            _ => What::Output { name, prefix },
        };
        add(length > 0, what, inversion);
    }
    let protocol = short(entry, layout.protocol)? as u8;
    add(protocol != 0, What::Protocol(protocol), NOT_PROTOCOL);
    let fragment = family == AddressFamily::Ipv4 && byte(entry, layout.flags)? & 1 != 0;
    add(fragment, What::Fragment, NOT_FRAGMENT);
    Some(matches)
}

/// A match. Those that always match give nothing.
pub(super) fn condition(name: &str, revision: u8, data: &[u8]) -> Vec<Match> {
    let unknown = || vec![Match { what: What::Some(name.to_owned()), negated: false }];
    let found = match (name, revision) {
        ("comment", _) => Some(Vec::new()),
        ("tcp", 0) => tcp(data),
        ("udp", 0) => udp(data),
        ("multiport", 1) => multiport(data),
        ("conntrack", 1..=3) => conntrack(data, revision),
        ("state", 0) => states(int(data, 0).unwrap_or(0) as u32, 64).map(|it| vec![it]),
        ("mark", 1) => mark(data),
        ("addrtype", 1) => addrtype(data),
        ("iprange", 1) => iprange(data),
        _ => None,
    };
    found.unwrap_or_else(unknown)
}

fn ports(data: &[u8], at: usize) -> Option<(u16, u16)> {
    Some((short(data, at)?, short(data, at + 2)?))
}

fn port_matches(data: &[u8], inverted: u8) -> Option<Vec<Match>> {
    let mut matches = Vec::new();
    for (at, bit) in [(0, 1), (4, 2)] {
        let range = ports(data, at)?;
        if range != (0, u16::MAX) {
            let what = if at == 0 {
                What::SourcePort(vec![range])
            } else {
                What::DestinationPort(vec![range])
            };
            matches.push(Match { what, negated: inverted & bit != 0 });
        }
    }
    Some(matches)
}

/// `struct xt_tcp`.
fn tcp(data: &[u8]) -> Option<Vec<Match>> {
    let (option, mask, value, inverted) =
        (byte(data, 8)?, byte(data, 9)?, byte(data, 10)?, byte(data, 11)?);
    let mut matches = port_matches(data, inverted)?;
    if mask != 0 {
        matches.push(Match { what: What::TcpFlags { mask, value }, negated: inverted & 4 != 0 });
    }
    if option != 0 {
        matches.push(Match { what: What::Some("tcp option".to_owned()), negated: false });
    }
    Some(matches)
}

/// `struct xt_udp`.
fn udp(data: &[u8]) -> Option<Vec<Match>> {
    port_matches(data, byte(data, 8)?)
}

/// `struct xt_multiport_v1`.
fn multiport(data: &[u8]) -> Option<Vec<Match>> {
    let (flags, count) = (byte(data, 0)?, usize::from(byte(data, 1)?));
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < count {
        let low = short(data, 2 + 2 * at)?;
        let ranged = byte(data, 32 + at)? != 0;
        at += usize::from(ranged);
        ranges.push((low, short(data, 2 + 2 * at)?));
        at += 1;
    }
    let what = match flags {
        0 => What::SourcePort(ranges),
        1 => What::DestinationPort(ranges),
        _ => What::AnyPort(ranges),
    };
    Some(vec![Match { what, negated: byte(data, 47)? != 0 }])
}

/// `struct xt_conntrack_mtinfo1` to `3`: the state alone is understood.
fn conntrack(data: &[u8], revision: u8) -> Option<Vec<Match>> {
    const STATE: u16 = 1;
    // Set by the option `--state` of the match `state`.
    const STATE_ALIAS: u16 = 1 << 13;
    let (flags, inverted) = (short(data, 146)?, short(data, 148)?);
    let mask = match revision {
        1 => u16::from(byte(data, 150)?),
        _ => short(data, 150)?,
    };
    if flags & !STATE_ALIAS != STATE {
        return None;
    }
    let mut found = states(u32::from(mask), 256)?;
    found.negated = inverted & STATE != 0;
    Some(vec![found])
}

fn states(mask: u32, untracked: u32) -> Option<Match> {
    let bits = [
        (1, ConnectionState::Invalid),
        (2, ConnectionState::Established),
        (4, ConnectionState::Related),
        (8, ConnectionState::New),
        (untracked, ConnectionState::Untracked),
    ];
    let known: u32 = bits.iter().map(|(bit, _)| bit).sum();
    let states = bits.iter().filter(|(bit, _)| mask & bit != 0).map(|(_, state)| *state);
    // SNAT and DNAT are states too.
    let what = match mask & !known {
        0 => What::State(states.collect()),
        _ => What::Some("conntrack".to_owned()),
    };
    Some(Match { what, negated: false })
}

/// `struct xt_mark_mtinfo1`.
fn mark(data: &[u8]) -> Option<Vec<Match>> {
    let (value, mask) = (int(data, 0)? as u32, int(data, 4)? as u32);
    Some(vec![Match { what: What::Mark { value, mask }, negated: byte(data, 8)? != 0 }])
}

/// `struct xt_addrtype_info_v1`: a local destination alone is understood.
fn addrtype(data: &[u8]) -> Option<Vec<Match>> {
    const LOCAL: u16 = 4;
    let flags = int(data, 4)?;
    let local = short(data, 0)? == 0 && short(data, 2)? == LOCAL && flags & !2 == 0;
    local.then(|| vec![Match { what: What::LocalDestination, negated: flags & 2 != 0 }])
}

/// `struct xt_iprange_mtinfo`.
fn iprange(data: &[u8]) -> Option<Vec<Match>> {
    let flags = byte(data, 64)?;
    let address = |at: usize| ip(AddressFamily::Ipv4, data.get(at..at + 4)?);
    let mut matches = Vec::new();
    if flags & 1 != 0 {
        let what = What::SourceRange(address(0)?, address(16)?);
        matches.push(Match { what, negated: flags & 0x10 != 0 });
    }
    if flags & 2 != 0 {
        let what = What::DestinationRange(address(32)?, address(48)?);
        matches.push(Match { what, negated: flags & 0x20 != 0 });
    }
    Some(matches)
}

pub(super) fn action(family: AddressFamily, name: &str, revision: u8, data: &[u8]) -> Target {
    let other = || Target::Other(name.to_owned());
    match name {
        "REJECT" => Target::Reject,
        "LOG" | "NFLOG" | "ULOG" | "TCPMSS" | "TRACE" | "AUDIT" | "CLASSIFY" | "DSCP" | "TOS"
        | "TTL" | "HL" | "CHECKSUM" | "RATEEST" | "TCPOPTSTRIP" | "IDLETIMER" | "LED" => {
            Target::Continue
        }
        "SNAT" | "MASQUERADE" => Target::Accept,
        "NOTRACK" => Target::NoTrack,
        // `struct xt_ct_target_info`: without tracking, or with a helper or zone.
        "CT" => match short(data, 0) {
            Some(flags) if flags & 1 != 0 => Target::NoTrack,
            _ => Target::Continue,
        },
        "MARK" => match (revision, int(data, 0), int(data, 4)) {
            (2, Some(value), Some(mask)) => {
                Target::SetMark { value: value as u32, mask: mask as u32 }
            }
            _ => other(),
        },
        "DNAT" | "REDIRECT" => translation(family, name, revision, data).unwrap_or_else(other),
        _ => other(),
    }
}

/// `struct nf_nat_ipv4_multi_range_compat`, `struct nf_nat_range` or `struct nf_nat_range2`.
fn translation(family: AddressFamily, name: &str, revision: u8, data: &[u8]) -> Option<Target> {
    const ADDRESSES: i32 = 1;
    const PORTS: i32 = 2;
    let old =
        family == AddressFamily::Ipv4 && (revision == 0 && name == "DNAT" || name == "REDIRECT");
    let (flags, first, last, low) = match old {
        true => (int(data, 4)?, data.get(8..12)?, data.get(12..16)?, 16),
        false => {
            let width = if family == AddressFamily::Ipv4 { 4 } else { 16 };
            (int(data, 0)?, data.get(4..4 + width)?, data.get(20..20 + width)?, 36)
        }
    };
    let port = |at: usize| Some(u16::from_be_bytes(data.get(at..at + 2)?.try_into().ok()?));
    let port = if flags & PORTS != 0 { Some(port(low)?) } else { None };
    if name == "REDIRECT" {
        return Some(Target::Redirect { port });
    }
    let address = match flags & ADDRESSES != 0 {
        true if first != last => return None,
        true => Some(ip(family, first)?),
        false => None,
    };
    Some(Target::Destination { address, port })
}

fn ip(family: AddressFamily, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        AddressFamily::Ipv4 => {
            Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(..4)?).ok()?).into())
        }
        AddressFamily::Ipv6 => {
            Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(..16)?).ok()?).into())
        }
    }
}

fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn int(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}
