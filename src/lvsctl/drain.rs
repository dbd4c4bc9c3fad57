//! `drain` and `resume`: take a real server out of service, and back, without hurting a client.
//!
//! The journal has the weight of each destination before the drain, under an owner of its own, and
//! nothing is locked while connections are waited for. So a drain that is killed goes on with the next
//! `drain`, and `resume` ends it.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::json;

use super::arguments::{DrainFlags, Options, RealFlags, ResumeFlags, Then};
use super::connections::{self, Connections};
use super::departing::{EXPIRE, QUIESCENT};
use super::error::usage;
use super::input::Labels;
use super::report;
use super::runner::{Session, is_taken};
use super::wait::{self, Wait};
use super::{Error, confirm};
use crate::engine::{Desired, Report};
use crate::host::machine::{Key, Machine, Value};
use crate::policy::{self, DesiredItem, MachineJournal, Owner};
use lvs::ipvs::Destination;
use lvs::table;

/// The number of steps of a slow start.
const MOST_STEPS: u32 = 20;

/// Exit code of a drain that left connections.
const NOT_DRAINED: u8 = 2;

pub(super) fn drain(
    flags: &DrainFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let server = Server(&flags.server);
    let mut session = confirm::settled(options)?;
    let targets = server.targets(&mut session.machine)?;
    let mut keys: Vec<table::Key> = targets.iter().map(|it| it.key).collect();
    keys.extend(
        server.journalled(&session.journal).filter(|key| !keys.contains(key)).collect::<Vec<_>>(),
    );
    if keys.is_empty() {
        usage!("no service of this machine has the real server {server}");
    }
    let report = session.apply(
        None,
        None,
        |_| false,
        |_, journal| {
            let mut desired: Vec<DesiredItem> =
                targets.iter().map(|it| server.item(it.key, Some(it.quiesced()))).collect();
            let taken = is_taken(journal, QUIESCENT) && !server.set_it(journal);
            if targets.iter().any(|it| it.is_persistent) && !taken {
                desired.push(server.parameter());
            }
            Ok(desired)
        },
    )?;
    print_steps(&report, options, output)?;
    if session.is_dry() {
        return Ok(0);
    }
    drop(session);
    let mut wait = Wait::new(flags.within);
    let left = loop {
        let counted = connections::of_destinations(&mut Machine::new()?, &keys)?;
        let taken = counted.values().any(|(destination, _)| destination.weight > 0);
        let left: Vec<(table::Key, Connections)> = keys
            .iter()
            .filter_map(|key| Some((*key, counted.get(key)?.1)))
            .filter(|(_, connections)| connections.are_any())
            .collect();
        if taken {
            return server.give_up(options, output);
        }
        if left.is_empty() || wait.is_over() {
            break left;
        }
        if !options.json {
            wait.report(output, left.iter().map(|(key, connections)| (key, *connections)))?;
        }
        wait.pause()?;
    };
    if !left.is_empty() && !flags.cut {
        return server.report_left(&left, options, output);
    }
    let mut session = confirm::settled(options)?;
    let mut report = Report { steps: Vec::new(), notes: Vec::new() };
    let mut hanging = 0;
    if !left.is_empty() {
        let keys: Vec<table::Key> = left.iter().map(|(key, _)| *key).collect();
        session.with_parameter(EXPIRE, "1", |session| {
            let deleted = keys.iter().map(|key| server.item(*key, None)).collect();
            let deleted = session.apply(None, None, |_| false, |_, _| Ok(deleted))?;
            report.steps.extend(deleted.steps);
            hanging = connections::wait_until_expired(&keys);
            Ok(())
        })?;
    }
    // Another program may have deleted some meanwhile.
    let there: Vec<table::Key> =
        server.targets(&mut session.machine)?.iter().map(|it| it.key).collect();
    let stays = |key: &table::Key| there.contains(key) || left.iter().any(|(cut, _)| cut == key);
    let finished = server.settle(&mut session, |rest| match flags.then {
        Then::Delete => rest.extend(keys.iter().map(|key| server.item(*key, None))),
        Then::Keep => rest.extend(
            targets
                .iter()
                .filter(|it| stays(&it.key))
                .map(|it| server.item(it.key, Some(it.quiesced()))),
        ),
    })?;
    report.steps.extend(finished.steps);
    report.notes.extend(finished.notes);
    print_steps(&report, options, output)?;
    if options.json {
        let cut: u32 = left.iter().map(|(_, it)| it.active + it.inactive).sum();
        let object = json!({"schema": 1, "real": server.to_string(), "drained": true,
            "cut": cut, "left": []});
        writeln!(output, "{object}")?;
        return Ok(0);
    }
    for (key, connections) in &left {
        writeln!(output, "note: {key} had {connections}, which were reset")?;
    }
    if hanging > 0 {
        let remark = super::remark::Remark::Left(hanging);
        writeln!(output, "note: {remark}")?;
    }
    match flags.then {
        Then::Keep if server.targets(&mut session.machine)?.is_empty() => {
            server.say_gone(output)?
        }
        Then::Keep => {
            writeln!(output, "{server} is drained: it stays with weight 0 until lvsctl resume")?;
        }
        Then::Delete => writeln!(output, "{server} is drained: it is deleted until lvsctl resume")?,
    }
    Ok(0)
}

