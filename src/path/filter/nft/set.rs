//! Sets and maps of nftables, with their elements.

use std::collections::HashMap;

use super::super::{Hexadecimal, Target};
use super::{behind, find, list, number, text};

/// `enum nft_set_flags`.
const INTERVAL: u32 = 0x4;

/// `enum nft_set_elem_flags`.
const INTERVAL_END: u32 = 1;
const CATCH_ALL: u32 = 2;

#[derive(Debug, Default)]
pub(super) struct Set {
    /// The lengths of the parts of a concatenation; empty if they are not given.
    pub(super) parts: Vec<usize>,
    pub(super) elements: Vec<Element>,
}

#[derive(Clone, Debug)]
pub(super) struct Element {
    /// The first and the last value; `None` is every other value.
    pub(super) keys: Option<(Hexadecimal, Hexadecimal)>,
    pub(super) data: Data,
    /// An expression of the element, such as a limit, may end the rule.
    pub(super) has_limit: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    Nothing,
    Value(Vec<u8>),
    Verdict(Target),
}

/// Sets by family, table and name.
pub(super) struct Sets(HashMap<(u8, Vec<u8>, Vec<u8>), Set>);

/// Those of one table.
pub(super) struct TableSets<'a> {
    sets: &'a Sets,
    family: u8,
    table: &'a [u8],
}

impl Sets {
    pub(super) fn parse(sets: &[Vec<u8>], elements: &[Vec<u8>]) -> Self {
        let mut found: HashMap<_, (Set, bool, Vec<Raw>)> = HashMap::new();
        let key = |message: &[u8]| {
            let all = behind(message);
            Some((*message.first()?, find(all, 1)?.to_vec(), find(all, 2)?.to_vec()))
        };
        for message in sets {
            let Some(key) = key(message) else { continue };
            let all = behind(message);
            let is_interval = number(all, 3).is_some_and(|flags| flags & INTERVAL != 0);
            // `NFTA_SET_DESC` with `NFTA_SET_DESC_CONCAT`, the fields of which have their length.
            let concatenation = find(all, 9).and_then(|description| find(description, 2));
            let lengths = concatenation.into_iter().flat_map(list).filter_map(|it| number(it, 1));
            let parts = lengths.map(|length| length as usize).collect();
            found.insert(key, (Set { parts, elements: Vec::new() }, is_interval, Vec::new()));
        }
        for message in elements {
            let Some((_, _, raw)) = key(message).and_then(|key| found.get_mut(&key)) else {
                continue;
            };
            let all = find(behind(message), 3).into_iter().flat_map(list);
            raw.extend(all.filter_map(Raw::parse));
        }
        let whole = found.into_iter().map(|(key, (mut set, is_interval, raw))| {
            let is_tree = is_interval && set.parts.is_empty();
            set.elements = if is_tree { intervals(raw) } else { single(raw) };
            (key, set)
        });
        Self(whole.collect())
    }

    pub(super) const fn of<'a>(&'a self, family: u8, table: &'a [u8]) -> TableSets<'a> {
        TableSets { sets: self, family, table }
    }
}

impl<'a> TableSets<'a> {
    pub(super) fn get(&self, name: &[u8]) -> Option<&'a Set> {
        self.sets.0.get(&(self.family, self.table.to_vec(), name.to_vec()))
    }
}

/// An element as the kernel lists it.
struct Raw {
    key: Vec<u8>,
    key_end: Option<Vec<u8>>,
    flags: u32,
    data: Data,
    has_limit: bool,
}

/// A verdict in the words of a target.
pub(super) fn verdict(bytes: &[u8]) -> Target {
    let chain = || find(bytes, 2).map(text).unwrap_or_default();
    match number(bytes, 1).map(|code| code as i32) {
        Some(0) => Target::Drop,
        Some(1) => Target::Accept,
        Some(-1) => Target::Continue,
        Some(-3) => Target::Jump(chain()),
        Some(-4) => Target::Goto(chain()),
        Some(-5) => Target::Return,
        _ => Target::Other("queue".to_owned()),
    }
}

