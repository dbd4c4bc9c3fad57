//! Plan, apply and verify: what differs from the desired state is journalled, changed and read again.

use hashbrown::{HashMap, HashSet};

use super::system::ChangeOf;
use super::{
    Cause, Change, Desired, Entry, Failure, Journal, Note, OwnerId, Report, Status, System, Watcher,
};

type KeyOf<W> = <W as System>::Key;
pub(super) type ValueOf<W> = <W as System>::Value;
pub(super) type CauseOf<W> = Cause<<W as System>::Error>;
pub(super) type FailureOf<W> = Box<Failure<KeyOf<W>, ValueOf<W>, <W as System>::Error>>;
pub(super) type ReportOf<W> = Report<KeyOf<W>, ValueOf<W>>;
pub(super) type EntryOf<W, O> = Entry<KeyOf<W>, ValueOf<W>, O>;
pub(super) type NoteOf<W> = Note<KeyOf<W>, ValueOf<W>>;
type DesiredOf<W, O> = Desired<KeyOf<W>, ValueOf<W>, O>;
type StatusOf<W> = Status<KeyOf<W>, ValueOf<W>>;

/// A system and the journal of what was changed in it.
pub struct Engine<'a, W: System, O> {
    pub(super) system: &'a mut W,
    pub(super) journal: &'a mut Journal<W::Key, W::Value, O>,
    watcher: Option<&'a mut dyn Watcher<W::Key, W::Value>>,
}

/// The changes of a run as far as it got.
pub(super) struct Run<C> {
    /// Made, oldest first.
    pub(super) done: Vec<C>,
    /// Journalled and sent: reading again shows which of them were made.
    pub(super) in_flight: Vec<C>,
    /// Which of those was refused first.
    pub(super) failed: Option<usize>,
}

impl<'a, W: System, O: OwnerId> Engine<'a, W, O> {
    /// An engine that changes `system` and records that in `journal`.
    pub const fn new(system: &'a mut W, journal: &'a mut Journal<W::Key, W::Value, O>) -> Self {
        Self { system, journal, watcher: None }
    }

    /// The same engine, whose runs are followed.
    #[must_use]
    pub fn watched_by(self, watcher: &'a mut dyn Watcher<W::Key, W::Value>) -> Self {
        Self { watcher: Some(watcher), ..self }
    }

    /// Brings everything into the desired state, in the order given; then reverts what `owners` own
    /// and no longer desire.
    ///
    /// What is in sync already and not journalled is unmanaged, and stays so. `owners` are those that
    /// this run speaks for: what only they own may get another value.
    ///
    /// # Errors
    ///
    /// Before anything is changed, where a key would lose the value that another owner needs. Where a
    /// change fails, or something is not in sync at the end: this run is then rolled back, newest
    /// change first.
    pub fn apply(
        &mut self,
        owners: &[O],
        desired: &[DesiredOf<W, O>],
    ) -> Result<ReportOf<W>, FailureOf<W>> {
        let outcome = self.apply_all(owners, desired);
        self.end(outcome)
    }

    fn apply_all(
        &mut self,
        owners: &[O],
        desired: &[DesiredOf<W, O>],
    ) -> Result<ReportOf<W>, FailureOf<W>> {
        if let Some(conflict) = self.conflict(owners, desired) {
            return Err(Box::new(Failure::before_any_step(conflict)));
        }
        self.journal.begin();
        // Read before the lock was held, or by another run of this process.
        self.system.invalidate(&[]);
        let mut run = Run { done: Vec::new(), in_flight: Vec::new(), failed: None };
        let made = self.make(desired, &mut run);
        if let Err(cause) = made.and_then(|()| self.verify(desired, &run.done)) {
            return Err(self.roll_back(run, cause));
        }
        self.journal.commit();
        let kept: HashSet<(&W::Key, &O)> =
            desired.iter().map(|item| (&item.key, &item.owner)).collect();
        self.journal.release(owners, |key, owner| kept.contains(&(key, owner)));
        self.revert_unowned(run.done)
    }

    /// Removes owners from the journal and reverts what has no owner any more, newest first.
    ///
    /// What we made is removed; what we changed gets its previous value, if it is still as we set it.
    ///
    /// # Errors
    ///
    /// Where something cannot be reverted. The rest is, and the journal keeps what is not.
    pub fn revert(&mut self, owners: &[O]) -> Result<ReportOf<W>, FailureOf<W>> {
        self.journal.release(owners, |_, _| false);
        let outcome = self.revert_unowned(Vec::new());
        self.end(outcome)
    }