pub(super) fn resume(
    flags: &ResumeFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let server = Server(&flags.server);
    if let Some(time) = flags.over.filter(|_| !options.dry_run) {
        server.raise(time, options, output)?;
    }
    let mut session = confirm::settled(options)?;
    let is_drained = server.journalled(&session.journal).next().is_some();
    if !is_drained && server.targets(&mut session.machine)?.is_empty() {
        usage!("no service of this machine has the real server {server}");
    }
    let report = server.settle(&mut session, |_| {})?;
    if options.json {
        report::write_json(output, &report, &[])?;
        return Ok(0);
    }
    print_steps(&report, options, output)?;
    match (session.is_dry(), is_drained) {
        (true, _) => {}
        (false, true) if server.targets(&mut session.machine)?.is_empty() => {
            server.say_gone(output)?;
        }
        (false, true) => writeln!(output, "{server} is back")?,
        (false, false) => writeln!(output, "{server} is not drained: nothing to resume")?,
    }
    Ok(0)
}

fn print_steps(
    report: &Report<Key, Value>,
    options: &Options,
    output: &mut dyn Write,
) -> Result<(), Error> {
    if options.json && !options.dry_run {
        return Ok(());
    }
    if options.dry_run {
        report::write_steps(output, report, &[], &Labels::new())?;
    } else {
        report::list(output, &report.steps)?;
        report::write_notes(output, report, &[])?;
    }
    Ok(output.flush()?)
}

/// A destination of the real server.
struct Target {
    key: table::Key,
    destination: Destination,
    is_persistent: bool,
}

impl Target {
    fn quiesced(&self) -> Destination {
        self.destination.clone().with_weight(0)
    }
}

/// The real server of a command line.
struct Server<'a>(&'a RealFlags);

