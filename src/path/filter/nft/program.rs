//! The expressions of a rule: a program on registers, run on bytes of which only the origin is known.
//!
//! Comparisons become matches, and statements become targets. A map makes a rule of each element.

use super::super::{Byte, Condition, Field, Hexadecimal, Match, Rule, Target, What, legacy};
use super::set::{Data, Element, Set, TableSets, after, before, verdict};
use super::{Interface, find, list, number, text};
use lvs::ipvs::AddressFamily;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Registers of 16 words.
const REGISTERS: usize = 64;

/// `NFT_NAME_MAXLEN`, and the longest load (`NFT_DATA_VALUE_MAXLEN`).
const LONGEST: usize = 64;

pub(super) struct Context<'a> {
    pub(super) family: AddressFamily,
    pub(super) sets: &'a TableSets<'a>,
    pub(super) interfaces: &'a [Interface],
    /// Rules that it may become.
    pub(super) room: usize,
}

/// A run of the program: one per element of a map.
#[derive(Clone)]
struct Run {
    registers: [Byte; REGISTERS],
    /// What was loaded into the registers.
    loaded: String,
    matches: Vec<Match>,
    targets: Vec<Target>,
}

impl Context<'_> {
    /// The rules that a rule with these expressions is.
    pub(super) fn rules(&self, handle: u64, expressions: &[u8]) -> Vec<Rule> {
        let first = Run {
            registers: [Byte::constant(0); REGISTERS],
            loaded: String::new(),
            matches: Vec::new(),
            targets: Vec::new(),
        };
        let mut runs = vec![first];
        for expression in list(expressions) {
            let name = find(expression, 1).map(text).unwrap_or_default();
            let data = find(expression, 2).unwrap_or_default();
            let mut next = Vec::new();
            for run in runs {
                next.extend(self.step(run, &name, data));
                if next.len() > self.room {
                    // Too many: it may match, and its end is not known.
                    let matches = vec![some("map")];
                    let target = Target::Other("map".to_owned());
                    return vec![Rule { number: handle, matches, target }];
                }
            }
            runs = next;
        }
        let rule = |mut run: Run| {
            let target = match run.targets.len() {
                0 => Target::Continue,
                1 => run.targets.remove(0),
                _ => Target::All(run.targets),
            };
            Rule { number: handle, matches: run.matches, target }
        };
        runs.into_iter().map(rule).collect()
    }

    /// What an expression makes of a run; nothing if the rule ends there.
    fn step(&self, mut run: Run, name: &str, data: &[u8]) -> Vec<Run> {
        let register = |kind| place(number(data, kind)?);
        match name {
            "immediate" => match find(data, 2).and_then(|it| find(it, 2)) {
                Some(bytes) => run.targets.push(verdict(bytes)),
                None => {
                    let value = find(data, 2).and_then(|it| find(it, 1)).unwrap_or_default();
                    run.store(register(1), value.iter().map(|byte| Byte::constant(*byte)));
                }
            },
            "payload" => run.payload(data, self.family),
            "meta" => run.meta(data),
            "ct" => run.connection(data),
            "fib" => {
                // `NFT_FIB_RESULT_ADDRTYPE` of the destination, on any interface.
                let is_type = number(data, 2) == Some(3) && number(data, 3) == Some(2);
                let field = if is_type { Field::DestinationType } else { Field::Other };
                run.load(register(1), "fib", field, 0, 4);
            }
            "bitwise" => run.bitwise(data),
            "byteorder" => run.swap(data),
            "cmp" => {
                let value = find(data, 3).and_then(|it| find(it, 1)).unwrap_or_default();
                let (intervals, negated) = compared(number(data, 2), value);
                let bytes = run.bytes(register(1), value.len());
                self.check(&mut run, bytes, Vec::new(), intervals, negated);
            }
            "range" => {
                let bound = |kind| find(find(data, kind)?, 1).map(<[u8]>::to_vec);
                let (first, last) = (bound(3).unwrap_or_default(), bound(4).unwrap_or_default());
                let bytes = run.bytes(register(1), first.len());
                let intervals = vec![(Hexadecimal(first), Hexadecimal(last))];
                self.check(&mut run, bytes, Vec::new(), intervals, number(data, 2) == Some(1));
            }
            "lookup" => return self.look_up(run, data),
            "match" => {
                let (name, revision, info) = extension(data);
                run.matches.extend(legacy::condition(&name, revision, info));
            }
            "target" => {
                let (name, revision, info) = extension(data);
                run.targets.push(legacy::action(self.family, &name, revision, info));
            }
            "reject" => run.targets.push(Target::Reject),
            "notrack" => run.targets.push(Target::NoTrack),
            "masq" => run.targets.push(Target::Accept),
            "redir" => {
                let target = match number(data, 1).map(|_| run.port(register(1))) {
                    None => Target::Redirect { port: None },
                    Some(Some(port)) => Target::Redirect { port: Some(port) },
                    Some(None) => Target::Other("redirect".to_owned()),
                };
                run.targets.push(target);
            }
            "nat" => run.translate(data),
            "limit" | "quota" | "connlimit" => run.matches.push(some(name)),
            "objref" => {
                // Quotas, limits and connection limits end the rule; counters and helpers do not.
                if matches!(number(data, 1), Some(2 | 4 | 5)) || number(data, 3).is_some() {
                    run.matches.push(some("limit"));
                }
            }
            "dynset" => {
                // Adding to a set; with a limit it may end the rule.
                let expressions = find(data, 7).into_iter();
                let expressions = expressions.chain(find(data, 10).into_iter().flat_map(list));
                let names = expressions.filter_map(|it| find(it, 1)).map(text);
                if names.into_iter().any(|it| it != "counter" && it != "last") {
                    run.matches.push(some("limit"));
                }
            }
            "counter" | "log" | "last" | "dup" | "flow_offload" => {}
            "exthdr" if number(data, 7).is_some() => {}
            "exthdr" | "rt" | "socket" | "osf" | "numgen" | "hash" | "xfrm" | "tunnel" => {
                // The register of the result is the first attribute of most of them.
                let at = match name {
                    "socket" => register(2),
                    "hash" => register(2),
                    "xfrm" | "tunnel" if name == "tunnel" => register(2),
                    _ => register(1),
                };
                run.load(at, name, Field::Other, 0, 16);
            }
            "tproxy" | "queue" | "synproxy" | "fwd" => {
                run.targets.push(Target::Other(name.to_owned()));
            }
            _ => run.matches.push(some(name)),
        }
        vec![run]
    }

    /// A match of bytes, or none if it cannot hold.
    fn check(
        &self,
        run: &mut Run,
        bytes: Vec<Byte>,
        parts: Vec<usize>,
        intervals: Vec<(Hexadecimal, Hexadecimal)>,
        negated: bool,
    ) {
        let (bytes, intervals) = self.by_name(bytes, intervals);
        let name = run.loaded.clone();
        let condition = Condition { name, bytes, parts, intervals };
        run.matches.push(Match { what: What::Bytes(condition), negated });
    }

    /// The index of an interface as its name, which packets have.
    fn by_name(
        &self,
        bytes: Vec<Byte>,
        intervals: Vec<(Hexadecimal, Hexadecimal)>,
    ) -> (Vec<Byte>, Vec<(Hexadecimal, Hexadecimal)>) {
        let field = match bytes.first().and_then(|byte| byte.of) {
            Some((Field::InputIndex, 0)) => Field::Input,
            Some((Field::OutputIndex, 0)) => Field::Output,
            _ => return (bytes, intervals),
        };
        let named = |(first, last): &(Hexadecimal, Hexadecimal)| {
            let index = u32::from_ne_bytes(first.0.as_slice().try_into().ok()?);
            let name = self.interfaces.iter().find(|it| it.index == index)?.name.as_bytes();
            let mut name = name.to_vec();
            name.resize(16, 0);
            (first == last).then(|| (Hexadecimal(name.clone()), Hexadecimal(name)))
        };
        match intervals.iter().map(named).collect::<Option<Vec<_>>>() {
            Some(names) if bytes.len() == 4 => {
                ((0..16).map(|at| Byte::of(field, at)).collect(), names)
            }
            _ => (bytes, intervals),
        }
    }

    fn look_up(&self, mut run: Run, data: &[u8]) -> Vec<Run> {
        const INVERTED: u32 = 1;
        let Some(set) = find(data, 1).and_then(|name| self.sets.get(name)) else {
            run.matches.push(some("set"));
            return vec![run];
        };
        let register = number(data, 2).and_then(place);
        let Some(result) = number(data, 3) else {
            let negated = number(data, 5).is_some_and(|flags| flags & INVERTED != 0);
            self.is_in(&mut run, set, register, negated);
            return vec![run];
        };
        let runs = set.elements.iter().take(self.room.saturating_add(1)).map(|element| {
            let mut run = run.clone();
            if let Some((first, last)) = &element.keys {
                let bytes = run.bytes(register, first.0.len());
                let interval = vec![(first.clone(), last.clone())];
                self.check(&mut run, bytes, set.parts.clone(), interval, false);
            }
            if element.has_limit {
                run.matches.push(some("limit"));
            }
            match &element.data {
                Data::Verdict(verdict) => run.targets.push(verdict.clone()),
                Data::Value(value) => {
                    run.store(place(result), value.iter().map(|byte| Byte::constant(*byte)));
                }
                Data::Nothing => run.matches.push(some("map")),
            }
            run
        });
        runs.collect()
    }

    fn is_in(&self, run: &mut Run, set: &Set, register: Option<usize>, negated: bool) {
        if set.elements.iter().any(|it| it.has_limit) {
            run.matches.push(some("limit"));
        }
        if set.elements.iter().any(|it| it.keys.is_none()) {
            if negated {
                let nothing = Condition {
                    name: String::new(),
                    bytes: Vec::new(),
                    parts: Vec::new(),
                    intervals: Vec::new(),
                };
                run.matches.push(Match { what: What::Bytes(nothing), negated: false });
            }
            return;
        }
        let intervals: Vec<_> =
            set.elements.iter().filter_map(|Element { keys, .. }| keys.clone()).collect();
        let length = intervals.first().map_or(0, |(first, _)| first.0.len());
        let bytes = run.bytes(register, length);
        self.check(run, bytes, set.parts.clone(), intervals, negated);
    }
}

