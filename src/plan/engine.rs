//! Up, down, and what there is: the only place that decides about steps.

use std::collections::{HashMap, HashSet};

use super::world::ChangeOf;
use super::{
    Cause, Change, Entry, Failure, Finding, Journal, Note, Report, Wanted, World, suffices,
};

type KeyOf<W> = <W as World>::Key;
type ValueOf<W> = <W as World>::Value;
type CauseOf<W> = Cause<<W as World>::Error>;
type FailureOf<W> = Box<Failure<KeyOf<W>, ValueOf<W>, <W as World>::Error>>;
type ReportOf<W> = Report<KeyOf<W>, ValueOf<W>>;
type WantedOf<W> = Wanted<KeyOf<W>, ValueOf<W>>;
type EntryOf<W> = Entry<KeyOf<W>, ValueOf<W>>;
type NoteOf<W> = Note<KeyOf<W>, ValueOf<W>>;
type FindingOf<W> = Finding<KeyOf<W>, ValueOf<W>>;

/// A world and the journal of what was changed in it.
#[derive(Debug)]
pub struct Engine<'a, W: World> {
    world: &'a mut W,
    journal: &'a mut Journal<W::Key, W::Value>,
}

impl<'a, W: World> Engine<'a, W> {
    /// Puts the two together.
    pub const fn new(world: &'a mut W, journal: &'a mut Journal<W::Key, W::Value>) -> Self {
        Self { world, journal }
    }

    /// Makes everything as wanted, in the order given, for the sake of `claims`; then gives back
    /// what these claims held and want no longer.
    ///
    /// What is as wanted already and not journalled is someone else's, and stays so. `claims` are
    /// those that this run speaks for: what only they hold may get another value.
    ///
    /// # Errors
    ///
    /// Before anything is touched, where a key would lose the value that another claim needs. Where a
    /// step fails, or something changed is not as wanted at the end: what this run did is then taken
    /// back, newest first.
    pub fn up(
        &mut self,
        claims: &[String],
        wanted: &[WantedOf<W>],
    ) -> Result<ReportOf<W>, FailureOf<W>> {
        if let Some(conflict) = self.conflict(claims, wanted) {
            return Err(Box::new(Failure::before_any_step(conflict)));
        }
        self.journal.begin();
        let mut run = Run::default();
        let established = self.establish(wanted, &mut run);
        if let Err(cause) = established.and_then(|()| self.verify(wanted, &run.done)) {
            return Err(self.roll_back(run, cause));
        }
        self.journal.commit();
        let steps = run.done;
        let kept: HashSet<(&W::Key, &str)> =
            wanted.iter().map(|item| (&item.key, item.claim.as_str())).collect();
        self.journal.release(claims, |key, claim| kept.contains(&(key, claim)));
        self.give_back(steps)
    }

    /// Takes claims off the journal and gives back what nobody claims any more, newest first.
    ///
    /// What we made is removed; what we changed is set back, if it is still as we set it.
    ///
    /// # Errors
    ///
    /// Where something cannot be given back. The rest is, and the journal keeps what is not.
    pub fn down(&mut self, claims: &[String]) -> Result<ReportOf<W>, FailureOf<W>> {
        self.journal.release(claims, |_, _| false);
        self.give_back(Vec::new())
    }

