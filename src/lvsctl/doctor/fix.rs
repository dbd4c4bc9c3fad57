//! Making the repairs, and taking them back, by the same engine as all else.

use crate::host::machine::{Key, Machine, Value};
use std::io::{self, BufRead, IsTerminal, Write};

use super::shell::inside;
use super::{Patient, report};
use crate::doctor::{CHECKS, Diagnosis, Intent, Step};
use crate::engine::{Desired, Engine, Journal};
use crate::lvsctl::arguments::Options;
use crate::lvsctl::report::{FailedRun, commands};
use crate::lvsctl::{Error, state};

/// Starts every owner of a repair.
const CLAIM: &str = "doctor ";

/// Shows what is wrong, asks, mends, and looks again.
pub(super) fn run(
    patient: &Patient<'_>,
    yes: bool,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let (diagnosis, expectation) = patient.diagnose()?;
    let diagnosis = &diagnosis;
    let (repairs, by_hand) = repairs(diagnosis);
    let only_shown = repairs.is_empty() || options.dry_run;
    if only_shown || !options.json {
        report::write(output, diagnosis, None, options)?;
    }
    if !options.json {
        tell(output, "to be done:", options, repairs.iter().map(|(_, step)| step))?;
        tell(output, "to be done by hand:", options, by_hand.iter())?;
    }
    if only_shown {
        return Ok(diagnosis.exit_code());
    }
    if !yes && !agreed(options, output)? {
        writeln!(output, "nothing was changed")?;
        return Ok(diagnosis.exit_code());
    }
    let steps = mend(&repairs, expectation.intent.as_ref(), options)?;
    if !options.json {
        for command in steps {
            writeln!(output, "+ {command}")?;
        }
        writeln!(output, "\nafterwards:")?;
    }
    let (again, _) = patient.diagnose()?;
    report::write(output, &again, None, options)?;
    Ok(again.exit_code())
}

fn tell<'a>(
    output: &mut dyn Write,
    title: &str,
    options: &Options,
    steps: impl ExactSizeIterator<Item = &'a Step>,
) -> io::Result<()> {
    if steps.len() > 0 {
        writeln!(output, "\n{title}")?;
    }
    for step in steps {
        writeln!(output, "  {}", inside(step.fix(), options.netns.as_ref()))?;
    }
    Ok(())
}

/// Makes the repairs, and gives the commands that they came to.
fn mend(
    repairs: &[(&'static str, Step)],
    intent: Option<&Intent>,
    options: &Options,
) -> Result<Vec<String>, Error> {
    let mut machine = Machine::new()?;
    let _lock = state::lock(options)?;
    let mut journal = state::journal(&options.state_dir)?;
    let desired: Vec<Desired<Key, Value>> =
        repairs.iter().filter_map(|(id, step)| desired(id, step, intent, &journal)).collect();
    // No owner is given up: what an earlier run mended stays mended.
    let run = Engine::new(&mut machine, &mut journal).apply(&[], &desired);
    let done = run.map_err(|failure| Error::Run(FailedRun(failure)))?;
    Ok(commands(&done.steps))
}

/// The steps that the engine can make, in a safe order, and those that are left to a person.
fn repairs(diagnosis: &Diagnosis) -> (Vec<(&'static str, Step)>, Vec<Step>) {
    let mut findings: Vec<_> = diagnosis.findings.iter().collect();
    findings.sort_by_key(|finding| CHECKS.iter().position(|check| check.id == finding.id));
    let (mut repairs, mut by_hand): (Vec<(&'static str, Step)>, Vec<Step>) = Default::default();
    for finding in findings {
        // Half a repair may be worse than none.
        let whole = !finding.repair.iter().any(|step| matches!(step, Step::Shell { .. }));
        for step in &finding.repair {
            let known = repairs.iter().any(|(_, known)| known == step) || by_hand.contains(step);
            match known {
                true => {}
                false if whole => repairs.push((finding.id, step.clone())),
                false => by_hand.push(step.clone()),
            }
        }
    }
    (repairs, by_hand)
}

/// What somebody wants already stays theirs, and goes when they are done with it; so does what the
/// cluster file wants.
fn desired(
    id: &str,
    step: &Step,
    intent: Option<&Intent>,
    journal: &Journal<Key, Value>,
) -> Option<Desired<Key, Value>> {
    let (key, value) = match step {
        Step::Host(change) => (Key::Host(change.key.clone()), change.to.clone().map(Value::Host)),
        Step::Table(change) => (Key::Table(change.key), change.to.clone().map(Value::Table)),
        Step::Shell { .. } => return None,
    };
    let theirs = journal.entry(&key).and_then(|entry| entry.owners.first().cloned());
    let of_file = || intent?.wishes.iter().find(|wish| wish.step == *step);
    let theirs = theirs.or_else(|| of_file().map(|wish| wish.owner.clone()));
    let owner = theirs.unwrap_or_else(|| format!("{CLAIM}{id}"));
    Some(Desired { key, value, acceptable: Vec::new(), owner })
}

/// Asks a person; a program is told to say so at once.
fn agreed(options: &Options, output: &mut dyn Write) -> Result<bool, Error> {
    let input = io::stdin();
    if options.json || !input.is_terminal() {
        return Err(Error::Usage(
            "doctor --fix asks before it changes anything, which takes a terminal and no --json: \
             add --yes"
                .to_owned(),
        ));
    }
    write!(output, "do it? [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Takes back every repair.
pub(super) fn undo(options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    let mut machine = Machine::new()?;
    let _lock = state::lock(options)?;
    let mut journal = state::journal(&options.state_dir)?;
    let mut owners = journal.owners();
    owners.retain(|owner| owner.starts_with(CLAIM));
    let run = Engine::new(&mut machine, &mut journal).revert(&owners);
    let done = run.map_err(|failure| Error::Run(FailedRun(failure)))?;
    for command in commands(&done.steps) {
        writeln!(output, "+ {command}")?;
    }
    for note in &done.notes {
        writeln!(output, "note: {note}")?;
    }
    if done.steps.is_empty() && done.notes.is_empty() {
        writeln!(output, "there is no repair to take back")?;
    }
    Ok(0)
}
