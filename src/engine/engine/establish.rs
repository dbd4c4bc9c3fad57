//! The way up: what is not as desired is journalled, changed and read again.

use hashbrown::HashSet;

use super::{CauseOf, DesiredOf, Engine, worded};
use crate::engine::system::ChangeOf;
use crate::engine::{Cause, Change, System};

/// The steps of a run as far as it got.
pub(super) struct Run<C> {
    /// Made, oldest first.
    pub(super) done: Vec<C>,
    /// Journalled and sent: which of them were made is seen by reading again.
    pub(super) under_way: Vec<C>,
    /// Which of those was refused first.
    pub(super) failed: Option<usize>,
}

impl<C> Default for Run<C> {
    fn default() -> Self {
        Self { done: Vec::new(), under_way: Vec::new(), failed: None }
    }
}

impl<W: System> Engine<'_, W> {
    /// Items that the system takes in batches go together, the others one by one.
    pub(super) fn establish(
        &mut self,
        desired: &[DesiredOf<W>],
        run: &mut Run<ChangeOf<W>>,
    ) -> Result<(), CauseOf<W>> {
        let mut owned = false;
        for items in desired.chunk_by(|one, next| in_batch::<W>(one) && in_batch::<W>(next)) {
            owned |= match items {
                [item] => self.establish_one(item, run)?,
                items => self.establish_batch(items, run)?,
            };
        }
        if owned {
            self.journal.persist()?;
        }
        Ok(())
    }

    /// Reads the value right before it is changed, not all at the start: some keys come into
    /// being with others, as the sysctls of an interface do. Says whether a owner was added to what
    /// was journalled already.
    fn establish_one(
        &mut self,
        item: &DesiredOf<W>,
        run: &mut Run<ChangeOf<W>>,
    ) -> Result<bool, CauseOf<W>> {
        let found = self.system.read(&item.key).map_err(Cause::System)?;
        if item.is_met_by(found.as_ref(), W::is_in_sync) {
            return Ok(self.journal.owner(item));
        }
        let change = Change { key: item.key.clone(), from: found.clone(), to: item.value.clone() };
        let side_effects = self.system.side_effects(&change).map_err(Cause::System)?;
        self.journal.record(item, found, side_effects);
        self.journal.persist()?;
        // Noted before the write, since one that fails may have had its effect nevertheless.
        run.under_way.push(change);
        self.carry_out(run)?;
        Ok(false)
    }

    fn establish_batch(
        &mut self,
        items: &[DesiredOf<W>],
        run: &mut Run<ChangeOf<W>>,
    ) -> Result<bool, CauseOf<W>> {
        let (mut owned, mut changed) = (false, HashSet::new());
        for item in items {
            if changed.contains(&item.key) {
                owned |= self.journal.owner(item);
                continue;
            }
            let found = self.system.read(&item.key).map_err(Cause::System)?;
            if item.is_met_by(found.as_ref(), W::is_in_sync) {
                owned |= self.journal.owner(item);
                continue;
            }
            changed.insert(&item.key);
            self.journal.record(item, found.clone(), Vec::new());
            let (key, to) = (item.key.clone(), item.value.clone());
            run.under_way.push(Change { key, from: found, to });
        }
        if !run.under_way.is_empty() {
            W::order_batch(&mut run.under_way);
            self.journal.persist()?;
            self.carry_out(run)?;
        }
        Ok(owned)
    }

    /// Makes the changes that are under way, all of them journalled.
    fn carry_out(&mut self, run: &mut Run<ChangeOf<W>>) -> Result<(), CauseOf<W>> {
        let outcomes = self.system.write_all(&run.under_way);
        match outcomes.into_iter().enumerate().find_map(|(at, outcome)| Some((at, outcome.err()?)))
        {
            None => {
                run.done.append(&mut run.under_way);
                Ok(())
            }
            Some((at, error)) => {
                run.failed = Some(at);
                Err(Cause::System(error))
            }
        }
    }

    /// Reads again what was changed, and what may depend on it. What is written in batches depends on
    /// nothing, so that of a large table only the changes are read twice.
    pub(super) fn verify(
        &mut self,
        desired: &[DesiredOf<W>],
        done: &[ChangeOf<W>],
    ) -> Result<(), CauseOf<W>> {
        self.system.invalidate(done);
        let changed: HashSet<&W::Key> = done.iter().map(|change| &change.key).collect();
        for item in
            desired.iter().filter(|item| !in_batch::<W>(item) || changed.contains(&item.key))
        {
            let found = self.system.read(&item.key).map_err(Cause::System)?;
            if !item.is_met_by(found.as_ref(), W::is_in_sync) {
                return Err(Cause::NotAsDesired {
                    key: item.key.to_string(),
                    found: worded(found.as_ref(), "missing"),
                    desired: worded(item.value.as_ref(), "nothing"),
                });
            }
        }
        Ok(())
    }
}

fn in_batch<W: System>(item: &DesiredOf<W>) -> bool {
    W::is_batched(&item.key)
}
