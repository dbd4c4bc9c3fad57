//! Actual and desired state, as a table or as JSON.

use std::fmt::Display;
use std::io::{self, Write};

use serde_json::{Value as Json, json};

use super::arguments::Options;
use super::input::Labels;
use super::journal_place::refuse_damage;
use super::remark::Remark;
use super::report;
use super::{Error, Task};
use crate::engine::{Engine, Note, Status};
use crate::host::machine::{Key, Machine, Value};
use crate::policy::{DesiredItem, MachineJournal};

fn state(finding: &Status<Key, Value>) -> String {
    match &finding.actual {
        None if finding.in_sync => "gone, as it should be".to_owned(),
        _ if finding.in_sync => "ok".to_owned(),
        None => "missing".to_owned(),
        Some(found) => match &finding.desired {
            Some(desired) if desired.to_string() == found.to_string() => {
                format!("is {found}, but differs in attributes that are not shown")
            }
            Some(desired) => format!("is {found}, should be {desired}"),
            None => format!("is {found}, should not be there"),
        },
    }
}

fn origin(finding: &Status<Key, Value>) -> String {
    match &finding.journalled {
        None => String::new(),
        Some(None) => "  (set by lvsctl)".to_owned(),
        Some(Some(previous)) if finding.desired.is_none() => {
            format!("  (removed by lvsctl, was {previous})")
        }
        Some(Some(previous)) => format!("  (set by lvsctl, was {previous})"),
    }
}

/// What is shown beside the items.
#[derive(Default)]
pub(super) struct Beside {
    pub(super) remarks: Vec<Remark>,
    /// The names of services and real servers.
    pub(super) labels: Labels,
}

/// Reads the status of the desired items, prints it in the requested format and returns the exit code: 2
/// if anything differs. `head` has the first members of the JSON object.
pub(super) fn report(
    options: &Options,
    output: &mut dyn Write,
    title: &dyn Display,
    head: Json,
    (machine, journal): (&mut Machine, &mut MachineJournal),
    desired: &[DesiredItem],
    beside: &Beside,
) -> Result<u8, Error> {
    let findings = Engine::new(machine, journal).status(desired)?;
    let code = print(options, output, title, head, &findings, beside)?;
    if let Some(path) = journal.void().filter(|_| !options.json) {
        let note: Note<Key, Value> = Note::VoidJournal { path: path.to_owned() };
        writeln!(output, "note: {note}")?;
    }
    output.flush()?;
    refuse_damage(journal)?;
    Ok(code)
}

fn print(
    options: &Options,
    output: &mut dyn Write,
    title: &dyn Display,
    head: Json,
    findings: &[Status<Key, Value>],
    Beside { remarks, labels }: &Beside,
) -> io::Result<u8> {
    if options.json {
        write_json(output, head, findings, remarks, labels)?;
    } else {
        write(output, title, findings, labels)?;
        for remark in remarks {
            writeln!(output, "note: {remark}")?;
        }
    }
    Ok(if all_met(findings, remarks) { 0 } else { 2 })
}

fn all_met(findings: &[Status<Key, Value>], remarks: &[Remark]) -> bool {
    findings.iter().all(|finding| finding.in_sync) && !remarks.iter().any(Remark::is_difference)
}

/// One line per item, and a summary.
fn write(
    output: &mut dyn Write,
    title: &dyn Display,
    findings: &[Status<Key, Value>],
    labels: &Labels,
) -> io::Result<()> {
    if findings.is_empty() {
        return writeln!(output, "lvsctl has set nothing on this machine");
    }
    let items: Vec<String> = findings.iter().map(|finding| finding.key.to_string()).collect();
    let width = items.iter().map(String::len).max().unwrap_or_default();
    for (finding, item) in findings.iter().zip(&items) {
        let comment = report::comment(&finding.key, labels);
        writeln!(output, "{item:width$}  {}{}{comment}", state(finding), origin(finding))?;
    }
    let differing = findings.iter().filter(|finding| !finding.in_sync).count();
    match findings.len() {
        1 if differing == 0 => writeln!(output, "{title} is up: its one item is in sync"),
        count if differing == 0 => writeln!(output, "{title} is up: all {count} items in sync"),
        count if differing == count => writeln!(output, "{title} is down"),
        // The rest existed before, like `tunl0` once its module is loaded.
        count if findings.iter().all(|finding| finding.journalled.is_none()) => {
            writeln!(output, "{title} is not set up: {differing} of {count} items differ")
        }
        count => writeln!(output, "{title} is not in sync: {differing} of {count} items differ"),
    }
}

/// The head of the status object of a task.
pub(super) fn of_task(task: &Task) -> Json {
    json!({
        "schema": 1,
        "role": task.role.name(),
        "mode": task.mode.to_string(),
        "vips": task.vips,
    })
}