    /// What was found of each wanted item. Changes nothing.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn status(&mut self, wanted: &[WantedOf<W>]) -> Result<Vec<FindingOf<W>>, W::Error> {
        let (mut findings, mut seen) = (Vec::new(), HashSet::new());
        for item in wanted.iter().filter(|item| seen.insert(&item.key)) {
            let found = self.world.read(&item.key)?;
            findings.push(Finding {
                key: item.key.clone(),
                wanted: item.value.clone(),
                met: item.is_met_by(found.as_ref(), W::satisfies),
                found,
                journalled: self.journal.entry(&item.key).map(|entry| entry.previous.clone()),
            });
        }
        Ok(findings)
    }

    /// A key that is to have another value than a claim beside needs: one that this run does not
    /// speak for, or another of this run.
    fn conflict(&self, claims: &[String], wanted: &[WantedOf<W>]) -> Option<CauseOf<W>> {
        let own: HashSet<&str> = claims
            .iter()
            .chain(wanted.iter().map(|item| &item.claim))
            .map(String::as_str)
            .collect();
        let mut asked: HashMap<&W::Key, &WantedOf<W>> = HashMap::new();
        for item in wanted {
            let other = |claim: &&String| !own.contains(claim.as_str());
            if let Some(entry) = self.journal.entry(&item.key)
                && let Some(holder) = entry.claims.iter().find(other)
                && !agree::<W>(entry.ours.as_ref(), &entry.tolerated, item)
            {
                return Some(conflict::<W>(entry.ours.as_ref(), holder, item));
            }
            let earlier = asked.entry(&item.key).or_insert(item);
            if earlier.claim != item.claim
                && !agree::<W>(earlier.value.as_ref(), &earlier.tolerated, item)
            {
                return Some(conflict::<W>(earlier.value.as_ref(), &earlier.claim, item));
            }
        }
        None
    }

    /// Items that the world takes in batches go together, the others one by one.
    fn establish(
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
    fn verify(&mut self, wanted: &[WantedOf<W>], done: &[ChangeOf<W>]) -> Result<(), CauseOf<W>> {
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

    fn roll_back(&mut self, run: Run<ChangeOf<W>>, cause: CauseOf<W>) -> FailureOf<W> {
        self.world.doubt(&run.under_way);
        self.world.doubt(&run.done);
        let (mut undone, mut stuck) = (Vec::new(), Vec::new());
        for change in run.under_way.iter().rev().chain(run.done.iter().rev()) {
            if let Err(error) = self.take_back(change, &mut undone) {
                stuck.push((change.key.clone(), Cause::World(error)));
            }
        }
        self.journal.revert(&stuck.iter().map(|(key, _)| key).collect());
        if let (Err(error), Some(first)) = (self.journal.persist(), run.done.first()) {
            stuck.push((first.key.clone(), Cause::Journal(error)));
        }
        let Run { done, mut under_way, failed } = run;
        let at = failed.filter(|at| *at < under_way.len()).map(|at| under_way.swap_remove(at));
        Box::new(Failure { cause, done, at, undone, stuck })
    }

    /// Undoes a step of this run, unless it had no effect.
    fn take_back(
        &mut self,
        change: &ChangeOf<W>,
        undone: &mut Vec<ChangeOf<W>>,
    ) -> Result<(), W::Error> {
        let found = self.world.read(&change.key)?;
        if found != change.from {
            let mut undo = change.clone().inverse();
            undo.from = found;
            self.world.write(&undo)?;
            undone.push(undo);
        }
        let entry = self.journal.entry(&change.key).cloned();
        entry.map_or(Ok(()), |entry| self.restore_along(&entry, undone))
    }

    /// Sets back what changed along with an entry, once the entry itself is as it was before.
    fn restore_along(
        &mut self,
        entry: &EntryOf<W>,
        steps: &mut Vec<ChangeOf<W>>,
    ) -> Result<(), W::Error> {
        for (key, previous) in &entry.along {
            let found = self.world.read(key)?;
            // What is gone, as an interface may be, has no value to be set.
            if found.as_ref().is_none_or(|found| found == previous) {
                continue;
            }
            let change = Change { key: key.clone(), from: found, to: Some(previous.clone()) };
            self.world.write(&change)?;
            steps.push(change);
        }
        Ok(())
    }

    /// Goes on after a failure: the more is given back, the better.
    fn give_back(&mut self, mut steps: Vec<ChangeOf<W>>) -> Result<ReportOf<W>, FailureOf<W>> {
        // Killed from here on, the next run still knows what is due.
        if let Err(error) = self.journal.persist() {
            return Err(Box::new(Failure {
                done: steps,
                ..Failure::before_any_step(error.into())
            }));
        }
        let (mut notes, mut stuck) = (Vec::new(), Vec::new());
        let unclaimed = self.journal.unclaimed();
        for entries in
            unclaimed.chunk_by(|one, next| W::in_batches(&one.key) && W::in_batches(&next.key))
        {
            let mut settled = HashSet::new();
            let outcomes = match entries {
                [entry] => vec![self.undo(entry, &mut steps)],
                entries => self.undo_batch(entries, &mut steps),
            };
            for (entry, outcome) in entries.iter().zip(outcomes) {
                match outcome {
                    Ok(note) => {
                        notes.extend(note);
                        settled.insert(&entry.key);
                    }
                    Err(error) => stuck.push((entry.key.clone(), Cause::World(error))),
                }
            }
            self.journal.forget(settled);
            if let Err(error) = self.journal.persist() {
                stuck.extend(entries.first().map(|entry| (entry.key.clone(), error.into())));
            }
        }
        if stuck.is_empty() {
            return Ok(Report { steps, notes });
        }
        Err(Box::new(Failure { done: steps, stuck, ..Failure::before_any_step(Cause::Incomplete) }))
    }

    /// Undoes one entry of the journal.
    fn undo(
        &mut self,
        entry: &EntryOf<W>,
        steps: &mut Vec<ChangeOf<W>>,
    ) -> Result<Option<NoteOf<W>>, W::Error> {
        let change = match self.way_back(entry)? {
            Undo::Nothing => {
                self.restore_along(entry, steps)?;
                return Ok(None);
            }
            Undo::LeftAlone(note) => return Ok(Some(note)),
            Undo::Change(change) => change,
        };
        self.world.write(&change)?;
        let before = change.from.clone();
        steps.push(change);
        self.restore_along(entry, steps)?;
        // Not compared with what it was to be: what was put back may say how much time it has left.
        let left = self.world.read(&entry.key)?.filter(|left| Some(left) == before.as_ref());
        Ok(left.map(|found| Note::Remains { key: entry.key.clone(), found }))
    }

    /// Undoes entries of one batch: an outcome for each, in their order, as far as one is known.
    fn undo_batch(
        &mut self,
        entries: &[EntryOf<W>],
        steps: &mut Vec<ChangeOf<W>>,
    ) -> Vec<Result<Option<NoteOf<W>>, W::Error>> {
        let (mut outcomes, mut changes) = (Vec::with_capacity(entries.len()), Vec::new());
        for entry in entries {
            outcomes.push(match self.way_back(entry) {
                Ok(Undo::Nothing) => Ok(None),
                Ok(Undo::LeftAlone(note)) => Ok(Some(note)),
                Ok(Undo::Change(change)) => {
                    changes.push((outcomes.len(), change));
                    Ok(None)
                }
                Err(error) => Err(error),
            });
        }
        let (places, changes): (Vec<usize>, Vec<ChangeOf<W>>) = changes.into_iter().unzip();
        let mut written = self.world.write_all(&changes).into_iter();
        for (place, change) in places.into_iter().zip(changes) {
            match (written.next(), outcomes.get_mut(place)) {
                (Some(Ok(())), _) => steps.push(change),
                (Some(Err(error)), Some(outcome)) => *outcome = Err(error),
                // Of this one and those behind it nothing is known: they stay in the journal.
                (None, _) => {
                    outcomes.truncate(place);
                    break;
                }
                (Some(Err(_)), None) => {}
            }
        }
        outcomes
    }

    /// What it takes to give an entry back.
    fn way_back(&mut self, entry: &EntryOf<W>) -> Result<Undo<W>, W::Error> {
        let found = self.world.read(&entry.key)?;
        let key = entry.key.clone();
        if found == entry.previous {
            return Ok(Undo::Nothing);
        }
        Ok(match found {
            // Whatever became of what we made: nobody wants it.
            Some(found) if entry.previous.is_none() => {
                Undo::Change(Change { key, from: Some(found), to: None })
            }
            found if is_ours::<W>(entry, found.as_ref()) => match &entry.previous {
                Some(previous) if found.is_none() && self.world.is_lost(&key)? => {
                    Undo::LeftAlone(Note::Lost { key, previous: previous.clone() })
                }
                _ => Undo::Change(Change { key, from: found, to: entry.previous.clone() }),
            },
            Some(found) => Undo::LeftAlone(Note::Changed { key, found, ours: entry.ours.clone() }),
            // Gone altogether, as an interface may be: nothing of ours is left.
            None => Undo::Nothing,
        })
    }
}

/// The steps of a run as far as it got.
struct Run<C> {
    /// Made, oldest first.
    done: Vec<C>,
    /// Journalled and sent: which of them were made is seen by reading again.
    under_way: Vec<C>,
    /// Which of those was refused first.
    failed: Option<usize>,
}

impl<C> Default for Run<C> {
    fn default() -> Self {
        Self { done: Vec::new(), under_way: Vec::new(), failed: None }
    }
}

enum Undo<W: World> {
    Nothing,
    LeftAlone(NoteOf<W>),
    Change(ChangeOf<W>),
}

fn is_ours<W: World>(entry: &EntryOf<W>, found: Option<&ValueOf<W>>) -> bool {
    suffices(found, entry.ours.as_ref(), W::satisfies)
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

fn conflict<W: World>(held: Option<&ValueOf<W>>, holder: &str, item: &WantedOf<W>) -> CauseOf<W> {
    Cause::Conflict {
        key: item.key.to_string(),
        wanted: worded(item.value.as_ref(), "nothing"),
        claim: item.claim.clone(),
        held: worded(held, "nothing"),
        holder: holder.to_owned(),
    }
}

fn worded<V: std::fmt::Display>(value: Option<&V>, absent: &str) -> String {
    value.map_or_else(|| absent.to_owned(), ToString::to_string)
}

fn in_batch<W: World>(item: &WantedOf<W>) -> bool {
    W::in_batches(&item.key)
}
