//! The engine on a machine in memory, which can fail and die at every operation.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::PathBuf;

use super::*;

mod files;
mod rules;

/// Keys are words; `tunnel/…` are sysctls, which come and go with the key `tunnel`, and `entry/…`
/// are written in batches. An `entry/…/…` is a child of the entry that its name begins with.
#[derive(Clone, Debug, Default, PartialEq)]
struct Machine {
    state: BTreeMap<String, u32>,
    /// Reads and writes so far.
    operations: usize,
    writes: usize,
    dies_at: Option<usize>,
    fails_at_write: Option<usize>,
    /// The failing write has its effect nevertheless.
    fails_late: bool,
    /// Keys on which a write is accepted and has no effect.
    ignored: Vec<String>,
    /// How many changes were written together, each time.
    batches: Vec<usize>,
    /// Outcomes of a batch after that many are lost.
    breaks_after: Option<usize>,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("refused")]
struct Refused;

struct Death;

impl Machine {
    fn new(state: &[(&str, u32)]) -> Self {
        let state = state.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect();
        Self { state, ..Self::default() }
    }

    fn operate(&mut self) {
        if self.dies_at == Some(self.operations) {
            self.dies_at = None;
            resume_unwind(Box::new(Death));
        }
        self.operations += 1;
    }

    fn set(&mut self, key: &str, value: Option<u32>) {
        match value {
            Some(value) => self.state.insert(key.to_owned(), value),
            None => self.state.remove(key),
        };
        for (key, value) in side_effects(key, value) {
            self.state.insert(key.to_owned(), value);
        }
        if key.starts_with("entry/") && value.is_none() {
            self.state.retain(|child, _| Self::parent(child).is_none_or(|parent| parent != key));
        }
        if key == "tunnel" && value.is_none() {
            self.state.retain(|key, _| !key.starts_with("tunnel/"));
        } else if key == "tunnel" {
            self.state.insert("tunnel/ignore".to_owned(), 0);
        }
    }
}

/// Switching `forward` switches others too, as `ip_forward` does.
fn side_effects(key: &str, value: Option<u32>) -> Vec<(&'static str, u32)> {
    match (key, value) {
        ("forward", Some(value)) => vec![("nic/forward", value), ("redirects", 1 - value)],
        _ => Vec::new(),
    }
}

impl System for Machine {
    type Key = String;
    type Value = u32;
    type Error = Refused;

    fn read(&mut self, key: &String) -> Result<Option<u32>, Refused> {
        self.operate();
        Ok(self.state.get(key).copied())
    }

    fn write(&mut self, change: &Change<String, u32>) -> Result<(), Refused> {
        self.operate();
        assert_eq!(self.state.get(&change.key).copied(), change.from);
        self.writes += 1;
        let fails = self.fails_at_write == Some(self.writes);
        if fails && !self.fails_late {
            return Err(Refused);
        }
        if Self::parent(&change.key).is_some_and(|parent| !self.state.contains_key(&parent)) {
            return Err(Refused);
        }
        let exists = self.state.contains_key("tunnel");
        if change.key.starts_with("tunnel/") && !exists {
            return Err(Refused);
        }
        if !self.ignored.contains(&change.key) {
            self.set(&change.key, change.to);
        }
        self.operate();
        if fails { Err(Refused) } else { Ok(()) }
    }

    fn side_effects(
        &mut self,
        change: &Change<String, u32>,
    ) -> Result<Vec<Change<String, u32>>, Refused> {
        let all = side_effects(&change.key, change.to).into_iter();
        let change = |(key, to): (&str, u32)| Change {
            key: key.to_owned(),
            from: self.state.get(key).copied(),
            to: Some(to),
        };
        Ok(all.map(change).collect())
    }

    fn is_orphaned(&mut self, key: &String, _: &u32) -> Result<bool, Refused> {
        Ok(key.starts_with("tunnel/") && !self.state.contains_key("tunnel"))
    }

    fn is_refilled(key: &String) -> bool {
        key == "place"
    }

    fn parent(key: &String) -> Option<String> {
        let (parent, _) = key.strip_prefix("entry/")?.split_once('/')?;
        Some(format!("entry/{parent}"))
    }

    fn children(&mut self, key: &String) -> Result<Vec<String>, Refused> {
        let all = self.state.keys();
        let children = all.filter(|child| Self::parent(child).as_ref() == Some(key));
        Ok(children.cloned().collect())
    }

    /// As entries of a table are.
    fn is_batched(key: &String) -> bool {
        key.starts_with("entry/")
    }

    /// Additions go first.
    fn order_batch(changes: &mut [Change<String, u32>]) {
        changes.sort_by_key(|change| change.from.is_some());
    }

    fn write_all(&mut self, changes: &[Change<String, u32>]) -> Vec<Result<(), Refused>> {
        self.batches.push(changes.len());
        changes
            .iter()
            .take(self.breaks_after.unwrap_or(usize::MAX))
            .map(|change| self.write(change))
            .collect()
    }

    fn command(change: &Change<String, u32>) -> String {
        format!("set {} {:?}", change.key, change.to)
    }
}

type Outcome = Result<Report<String, u32>, Box<Failure<String, u32, Refused>>>;

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("net-1.journal")
    }

    fn journal(&self) -> Journal<String, u32, String> {
        JournalFile::load(self.path(), "now".to_owned()).unwrap()
    }

    fn up(&self, machine: &mut Machine, desired: &[Desired<String, u32, String>]) -> Outcome {
        Engine::new(machine, &mut self.journal()).apply(&owners(desired), desired)
    }

    fn down(&self, machine: &mut Machine, owners: &[&str]) -> Outcome {
        let owners: Vec<String> = owners.iter().map(|owner| (*owner).to_owned()).collect();
        Engine::new(machine, &mut self.journal()).revert(&owners)
    }
}

fn owners(desired: &[Desired<String, u32, String>]) -> Vec<String> {
    let mut owners: Vec<String> = desired.iter().map(|item| item.owner.clone()).collect();
    owners.dedup();
    owners
}

fn desired_item(owner: &str, key: &str, value: u32) -> Desired<String, u32, String> {
    Desired {
        key: key.to_owned(),
        value: Some(value),
        acceptable: Vec::new(),
        owner: owner.to_owned(),
    }
}

/// What one address requires of a real server, in small.
fn server(address: &str) -> Vec<Desired<String, u32, String>> {
    vec![
        desired_item(address, "tunnel", 1),
        desired_item(address, "tunnel/ignore", 1),
        desired_item(address, "ignore", 1),
        desired_item(address, address, 1),
    ]
}

fn keys(steps: &[Change<String, u32>]) -> Vec<&str> {
    steps.iter().map(|step| step.key.as_str()).collect()
}
