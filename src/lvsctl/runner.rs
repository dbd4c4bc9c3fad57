//! One run: locks, reads the journal, plans, checks `--allow`, then executes or reports the plan.

use std::io::Write;
use std::time::Duration;

use super::arguments::Options;
use super::error::{Error, Outcome};
use super::guard::Guard;
use super::journal_place::{journal, refuse_damage};
use super::remote::RemoteSession;
use super::report::{Direction, Progress};
use super::values::Kind;
use super::{departing, wait};
use crate::engine::{
    Change, Damage, Desired, DryRun, Engine, Failure, JournalError, Lock, Report, System, Watcher,
};
use crate::host::machine::{self, Key, Machine, Value};
use crate::policy::{DesiredItem, MachineJournal, Owner};

/// The machine and its journal, to be read only.
pub(super) fn look(options: &Options) -> Result<(Machine, MachineJournal), Error> {
    Ok((Machine::new()?.read_only(), journal(&options.state_dir)?))
}

/// A parameter of IPVS that has this value for the time of a step. Every run reverts what one that was
/// killed has left.
pub(super) fn temporary(parameter: &'static str, value: &str) -> DesiredItem {
    let value = Some(Value::Host(value.to_owned()));
    Desired::new(Key::ipvs_parameter(parameter), value, Owner::Temporary)
}

/// Whether somebody else gave the parameter its value, as a cluster file can: then it stays.
pub(super) fn is_taken(journal: &MachineJournal, parameter: &'static str) -> bool {
    let entry = journal.entry(&Key::ipvs_parameter(parameter));
    entry.is_some_and(|entry| entry.owners.iter().any(|owner| *owner != Owner::Temporary))
}

/// The machine and its journal, locked unless it is a dry run. A signal that asks for the end of the
/// program ends a run after its step.
pub(super) struct Session {
    pub(super) machine: Machine,
    pub(super) journal: MachineJournal,
    /// Whether the run before this one was killed.
    pub(super) after_kill: bool,
    lock: Option<Lock>,
    options: Options,
    /// What was wrong with the journal, once that is kept under another name.
    damage: Option<Damage>,
}