impl Raw {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let value = |kind| Some(find(find(bytes, kind)?, 1)?.to_vec());
        let flags = number(bytes, 3).unwrap_or_default();
        let key = match value(1) {
            Some(key) => key,
            None if flags & CATCH_ALL != 0 => Vec::new(),
            None => return None,
        };
        let data = match find(bytes, 2) {
            None => Data::Nothing,
            Some(data) => match find(data, 2) {
                Some(verdict) => Data::Verdict(self::verdict(verdict)),
                None => Data::Value(find(data, 1)?.to_vec()),
            },
        };
        // One expression, or a list of them.
        let expressions = find(bytes, 7).into_iter();
        let expressions = expressions.chain(find(bytes, 11).into_iter().flat_map(list));
        let names = expressions.filter_map(|it| find(it, 1)).map(text);
        let has_limit = names.into_iter().any(|it| !["counter", "last"].contains(&it.as_str()));
        Some(Self { key, key_end: value(10), flags, data, has_limit })
    }

    fn within(self, last: Vec<u8>) -> Element {
        let keys = match self.flags & CATCH_ALL {
            0 => Some((Hexadecimal(self.key), Hexadecimal(last))),
            _ => None,
        };
        Element { keys, data: self.data, has_limit: self.has_limit }
    }
}

/// Elements with one value, or the first and the last one. What catches all comes last.
fn single(raw: Vec<Raw>) -> Vec<Element> {
    let (rest, some): (Vec<Raw>, Vec<Raw>) =
        raw.into_iter().partition(|it| it.flags & CATCH_ALL != 0);
    let one = |mut raw: Raw| {
        let last = raw.key_end.take().unwrap_or_else(|| raw.key.clone());
        raw.within(last)
    };
    some.into_iter().chain(rest).map(one).collect()
}

/// Intervals are listed by their beginnings, and the values behind their ends.
fn intervals(raw: Vec<Raw>) -> Vec<Element> {
    let (rest, mut raw): (Vec<Raw>, Vec<Raw>) =
        raw.into_iter().partition(|it| it.flags & CATCH_ALL != 0);
    raw.sort_by(|one, other| {
        let is_start = |it: &Raw| it.flags & INTERVAL_END == 0;
        (&one.key, is_start(one)).cmp(&(&other.key, is_start(other)))
    });
    let mut elements = Vec::new();
    let mut open: Option<Raw> = None;
    for next in raw {
        let is_end = next.flags & INTERVAL_END != 0;
        if let Some(start) = open.take() {
            elements.extend(before(&next.key).map(|last| start.within(last)));
        }
        if !is_end {
            open = Some(next);
        }
    }
    elements.extend(open.map(|start| {
        let last = vec![u8::MAX; start.key.len()];
        start.within(last)
    }));
    elements.extend(rest.into_iter().map(|it| it.within(Vec::new())));
    elements
}

/// The value before another one of the same length; `None` before the first.
pub(super) fn before(value: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = value.to_vec();
    for byte in bytes.iter_mut().rev() {
        let (less, borrows) = byte.overflowing_sub(1);
        *byte = less;
        if !borrows {
            return Some(bytes);
        }
    }
    None
}

/// The value behind another one of the same length; `None` behind the last.
pub(super) fn after(value: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = value.to_vec();
    for byte in bytes.iter_mut().rev() {
        let (more, carries) = byte.overflowing_add(1);
        *byte = more;
        if !carries {
            return Some(bytes);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(key: u8, flags: u32) -> Raw {
        Raw { key: vec![key], key_end: None, flags, data: Data::Nothing, has_limit: false }
    }

    #[test]
    fn intervals_end_before_the_next_entry() {
        let listed = vec![
            raw(30, INTERVAL_END),
            raw(0, INTERVAL_END),
            raw(10, 0),
            raw(20, INTERVAL_END),
            raw(20, 0),
            raw(40, 0),
        ];
        let keys = intervals(listed).into_iter().filter_map(|it| it.keys);
        let keys: Vec<_> = keys.map(|(first, last)| (first.0[0], last.0[0])).collect();
        assert_eq!(keys, [(10, 19), (20, 29), (40, 255)]);
    }

    #[test]
    fn neighbours_of_values_carry() {
        assert_eq!(before(&[1, 0]), Some(vec![0, 255]));
        assert_eq!(before(&[0, 0]), None);
        assert_eq!(after(&[1, 255]), Some(vec![2, 0]));
        assert_eq!(after(&[255]), None);
    }
}
