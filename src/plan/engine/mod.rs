//! Up, down, and what there is: the only place that decides about steps.

mod conflict;
mod establish;
mod give_back;
mod parts;
mod roll_back;

use hashbrown::HashSet;

use self::establish::Run;
use super::{Cause, Entry, Failure, Finding, Journal, Note, Report, Wanted, World};

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
}

fn worded<V: std::fmt::Display>(value: Option<&V>, absent: &str) -> String {
    value.map_or_else(|| absent.to_owned(), ToString::to_string)
}