impl Session {
    /// A session in which an earlier change may still have to be confirmed: see `confirm::settled`.
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        let machine = Machine::new()?;
        let (machine, lock) = match options.dry_run {
            true => (machine.read_only(), None),
            false => {
                wait::catch_signals();
                let patience = Duration::from_secs(options.wait.into());
                let is_interrupted = || wait::signal().is_some();
                let lock = Lock::take(&options.state_dir, patience, is_interrupted)?;
                options.run.begin(&options.state_dir)?;
                (machine, Some(lock))
            }
        };
        let journal = journal(&options.state_dir)?;
        let after_kill = journal.is_unfinished();
        Ok(Self { machine, journal, after_kill, lock, options: options.clone(), damage: None })
    }

    pub(super) const fn is_dry(&self) -> bool {
        self.lock.is_none()
    }

    /// Gives the machine the desired state, or plans that in a dry run, and prints each step to
    /// `output` as it is made. With `allowed`, a plan with a change of any other kind is refused.
    /// `covers` selects the owners of the run.
    pub(super) fn apply(
        &mut self,
        output: Option<&mut dyn Write>,
        allowed: Option<&[Kind]>,
        covers: impl Fn(&Owner) -> bool,
        desired: impl FnOnce(&mut Machine, &MachineJournal) -> Result<Vec<DesiredItem>, Error>,
    ) -> Result<Report<Key, Value>, Error> {
        refuse_damage(&self.journal)?;
        let desired = desired(&mut self.machine, &self.journal)?;
        self.run(output, Direction::Up, allowed, &covers, &desired)
    }

    /// As [`Session::apply`], but reverts what the owners have changed.
    pub(super) fn revert(
        &mut self,
        output: Option<&mut dyn Write>,
        covers: impl Fn(&Owner) -> bool,
    ) -> Result<Report<Key, Value>, Error> {
        match self.is_dry() {
            true => refuse_damage(&self.journal)?,
            false => self.damage = self.journal.keep_damaged()?.or(self.damage.take()),
        }
        self.run(output, Direction::Down, None, &covers, &[])
    }

    fn run(
        &mut self,
        output: Option<&mut dyn Write>,
        direction: Direction,
        allowed: Option<&[Kind]>,
        covers: &impl Fn(&Owner) -> bool,
        desired: &[DesiredItem],
    ) -> Result<Report<Key, Value>, Error> {
        let remote = if self.is_dry() {
            Vec::new()
        } else {
            RemoteSession::current(self.options.netns.as_ref())
        };
        let mut guard = Guard::default();
        if self.is_dry() || allowed.is_some() || !remote.is_empty() {
            let planned = self.plan(direction, covers, desired)?;
            if let Some(allowed) = allowed {
                check(&planned.steps, allowed)?;
            }
            if self.is_dry() {
                return Ok(planned);
            }
            if !remote.is_empty() {
                guard = Guard::of_sessions(&self.options, &self.machine, &remote, &planned.steps)?;
            }
        }
        let guard = guard.before(&self.options, &mut self.machine, desired)?;
        let outcome = self.watch(output, |engine| execute(engine, direction, covers, desired));
        let report = match outcome {
            Ok(report) => report,
            Err(error) => return Err(guard.failed(error)),
        };
        let (owners, rest) = departing::orphaned(&mut self.machine, &self.journal)?;
        if !owners.is_empty() {
            let covers = |owner: &Owner| owners.contains(owner);
            self.watch(None, |engine| execute(engine, Direction::Up, &covers, &rest))?;
        }
        guard.after(&report.steps)?;
        Ok(report)
    }

    /// Sets kernel parameters for the time of a step of a run, and reverts those of earlier ones: neither
    /// is a change that is to be confirmed.
    pub(super) fn set_temporarily(
        &mut self,
        output: Option<&mut dyn Write>,
        items: &[DesiredItem],
    ) -> Result<Report<Key, Value>, Error> {
        let direction = if items.is_empty() { Direction::Down } else { Direction::Up };
        self.watch(output, |engine| execute(engine, direction, &|_| false, items))
    }

    /// Sets a parameter of IPVS, works, and reverts it, also where the work fails.
    pub(super) fn with_parameter<T>(
        &mut self,
        parameter: &'static str,
        value: &str,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let free = !is_taken(&self.journal, parameter);
        let items: Vec<DesiredItem> =
            free.then(|| temporary(parameter, value)).into_iter().collect();
        self.set_temporarily(None, &items)?;
        let worked = work(self);
        let reverted = self.set_temporarily(None, &[]);
        let worked = worked?;
        reverted?;
        Ok(worked)
    }

    /// Runs the engine, and prints each step where there is an output.
    pub(super) fn watch(
        &mut self,
        output: Option<&mut dyn Write>,
        work: impl FnOnce(Engine<'_, Machine, Owner>) -> Outcome,
    ) -> Result<Report<Key, Value>, Error> {
        let mut progress = Progress::new(output.filter(|_| !self.options.json));
        let engine = Engine::new(&mut self.machine, &mut self.journal);
        let outcome = work(engine.watched_by(&mut progress));
        self.options.run.made(match &outcome {
            Ok(report) => report.steps.len(),
            Err(failure) => failure.done.len().saturating_sub(failure.rolled_back.len()),
        });
        progress.settle(outcome)
    }

    /// What a plan that fails got to was not done.
    fn plan(
        &mut self,
        direction: Direction,
        covers: &impl Fn(&Owner) -> bool,
        desired: &[DesiredItem],
    ) -> Result<Report<Key, Value>, Error> {
        let mut dry_run = DryRun::new(&mut self.machine);
        let mut journal = self.journal.dry_run();
        let outcome = execute(Engine::new(&mut dry_run, &mut journal), direction, covers, desired);
        outcome.map_err(|failure| Error::run(Failure::before_any_step(failure.cause)))
    }

    /// Prints changes that were made without the engine.
    pub(super) fn show(
        &self,
        output: &mut dyn Write,
        changes: &[Change<Key, Value>],
    ) -> Result<(), Error> {
        let mut progress =
            Progress::new(Some(output).filter(|_| !self.options.json && !self.is_dry()));
        progress.made(changes);
        progress.settle(Ok(Report { steps: Vec::new(), notes: Vec::new() })).map(drop)
    }

    /// Ends with what is wrong with the journal, if something is.
    pub(super) fn finish(self) -> Result<(), Error> {
        self.damage.map_or(Ok(()), |damage| Err(JournalError::Damaged(Box::new(damage)).into()))
    }
}