/// A comparison as intervals (`enum nft_cmp_ops`), and whether it is inverted.
fn compared(operator: Option<u32>, value: &[u8]) -> (Vec<(Hexadecimal, Hexadecimal)>, bool) {
    let (least, most) = (vec![0; value.len()], vec![u8::MAX; value.len()]);
    let own = Some(value.to_vec());
    let bounds = match operator {
        Some(2) => (Some(least), before(value)),
        Some(3) => (Some(least), own),
        Some(4) => (after(value), Some(most)),
        Some(5) => (own, Some(most)),
        _ => (own.clone(), own),
    };
    let interval = match bounds {
        (Some(first), Some(last)) => vec![(Hexadecimal(first), Hexadecimal(last))],
        _ => Vec::new(),
    };
    (interval, operator == Some(1))
}

/// The name, revision and data of a match or target of xtables.
fn extension(data: &[u8]) -> (String, u8, &[u8]) {
    let name = find(data, 1).map(text).unwrap_or_default();
    let revision = number(data, 2).and_then(|it| u8::try_from(it).ok()).unwrap_or_default();
    (name, revision, find(data, 3).unwrap_or_default())
}

fn some(name: &str) -> Match {
    Match { what: What::Some(name.to_owned()), negated: false }
}

/// Where a register begins: four of 16 bytes, or sixteen of four (`enum nft_registers`).
fn place(register: u32) -> Option<usize> {
    match register as usize {
        register @ 1..=4 => Some((register - 1) * 16),
        register @ 8..=23 => Some((register - 8) * 4),
        _ => None,
    }
}

