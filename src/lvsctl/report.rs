//! What a run did, as text or JSON.

use std::fmt;
use std::io::{self, Write};

use serde_json::json;

use super::Error;
use super::arguments::Options;
use super::input::Labels;
use super::remark::Remark;
use crate::config::Label;
use crate::engine::{Change, Note, Report, System};
use crate::host;
use crate::host::machine::{Key, Machine, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

/// Prints what a run did, in the requested format. As text, its steps were printed when they were made.
pub(super) fn print(
    options: &Options,
    output: &mut dyn Write,
    title: &dyn fmt::Display,
    direction: Direction,
    report: &Report<Key, Value>,
    remarks: &[Remark],
) -> Result<(), Error> {
    if options.dry_run {
        return Ok(print_dry(options, output, report, remarks)?);
    }
    let printed = match options.json {
        true => write_json(output, report, remarks),
        false => write_summary(output, title, direction, report, remarks),
    };
    printed.and_then(|()| output.flush()).map_err(Error::Unreported)
}

/// Prints a plan, in the requested format.
pub(super) fn print_dry(
    options: &Options,
    output: &mut dyn Write,
    report: &Report<Key, Value>,
    remarks: &[Remark],
) -> io::Result<()> {
    if options.json {
        return write_json(output, report, remarks);
    }
    if let Some(namespace) = &options.netns {
        writeln!(output, "# run in the network namespace {namespace}")?;
    }
    write_dry(output, report, remarks)
}

pub(super) fn commands(steps: &[Change<Key, Value>]) -> Vec<String> {
    steps.iter().map(Machine::command).collect()
}

/// What the file calls a service or a real server.
pub(super) fn label<'a>(key: &Key, labels: &'a Labels) -> Option<&'a Label> {
    match key {
        Key::Table(key) | Key::Drained(key) => labels.get(key),
        Key::Host(_) => None,
    }
}

/// Inserts the name and the comment into a JSON object.
pub(super) fn insert_label(object: &mut serde_json::Value, label: Option<&Label>) {
    let (Some(label), Some(object)) = (label, object.as_object_mut()) else { return };
    for (key, text) in [("name", &label.name), ("comment", &label.comment)] {
        object.extend(text.iter().map(|text| (key.to_owned(), text.clone().into())));
    }
}

/// The same as a comment of a shell.
pub(super) fn comment(key: &Key, labels: &Labels) -> String {
    match label(key, labels) {
        Some(Label { name: Some(name), comment: Some(comment) }) => {
            format!("  # {name}: {comment}")
        }
        Some(Label { name: Some(text), .. } | Label { comment: Some(text), .. }) => {
            format!("  # {text}")
        }
        _ => String::new(),
    }
}

/// A tunnel device that remains after its module was loaded is harmless, and its note says so.
fn worded(note: &Note<Key, Value>) -> String {
    match note {
        Note::Remains { key: Key::Host(host::Key::Link(name)), actual } => {
            format!("{name} stays, down and empty: the kernel keeps it while {actual} is loaded")
        }
        note => note.to_string(),
    }
}

/// Steps and notes.
pub(super) fn write_done(output: &mut dyn Write, report: &Report<Key, Value>) -> io::Result<()> {
    for command in commands(&report.steps) {
        writeln!(output, "+ {command}")?;
    }
    write_notes(output, report)
}

fn write_notes(output: &mut dyn Write, report: &Report<Key, Value>) -> io::Result<()> {
    report.notes.iter().try_for_each(|note| writeln!(output, "note: {}", worded(note)))
}

/// Notes and remarks, below the steps.
pub(super) fn write_end(
    output: &mut dyn Write,
    report: &Report<Key, Value>,
    remarks: &[Remark],
) -> io::Result<()> {
    write_notes(output, report)?;
    remarks.iter().try_for_each(|remark| writeln!(output, "note: {remark}"))
}

