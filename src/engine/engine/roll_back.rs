//! A run that failed is taken back.

use super::establish::Run;
use super::{CauseOf, Engine, EntryOf, FailureOf};
use crate::engine::system::ChangeOf;
use crate::engine::{Cause, Change, Failure, System};

impl<W: System> Engine<'_, W> {
    pub(super) fn roll_back(&mut self, run: Run<ChangeOf<W>>, cause: CauseOf<W>) -> FailureOf<W> {
        self.system.invalidate(&run.under_way);
        self.system.invalidate(&run.done);
        let (mut rolled_back, mut stuck) = (Vec::new(), Vec::new());
        for change in run.under_way.iter().rev().chain(run.done.iter().rev()) {
            if let Err(error) = self.take_back(change, &mut rolled_back) {
                stuck.push((change.key.clone(), Cause::System(error)));
            }
        }
        self.journal.revert(&stuck.iter().map(|(key, _)| key).collect());
        if let (Err(error), Some(first)) = (self.journal.persist(), run.done.first()) {
            stuck.push((first.key.clone(), Cause::Journal(error)));
        }
        let Run { done, mut under_way, failed } = run;
        let failed = failed.filter(|at| *at < under_way.len()).map(|at| under_way.swap_remove(at));
        Box::new(Failure { cause, done, failed, rolled_back, stuck })
    }

    /// Undoes a step of this run, unless it had no effect.
    fn take_back(
        &mut self,
        change: &ChangeOf<W>,
        rolled_back: &mut Vec<ChangeOf<W>>,
    ) -> Result<(), W::Error> {
        let found = self.system.read(&change.key)?;
        if found != change.from {
            let mut undo = change.clone().inverse();
            undo.from = found;
            self.system.write(&undo)?;
            rolled_back.push(undo);
        }
        let entry = self.journal.entry(&change.key).cloned();
        entry.map_or(Ok(()), |entry| self.restore_along(&entry, rolled_back))
    }

    /// Sets back what changed along with an entry, once the entry itself is as it was before.
    pub(super) fn restore_along(
        &mut self,
        entry: &EntryOf<W>,
        steps: &mut Vec<ChangeOf<W>>,
    ) -> Result<(), W::Error> {
        for (key, previous) in &entry.side_effects {
            let found = self.system.read(key)?;
            // What is gone, as an interface may be, has no value to be set.
            if found.as_ref().is_none_or(|found| found == previous) {
                continue;
            }
            let change = Change { key: key.clone(), from: found, to: Some(previous.clone()) };
            self.system.write(&change)?;
            steps.push(change);
        }
        Ok(())
    }
}