impl Run {
    /// Stores bytes, and fills the last register of four bytes.
    fn store(&mut self, at: Option<usize>, bytes: impl ExactSizeIterator<Item = Byte>) {
        let Some(at) = at else { return };
        let padding = bytes.len().next_multiple_of(4) - bytes.len();
        let bytes = bytes.chain(std::iter::repeat_n(Byte::constant(0), padding));
        for (place, byte) in self.registers.iter_mut().skip(at).zip(bytes) {
            *place = byte;
        }
    }

    fn load(&mut self, at: Option<usize>, name: &str, field: Field, start: u8, length: usize) {
        let end = start.saturating_add(length.min(LONGEST) as u8);
        name.clone_into(&mut self.loaded);
        self.store(at, (start..end).map(|at| Byte::of(field, at)).collect::<Vec<_>>().into_iter());
    }

    fn bytes(&self, at: Option<usize>, length: usize) -> Vec<Byte> {
        let unknown = Byte::of(Field::Other, 0);
        let found = at.and_then(|at| self.registers.get(at..at.checked_add(length)?));
        found.map_or_else(|| vec![unknown; length.min(LONGEST)], <[Byte]>::to_vec)
    }

    /// The bytes of a register, if they are constants.
    fn constant<const N: usize>(&self, at: Option<usize>) -> Option<[u8; N]> {
        let bytes = self.bytes(Some(at?), N);
        let values = bytes.iter().map(|byte| byte.of.is_none().then_some(byte.xor));
        values.collect::<Option<Vec<u8>>>()?.try_into().ok()
    }

