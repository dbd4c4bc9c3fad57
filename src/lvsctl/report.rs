//! What a run does, step by step, and what it did, as text or JSON.

use std::fmt;
use std::io::{self, Write};

use serde_json::json;

use super::arguments::Options;
use super::error::{Error, FailedRun, Outcome};
use super::input::Labels;
use super::remark::Remark;
use super::wait;
use crate::config::Label;
use crate::engine::{Change, Note, Report, System, Watcher};
use crate::host;
use crate::host::machine::{Key, Machine, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

/// Follows a run, and prints it. Whatever becomes of the output, the run goes on.
pub(super) struct Progress<'a> {
    /// None where nothing is printed before the end.
    output: Option<&'a mut dyn Write>,
    failed: Option<io::Error>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(output: Option<&'a mut dyn Write>) -> Self {
        Self { output, failed: None }
    }

    /// The report of the run. Where the output failed meanwhile, that is the error.
    pub(super) fn settle(self, outcome: Outcome) -> Result<Report<Key, Value>, Error> {
        let listed = self.output.is_some() && self.failed.is_none();
        let report = outcome.map_err(|failure| Error::Run(FailedRun { failure, listed }))?;
        self.failed.map_or(Ok(report), |error| Err(Error::Unreported(error)))
    }
}

impl Watcher<Key, Value> for Progress<'_> {
    fn made(&mut self, changes: &[Change<Key, Value>]) {
        if let Some(output) = self.output.as_deref_mut().filter(|_| self.failed.is_none()) {
            self.failed = list(output, changes).and_then(|()| output.flush()).err();
        }
    }

    fn interruption(&self) -> Option<&'static str> {
        wait::signal()
    }
}

/// Prints what a run did, or its plan, in the requested format. As text, its steps were printed when
/// they were made, and `summary`, unless it is empty, is the last line.
pub(super) fn print(
    options: &Options,
    output: &mut dyn Write,
    report: &Report<Key, Value>,
    remarks: &[Remark],
    summary: &str,
) -> Result<(), Error> {
    let printed = match (options.json, options.dry_run) {
        (true, _) => write_json(output, report, remarks),
        (false, true) => write_dry(output, options, report, remarks),
        (false, false) => write_notes(output, report, remarks).and_then(|()| match summary {
            "" => Ok(()),
            summary => writeln!(output, "{summary}"),
        }),
    };
    let printed = printed.and_then(|()| output.flush());
    printed.map_err(if options.dry_run { Error::Output } else { Error::Unreported })
}

/// `1 step`, `2 steps`.
pub(super) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

pub(super) fn summary(
    title: &dyn fmt::Display,
    direction: Direction,
    report: &Report<Key, Value>,
) -> String {
    match (direction, report.steps.len()) {
        (Direction::Up, 0) => format!("{title} is up: no changes needed"),
        (Direction::Up, count) => format!("{title} is up: {}", counted(count, "step")),
        (Direction::Down, 0) => format!("{title}: nothing to revert"),
        (Direction::Down, count) => format!("{title} is down: {}", counted(count, "step")),
    }
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

/// Prints changes that were made.
pub(super) fn list(output: &mut dyn Write, changes: &[Change<Key, Value>]) -> io::Result<()> {
    changes.iter().try_for_each(|change| writeln!(output, "+ {}", Machine::command(change)))
}

pub(super) fn write_notes(
    output: &mut dyn Write,
    report: &Report<Key, Value>,
    remarks: &[Remark],
) -> io::Result<()> {
    let notes = all_notes(report, remarks);
    notes.iter().try_for_each(|note| writeln!(output, "note: {note}"))
}

fn all_notes(report: &Report<Key, Value>, remarks: &[Remark]) -> Vec<String> {
    let remarks = remarks.iter().map(ToString::to_string);
    report.notes.iter().map(worded).chain(remarks).collect()
}

/// A shell script.
fn write_dry(
    output: &mut dyn Write,
    options: &Options,
    report: &Report<Key, Value>,
    remarks: &[Remark],
) -> io::Result<()> {
    if let Some(namespace) = &options.netns {
        writeln!(output, "# run in the network namespace {namespace}")?;
    }
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
    let notes = all_notes(report, remarks);
    notes.iter().try_for_each(|note| writeln!(output, "# {note}"))
}

/// `{"schema":1,"steps":["ip …"],"notes":["…"]}`.
pub(super) fn write_json(
    output: &mut dyn Write,
    report: &Report<Key, Value>,
    remarks: &[Remark],
) -> io::Result<()> {
    let (steps, notes) = (commands(&report.steps), all_notes(report, remarks));
    let object = json!({"schema": 1, "steps": steps, "notes": notes});
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
            summary(&task, direction, &report)
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
        write_steps(&mut output, &report, &[], &Labels::new()).unwrap();
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "ip link set tunl0 up\n\
             # tunl0 stays, down and empty: the kernel keeps it while ipip is loaded\n"
        );
    }
}
