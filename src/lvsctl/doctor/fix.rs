//! `lvsctl doctor --fix` and `--undo`: makes and reverts repairs through the engine.

use std::io::{self, BufRead, IsTerminal, Write};

use super::report::{self, in_namespace};
use crate::doctor::{DesiredState, Diagnosis, Expectation, Step, position};
use crate::engine::Desired;
use crate::host::machine::{Key, Value};
use crate::lvsctl::arguments::Options;
use crate::lvsctl::error::{Error, usage};
use crate::lvsctl::report::{Direction, print_dry, write_json};
use crate::lvsctl::runner::{Session, refuse_damage};
use crate::policy::{DesiredItem, MachineJournal, Owner};

/// Shows the findings, asks, makes the repairs, and diagnoses again.
pub(super) fn run(
    diagnose: &dyn Fn() -> Result<(Diagnosis, Expectation), Error>,
    yes: bool,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let (diagnosis, expectation) = diagnose()?;
    let (repairs, by_hand) = repairs(&diagnosis);
    let only_shown = repairs.is_empty() || options.dry_run;
    if only_shown || !options.json {
        report::write(output, &diagnosis, None, options)?;
    }
    if !options.json {
        list(output, "repairs:", options, repairs.iter().map(|(_, step)| step))?;
        list(output, "to be run by hand:", options, by_hand.iter())?;
    }
    if only_shown {
        return Ok(diagnosis.exit_code());
    }
    if !yes && !agreed(options, output)? {
        writeln!(output, "nothing was changed")?;
        return Ok(diagnosis.exit_code());
    }
    make(&repairs, expectation.desired.as_ref(), options, output)?;
    if !options.json {
        writeln!(output, "\nafterwards:")?;
    }
    let (again, _) = diagnose()?;
    report::write(output, &again, None, options)?;
    Ok(again.exit_code())
}

fn list<'a>(
    output: &mut dyn Write,
    title: &str,
    options: &Options,
    steps: impl ExactSizeIterator<Item = &'a Step>,
) -> io::Result<()> {
    if steps.len() > 0 {
        writeln!(output, "\n{title}")?;
    }
    for step in steps {
        writeln!(output, "  {}", in_namespace(step.fix(), options.netns.as_ref()))?;
    }
    Ok(())
}

/// Makes the repairs, and prints them.
fn make(
    repairs: &[(&'static str, Step)],
    file: Option<&DesiredState>,
    options: &Options,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let mut session = Session::open(options)?;
    refuse_damage(&session.journal)?;
    let desired: Vec<DesiredItem> =
        repairs.iter().filter_map(|(id, step)| desired(id, step, file, &session.journal)).collect();
    // The repairs of an earlier run stay.
    session.watch(Some(output), |mut engine| engine.apply(&[], &desired)).map(drop)
}

/// The steps that the engine can make, in a safe order, and those that the user must run.
fn repairs(diagnosis: &Diagnosis) -> (Vec<(&'static str, Step)>, Vec<Step>) {
    let mut findings: Vec<_> = diagnosis.findings.iter().collect();
    findings.sort_by_key(|finding| position(finding.id));
    let (mut repairs, mut by_hand): (Vec<(&'static str, Step)>, Vec<Step>) = Default::default();
    for finding in findings {
        // A repair is made as a whole or not at all.
        let steps = &finding.fault.repair;
        let complete = !steps.iter().any(|step| matches!(step, Step::Shell { .. }));
        for step in steps {
            if repairs.iter().any(|(_, known)| known == step) || by_hand.contains(step) {
                continue;
            }
            match complete {
                true => repairs.push((finding.id, step.clone())),
                false => by_hand.push(step.clone()),
            }
        }
    }
    (repairs, by_hand)
}

/// The owner is that in the journal, then that of the cluster file, so that both are reverted together.
fn desired(
    id: &str,
    step: &Step,
    file: Option<&DesiredState>,
    journal: &MachineJournal,
) -> Option<DesiredItem> {
    let (key, value) = match step {
        Step::Host(change) => (Key::Host(change.key.clone()), change.to.clone().map(Value::Host)),
        Step::Table(change) => (Key::Table(change.key), change.to.clone().map(Value::Table)),
        Step::Shell { .. } => return None,
    };
    let journalled = journal.entry(&key).and_then(|entry| entry.owners.first().cloned());
    let of_file = || file?.entries.iter().find(|entry| entry.step == *step);
    let owner = journalled
        .or_else(|| of_file().map(|entry| entry.owner.clone()))
        .unwrap_or_else(|| Owner::Repair(id.to_owned()));
    Some(Desired { key, value, acceptable: Vec::new(), owner })
}

fn agreed(options: &Options, output: &mut dyn Write) -> Result<bool, Error> {
    let input = io::stdin();
    if options.json || !input.is_terminal() {
        usage!(
            "doctor --fix asks on a terminal before it changes anything: add --yes to skip that"
        );
    }
    write!(output, "apply these repairs? [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Reverts every repair.
pub(super) fn undo(options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let is_repair = |owner: &Owner| matches!(owner, Owner::Repair(_));
    let mut session = Session::open(options)?;
    let done =
        session.run_shown(output, Direction::Down, None, is_repair, |_, _| Ok(Vec::new()))?;
    if options.dry_run {
        print_dry(options, output, &done, &[])?;
    } else if options.json {
        write_json(output, &done, &[])?;
    } else {
        for note in &done.notes {
            writeln!(output, "note: {note}")?;
        }
        if done.steps.is_empty() && done.notes.is_empty() {
            writeln!(output, "no repairs to revert")?;
        }
    }
    session.finish().map(|()| 0)
}
