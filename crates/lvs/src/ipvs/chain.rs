//! A complete table out of dumps that may lack entries.

use std::collections::HashMap;
use std::hash::Hash;

use crate::netlink::Dump;

/// Dumps in a row that are alike, which count as complete: a kernel short of memory may not let the
/// ends of their datagrams be shifted.
const ENOUGH: u32 = 8;

/// What dumps of one table show of the order of its entries.
///
/// The kernel fills one datagram of a dump after the other, and resumes by counting the entries that
/// it has sent, of services those of all network namespaces (`ip_vs_genl_dump_services`). If one was
/// deleted meanwhile, it skips as many, without a mark (`NLM_F_DUMP_INTR`); if one was added, it sends
/// the last ones again. Within a datagram nothing can be missing: an entry there is followed by the
/// next one in the table. What follows the last entry of a datagram is learned from a dump whose
/// datagrams end after other entries. The table is complete once its entries are a chain from the
/// start to the end.
pub(super) struct Chain<E, K> {
    /// What follows the start (`None`) or an entry: an entry or the end.
    next: HashMap<Option<K>, Option<K>>,
    entries: HashMap<K, E>,
    latest: Vec<K>,
    alike: u32,
}

impl<E, K: Copy + Eq + Hash> Chain<E, K> {
    pub(super) fn new() -> Self {
        Self { next: HashMap::new(), entries: HashMap::new(), latest: Vec::new(), alike: 0 }
    }

    pub(super) fn add(&mut self, dump: Dump<E>, key: impl Fn(&E) -> K) {
        let mut keys = Vec::with_capacity(dump.entries.len());
        let mut last = None;
        for (count, entry) in dump.entries.into_iter().enumerate() {
            let key = key(&entry);
            if !dump.ends.contains(&count) {
                self.next.insert(last, Some(key));
            }
            self.entries.insert(key, entry);
            keys.push(key);
            last = Some(key);
        }
        if !dump.ends.contains(&keys.len()) {
            self.next.insert(last, None);
        }
        self.alike = if self.latest == keys { self.alike + 1 } else { 1 };
        self.latest = keys;
    }

    /// All entries, once nothing can be missing.
    pub(super) fn entries(&mut self) -> Option<Vec<E>> {
        let keys = match self.chain() {
            Some(keys) => keys,
            None if self.alike >= ENOUGH => std::mem::take(&mut self.latest),
            None => return None,
        };
        Some(keys.iter().filter_map(|key| self.entries.remove(key)).collect())
    }

    /// The keys from the start to the end, if what follows each of them is known.
    fn chain(&self) -> Option<Vec<K>> {
        let mut keys = Vec::with_capacity(self.entries.len());
        let mut place = None;
        while let Some(key) = *self.next.get(&place)? {
            // An entry that was moved meanwhile may close a circle.
            if keys.len() == self.entries.len() {
                return None;
            }
            keys.push(key);
            place = Some(key);
        }
        Some(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read from dumps, each the datagrams of a kernel whose last one is not full; and how many
    /// of the dumps it takes.
    fn read(dumps: &[&[&[u8]]]) -> Option<(Vec<u8>, usize)> {
        let mut chain = Chain::new();
        dumps.iter().enumerate().find_map(|(index, datagrams)| {
            let entries = datagrams.concat();
            let lengths = datagrams.iter().scan(0, |sum, datagram| {
                *sum += datagram.len();
                Some(*sum)
            });
            let ends = lengths.filter(|end| *end != entries.len()).collect();
            chain.add(Dump { entries, ends }, |entry| *entry);
            Some((chain.entries()?, index + 1))
        })
    }

    #[test]
    fn dumps_that_end_after_other_entries_complete_each_other() {
        let all = vec![1, 2, 3, 4, 5, 6];
        let complete = |dumps| Some((all.clone(), dumps));
        assert_eq!(read(&[&[&[1, 2, 3], &[4, 5, 6]], &[&[1, 2, 3, 4], &[5, 6]]]), complete(2));
        // The same entries are skipped twice.
        let gap: &[&[u8]] = &[&[1, 2], &[5, 6]];
        assert_eq!(read(&[gap, gap, &[&[1, 2, 3], &[4, 5, 6]]]), None);
        let later: &[&[u8]] = &[&[1, 2, 3, 4], &[6]];
        assert_eq!(read(&[gap, &[&[1, 2, 3], &[5, 6]], later]), None);
        assert_eq!(
            read(&[gap, later, &[&[1], &[4, 5, 6]]]),
            complete(3),
            "each of them with a gap"
        );
    }

    #[test]
    fn repeated_entries_are_read_once() {
        assert_eq!(read(&[&[&[1, 2, 3], &[2, 3]]]), Some((vec![1, 2, 3], 1)));
        assert_eq!(read(&[&[&[1, 2], &[2]]]), Some((vec![1, 2], 1)));
    }

    #[test]
    fn table_that_never_settles_is_never_read() {
        let dumps: Vec<[&[u8]; 2]> = vec![[&[1, 2], &[3]], [&[2, 1], &[3]]];
        let dumps: Vec<&[&[u8]]> = dumps.iter().map(|dump| &dump[..]).cycle().take(40).collect();
        assert_eq!(read(&dumps), None);
    }

    #[test]
    fn ends_that_cannot_be_shifted_take_many_dumps() {
        let dumps: Vec<&[&[u8]]> = vec![&[&[1, 2], &[3]]; 20];
        assert_eq!(read(&dumps), Some((vec![1, 2, 3], 8)));
    }
}
