//! The commands that take a cluster file: `apply`, `diff`, `down` and `status`.

use std::fmt;
use std::io::Write;
use std::net::IpAddr;
use std::path::Path;

use serde_json::json;

use super::arguments::{FileCommand, FileFlags, Options};
use super::commands::{run_here, tell, wanted_of};
use super::report::{self, Direction};
use super::wanted::{Claimed, Want};
use super::{Error, Key, Machine, Value, state, status};
use crate::cluster::{Cluster, Duty, Role};
use crate::plan::{Engine, Journal, Report, Wanted, World};
use crate::table;

/// A cluster file on this machine.
struct Here {
    cluster: Cluster,
    role: Role,
    own: Vec<IpAddr>,
}

pub(super) fn run(
    command: &FileCommand,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    match command {
        FileCommand::Apply(flags) => apply(flags, options, output),
        FileCommand::Diff(flags) => diff(flags, options, output),
        FileCommand::Down { file } => down(file, options, output),
        FileCommand::Status { file: Some(file), role } => status(file, *role, options, output),
        FileCommand::Status { file: None, .. } => status_of_all(options, output),
    }
}

fn apply(flags: &FileFlags, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let here = Here::load(&flags.file, flags.role)?;
    let report = here.up(flags, options)?;
    tell(options, output, &here, Direction::Up, &report)?;
    Ok(0)
}

fn diff(flags: &FileFlags, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let here = Here::load(&flags.file, flags.role)?;
    let looking = Options { dry_run: true, ..options.clone() };
    let report = here.up(flags, &looking)?;
    if options.json {
        report::write_json(output, &report)?;
    } else {
        for command in report::commands(&report.steps) {
            writeln!(output, "{command}")?;
        }
    }
    Ok(if report.steps.is_empty() { 0 } else { 2 })
}

/// The file says no more than which cluster is meant: it may have changed since.
fn down(file: &Path, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let cluster = Cluster::load(file)?;
    let name = cluster.name();
    let report =
        run_here(options, Direction::Down, |claim| belongs(claim, name), |_, _| Ok(Vec::new()))?;
    tell(options, output, &format_args!("cluster {name}"), Direction::Down, &report)?;
    Ok(0)
}

fn status(
    file: &Path,
    role: Option<Role>,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let here = Here::load(file, role)?;
    let mut machine = Machine::new()?.only_looking();
    let mut journal = state::journal(&options.state_dir)?;
    let wanted = wanted_of(&mut machine, &here.duties()?, &journal)?;
    let findings = Engine::new(&mut machine, &mut journal).status(&wanted)?;
    if options.json {
        let title = json!({"schema": 1, "cluster": here.cluster.name(), "role": here.role.name()});
        status::write_json(output, title, &findings)?;
    } else {
        status::write(output, &here, &findings)?;
    }
    Ok(if findings.iter().all(|finding| finding.met) { 0 } else { 2 })
}

/// What the journal holds is what there should be.
fn status_of_all(options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let mut machine = Machine::new()?.only_looking();
    let mut journal = state::journal(&options.state_dir)?;
    let wanted = status::journalled(|_| true, &journal);
    let findings = Engine::new(&mut machine, &mut journal).status(&wanted)?;
    if options.json {
        status::write_json(output, json!({"schema": 1}), &findings)?;
    } else if findings.is_empty() {
        writeln!(output, "lvsctl has set nothing on this machine")?;
    } else {
        status::write(output, &"what lvsctl set", &findings)?;
    }
    Ok(if findings.iter().all(|finding| finding.met) { 0 } else { 2 })
}

impl Here {
    fn load(file: &Path, role: Option<Role>) -> Result<Self, Error> {
        let cluster = Cluster::load(file)?;
        let addresses = Machine::new()?.surroundings()?.addresses;
        let own: Vec<IpAddr> = addresses.into_iter().map(|address| address.address).collect();
        let role = match role {
            Some(role) => role,
            None => cluster.role(&own)?,
        };
        Ok(Self { cluster, role, own })
    }

    fn duties(&self) -> Result<Vec<Claimed>, Error> {
        let name = self.cluster.name();
        let claimed = |duty: Duty| {
            let of = match &duty {
                Duty::Address(duty) => {
                    format!("{} {} {}", duty.role.name(), duty.mode, duty.vip)
                }
                _ => self.role.name().to_owned(),
            };
            Claimed { claim: format!("cluster {name} {of}"), duty }
        };
        Ok(self.cluster.duties(self.role, &self.own)?.into_iter().map(claimed).collect())
    }

    /// Makes this machine what the file says, or only says how.
    fn up(&self, flags: &FileFlags, options: &Options) -> Result<Report<Key, Value>, Error> {
        run_here(
            options,
            Direction::Up,
            |claim| belongs(claim, self.cluster.name()),
            |machine, journal| self.wanted(flags, machine, journal),
        )
    }

    fn wanted(
        &self,
        flags: &FileFlags,
        machine: &mut Machine,
        journal: &Journal<Key, Value>,
    ) -> Result<Vec<Want>, Error> {
        let mut wanted = wanted_of(machine, &self.duties()?, journal)?;
        if flags.keep_weights {
            keep_weights(&mut wanted, machine)?;
        }
        if flags.exclusive && self.role == Role::Director {
            let claim = format!("cluster {} {}", self.cluster.name(), self.role.name());
            wanted.extend(strangers(&wanted, machine, journal, &claim)?);
        }
        Ok(wanted)
    }
}

impl fmt::Display for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cluster {} ({})", self.cluster.name(), self.role.name())
    }
}

/// Whether a claim is one of that cluster.
fn belongs(claim: &str, cluster: &str) -> bool {
    let mut words = claim.split(' ');
    words.next() == Some("cluster") && words.next() == Some(cluster)
}

/// Whoever changed a weight since had a reason for it.
fn keep_weights(wanted: &mut [Want], machine: &mut Machine) -> Result<(), Error> {
    for item in wanted {
        if let Some(Value::Table(table::Value::Destination(destination))) = &mut item.value
            && let Some(Value::Table(table::Value::Destination(found))) = machine.read(&item.key)?
        {
            destination.weight = found.weight;
        }
    }
    Ok(())
}

/// Entries of the table that nobody here wants: each shall be gone.
fn strangers(
    wanted: &[Want],
    machine: &mut Machine,
    journal: &Journal<Key, Value>,
    claim: &str,
) -> Result<Vec<Want>, Error> {
    let known: std::collections::HashSet<&Key> = wanted.iter().map(|item| &item.key).collect();
    let foreign = |key: &Key| !known.contains(key) && journal.entry(key).is_none();
    if !machine.entries()?.iter().any(foreign) {
        return Ok(Vec::new());
    }
    let foreign = machine.settled_entries()?.into_iter().filter(foreign);
    let gone = |key| Wanted { key, value: None, tolerated: Vec::new(), claim: claim.to_owned() };
    Ok(foreign.map(gone).collect())
}
