//! Whether what is wanted can be had at all.

use hashbrown::{HashMap, HashSet};

use super::{CauseOf, Engine, ValueOf, WantedOf, worded};
use crate::plan::{Cause, World};

impl<W: World> Engine<'_, W> {
    /// A key that is to have another value than a claim beside needs: one that this run does not
    /// speak for, or another of this run.
    pub(super) fn conflict(&self, claims: &[String], wanted: &[WantedOf<W>]) -> Option<CauseOf<W>> {
        let own: HashSet<&str> = claims
            .iter()
            .chain(wanted.iter().map(|item| &item.claim))
            .map(String::as_str)
            .collect();
        let other = |claim: &&String| !own.contains(claim.as_str());
        for item in wanted {
            if let Some(entry) = self.journal.entry(&item.key)
                && let Some(holder) = entry.claims.iter().find(other)
                && !agree::<W>(entry.ours.as_ref(), &entry.tolerated, item)
            {
                return Some(conflict::<W>(entry.ours.as_ref(), holder, item));
            }
        }
        at_odds::<W>(wanted)
    }
}

/// Whether a key may have one value for both: the value that one needs does for the other item, or the
/// other way round.
fn agree<W: World>(
    needed: Option<&ValueOf<W>>,
    tolerated: &[ValueOf<W>],
    other: &WantedOf<W>,
) -> bool {
    other.is_met_by(needed, W::satisfies)
        || other.value.as_ref().is_some_and(|value| tolerated.contains(value))
}

/// A key that two claims of one run want to have different values.
fn at_odds<W: World>(wanted: &[WantedOf<W>]) -> Option<CauseOf<W>> {
    // All items of a large table are of one claim.
    if wanted.windows(2).all(|pair| matches!(pair, [one, next] if one.claim == next.claim)) {
        return None;
    }
    let mut asked: HashMap<&W::Key, &WantedOf<W>> = HashMap::new();
    wanted.iter().find_map(|item| {
        let earlier = asked.entry(&item.key).or_insert(item);
        let differ = earlier.claim != item.claim
            && !agree::<W>(earlier.value.as_ref(), &earlier.tolerated, item);
        differ.then(|| conflict::<W>(earlier.value.as_ref(), &earlier.claim, item))
    })
}

fn conflict<W: World>(held: Option<&ValueOf<W>>, holder: &str, item: &WantedOf<W>) -> CauseOf<W> {
    Cause::Conflict {
        key: item.key.to_string(),
        wanted: worded(item.value.as_ref(), "nothing"),
        claim: item.claim.clone(),
        held: worded(held, "nothing"),
        holder: holder.to_owned(),
    }
}