/// `{"schema":1,"role":"real-server","mode":"tun","vips":["…"],"ok":false,"items":[{"item":"…",
/// "ok":true,"found":"1","wanted":"1","set_by_lvsctl":true,"previous":"0"}]}`; an absent value is null.
/// Where there are remarks, `"notes":["…"]` follows; an item with a name or a comment in the file has
/// `"name"` or `"comment"`.
fn write_json(
    output: &mut dyn Write,
    mut object: Json,
    findings: &[Status<Key, Value>],
    remarks: &[Remark],
    labels: &Labels,
) -> io::Result<()> {
    let text = |value: Option<&Value>| value.map(ToString::to_string);
    let item = |finding: &Status<Key, Value>| {
        let mut item = json!({
            "item": finding.key.to_string(),
            "ok": finding.in_sync,
            "found": text(finding.actual.as_ref()),
            "wanted": text(finding.desired.as_ref()),
            "set_by_lvsctl": finding.journalled.is_some(),
            "previous": text(finding.journalled.as_ref().and_then(Option::as_ref)),
        });
        report::insert_label(&mut item, report::label(&finding.key, labels));
        item
    };
    let items: Vec<Json> = findings.iter().map(item).collect();
    if let Some(object) = object.as_object_mut() {
        object.insert("ok".to_owned(), all_met(findings, remarks).into());
        object.insert("items".to_owned(), items.into());
        if !remarks.is_empty() {
            let notes: Vec<Json> = remarks.iter().map(|it| it.to_string().into()).collect();
            object.insert("notes".to_owned(), notes.into());
        }
    }
    writeln!(output, "{object}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{InterfaceName, Key as HostKey};
    use crate::lvsctl::arguments::AddressFlags;
    use crate::policy::{Mode, Role};

    fn task() -> Task {
        let vips = vec!["192.0.2.1".parse().unwrap()];
        Task::new(Role::RealServer, Mode::Tun, AddressFlags { mode: None, vips, device: None })
    }

    fn finding(key: fn(InterfaceName) -> HostKey, found: Option<&str>) -> Status<Key, Value> {
        Status {
            key: Key::Host(key(InterfaceName::tunl0())),
            desired: Some(Value::Host("up".to_owned())),
            actual: found.map(|text| Value::Host(text.to_owned())),
            in_sync: found == Some("up"),
            journalled: found.map(|_| Some(Value::Host("down".to_owned()))),
        }
    }

    fn text_of(findings: &[Status<Key, Value>]) -> String {
        let mut output = Vec::new();
        write(&mut output, &task(), findings, &Labels::new()).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn each_item_shows_actual_and_desired_value() {
        let (missing, differing, in_sync) = (
            finding(HostKey::Link, None),
            finding(HostKey::LinkUp, Some("down")),
            finding(HostKey::LinkUp, Some("up")),
        );
        assert_eq!(
            text_of(&[missing.clone(), in_sync.clone(), differing.clone()]),
            "link tunl0      missing\n\
             state of tunl0  ok  (set by lvsctl, was down)\n\
             state of tunl0  is down, should be up  (set by lvsctl, was down)\n\
             real server for 192.0.2.1 (tun) is not in sync: 2 of 3 items differ\n"
        );
        assert!(
            text_of(std::slice::from_ref(&in_sync))
                .ends_with("(tun) is up: its one item is in sync\n")
        );
        assert!(
            text_of(&[in_sync.clone(), in_sync.clone()])
                .ends_with("(tun) is up: all 2 items in sync\n")
        );
        assert!(text_of(&[missing.clone(), differing]).ends_with("(tun) is down\n"));
        let gone = Status { desired: None, actual: None, ..in_sync.clone() };
        assert!(text_of(&[gone]).starts_with("state of tunl0  gone, as it should be  (removed by"));
        let there_before = Status { journalled: None, ..in_sync };
        let text_of = text_of(&[missing, there_before]);
        assert!(text_of.ends_with("(tun) is not set up: 1 of 2 items differ\n"), "{text_of}");
    }

    #[test]
    fn json_lists_every_item() {
        let mut output = Vec::new();
        write_json(
            &mut output,
            of_task(&task()),
            &[finding(HostKey::LinkUp, Some("down"))],
            &[],
            &Labels::new(),
        )
        .unwrap();
        let object: Json = serde_json::from_slice(&output).unwrap();
        let expected = json!({
            "schema": 1, "role": "real-server", "mode": "tun", "vips": ["192.0.2.1"], "ok": false,
            "items": [{"item": "state of tunl0", "ok": false, "found": "down", "wanted": "up",
                       "set_by_lvsctl": true, "previous": "down"}],
        });
        assert_eq!(object, expected);
    }
}
