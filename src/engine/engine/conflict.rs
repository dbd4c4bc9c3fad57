//! Whether what is desired can be had at all.

use hashbrown::{HashMap, HashSet};

use super::{CauseOf, DesiredOf, Engine, ValueOf, worded};
use crate::engine::{Cause, System};

impl<W: System> Engine<'_, W> {
    /// A key that is to have another value than a owner beside needs: one that this run does not
    /// speak for, or another of this run.
    pub(super) fn conflict(
        &self,
        owners: &[String],
        desired: &[DesiredOf<W>],
    ) -> Option<CauseOf<W>> {
        let own: HashSet<&str> = owners
            .iter()
            .chain(desired.iter().map(|item| &item.owner))
            .map(String::as_str)
            .collect();
        let other = |owner: &&String| !own.contains(owner.as_str());
        for item in desired {
            if let Some(entry) = self.journal.entry(&item.key)
                && let Some(holder) = entry.owners.iter().find(other)
                && !agree::<W>(entry.ours.as_ref(), &entry.acceptable, item)
            {
                return Some(conflict::<W>(entry.ours.as_ref(), holder, item));
            }
        }
        at_odds::<W>(desired)
    }
}

/// Whether a key may have one value for both: the value that one needs does for the other item, or the
/// other way round.
fn agree<W: System>(
    needed: Option<&ValueOf<W>>,
    acceptable: &[ValueOf<W>],
    other: &DesiredOf<W>,
) -> bool {
    other.is_met_by(needed, W::is_in_sync)
        || other.value.as_ref().is_some_and(|value| acceptable.contains(value))
}

/// A key that two owners of one run want to have different values.
fn at_odds<W: System>(desired: &[DesiredOf<W>]) -> Option<CauseOf<W>> {
    // All items of a large table are of one owner.
    if desired.windows(2).all(|pair| matches!(pair, [one, next] if one.owner == next.owner)) {
        return None;
    }
    let mut asked: HashMap<&W::Key, &DesiredOf<W>> = HashMap::new();
    desired.iter().find_map(|item| {
        let earlier = asked.entry(&item.key).or_insert(item);
        let differ = earlier.owner != item.owner
            && !agree::<W>(earlier.value.as_ref(), &earlier.acceptable, item);
        differ.then(|| conflict::<W>(earlier.value.as_ref(), &earlier.owner, item))
    })
}

fn conflict<W: System>(held: Option<&ValueOf<W>>, holder: &str, item: &DesiredOf<W>) -> CauseOf<W> {
    Cause::Conflict {
        key: item.key.to_string(),
        desired: worded(item.value.as_ref(), "nothing"),
        owner: item.owner.clone(),
        held: worded(held, "nothing"),
        holder: holder.to_owned(),
    }
}