impl Server<'_> {
    const fn address(&self) -> IpAddr {
        self.0.real.0
    }

    fn owner(&self) -> Owner {
        Owner::Drain(self.address())
    }

    fn has(&self, key: &table::Key) -> bool {
        let table::Key::Destination { service, address, port } = key else { return false };
        *address == self.address()
            && self.0.real.1.is_none_or(|only| only == *port)
            && self.0.service.is_none_or(|only| only == *service)
    }

    /// Its destinations in the table.
    fn targets(&self, machine: &mut Machine) -> Result<Vec<Target>, Error> {
        let mut targets = Vec::new();
        for (service, destinations) in connections::of_table(machine, self.0.service)? {
            let is_persistent = service.is_persistent();
            for destination in destinations {
                let key = table::Key::of(service.identity, &destination);
                if self.has(&key) {
                    targets.push(Target { key, destination, is_persistent });
                }
            }
        }
        Ok(targets)
    }

    fn say_gone(&self, output: &mut dyn Write) -> Result<(), Error> {
        Ok(writeln!(output, "{self} is gone: another program deleted it, and it is not put back")?)
    }

    /// Its destinations that an earlier drain has changed.
    fn journalled(&self, journal: &MachineJournal) -> impl Iterator<Item = table::Key> {
        journal.entries().filter(|entry| !entry.owners.is_empty()).filter_map(|entry| match &entry
            .key
        {
            Key::Drained(key) if self.has(key) => Some(*key),
            _ => None,
        })
    }

    /// What else of this address is drained, and stays so.
    fn rest(&self, journal: &MachineJournal) -> Vec<DesiredItem> {
        let owner = self.owner();
        let mut rest = policy::journalled(|it| *it == owner, journal);
        rest.retain(|item| !matches!(&item.key, Key::Drained(key) if self.has(key)));
        match rest.iter().any(|item| matches!(item.key, Key::Drained(_))) {
            true => rest,
            false => Vec::new(),
        }
    }

    /// Lets go of all that this owner has changed, but the rest and what is added to it.
    fn settle(
        &self,
        session: &mut Session,
        add: impl FnOnce(&mut Vec<DesiredItem>),
    ) -> Result<Report<Key, Value>, Error> {
        let covers = |owner: &Owner| *owner == self.owner();
        session.apply(None, None, covers, |_, journal| {
            let mut desired = self.rest(journal);
            add(&mut desired);
            Ok(desired)
        })
    }

    fn item(&self, key: table::Key, value: Option<Destination>) -> DesiredItem {
        Desired::new(Key::Drained(key), value.map(Value::from), self.owner())
    }

    /// Whether an earlier drain set the parameter.
    fn set_it(&self, journal: &MachineJournal) -> bool {
        let key = self.parameter().key;
        let drains = |owner: &Owner| matches!(owner, Owner::Drain(_));
        journal.entry(&key).is_some_and(|entry| entry.owners.iter().all(drains))
    }

    /// Clients of a persistent service that come back get another real server.
    fn parameter(&self) -> DesiredItem {
        let value = Some(Value::Host("1".to_owned()));
        Desired::new(Key::ipvs_parameter(QUIESCENT), value, self.owner())
    }

    /// Another program gave it a weight, and that program is right.
    fn give_up(&self, options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
        let mut session = confirm::settled(options)?;
        let report = self.settle(&mut session, |_| {})?;
        if options.json {
            report::write_json(output, &report, &[])?;
            return Ok(NOT_DRAINED);
        }
        print_steps(&report, options, output)?;
        writeln!(
            output,
            "{self} is not drained: another program, such as a health checker, gave it a weight \
             again, or lvsctl resume did. Stop it there first"
        )?;
        Ok(NOT_DRAINED)
    }

    fn report_left(
        &self,
        left: &[(table::Key, Connections)],
        options: &Options,
        output: &mut dyn Write,
    ) -> Result<u8, Error> {
        if options.json {
            let item = |(key, it): &(table::Key, Connections)| {
                json!({"item": key.to_string(), "active": it.active, "inactive": it.inactive,
                       "persistent": it.persistent})
            };
            let left: Vec<_> = left.iter().map(item).collect();
            let object = json!({"schema": 1, "real": self.to_string(), "drained": false,
                "cut": 0, "left": left});
            writeln!(output, "{object}")?;
            return Ok(NOT_DRAINED);
        }
        for (key, connections) in left {
            writeln!(output, "note: {key} has {connections} left")?;
        }
        writeln!(
            output,
            "{self} is not drained: it stays with weight 0. Run lvsctl drain again to wait longer, \
             with --cut to reset what is left, or lvsctl resume"
        )?;
        Ok(NOT_DRAINED)
    }

    /// Raises the weights to the previous ones in equal steps, all but the last.
    fn raise(
        &self,
        time: Duration,
        options: &Options,
        output: &mut dyn Write,
    ) -> Result<(), Error> {
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let mut step = 1;
        loop {
            let mut session = confirm::settled(options)?;
            let previous = self.previous(&session.journal);
            let highest = previous.iter().map(|(_, it)| it.weight).max().unwrap_or(0);
            let steps = highest.min(seconds).clamp(1, MOST_STEPS);
            if step >= steps {
                return Ok(());
            }
            let items = previous.into_iter().map(|(key, destination)| {
                let share = u64::from(destination.weight) * u64::from(step);
                let weight = share.div_ceil(u64::from(steps));
                let weight = u32::try_from(weight).unwrap_or(u32::MAX);
                self.item(key, Some(destination.with_weight(weight)))
            });
            let items = items.collect();
            let report = session.apply(None, None, |_| false, |_, _| Ok(items))?;
            drop(session);
            print_steps(&report, options, output)?;
            wait::sleep(time / steps)?;
            step += 1;
        }
    }

    /// The destinations as they were before the drain. One that another program changed since is left
    /// out.
    fn previous(&self, journal: &MachineJournal) -> Vec<(table::Key, Destination)> {
        let entries = journal.entries().filter(|entry| !entry.owners.is_empty());
        let previous = entries.filter_map(|entry| match &entry.key {
            Key::Drained(key) if self.has(key) => {
                Some((*key, entry.previous.as_ref()?.destination()?.clone()))
            }
            _ => None,
        });
        previous.collect()
    }
}

impl std::fmt::Display for Server<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.real {
            (address, Some(port)) => SocketAddr::new(address, port).fmt(f),
            (address, None) => address.fmt(f),
        }
    }
}