fn execute<W>(
    mut engine: Engine<'_, W, Owner>,
    direction: Direction,
    covers: &impl Fn(&Owner) -> bool,
    desired: &[DesiredItem],
) -> Outcome
where
    W: System<Key = Key, Value = Value, Error = machine::Error>,
{
    let mut owners = engine.journal().owners();
    owners.retain(|owner| covers(owner) || *owner == Owner::Temporary);
    match direction {
        Direction::Up => engine.apply(&owners, desired),
        Direction::Down => engine.revert(&owners),
    }
}

fn kind(change: &Change<Key, Value>) -> Kind {
    match (&change.from, &change.to) {
        (None, _) => Kind::Add,
        (_, None) => Kind::Delete,
        (Some(from), Some(to)) if is_quiesced(from, to) => Kind::Quiesce,
        _ => Kind::Edit,
    }
}

/// Whether a destination has weight 0, and otherwise its earlier value.
pub(super) fn is_quiesced(from: &Value, to: &Value) -> bool {
    let (from, to) = (from.destination(), to.destination());
    to.is_some_and(|to| to.weight == 0) && from.map(|it| it.clone().with_weight(0)).as_ref() == to
}

/// Refuses a plan with changes of other kinds, and lists them.
fn check(steps: &[Change<Key, Value>], allowed: &[Kind]) -> Result<(), Error> {
    let kinds = steps.iter().map(|step| (kind(step), step));
    let listed: Vec<String> = kinds
        .filter(|(kind, _)| !allowed.contains(kind))
        .map(|(kind, step)| format!("\n  {}: {}", kind.name(), Machine::command(step)))
        .collect();
    match listed.is_empty() {
        true => Ok(()),
        false => Err(Error::NotAllowed(listed.concat())),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use lvs::ipvs::{Destination, Forwarding, ServiceIdentity};
    use lvs::table;

    fn weighed(weight: u32) -> Option<Value> {
        let address = Ipv4Addr::new(198, 51, 100, 2);
        let server = Destination::new(address, 80, Forwarding::Tunnel).with_weight(weight);
        Some(Value::Table(table::Value::Destination(server)))
    }

    fn change(from: Option<Value>, to: Option<Value>) -> Change<Key, Value> {
        let service = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80);
        let address = Ipv4Addr::new(198, 51, 100, 2).into();
        Change { key: Key::Table(table::Key::Destination { service, address, port: 80 }), from, to }
    }

    #[test]
    fn each_change_has_a_kind() {
        assert_eq!(kind(&change(None, weighed(1))), Kind::Add);
        assert_eq!(kind(&change(weighed(1), weighed(2))), Kind::Edit);
        assert_eq!(kind(&change(weighed(1), weighed(0))), Kind::Quiesce);
        assert_eq!(kind(&change(weighed(1), None)), Kind::Delete);
        let other = |value: Option<Value>| match value {
            Some(Value::Table(table::Value::Destination(server))) => {
                let server = server.with_thresholds(9, 0);
                Some(Value::Table(table::Value::Destination(server)))
            }
            _ => None,
        };
        assert_eq!(kind(&change(weighed(1), other(weighed(0)))), Kind::Edit);
    }

    #[test]
    fn plan_with_other_kinds_is_refused_with_a_list() {
        let steps = [change(weighed(1), weighed(2)), change(weighed(2), None)];
        assert!(check(&steps, &[Kind::Edit, Kind::Delete]).is_ok());
        let message = check(&steps, &[Kind::Edit]).unwrap_err().to_string();
        assert!(
            message.ends_with(
                "\n  delete: ipvsadm -d -t 192.0.2.1:80 -r 198.51.100.2:80\nNothing was changed."
            ),
            "{message}"
        );
    }
}
