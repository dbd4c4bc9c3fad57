//! Up, down, and what there is: the only place that decides about steps.

use super::world::ChangeOf;
use super::{Cause, Change, Entry, Failure, Finding, Journal, Note, Report, Wanted, World};

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
    /// What is as wanted already and not journalled is someone else's, and stays so.
    ///
    /// # Errors
    ///
    /// Where a step fails, or something is not as wanted at the end: what this run did is then
    /// taken back, newest first.
    pub fn up(
        &mut self,
        claims: &[String],
        wanted: &[WantedOf<W>],
    ) -> Result<ReportOf<W>, FailureOf<W>> {
        let earlier = self.journal.entries().to_vec();
        let (mut steps, mut at) = (Vec::new(), None);
        let established = self.establish(wanted, &mut steps, &mut at);
        if let Err(cause) = established.and_then(|()| self.verify(wanted)) {
            return Err(self.roll_back(earlier, steps, at, cause));
        }
        let kept = |key: &W::Key, claim: &str| {
            wanted.iter().any(|item| item.key == *key && item.claim == claim)
        };
        self.journal.release(claims, kept);
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
        self.world.refresh();
        self.journal.release(claims, |_, _| false);
        self.give_back(Vec::new())
    }

    /// What was found of each wanted item. Changes nothing.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn status(&mut self, wanted: &[WantedOf<W>]) -> Result<Vec<FindingOf<W>>, W::Error> {
        self.world.refresh();
        let mut findings: Vec<FindingOf<W>> = Vec::new();
        for item in wanted {
            if findings.iter().any(|finding| finding.key == item.key) {
                continue;
            }
            let found = self.world.read(&item.key)?;
            findings.push(Finding {
                key: item.key.clone(),
                wanted: item.value.clone(),
                met: item.is_met_by(found.as_ref()),
                found,
                journalled: self.journal.entry(&item.key).map(|entry| entry.previous.clone()),
            });
        }
        Ok(findings)
    }

    /// Reads each value right before it is changed, not all at the start: some keys come into
    /// being with others, as the sysctls of an interface do.
    fn establish(
        &mut self,
        wanted: &[WantedOf<W>],
        steps: &mut Vec<ChangeOf<W>>,
        at: &mut Option<ChangeOf<W>>,
    ) -> Result<(), CauseOf<W>> {
        self.world.refresh();
        let mut claimed = false;
        for item in wanted {
            let found = self.world.read(&item.key).map_err(Cause::World)?;
            if item.is_met_by(found.as_ref()) {
                claimed |= self.journal.claim(&item.key, &item.claim);
                continue;
            }
            let change =
                Change { key: item.key.clone(), from: found.clone(), to: Some(item.value.clone()) };
            let consequences = self.world.consequences(&change).map_err(Cause::World)?;
            self.journal.record(item, found, consequences);
            self.journal.persist()?;
            // Noted before the write, since one that fails may have had its effect nevertheless.
            let change = at.insert(change);
            self.world.write(change).map_err(Cause::World)?;
            steps.extend(at.take());
        }
        if claimed {
            self.journal.persist()?;
        }
        Ok(())
    }

    fn verify(&mut self, wanted: &[WantedOf<W>]) -> Result<(), CauseOf<W>> {
        self.world.refresh();
        for item in wanted {
            let found = self.world.read(&item.key).map_err(Cause::World)?;
            if !item.is_met_by(found.as_ref()) {
                return Err(Cause::NotAsWanted {
                    key: item.key.to_string(),
                    found: found.map_or_else(|| "missing".to_owned(), |found| found.to_string()),
                    wanted: item.value.to_string(),
                });
            }
        }
        Ok(())
    }

    fn roll_back(
        &mut self,
        earlier: Vec<EntryOf<W>>,
        done: Vec<ChangeOf<W>>,
        at: Option<ChangeOf<W>>,
        cause: CauseOf<W>,
    ) -> FailureOf<W> {
        self.world.refresh();
        let (mut undone, mut stuck) = (Vec::new(), Vec::new());
        for change in at.iter().chain(done.iter().rev()) {
            if let Err(error) = self.take_back(change, &mut undone) {
                stuck.push((change.key.clone(), Cause::World(error)));
            }
        }
        let keep: Vec<W::Key> = stuck.iter().map(|(key, _)| key.clone()).collect();
        self.journal.revert(earlier, &keep);
        if let (Err(error), Some(first)) = (self.journal.persist(), done.first()) {
            stuck.push((first.key.clone(), Cause::Journal(error)));
        }
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
        for entry in self.journal.unclaimed() {
            match self.undo(&entry, &mut steps) {
                Ok(note) => {
                    notes.extend(note);
                    self.journal.forget(&entry.key);
                    if let Err(error) = self.journal.persist() {
                        stuck.push((entry.key, Cause::Journal(error)));
                    }
                }
                Err(error) => stuck.push((entry.key, Cause::World(error))),
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
        let found = self.world.read(&entry.key)?;
        // As it was before, or gone altogether: nothing of ours is left.
        let Some(present) = found.clone().filter(|_| found != entry.previous) else {
            self.restore_along(entry, steps)?;
            return Ok(None);
        };
        if entry.previous.is_some() && present != entry.ours {
            return Ok(Some(Note::Changed {
                key: entry.key.clone(),
                found: present,
                ours: entry.ours.clone(),
            }));
        }
        let change = Change { key: entry.key.clone(), from: found, to: entry.previous.clone() };
        self.world.write(&change)?;
        steps.push(change);
        self.restore_along(entry, steps)?;
        let left =
            self.world.read(&entry.key)?.filter(|left| Some(left) != entry.previous.as_ref());
        Ok(left.map(|found| Note::Remains { key: entry.key.clone(), found }))
    }
}
