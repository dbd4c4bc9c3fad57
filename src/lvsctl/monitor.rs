//! `lvsctl monitor`: the changes of the table and of the synchronization daemons, as they are seen.
//!
//! The kernel reports no changes of IPVS: the table is read again and again, and compared. What is
//! changed and changed back between two readings is not seen. Each change is the command that makes
//! it, in an order in which these commands can be run.

use std::io::Write;

use hashbrown::HashMap;
use serde_json::json;

use super::arguments::{MonitorFlags, Options};
use super::input::{self, Labels};
use super::log::now;
use super::sample::Sample;
use super::values::Per;
use super::{Error, report, wait};
use crate::host::machine;
use lvs::table::{self, Change, Key, Value};

type State = HashMap<Key, Value>;

pub(super) fn run(
    flags: &MonitorFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    wait::catch_signals();
    let labels = input::labels(flags.file.as_deref())?;
    let mut before = match flags.initial {
        true => State::new(),
        false => state()?,
    };
    loop {
        let after = state()?;
        for change in differences(&before, &after) {
            write(&change, &labels, options, output)?;
        }
        output.flush()?;
        before = after;
        if !wait::tick(flags.interval) {
            return Ok(0);
        }
    }
}

fn state() -> Result<State, Error> {
    let sample = Sample::take(Per::Destination)?;
    let mut state = State::new();
    for of_service in sample.services {
        let service = of_service.service.service;
        for entry in of_service.destinations {
            let key = Key::of(service.identity, &entry.destination);
            state.insert(key, Value::Destination(entry.destination));
        }
        state.insert(Key::Service(service.identity), Value::from(service));
    }
    for daemon in sample.daemons {
        state.insert(Key::Daemon(daemon.state), Value::from(daemon));
    }
    Ok(state)
}

/// The changes from one state to another, in an order in which they can be made.
fn differences(before: &State, after: &State) -> Vec<Change<Key, Value>> {
    let change = |key: &Key| {
        let (from, to) = (before.get(key), after.get(key));
        (from != to).then(|| Change { key: *key, from: from.cloned(), to: to.cloned() })
    };
    let added = after.keys().filter(|key| !before.contains_key(*key));
    let mut changes: Vec<_> = before.keys().chain(added).filter_map(change).collect();
    // A service is added before its destinations.
    changes.sort_by_cached_key(|change| {
        let is_service = matches!(change.key, Key::Service(_));
        (change.rank(), !is_service, change.key.to_string())
    });
    changes
}

/// `2026-11-27T09:12:03Z ipvsadm -e -t 192.0.2.1:80 -r 198.51.100.2:80 -g -w 0  # red`.
fn write(
    change: &Change<Key, Value>,
    labels: &Labels,
    options: &Options,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let command = table::command(change);
    let time = now();
    if !options.json {
        let comment = report::comment(&machine::Key::Table(change.key), labels);
        return Ok(writeln!(output, "{time} {command}{comment}")?);
    }
    let text = |value: Option<&Value>| value.map(ToString::to_string);
    let mut object = json!({
        "schema": 1, "time": time, "item": change.key.to_string(),
        "from": text(change.from.as_ref()), "to": text(change.to.as_ref()), "command": command,
    });
    report::insert_label(&mut object, labels.get(&change.key));
    Ok(writeln!(output, "{object}")?)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use lvs::ipvs::{Daemon, DaemonState, Destination, Forwarding, Service, ServiceIdentity};

    fn state_of(scheduler: &str, servers: &[(u8, u32)], sync_id: u32) -> State {
        let identity = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80);
        let mut state = State::new();
        state.insert(Key::Service(identity), Value::from(Service::new(identity, scheduler)));
        for (last, weight) in servers {
            let address = Ipv4Addr::new(198, 51, 100, *last);
            let server = Destination::new(address, 80, Forwarding::Tunnel).with_weight(*weight);
            state.insert(Key::of(identity, &server), Value::Destination(server));
        }
        let daemon = Daemon::new(DaemonState::Master, "eth0".to_owned(), sync_id);
        state.insert(Key::Daemon(daemon.state), Value::from(daemon));
        state
    }

    #[test]
    fn changes_are_commands_in_a_safe_order() {
        let commands = |before: &State, after: &State| -> Vec<String> {
            differences(before, after).iter().map(table::command).collect()
        };
        let (one, other) = (state_of("rr", &[(2, 1), (3, 1)], 1), state_of("lc", &[(3, 5)], 2));
        assert!(differences(&one, &one).is_empty());
        let found = commands(&one, &other);
        assert_eq!(found.len(), 4, "{found:?}");
        for expected in [
            "ipvsadm -E -t 192.0.2.1:80 -s lc",
            "ipvsadm -e -t 192.0.2.1:80 -r 198.51.100.3:80 -i -w 5",
            "ipvsadm -d -t 192.0.2.1:80 -r 198.51.100.2:80",
        ] {
            assert!(found.iter().any(|it| it == expected), "{expected}: {found:?}");
        }
        let restarted = |it: &String| it.starts_with("ipvsadm --stop-daemon master");
        assert!(found.iter().any(restarted), "{found:?}");
        let added = commands(&State::new(), &one);
        assert_eq!(added[0], "ipvsadm -A -t 192.0.2.1:80 -s rr", "{added:?}");
        let removed = commands(&one, &State::new());
        let service = removed.iter().position(|it| it == "ipvsadm -D -t 192.0.2.1:80");
        let server = removed.iter().position(|it| it.starts_with("ipvsadm -d"));
        assert!(server.is_some() && server < service, "{removed:?}");
    }
}
