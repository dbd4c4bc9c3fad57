//! Revert what earlier runs recorded and nobody owns any more, and roll back a run that failed.

use std::hash::Hash;

use hashbrown::{HashMap, HashSet};

use super::apply::{CauseOf, EntryOf, FailureOf, NoteOf, ReportOf, Run};
use super::system::ChangeOf;
use super::system::Rebase;
use super::{Cause, Change, Engine, Entry, Failure, Note, OwnerId, Report, System, suffices};

/// What it takes to revert an entry.
enum Undo<W: System> {
    Nothing,
    LeftAlone(NoteOf<W>),
    Change(ChangeOf<W>),
}

/// What became of an entry.
type OutcomeOf<W> = Result<Option<NoteOf<W>>, <W as System>::Error>;

/// Puts all entries that are written in batches into one, where the oldest of them is: so that a parent
/// is restored before its children, whenever the two were changed. The others keep their order.
fn in_one_batch<W: System, O>(entries: Vec<EntryOf<W, O>>) -> Vec<EntryOf<W, O>> {
    let is_batched = |entry: &EntryOf<W, O>| W::is_batched(&entry.key);
    let end = entries.iter().rposition(is_batched).map_or(0, |oldest| oldest + 1);
    let mut behind = entries.into_iter();
    let (batched, mut ordered): (Vec<_>, Vec<_>) = behind.by_ref().take(end).partition(is_batched);
    ordered.extend(batched);
    ordered.extend(behind);
    ordered
}

/// Keys that get their previous value back in this run.
struct Restored<K> {
    keys: HashSet<K>,
    /// One of the restored children, by its parent.
    children: HashMap<K, K>,
}

impl<K: Clone + Eq + Hash> Restored<K> {
    fn of<W: System<Key = K>, O>(entries: &[EntryOf<W, O>]) -> Self {
        let keys = entries.iter().filter(|entry| entry.previous.is_some());
        let keys: HashSet<K> = keys.map(|entry| entry.key.clone()).collect();
        let children = keys.iter().filter_map(|key| Some((W::parent(key)?, key.clone()))).collect();
        Self { keys, children }
    }
}

