//! The way down: what nobody owners any more is given back.

use hashbrown::HashSet;

use super::parts::Returning;
use super::{Engine, EntryOf, FailureOf, NoteOf, ReportOf, ValueOf};
use crate::engine::system::ChangeOf;
use crate::engine::{Cause, Change, Failure, Note, Report, System, suffices};

enum Undo<W: System> {
    Nothing,
    LeftAlone(NoteOf<W>),
    Change(ChangeOf<W>),
}

impl<W: System> Engine<'_, W> {
    /// Goes on after a failure: the more is given back, the better.
    pub(super) fn give_back(
        &mut self,
        mut steps: Vec<ChangeOf<W>>,
    ) -> Result<ReportOf<W>, FailureOf<W>> {
        // Killed from here on, the next run still knows what is due.
        if let Err(error) = self.journal.persist() {
            return Err(Box::new(Failure {
                done: steps,
                ..Failure::before_any_step(error.into())
            }));
        }
        let (mut notes, mut stuck) = (Vec::new(), Vec::new());
        let unowned = self.journal.unowned();
        let returning = Returning::of::<W>(&unowned);
        for entries in
            unowned.chunk_by(|one, next| W::is_batched(&one.key) && W::is_batched(&next.key))
        {
            let mut settled = HashSet::new();
            let outcomes = match entries {
                [entry] => vec![self.undo(entry, &returning, &mut steps)],
                entries => self.undo_batch(entries, &returning, &mut steps),
            };
            for (entry, outcome) in entries.iter().zip(outcomes) {
                match outcome {
                    // It stays due until those have gone that need it.
                    Ok(Some(note @ Note::InUse { .. })) => notes.push(note),
                    Ok(note) => {
                        notes.extend(note);
                        settled.insert(&entry.key);
                    }
                    Err(error) => stuck.push((entry.key.clone(), Cause::System(error))),
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
        returning: &Returning<W::Key>,
        steps: &mut Vec<ChangeOf<W>>,
    ) -> Result<Option<NoteOf<W>>, W::Error> {
        let change = match self.way_back(entry, returning)? {
            Undo::Nothing => {
                self.restore_along(entry, steps)?;
                return Ok(None);
            }
            Undo::LeftAlone(note) => return Ok(Some(note)),
            Undo::Change(change) => change,
        };
        self.system.write(&change)?;
        let before = change.from.clone();
        steps.push(change);
        self.restore_along(entry, steps)?;
        // Not compared with what it was to be: what was put back may say how much time it has left.
        let left = self.system.read(&entry.key)?.filter(|left| Some(left) == before.as_ref());
        Ok(left.map(|found| Note::Remains { key: entry.key.clone(), actual: found }))
    }

    /// Undoes entries of one batch: an outcome for each, in their order, as far as one is known.
    fn undo_batch(
        &mut self,
        entries: &[EntryOf<W>],
        returning: &Returning<W::Key>,
        steps: &mut Vec<ChangeOf<W>>,
    ) -> Vec<Result<Option<NoteOf<W>>, W::Error>> {
        let (mut outcomes, mut changes) = (Vec::with_capacity(entries.len()), Vec::new());
        for entry in entries {
            outcomes.push(match self.way_back(entry, returning) {
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
        let mut written = self.system.write_all(&changes).into_iter();
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
    fn way_back(
        &mut self,
        entry: &EntryOf<W>,
        returning: &Returning<W::Key>,
    ) -> Result<Undo<W>, W::Error> {
        let found = self.system.read(&entry.key)?;
        let key = entry.key.clone();
        if found == entry.previous {
            return Ok(Undo::Nothing);
        }
        Ok(match found {
            // Whatever became of what we made: nobody wants it, unless there is more in it by now.
            Some(found) if entry.previous.is_none() => match self.foreign_part(&key, returning)? {
                Some(part) => Undo::LeftAlone(Note::InUse { key, actual: found, child: part }),
                None => Undo::Change(Change { key, from: Some(found), to: None }),
            },
            found if is_ours::<W>(entry, found.as_ref()) => match &entry.previous {
                Some(previous) if found.is_none() && self.is_orphaned(&key, returning)? => {
                    Undo::LeftAlone(Note::Orphaned { key, previous: previous.clone() })
                }
                _ => Undo::Change(Change { key, from: found, to: entry.previous.clone() }),
            },
            Some(found) => {
                Undo::LeftAlone(Note::Changed { key, actual: found, ours: entry.ours.clone() })
            }
            // Gone altogether, as an interface may be: nothing of ours is left.
            None => Undo::Nothing,
        })
    }
}

fn is_ours<W: System>(entry: &EntryOf<W>, found: Option<&ValueOf<W>>) -> bool {
    suffices(found, entry.ours.as_ref(), W::is_in_sync)
}
