//! `compare`: two directors that are to agree, by their snapshots.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;

use serde_json::json;

use super::arguments::{CompareFlags, Options};
use super::doctor::{facts, read_snapshot};
use super::error::{Error, usage};
use super::remark::Share;
use super::report::counted;
use crate::doctor::{Facts, ServiceState, Table};
use crate::policy::misordered;
use lvs::ipvs::{Daemon, DaemonState, ServiceIdentity};
use lvs::table::{Key, Value};

/// The parameters of IPVS, which decide what becomes of connections.
const PARAMETERS: &str = "net/ipv4/vs/";

pub(super) fn run(
    flags: &CompareFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    if [Some(&flags.first), flags.second.as_ref()].iter().all(|it| *it == Some(&"-".into())) {
        usage!("standard input is read once: only one of the two can be -");
    }
    let one = read_snapshot(&flags.first)?;
    let (other, name) = match &flags.second {
        Some(path) => (read_snapshot(path)?, path.display().to_string()),
        None => (facts(options), "this machine".to_owned()),
    };
    let found = differences(&one, &other);
    if options.json {
        let item =
            |it: &Difference| json!({"item": it.item, "first": it.first, "second": it.second});
        let list: Vec<_> = found.iter().map(item).collect();
        let object = json!({"schema": 1, "same": found.is_empty(), "differences": list});
        writeln!(output, "{object}")?;
    } else {
        for difference in &found {
            writeln!(output, "{difference}")?;
        }
        let first = flags.first.display();
        match found.len() {
            0 => writeln!(output, "{first} and {name} agree")?,
            count => writeln!(output, "{first} and {name} differ in {}", counted(count, "item"))?,
        }
    }
    Ok(if found.is_empty() { 0 } else { 2 })
}

/// One item, and what each director has; `None` where it has nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Difference {
    item: String,
    first: Option<String>,
    second: Option<String>,
}

impl Difference {
    fn new(item: impl fmt::Display, first: Option<String>, second: Option<String>) -> Self {
        Self { item: item.to_string(), first, second }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |side: &Option<String>| side.clone().unwrap_or_else(|| "missing".to_owned());
        write!(f, "{}: {} / {}", self.item, word(&self.first), word(&self.second))
    }
}

fn differences(one: &Facts, other: &Facts) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut text = |item: &str, one: String, other: String| {
        if one != other {
            found.push(Difference::new(item, Some(one), Some(other)));
        }
    };
    text("kernel", one.kernel.release.clone(), other.kernel.release.clone());
    let loaded = |facts: &Facts| if facts.kernel.ipvs_loaded { "loaded" } else { "not loaded" };
    text("IPVS", loaded(one).to_owned(), loaded(other).to_owned());
    let (empty, unread) = (Table::default(), "not read".to_owned());
    for (side, facts) in [(true, one), (false, other)] {
        if facts.table.is_none() && facts.kernel.ipvs_loaded {
            let (first, second) = match side {
                true => (Some(unread.clone()), None),
                false => (None, Some(unread.clone())),
            };
            found.push(Difference::new("table", first, second));
        }
    }
    let (first, second) =
        (one.table.as_ref().unwrap_or(&empty), other.table.as_ref().unwrap_or(&empty));
    found.extend(of_entries(&entries(first), &entries(second)));
    found.extend(of_order(first, second));
    found.extend(of_daemons(&first.daemons, &second.daemons));
    found.extend(of_entries(&parameters(one), &parameters(other)));
    found
}

/// Everything with a value: services, destinations, timeouts, and the size of the connection table.
fn entries(table: &Table) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    for state in &table.services {
        let service = &state.service.service;
        let key = Key::Service(service.identity);
        entries.insert(key.to_string(), Value::from(service.clone()).to_string());
        for entry in &state.destinations {
            let key = Key::of(service.identity, &entry.destination);
            let value = Value::Destination(entry.destination.clone());
            entries.insert(key.to_string(), value.to_string());
        }
    }
    if !table.services.is_empty() {
        entries.insert(Key::Timeouts.to_string(), Value::Timeouts(table.timeouts).to_string());
        let buckets = table.connection_buckets.to_string();
        entries.insert("buckets of the connection table".to_owned(), buckets);
    }
    entries
}

fn parameters(facts: &Facts) -> BTreeMap<String, String> {
    let all = facts.network.sysctls.iter();
    let of_ipvs = all.filter(|(name, _)| name.starts_with(PARAMETERS));
    of_ipvs.map(|(name, value)| (name.clone(), value.replace('\t', " "))).collect()
}

