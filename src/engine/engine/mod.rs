//! Up, down, and what there is: the only place that decides about steps.

mod conflict;
mod establish;
mod give_back;
mod parts;
mod roll_back;

use hashbrown::HashSet;

use self::establish::Run;
use super::{Cause, Desired, Entry, Failure, Journal, Note, Report, Status, System};

type KeyOf<W> = <W as System>::Key;
type ValueOf<W> = <W as System>::Value;
type CauseOf<W> = Cause<<W as System>::Error>;
type FailureOf<W> = Box<Failure<KeyOf<W>, ValueOf<W>, <W as System>::Error>>;
type ReportOf<W> = Report<KeyOf<W>, ValueOf<W>>;
type DesiredOf<W> = Desired<KeyOf<W>, ValueOf<W>>;
type EntryOf<W> = Entry<KeyOf<W>, ValueOf<W>>;
type NoteOf<W> = Note<KeyOf<W>, ValueOf<W>>;
type StatusOf<W> = Status<KeyOf<W>, ValueOf<W>>;

/// A system and the journal of what was changed in it.
#[derive(Debug)]
pub struct Engine<'a, W: System> {
    system: &'a mut W,
    journal: &'a mut Journal<W::Key, W::Value>,
}

impl<'a, W: System> Engine<'a, W> {
    /// Puts the two together.
    pub const fn new(system: &'a mut W, journal: &'a mut Journal<W::Key, W::Value>) -> Self {
        Self { system, journal }
    }

    /// Makes everything as desired, in the order given, for the sake of `owners`; then gives back
    /// what these owners held and want no longer.
    ///
    /// What is as desired already and not journalled is someone else's, and stays so. `owners` are
    /// those that this run speaks for: what only they hold may get another value.
    ///
    /// # Errors
    ///
    /// Before anything is touched, where a key would lose the value that another owner needs. Where a
    /// step fails, or something changed is not as desired at the end: what this run did is then taken
    /// back, newest first.
    pub fn apply(
        &mut self,
        owners: &[String],
        desired: &[DesiredOf<W>],
    ) -> Result<ReportOf<W>, FailureOf<W>> {
        if let Some(conflict) = self.conflict(owners, desired) {
            return Err(Box::new(Failure::before_any_step(conflict)));
        }
        self.journal.begin();
        let mut run = Run::default();
        let established = self.establish(desired, &mut run);
        if let Err(cause) = established.and_then(|()| self.verify(desired, &run.done)) {
            return Err(self.roll_back(run, cause));
        }
        self.journal.commit();
        let steps = run.done;
        let kept: HashSet<(&W::Key, &str)> =
            desired.iter().map(|item| (&item.key, item.owner.as_str())).collect();
        self.journal.release(owners, |key, owner| kept.contains(&(key, owner)));
        self.give_back(steps)
    }

    /// Takes owners off the journal and gives back what nobody owners any more, newest first.
    ///
    /// What we made is removed; what we changed is set back, if it is still as we set it.
    ///
    /// # Errors
    ///
    /// Where something cannot be given back. The rest is, and the journal keeps what is not.
    pub fn revert(&mut self, owners: &[String]) -> Result<ReportOf<W>, FailureOf<W>> {
        self.journal.release(owners, |_, _| false);
        self.give_back(Vec::new())
    }

    /// What was found of each desired item. Changes nothing.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn status(&mut self, desired: &[DesiredOf<W>]) -> Result<Vec<StatusOf<W>>, W::Error> {
        let (mut findings, mut seen) = (Vec::new(), HashSet::new());
        for item in desired.iter().filter(|item| seen.insert(&item.key)) {
            let found = self.system.read(&item.key)?;
            findings.push(Status {
                key: item.key.clone(),
                desired: item.value.clone(),
                in_sync: item.is_met_by(found.as_ref(), W::is_in_sync),
                actual: found,
                journalled: self.journal.entry(&item.key).map(|entry| entry.previous.clone()),
            });
        }
        Ok(findings)
    }
}

fn worded<V: std::fmt::Display>(value: Option<&V>, absent: &str) -> String {
    value.map_or_else(|| absent.to_owned(), ToString::to_string)
}