impl<W: System, O: OwnerId> Engine<'_, W, O> {
    /// Goes on after a failure: the more is reverted, the better. Also without room for the journal: it
    /// still has what is reverted, which the next run finds to be so.
    pub(super) fn revert_unowned(
        &mut self,
        mut steps: Vec<ChangeOf<W>>,
    ) -> Result<ReportOf<W>, FailureOf<W>> {
        // Killed from here on, the next run still knows what is to be reverted.
        let mut unsaved = self.journal.persist().err();
        let (mut notes, mut stuck) = (Vec::new(), Vec::new());
        self.system.invalidate(&[]);
        for entry in self.journal.entries() {
            if let Some(object) = entry.object {
                self.system.remember(&entry.key, object);
            }
        }
        let (first, others): (Vec<_>, Vec<_>) = in_one_batch::<W, O>(self.journal.without_owner())
            .into_iter()
            .partition(|entry| W::is_reverted_first(&entry.key));
        let unowned = [first, others].concat();
        let restored = Restored::of::<W, O>(&unowned);
        for entries in
            unowned.chunk_by(|one, next| W::is_batched(&one.key) && W::is_batched(&next.key))
        {
            if let Some(signal) = self.interruption() {
                let cause = Cause::InterruptedRevert { signal };
                let failure = Failure::before_any_step(cause);
                return Err(Box::new(Failure { done: steps, stuck, ..failure }));
            }
            let before = steps.len();
            let mut settled = HashSet::new();
            let outcomes = match entries {
                [entry] => vec![Some(self.revert_one(entry, &restored, &mut steps))],
                entries => self.revert_batch(entries, &restored, &mut steps),
            };
            for (entry, outcome) in entries.iter().zip(outcomes) {
                match outcome {
                    None => {}
                    // Its entry stays until the children have gone.
                    Some(Ok(Some(note @ Note::InUse { .. }))) => notes.push(note),
                    Some(Ok(note)) => {
                        notes.extend(note);
                        settled.insert(&entry.key);
                        self.rebase(entry);
                    }
                    Some(Err(error)) => stuck.push((entry.key.clone(), Cause::System(error))),
                }
            }
            self.made(steps.get(before..).unwrap_or_default());
            self.journal.forget(settled);
            unsaved = self.journal.persist().err();
        }
        if let Some(error) = unsaved {
            let failure = Failure::before_any_step(error.into());
            return Err(Box::new(Failure { done: steps, stuck, ..failure }));
        }
        if stuck.is_empty() {
            return Ok(Report { steps, notes });
        }
        Err(Box::new(Failure { done: steps, stuck, ..Failure::before_any_step(Cause::Incomplete) }))
    }

    fn revert_one(
        &mut self,
        entry: &EntryOf<W, O>,
        restored: &Restored<W::Key>,
        steps: &mut Vec<ChangeOf<W>>,
    ) -> OutcomeOf<W> {
        let change = match self.undo(entry, restored)? {
            Undo::Nothing => {
                self.revert_side_effects(entry, steps)?;
                return Ok(None);
            }
            Undo::LeftAlone(note) => return Ok(Some(note)),
            Undo::Change(change) => change,
        };
        self.system.write(&change)?;
        let before = change.from.clone();
        steps.push(change);
        self.revert_side_effects(entry, steps)?;
        // Not compared with the previous value: what was put back may contain its remaining lifetime.
        let left = self.system.read(&entry.key)?.filter(|left| Some(left) == before.as_ref());
        Ok(left.map(|actual| Note::Remains { key: entry.key.clone(), actual }))
    }

    /// Reverts entries of one batch: the outcome of each, in their order, if it is known.
    fn revert_batch(
        &mut self,
        entries: &[EntryOf<W, O>],
        restored: &Restored<W::Key>,
        steps: &mut Vec<ChangeOf<W>>,
    ) -> Vec<Option<OutcomeOf<W>>> {
        let mut outcomes = Vec::with_capacity(entries.len());
        let (mut places, mut changes) = (HashMap::new(), Vec::new());
        for entry in entries {
            outcomes.push(match self.undo(entry, restored) {
                Ok(Undo::Nothing) => Ok(None),
                Ok(Undo::LeftAlone(note)) => Ok(Some(note)),
                Ok(Undo::Change(change)) => {
                    places.insert(change.key.clone(), outcomes.len());
                    changes.push(change);
                    Ok(None)
                }
                Err(error) => Err(error),
            });
        }
        // What is restored belongs to parents that may be restored, too.
        changes.sort_by_key(|change| change.to.is_some() && W::parent(&change.key).is_some());
        W::order_batch(&mut changes);
        let mut written = self.system.write_all(&changes).into_iter();
        let mut unknown = HashSet::new();
        for change in changes {
            let place = places.get(&change.key).copied().unwrap_or_default();
            match (written.next(), outcomes.get_mut(place)) {
                (Some(Ok(())), _) => steps.push(change),
                (Some(Err(error)), Some(outcome)) => *outcome = Err(error),
                // Nothing is known of it: it stays in the journal.
                _ => {
                    unknown.insert(place);
                }
            }
        }
        outcomes
            .into_iter()
            .enumerate()
            .map(|(at, it)| (!unknown.contains(&at)).then_some(it))
            .collect()
    }

    /// Other entries of the object of a reverted one were recorded while it had our value.
    fn rebase(&mut self, entry: &EntryOf<W, O>) {
        let Entry { key, ours, previous, .. } = entry;
        let relocated = previous.as_ref().and_then(|it| self.system.relocated(key, it).ok());
        let previous: Vec<W::Value> = previous.iter().cloned().chain(relocated).collect();
        let values = Rebase { ours: ours.as_ref(), previous: &previous };
        self.journal.rebase(|other, recorded| W::rebased(key, values, other, recorded));
    }

    fn undo(
        &mut self,
        entry: &EntryOf<W, O>,
        restored: &Restored<W::Key>,
    ) -> Result<Undo<W>, W::Error> {
        let actual = self.system.read(&entry.key)?;
        let key = entry.key.clone();
        let mut now = |value: &Option<W::Value>| {
            value.as_ref().map(|value| self.system.relocated(&key, value)).transpose()
        };
        let (previous, ours) = (now(&entry.previous)?, now(&entry.ours)?);
        if actual == previous {
            return Ok(Undo::Nothing);
        }
        let is_ours = suffices(actual.as_ref(), ours.as_ref(), W::is_in_sync);
        Ok(match actual {
            // We made it, and it goes whatever its value is now, unless it has unmanaged children.
            Some(actual) if previous.is_none() => match self.unmanaged_child(&key, restored)? {
                Some(child) => Undo::LeftAlone(Note::InUse { key, actual, child }),
                None => Undo::Change(Change { key, from: Some(actual), to: None }),
            },
            actual if is_ours => match &previous {
                Some(previous)
                    if (actual.is_none() || W::is_refilled(&key))
                        && self.is_orphaned(&key, previous, restored)? =>
                {
                    Undo::LeftAlone(Note::Orphaned { key, previous: previous.clone() })
                }
                _ => Undo::Change(Change { key, from: actual, to: previous }),
            },
            Some(actual) => {
                Undo::LeftAlone(Note::Changed { key, actual, ours: entry.ours.clone() })
            }
            // Gone altogether, as an interface may be: nothing of ours is left.
            None => match &previous {
                Some(previous) if W::is_refilled(&key) => {
                    let previous = previous.clone();
                    match self.is_orphaned(&key, &previous, restored)? {
                        true => Undo::LeftAlone(Note::Orphaned { key, previous }),
                        false => Undo::Change(Change { key, from: None, to: Some(previous) }),
                    }
                }
                _ => Undo::Nothing,
            },
        })
    }

    /// A child of what we made that we did not make, and that would be removed with it.
    fn unmanaged_child(
        &mut self,
        key: &W::Key,
        restored: &Restored<W::Key>,
    ) -> Result<Option<W::Key>, W::Error> {
        if let Some(child) = restored.children.get(key) {
            return Ok(Some(child.clone()));
        }
        let made_by_us =
            |child: &W::Key| self.journal.entry(child).is_some_and(|it| it.previous.is_none());
        Ok(self.system.children(key)?.into_iter().find(|child| !made_by_us(child)))
    }

    fn is_orphaned(
        &mut self,
        key: &W::Key,
        previous: &W::Value,
        restored: &Restored<W::Key>,
    ) -> Result<bool, W::Error> {
        match W::parent(key) {
            Some(parent) => {
                Ok(!restored.keys.contains(&parent) && self.system.read(&parent)?.is_none())
            }
            None => self.system.is_orphaned(key, previous),
        }
    }

    /// Undoes the changes of a run that failed.
    pub(super) fn roll_back(&mut self, run: Run<ChangeOf<W>>, cause: CauseOf<W>) -> FailureOf<W> {
        self.system.invalidate(&run.in_flight);
        self.system.invalidate(&run.done);
        let (mut rolled_back, mut stuck) = (Vec::new(), Vec::new());
        for change in run.in_flight.iter().rev().chain(run.done.iter().rev()) {
            if let Err(error) = self.roll_back_one(change, &mut rolled_back) {
                stuck.push((change.key.clone(), Cause::System(error)));
            }
        }
        self.journal.roll_back(&stuck.iter().map(|(key, _)| key).collect());
        let saved = self.journal.persist();
        let is_saved = saved.is_ok() || (stuck.is_empty() && self.journal.rewind());
        if let (false, Err(error), Some(first)) = (is_saved, saved, run.done.first()) {
            stuck.push((first.key.clone(), Cause::Journal(error)));
        }
        let Run { done, mut in_flight, failed } = run;
        let failed = failed.filter(|at| *at < in_flight.len()).map(|at| in_flight.swap_remove(at));
        Box::new(Failure { cause, done, failed, rolled_back, stuck })
    }

    /// Undoes a change of this run, unless it had no effect.
    fn roll_back_one(
        &mut self,
        change: &ChangeOf<W>,
        rolled_back: &mut Vec<ChangeOf<W>>,
    ) -> Result<(), W::Error> {
        let actual = self.system.read(&change.key)?;
        if actual != change.from {
            let mut undo = change.clone().inverse();
            undo.from = actual;
            self.system.write(&undo)?;
            rolled_back.push(undo);
        }
        let entry = self.journal.entry(&change.key).cloned();
        entry.map_or(Ok(()), |entry| self.revert_side_effects(&entry, rolled_back))
    }

    /// Reverts the side effects of an entry, once the entry itself has its previous value.
    fn revert_side_effects(
        &mut self,
        entry: &EntryOf<W, O>,
        steps: &mut Vec<ChangeOf<W>>,
    ) -> Result<(), W::Error> {
        for (key, previous) in &entry.side_effects {
            let actual = self.system.read(key)?;
            // What is gone, as an interface may be, cannot be given a value.
            if actual.as_ref().is_none_or(|actual| actual == previous) {
                continue;
            }
            let change = Change { key: key.clone(), from: actual, to: Some(previous.clone()) };
            self.system.write(&change)?;
            steps.push(change);
        }
        Ok(())
    }
}