    fn port(&self, at: Option<usize>) -> Option<u16> {
        self.constant(at).map(u16::from_be_bytes)
    }

    fn payload(&mut self, data: &[u8], family: AddressFamily) {
        let (base, offset, length) = (number(data, 2), number(data, 3), number(data, 4));
        let (offset, length) = (offset.unwrap_or(u32::MAX), length.unwrap_or_default());
        if number(data, 5).is_some() {
            // Addresses and ports that a statement writes.
            let ends = match (base, family) {
                (Some(1), AddressFamily::Ipv4) => 12..20,
                (Some(1), AddressFamily::Ipv6) => 8..40,
                (Some(2), _) => 0..4,
                _ => 0..0,
            };
            if offset < ends.end && offset.saturating_add(length) > ends.start {
                self.targets.push(Target::Other("payload".to_owned()));
            }
            return;
        }
        let (name, field) = match base {
            Some(1) => ("IP header", Field::Network),
            Some(2) => ("transport header", Field::Transport),
            Some(0) => ("link-layer header", Field::Other),
            _ => ("payload", Field::Other),
        };
        let at = number(data, 1).and_then(place);
        match u8::try_from(offset) {
            Ok(offset) => self.load(at, name, field, offset, length as usize),
            Err(_) => self.load(at, name, Field::Other, 0, length as usize),
        }
    }

    fn meta(&mut self, data: &[u8]) {
        const MARK: u32 = 3;
        /// `enum nft_meta_keys`.
        const KEYS: [(u32, &str, Field, usize); 9] = [
            (1, "meta protocol", Field::EtherType, 2),
            (MARK, "mark", Field::Mark, 4),
            (4, "iif", Field::InputIndex, 4),
            (5, "oif", Field::OutputIndex, 4),
            (6, "iifname", Field::Input, 16),
            (7, "oifname", Field::Output, 16),
            (15, "meta nfproto", Field::Family, 1),
            (16, "meta l4proto", Field::Protocol, 1),
            (u32::MAX, "meta", Field::Other, 16),
        ];
        let key = number(data, 2).unwrap_or_default();
        if let Some(source) = number(data, 3) {
            if key == MARK {
                let target = self.mark(place(source));
                self.targets.push(target);
            }
            return;
        }
        let known = KEYS.iter().find(|(number, ..)| [key, u32::MAX].contains(number));
        if let Some((_, name, field, length)) = known {
            self.load(number(data, 1).and_then(place), name, *field, 0, *length);
        }
    }