fn of_entries(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<Difference> {
    let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
    let differing = names.filter(|name| one.get(*name) != other.get(*name));
    differing
        .map(|name| Difference::new(name, one.get(name).cloned(), other.get(name).cloned()))
        .collect()
}

/// Services with the same destinations in another order, where it decides who gets a client.
fn of_order(one: &Table, other: &Table) -> Vec<Difference> {
    let others: BTreeMap<ServiceIdentity, &ServiceState> =
        other.services.iter().map(|it| (it.service.service.identity, it)).collect();
    let destinations = |state: &ServiceState| {
        state.destinations.iter().map(|it| it.destination.clone()).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for state in &one.services {
        let service = &state.service.service;
        let Some(second) = others.get(&service.identity) else { continue };
        let (actual, mut expected) = (destinations(state), destinations(second));
        // The kernel has the newest first.
        expected.reverse();
        let names = |of: &[lvs::ipvs::Destination]| {
            let mut names: Vec<_> = of.iter().map(|it| (it.address, it.port)).collect();
            names.sort();
            names
        };
        if names(&actual) != names(&expected) {
            continue;
        }
        if let Some(order) = misordered(service, &expected, &actual) {
            let item = format!(
                "order of destinations of {} ({}), by which {} go to another real server",
                Key::Service(service.identity),
                service.scheduler,
                Share(order.moved)
            );
            let listed = |of: &mut dyn Iterator<Item = String>| of.collect::<Vec<_>>().join(", ");
            let first = listed(&mut actual.iter().map(|it| it.address.to_string()));
            let second = listed(&mut expected.iter().rev().map(|it| it.address.to_string()));
            found.push(Difference::new(item, Some(first), Some(second)));
        }
    }
    found
}

/// One director sends what the other receives.
fn of_daemons(one: &[Daemon], other: &[Daemon]) -> Vec<Difference> {
    let words = |daemon: &Daemon| {
        // The interface may have another name on each director.
        let mut same = daemon.clone();
        same.interface = String::new();
        let words = Value::from(same).to_string();
        format!("{} daemon{words}", daemon.state.name())
    };
    let of = |list: &[Daemon], state| list.iter().find(|it| it.state == state).map(words);
    let mut found = Vec::new();
    for (sender, receiver) in
        [(DaemonState::Master, DaemonState::Backup), (DaemonState::Backup, DaemonState::Master)]
    {
        let (first, second) = (of(one, sender), of(other, receiver));
        let settings = |words: &Option<String>| {
            words.as_ref().and_then(|it| Some(it.split_once("daemon")?.1.to_owned()))
        };
        if settings(&first) != settings(&second) {
            found.push(Difference::new("connection synchronization", first, second));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use lvs::ipvs::{Destination, DestinationEntry, Forwarding, Service, ServiceEntry, Stats};

    fn director(order: [u8; 2], weight: u32, daemon: DaemonState) -> Facts {
        let identity = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80);
        let entry = |last: u8| {
            let address = Ipv4Addr::new(198, 51, 100, last);
            let destination = Destination::new(address, 80, Forwarding::Tunnel);
            DestinationEntry::new(destination.with_weight(weight))
        };
        let service = ServiceEntry::new(Service::new(identity, "sh"), Stats::default());
        let mut facts = Facts::default();
        facts.kernel.ipvs_loaded = true;
        facts.table = Some(Table {
            daemons: vec![Daemon::new(daemon, "eth0".to_owned(), 7)],
            services: vec![ServiceState { service, destinations: order.map(entry).to_vec() }],
            ..Table::default()
        });
        facts
    }

    #[test]
    fn directors_that_agree_have_no_differences() {
        let one = director([2, 3], 1, DaemonState::Master);
        assert_eq!(differences(&one, &director([2, 3], 1, DaemonState::Backup)), []);
    }

    #[test]
    fn each_difference_is_listed_once_with_both_sides() {
        let one = director([2, 3], 1, DaemonState::Master);
        let text = |other: &Facts| {
            differences(&one, other).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let order = text(&director([3, 2], 1, DaemonState::Backup));
        assert_eq!(
            order,
            ["order of destinations of service tcp 192.0.2.1:80 (sh), by which 256 of 256 hash \
              buckets (about 100 % of the clients) go to another real server: 198.51.100.2, \
              198.51.100.3 / 198.51.100.3, 198.51.100.2"]
        );
        let weights = text(&director([2, 3], 2, DaemonState::Backup));
        assert_eq!(weights.len(), 2);
        assert!(weights[0].ends_with(": tunnel weight 1 / tunnel weight 2"), "{weights:?}");
        let daemons = text(&director([2, 3], 1, DaemonState::Master));
        assert_eq!(daemons.len(), 2, "nobody receives: {daemons:?}");
        let mut other = director([2, 3], 1, DaemonState::Backup);
        other.network.sysctls.insert("net/ipv4/vs/sloppy_tcp".to_owned(), "1".to_owned());
        other.network.sysctls.insert("net/ipv4/ip_forward".to_owned(), "1".to_owned());
        assert_eq!(text(&other), ["net/ipv4/vs/sloppy_tcp: missing / 1"]);
    }
}
