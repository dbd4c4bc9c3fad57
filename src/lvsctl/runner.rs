//! One run: locks, reads the journal, plans, checks `--allow`, then executes or reports the plan.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::arguments::Options;
use super::report::{Direction, FailedRun};
use super::values::Kind;
use super::{Error, drained};
use crate::engine::{Change, DryRun, Engine, JournalFile, Lock, Report, System};
use crate::host::machine::{self, Key, Machine, Value};
use crate::host::namespace_cookie;
use crate::policy::{DesiredItem, MachineJournal, Owner};
use lvs::table;

/// The machine and its journal, locked unless it is a dry run.
pub(super) struct Session {
    pub(super) machine: Machine,
    pub(super) journal: MachineJournal,
    lock: Option<Lock>,
}

impl Session {
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        let machine = Machine::new()?;
        let (machine, lock) = match options.dry_run {
            true => (machine.read_only(), None),
            false => (machine, Some(lock(options)?)),
        };
        Ok(Self { machine, journal: journal(&options.state_dir)?, lock })
    }

    pub(super) const fn is_dry(&self) -> bool {
        self.lock.is_none()
    }

    /// Applies or reverts, or plans that in a dry run. With `allowed`, a plan with a change of any
    /// other kind is refused. `covers` selects the owners of the run; `desired` is not called to
    /// revert.
    pub(super) fn run(
        &mut self,
        direction: Direction,
        allowed: Option<&[Kind]>,
        covers: impl Fn(&Owner) -> bool,
        desired: impl FnOnce(&mut Machine, &MachineJournal) -> Result<Vec<DesiredItem>, Error>,
    ) -> Result<Report<Key, Value>, Error> {
        let is_dry = self.is_dry();
        let Self { machine, journal, .. } = self;
        let desired = match direction {
            Direction::Up => desired(machine, journal)?,
            Direction::Down => Vec::new(),
        };
        if is_dry || allowed.is_some() {
            let planned = plan(machine, journal, &covers, &desired, direction)?;
            if let Some(allowed) = allowed {
                check(&planned.steps, allowed)?;
            }
            if is_dry {
                return Ok(planned);
            }
        }
        let report = execute(machine, journal, &covers, &desired, direction)?;
        let (owners, rest) = drained::orphaned(machine, journal)?;
        if !owners.is_empty() {
            execute(machine, journal, &|owner| owners.contains(owner), &rest, Direction::Up)?;
        }
        Ok(report)
    }
}

/// [`Session::run`] in a session of its own.
pub(super) fn run(
    options: &Options,
    direction: Direction,
    allowed: Option<&[Kind]>,
    covers: impl Fn(&Owner) -> bool,
    desired: impl FnOnce(&mut Machine, &MachineJournal) -> Result<Vec<DesiredItem>, Error>,
) -> Result<Report<Key, Value>, Error> {
    Session::open(options)?.run(direction, allowed, covers, desired)
}

fn plan(
    machine: &mut Machine,
    journal: &MachineJournal,
    covers: &impl Fn(&Owner) -> bool,
    desired: &[DesiredItem],
    direction: Direction,
) -> Result<Report<Key, Value>, Error> {
    let mut dry_run = DryRun::new(machine);
    execute(&mut dry_run, &mut journal.dry_run(), covers, desired, direction)
}

fn execute<W>(
    system: &mut W,
    journal: &mut MachineJournal,
    covers: &impl Fn(&Owner) -> bool,
    desired: &[DesiredItem],
    direction: Direction,
) -> Result<Report<Key, Value>, Error>
where
    W: System<Key = Key, Value = Value, Error = machine::Error>,
{
    let mut owners = journal.owners();
    owners.retain(|owner| covers(owner) || *owner == Owner::Temporary);
    let run = match direction {
        Direction::Up => Engine::new(system, journal).apply(&owners, desired),
        Direction::Down => Engine::new(system, journal).revert(&owners),
    };
    run.map_err(|failure| Error::Run(FailedRun(failure)))
}

/// Excludes other runs.
pub(super) fn lock(options: &Options) -> Result<Lock, Error> {
    Ok(Lock::take(&options.state_dir, Duration::from_secs(options.wait.into()))?)
}

/// The journal of the network namespace of this thread. Each has its own, named by the inode number
/// that `ls -L -i /proc/self/ns/net` shows. The kernel reuses that number after the namespace has
/// ended; the epoch distinguishes the two.
pub(super) fn journal(directory: &Path) -> Result<MachineJournal, Error> {
    const NAMESPACE: &str = "/proc/thread-self/ns/net";
    const BOOT: &str = "/proc/sys/kernel/random/boot_id";
    let unreadable = |path| move |source| Error::Identity { path, source };
    let namespace = fs::metadata(NAMESPACE).map_err(unreadable(NAMESPACE))?;
    let boot = fs::read_to_string(BOOT).map_err(unreadable(BOOT))?;
    let epoch = match namespace_cookie() {
        Some(cookie) => format!("boot {} namespace {cookie}", boot.trim()),
        None => format!("boot {}", boot.trim()),
    };
    let path = directory.join(format!("net-{}.journal", namespace.ino()));
    Ok(JournalFile::load(path, epoch)?)
}

fn kind(change: &Change<Key, Value>) -> Kind {
    match (&change.from, &change.to) {
        (None, _) => Kind::Add,
        (_, None) => Kind::Delete,
        (
            Some(Value::Table(table::Value::Destination(from))),
            Some(Value::Table(table::Value::Destination(to))),
        ) if to.weight == 0 && *to == from.clone().with_weight(0) => Kind::Quiesce,
        _ => Kind::Edit,
    }
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