    /// The mark that a register makes: a number, or the mark with some bits changed.
    fn mark(&self, source: Option<usize>) -> Target {
        let bytes = self.bytes(source, 4);
        let own = |(at, byte): (usize, &Byte)| {
            byte.of.is_none() || byte.of == Some((Field::Mark, at as u8))
        };
        if !bytes.iter().enumerate().all(own) {
            return Target::LoseMark;
        }
        let number = |byte: &dyn Fn(&Byte) -> u8| {
            let mut number = [0; 4];
            number.iter_mut().zip(&bytes).for_each(|(place, it)| *place = byte(it));
            u32::from_ne_bytes(number)
        };
        let kept = number(&|byte| if byte.of.is_none() { 0 } else { byte.mask });
        Target::SetMark { value: number(&|byte| byte.xor), mask: !kept }
    }

    fn connection(&mut self, data: &[u8]) {
        // A mark, a zone or a helper.
        if number(data, 4).is_some() {
            return;
        }
        let at = number(data, 1).and_then(place);
        match number(data, 2) {
            Some(0) => self.load(at, "ct state", Field::State, 0, 4),
            Some(2) => self.load(at, "ct status", Field::Status, 0, 4),
            Some(3) => self.load(at, "ct mark", Field::Other, 0, 4),
            _ => self.load(at, "ct", Field::Other, 0, 16),
        }
    }

    fn bitwise(&mut self, data: &[u8]) {
        let length = (number(data, 3).unwrap_or_default() as usize).min(LONGEST);
        let value = |kind| find(find(data, kind)?, 1);
        let mut bytes = self.bytes(number(data, 1).and_then(place), length);
        match (number(data, 6).unwrap_or_default(), value(4), value(5)) {
            (0, Some(mask), Some(xor)) => {
                for ((byte, mask), xor) in bytes.iter_mut().zip(mask).zip(xor) {
                    byte.mask &= mask;
                    byte.xor = (byte.xor & mask) ^ xor;
                }
            }
            // Shifts.
            _ => bytes.fill(Byte::of(Field::Other, 0)),
        }
        self.store(number(data, 2).and_then(place), bytes.into_iter());
    }

    fn swap(&mut self, data: &[u8]) {
        let length = (number(data, 4).unwrap_or_default() as usize).min(LONGEST);
        let size = number(data, 5).unwrap_or(1).clamp(1, 8) as usize;
        let mut bytes = self.bytes(number(data, 1).and_then(place), length);
        if cfg!(target_endian = "little") {
            bytes.chunks_mut(size).for_each(<[Byte]>::reverse);
        }
        self.store(number(data, 2).and_then(place), bytes.into_iter());
    }

    fn translate(&mut self, data: &[u8]) {
        const DESTINATION: u32 = 1;
        if number(data, 1) != Some(DESTINATION) {
            self.targets.push(Target::Accept);
            return;
        }
        let register = |kind| number(data, kind).and_then(place);
        let is_ipv4 = number(data, 2) != Some(libc::AF_INET6 as u32);
        let value = |kind: u32| -> Option<Option<IpAddr>> {
            let Some(at) = register(kind as u16) else { return Some(None) };
            match is_ipv4 {
                true => self.constant(Some(at)).map(|it: [u8; 4]| Some(Ipv4Addr::from(it).into())),
                false => {
                    self.constant(Some(at)).map(|it: [u8; 16]| Some(Ipv6Addr::from(it).into()))
                }
            }
        };
        let port = match register(5) {
            None => Some(None),
            at => self.port(at).map(Some),
        };
        let is_one = |low, high| register(high).is_none() || register(low) == register(high);
        let same = value(3) == value(4) || is_one(3, 4);
        let same_port =
            is_one(5, 6) || register(6).map(|at| self.port(Some(at))) == Some(port.flatten());
        self.targets.push(match (value(3), port) {
            (Some(address), Some(port)) if same && same_port => {
                Target::Destination { address, port }
            }
            _ => Target::Other("dnat".to_owned()),
        });
    }
}