    /// Marks the journal as that of a run that ended.
    fn end(
        &mut self,
        outcome: Result<ReportOf<W>, FailureOf<W>>,
    ) -> Result<ReportOf<W>, FailureOf<W>> {
        match (self.journal.end(), outcome) {
            (Err(error), Ok(Report { steps, .. })) => {
                let failure = Failure::before_any_step(error.into());
                Err(Box::new(Failure { done: steps, ..failure }))
            }
            (_, Ok(mut report)) => {
                let void =
                    self.journal.void().map(|path| Note::VoidJournal { path: path.to_owned() });
                report.notes.extend(void);
                Ok(report)
            }
            (_, failed) => failed,
        }
    }

    pub(crate) const fn journal(&self) -> &Journal<W::Key, W::Value, O> {
        self.journal
    }

    pub(super) fn made(&mut self, changes: &[ChangeOf<W>]) {
        if let Some(watcher) = &mut self.watcher {
            watcher.made(changes);
        }
    }

    pub(super) fn interruption(&self) -> Option<&'static str> {
        self.watcher.as_ref()?.interruption()
    }

    /// Compares each desired item with its actual state. Changes nothing.
    pub(crate) fn status(
        &mut self,
        desired: &[DesiredOf<W, O>],
    ) -> Result<Vec<StatusOf<W>>, W::Error> {
        let mut seen = HashSet::new();
        let items = desired.iter().filter(|item| seen.insert(&item.key));
        let status = |item: &DesiredOf<W, O>| {
            let actual = self.system.read(&item.key)?;
            Ok(Status {
                key: item.key.clone(),
                desired: item.value.clone(),
                in_sync: item.is_met_by(actual.as_ref(), W::is_in_sync),
                actual,
                journalled: self.journal.entry(&item.key).map(|entry| entry.previous.clone()),
            })
        };
        items.map(status).collect()
    }

    /// A key that is to have another value than another owner needs: one that this run does not speak
    /// for, or one of this run.
    fn conflict(&self, owners: &[O], desired: &[DesiredOf<W, O>]) -> Option<CauseOf<W>> {
        let own = owners.iter().chain(desired.iter().map(|item| &item.owner));
        let own: HashSet<&O> = own.collect();
        let other = |owner: &&O| !own.contains(owner);
        for item in desired {
            let Some(entry) = self.journal.entry(&item.key) else { continue };
            let Some(holder) = entry.owners.iter().find(other) else { continue };
            if !agree::<W, O>(entry.ours.as_ref(), &entry.acceptable, item) {
                return Some(conflict::<W, O>(entry.ours.as_ref(), holder, item));
            }
        }
        // All items of a large table have one owner.
        if desired.windows(2).all(|pair| matches!(pair, [one, next] if one.owner == next.owner)) {
            return None;
        }
        let mut earlier: HashMap<&W::Key, &DesiredOf<W, O>> = HashMap::new();
        desired.iter().find_map(|item| {
            let earlier = earlier.entry(&item.key).or_insert(item);
            let value = earlier.value.as_ref();
            let differ =
                earlier.owner != item.owner && !agree::<W, O>(value, &earlier.acceptable, item);
            differ.then(|| conflict::<W, O>(value, &earlier.owner, item))
        })
    }

    /// Batched items go together, the others one by one.
    fn make(
        &mut self,
        desired: &[DesiredOf<W, O>],
        run: &mut Run<ChangeOf<W>>,
    ) -> Result<(), CauseOf<W>> {
        let mut owners_added = false;
        for items in
            desired.chunk_by(|one, next| is_batched::<W, O>(one) && is_batched::<W, O>(next))
        {
            if let Some(signal) = self.interruption() {
                return Err(Cause::Interrupted { signal });
            }
            owners_added |= match items {
                [item] => self.make_one(item, run)?,
                items => self.make_batch(items, run)?,
            };
        }
        if owners_added {
            self.journal.persist()?;
        }
        Ok(())
    }

    /// Reads the value right before it is changed, not all at the start: some keys come into being
    /// with others, as the sysctls of an interface do. Returns whether an owner was added to an entry
    /// of the journal.
    fn make_one(
        &mut self,
        item: &DesiredOf<W, O>,
        run: &mut Run<ChangeOf<W>>,
    ) -> Result<bool, CauseOf<W>> {
        let actual = self.system.read(&item.key).map_err(Cause::System)?;
        if item.is_met_by(actual.as_ref(), W::is_in_sync) {
            return Ok(self.journal.add_owner(item));
        }
        let change = Change { key: item.key.clone(), from: actual.clone(), to: item.value.clone() };
        let side_effects = self.system.side_effects(&change).map_err(Cause::System)?;
        let object = self.system.object(&item.key).map_err(Cause::System)?;
        self.journal.record(item, actual, side_effects, object);
        self.journal.persist()?;
        // Noted before the write, since one that fails may have had its effect nevertheless.
        run.in_flight.push(change);
        self.write(run)?;
        Ok(false)
    }

    fn make_batch(
        &mut self,
        items: &[DesiredOf<W, O>],
        run: &mut Run<ChangeOf<W>>,
    ) -> Result<bool, CauseOf<W>> {
        let (mut owner_added, mut changed) = (false, HashSet::new());
        for item in items {
            if changed.contains(&item.key) {
                owner_added |= self.journal.add_owner(item);
                continue;
            }
            let actual = self.system.read(&item.key).map_err(Cause::System)?;
            if item.is_met_by(actual.as_ref(), W::is_in_sync) {
                owner_added |= self.journal.add_owner(item);
                continue;
            }
            changed.insert(&item.key);
            self.journal.record(item, actual.clone(), Vec::new(), None);
            let (key, to) = (item.key.clone(), item.value.clone());
            run.in_flight.push(Change { key, from: actual, to });
        }
        if !run.in_flight.is_empty() {
            W::order_batch(&mut run.in_flight);
            self.journal.persist()?;
            self.write(run)?;
        }
        Ok(owner_added)
    }

    /// Makes the changes that are in flight, all of them journalled.
    fn write(&mut self, run: &mut Run<ChangeOf<W>>) -> Result<(), CauseOf<W>> {
        let outcomes = self.system.write_all(&run.in_flight).into_iter().enumerate();
        for (at, outcome) in outcomes {
            if let Err(error) = outcome {
                run.failed = Some(at);
                return Err(Cause::System(error));
            }
        }
        self.made(&run.in_flight);
        run.done.append(&mut run.in_flight);
        Ok(())
    }

    /// Reads again what was changed, and what may depend on it. What is written in batches depends on
    /// nothing, so that of a large table only the changes are read twice.
    fn verify(
        &mut self,
        desired: &[DesiredOf<W, O>],
        done: &[ChangeOf<W>],
    ) -> Result<(), CauseOf<W>> {
        self.system.invalidate(done);
        let changed: HashSet<&W::Key> = done.iter().map(|change| &change.key).collect();
        let may_differ =
            |item: &&DesiredOf<W, O>| !is_batched::<W, O>(item) || changed.contains(&item.key);
        for item in desired.iter().filter(may_differ) {
            let actual = self.system.read(&item.key).map_err(Cause::System)?;
            if !item.is_met_by(actual.as_ref(), W::is_in_sync) {
                return Err(Cause::NotAsDesired {
                    key: item.key.to_string(),
                    actual: text(actual.as_ref(), "missing"),
                    desired: text(item.value.as_ref(), "nothing"),
                });
            }
        }
        Ok(())
    }
}

fn is_batched<W: System, O>(item: &DesiredOf<W, O>) -> bool {
    W::is_batched(&item.key)
}

/// Whether a key may have one value for both: the value that one needs is acceptable to the other, or
/// the other way round.
fn agree<W: System, O>(
    needed: Option<&ValueOf<W>>,
    acceptable: &[ValueOf<W>],
    other: &DesiredOf<W, O>,
) -> bool {
    other.is_met_by(needed, W::is_in_sync)
        || other.value.as_ref().is_some_and(|value| acceptable.contains(value))
}

fn conflict<W: System, O: OwnerId>(
    held: Option<&ValueOf<W>>,
    holder: &O,
    item: &DesiredOf<W, O>,
) -> CauseOf<W> {
    Cause::Conflict {
        key: item.key.to_string(),
        desired: text(item.value.as_ref(), "nothing"),
        owner: item.owner.to_string(),
        held: text(held, "nothing"),
        holder: holder.to_string(),
    }
}

fn text<V: std::fmt::Display>(value: Option<&V>, absent: &str) -> String {
    value.map_or_else(|| absent.to_owned(), ToString::to_string)
}