/// The same and a summary.
fn write_summary(
    output: &mut dyn Write,
    title: &dyn fmt::Display,
    direction: Direction,
    report: &Report<Key, Value>,
    remarks: &[Remark],
) -> io::Result<()> {
    write_end(output, report, remarks)?;
    let count = report.steps.len();
    let steps = if count == 1 { "step" } else { "steps" };
    match (direction, count) {
        (Direction::Up, 0) => writeln!(output, "{title} is up: no changes needed"),
        (Direction::Up, _) => writeln!(output, "{title} is up: {count} {steps}"),
        (Direction::Down, 0) => writeln!(output, "{title}: nothing to revert"),
        (Direction::Down, _) => writeln!(output, "{title} is down: {count} {steps}"),
    }
}

/// A shell script.
pub(super) fn write_dry(
    output: &mut dyn Write,
    report: &Report<Key, Value>,
    remarks: &[Remark],
) -> io::Result<()> {
    if report.steps.is_empty() {
        writeln!(output, "# no changes needed")?;
    }
    write_steps(output, report, remarks, &Labels::new())
}

/// The commands, and the notes as comments.
pub(super) fn write_steps(
    output: &mut dyn Write,
    report: &Report<Key, Value>,
    remarks: &[Remark],
    labels: &Labels,
) -> io::Result<()> {
    for step in &report.steps {
        writeln!(output, "{}{}", Machine::command(step), comment(&step.key, labels))?;
    }
    for note in &report.notes {
        writeln!(output, "# {}", worded(note))?;
    }
    for remark in remarks {
        writeln!(output, "# {remark}")?;
    }
    Ok(())
}

/// `{"schema":1,"steps":["ip …"],"notes":["…"]}`.
pub(super) fn write_json(
    output: &mut dyn Write,
    report: &Report<Key, Value>,
    remarks: &[Remark],
) -> io::Result<()> {
    let mut notes: Vec<String> = report.notes.iter().map(worded).collect();
    notes.extend(remarks.iter().map(ToString::to_string));
    let object = json!({"schema": 1, "steps": commands(&report.steps), "notes": notes});
    writeln!(output, "{object}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lvsctl::Task;
    use crate::lvsctl::arguments::AddressFlags;
    use crate::lvsctl::error::tests::up;
    use crate::policy::{Mode, Role};

    #[test]
    fn last_line_counts_the_steps() {
        let vips = vec!["192.0.2.1".parse().unwrap()];
        let addresses = AddressFlags { mode: None, vips, device: None };
        let task = Task::new(Role::RealServer, Mode::Tun, addresses);
        let last = |direction, steps: usize| {
            let report = Report { steps: vec![up("up"); steps], notes: Vec::new() };
            let mut output = Vec::new();
            write_summary(&mut output, &task, direction, &report, &[]).unwrap();
            let text = String::from_utf8(output).unwrap();
            text.lines().last().unwrap_or_default().to_owned()
        };
        let who = "real server for 192.0.2.1 (tun)";
        assert_eq!(last(Direction::Up, 9), format!("{who} is up: 9 steps"));
        assert_eq!(last(Direction::Up, 0), format!("{who} is up: no changes needed"));
        assert_eq!(last(Direction::Down, 1), format!("{who} is down: 1 step"));
        assert_eq!(last(Direction::Down, 0), format!("{who}: nothing to revert"));
    }

    #[test]
    fn dry_run_is_a_script() {
        let report = Report {
            steps: vec![up("up")],
            notes: vec![Note::Remains {
                key: Key::Host(host::Key::Link(host::InterfaceName::tunl0())),
                actual: Value::Host("ipip".to_owned()),
            }],
        };
        let mut output = Vec::new();
        write_dry(&mut output, &report, &[]).unwrap();
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "ip link set tunl0 up\n\
             # tunl0 stays, down and empty: the kernel keeps it while ipip is loaded\n"
        );
    }
}
