//! The way up: what is not as wanted is journalled, changed and read again.

use hashbrown::HashSet;

use super::{CauseOf, Engine, WantedOf, worded};
use crate::plan::world::ChangeOf;
use crate::plan::{Cause, Change, World};

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

impl<W: World> Engine<'_, W> {
    /// Items that the world takes in batches go together, the others one by one.
    pub(super) fn establish(
        &mut self,
        wanted: &[WantedOf<W>],
        run: &mut Run<ChangeOf<W>>,
    ) -> Result<(), CauseOf<W>> {
        let mut claimed = false;
        for items in wanted.chunk_by(|one, next| in_batch::<W>(one) && in_batch::<W>(next)) {
            claimed |= match items {
                [item] => self.establish_one(item, run)?,
                items => self.establish_batch(items, run)?,
            };
        }
        if claimed {
            self.journal.persist()?;
        }
        Ok(())
    }

    /// Reads the value right before it is changed, not all at the start: some keys come into
    /// being with others, as the sysctls of an interface do. Says whether a claim was added to what
    /// was journalled already.
    fn establish_one(
        &mut self,
        item: &WantedOf<W>,
        run: &mut Run<ChangeOf<W>>,
    ) -> Result<bool, CauseOf<W>> {
        let found = self.world.read(&item.key).map_err(Cause::World)?;
        if item.is_met_by(found.as_ref(), W::satisfies) {
            return Ok(self.journal.claim(item));
        }
        let change = Change { key: item.key.clone(), from: found.clone(), to: item.value.clone() };
        let consequences = self.world.consequences(&change).map_err(Cause::World)?;
        self.journal.record(item, found, consequences);
        self.journal.persist()?;
        // Noted before the write, since one that fails may have had its effect nevertheless.
        run.under_way.push(change);
        self.carry_out(run)?;
        Ok(false)
    }

    fn establish_batch(
        &mut self,
        items: &[WantedOf<W>],
        run: &mut Run<ChangeOf<W>>,
    ) -> Result<bool, CauseOf<W>> {
        let (mut claimed, mut changed) = (false, HashSet::new());
        for item in items {
            if changed.contains(&item.key) {
                claimed |= self.journal.claim(item);
                continue;
            }
            let found = self.world.read(&item.key).map_err(Cause::World)?;
            if item.is_met_by(found.as_ref(), W::satisfies) {
                claimed |= self.journal.claim(item);
                continue;
            }
            changed.insert(&item.key);
            self.journal.record(item, found.clone(), Vec::new());
            let (key, to) = (item.key.clone(), item.value.clone());
            run.under_way.push(Change { key, from: found, to });
        }
        if !run.under_way.is_empty() {
            W::arrange(&mut run.under_way);
            self.journal.persist()?;
            self.carry_out(run)?;
        }
        Ok(claimed)
    }

    /// Makes the changes that are under way, all of them journalled.
    fn carry_out(&mut self, run: &mut Run<ChangeOf<W>>) -> Result<(), CauseOf<W>> {
        let outcomes = self.world.write_all(&run.under_way);
        match outcomes.into_iter().enumerate().find_map(|(at, outcome)| Some((at, outcome.err()?)))
        {
            None => {
                run.done.append(&mut run.under_way);
                Ok(())
            }
            Some((at, error)) => {
                run.failed = Some(at);
                Err(Cause::World(error))
            }
        }
    }

    /// Reads again what was changed, and what may depend on it. What is written in batches depends on
    /// nothing, so that of a large table only the changes are read twice.
    pub(super) fn verify(
        &mut self,
        wanted: &[WantedOf<W>],
        done: &[ChangeOf<W>],
    ) -> Result<(), CauseOf<W>> {
        self.world.doubt(done);
        let changed: HashSet<&W::Key> = done.iter().map(|change| &change.key).collect();
        for item in wanted.iter().filter(|item| !in_batch::<W>(item) || changed.contains(&item.key))
        {
            let found = self.world.read(&item.key).map_err(Cause::World)?;
            if !item.is_met_by(found.as_ref(), W::satisfies) {
                return Err(Cause::NotAsWanted {
                    key: item.key.to_string(),
                    found: worded(found.as_ref(), "missing"),
                    wanted: worded(item.value.as_ref(), "nothing"),
                });
            }
        }
        Ok(())
    }
}

fn in_batch<W: World>(item: &WantedOf<W>) -> bool {
    W::in_batches(&item.key)
}
