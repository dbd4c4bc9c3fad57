//! The machine that is examined, and what it is to be.

use crate::host::machine::{Key, Machine, Value};
use crate::policy::{Duty, Role};
use std::path::Path;

use super::shell::quoted;
use super::{DoctorFlags, facts, snapshot};
use crate::doctor::{Diagnosis, Expectation, Facts, Intent, Step, Unread, Wish, examine};
use crate::engine::{Change, System};
use crate::lvsctl::arguments::{Options, STATE_DIRECTORY};
use crate::lvsctl::asked::Asked;
use crate::lvsctl::{Error, state};
use crate::policy::{ActualState, DesiredItem, Owned, desired};
use lvs::ipvs::Forwarding;

/// A machine, and the file that it is held against.
pub(super) struct Patient<'a> {
    pub(super) flags: &'a DoctorFlags,
    pub(super) options: &'a Options,
}

impl Patient<'_> {
    /// Looks, and says what is wrong.
    pub(super) fn diagnose(&self) -> Result<(Diagnosis, Expectation), Error> {
        let mut facts = match &self.flags.from {
            Some(path) => snapshot::read(path)?,
            None => facts(self.options),
        };
        let expectation = self.expectation(&mut facts)?;
        if self.flags.probe {
            facts.probe(&expectation);
        }
        Ok((examine(&facts, &expectation, self.flags.symptom), expectation))
    }

    fn expectation(&self, facts: &mut Facts) -> Result<Expectation, Error> {
        let expectation = Expectation::evident(facts);
        let Some(file) = &self.flags.file else {
            return Ok(expectation);
        };
        let addresses = facts.network.addresses.iter();
        let own = addresses.map(|state| state.assigned.address).collect();
        let asked = Asked::of(file, self.flags.role, || Ok(own))?;
        let wishes = match self.flags.from {
            Some(_) => recorded(&asked, facts)?,
            None => self.present(&asked)?,
        };
        let served: Vec<_> = asked.duties()?.iter().filter_map(served).collect();
        let whole = matches!(asked, Asked::Cluster { .. });
        // What is installed is for the machine, not for a namespace.
        let install = asked.cluster().filter(|_| self.options.netns.is_none());
        let install = install.map(|name| (name.to_owned(), self.command("install", file)));
        let command = self.command("apply", file);
        let intent = Intent { command, install, whole, wishes };
        Ok(expectation.with(intent, asked.claim_of_table().is_some(), &served))
    }

    /// What is desired of the machine that we run on.
    fn present(&self, asked: &Asked) -> Result<Vec<Wish>, Error> {
        let mut machine = Machine::new()?.read_only();
        let journal = state::journal(&self.options.state_dir)?;
        let mut wishes = Vec::new();
        for want in asked.desired(&mut machine, &journal)? {
            let found = machine.read(&want.key)?;
            wishes.push(wish(want, found));
        }
        Ok(wishes)
    }

    /// The command that makes the machine what the file says, now or at every boot.
    fn command(&self, verb: &str, file: &Path) -> String {
        let mut words = vec!["lvsctl".to_owned()];
        if let Some(namespace) = &self.options.netns {
            words.extend(["--netns".to_owned(), quoted(&namespace.word())]);
        }
        if self.options.state_dir != Path::new(STATE_DIRECTORY) {
            let directory = quoted(&self.options.state_dir.display().to_string());
            words.extend(["--state-dir".to_owned(), directory]);
        }
        words.extend([verb.to_owned(), quoted(&file.display().to_string())]);
        if let Some(role) = self.flags.role {
            words.extend(["--role".to_owned(), role.name().to_owned()]);
        }
        words.join(" ")
    }
}

/// What is desired of a machine of which there is a snapshot. What that does not hold is noted.
fn recorded(asked: &Asked, facts: &mut Facts) -> Result<Vec<Wish>, Error> {
    let value = |key: &Key| match key {
        Key::Host(key) => facts.network.value(key).map(|value| value.map(Value::Host)),
        Key::Table(key) => Some(facts.value(key).map(Value::Table)),
    };
    let actual = ActualState::of_inventory(&facts.network);
    let (mut wishes, mut unknown) = (Vec::new(), Vec::new());
    for want in asked.wanted_by(|duties| Ok(desired(duties, &actual)?))? {
        match value(&want.key) {
            Some(found) => wishes.push(wish(want, found)),
            None => unknown.push(want.key.to_string()),
        }
    }
    if !unknown.is_empty() {
        let why =
            "a snapshot does not hold it: run the doctor with the cluster file on the machine";
        facts.unread.push(Unread { what: unknown.join(", "), why: why.to_owned() });
    }
    Ok(wishes)
}

/// A want beside what was found.
fn wish(want: DesiredItem, found: Option<Value>) -> Wish {
    let met = want.is_met_by(found.as_ref(), Machine::is_in_sync);
    let text = |value| match value {
        Value::Host(text) => Some(text),
        Value::Table(_) => None,
    };
    let entry = |value| match value {
        Value::Table(entry) => Some(entry),
        Value::Host(_) => None,
    };
    let step = match want.key {
        Key::Host(key) => {
            Step::Host(Change { key, from: found.and_then(text), to: want.value.and_then(text) })
        }
        Key::Table(key) => {
            Step::Table(Change { key, from: found.and_then(entry), to: want.value.and_then(entry) })
        }
    };
    let acceptable = want.acceptable.into_iter().filter_map(text).collect();
    Wish { step, acceptable, owner: want.owner, met }
}

/// The virtual address that a duty makes a real server answer for.
fn served(owned: &Owned) -> Option<(std::net::IpAddr, Forwarding)> {
    match &owned.duty {
        Duty::Address(duty) if duty.role == Role::RealServer => {
            Some((duty.vip, duty.mode.forwarding()))
        }
        _ => None,
    }
}
