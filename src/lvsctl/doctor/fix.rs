//! `lvsctl doctor --fix` and `--undo`: makes and reverts repairs through the engine.

use std::io::{self, BufRead, IsTerminal, Write};

use super::Examined;
use super::report::{self, in_namespace};
use crate::doctor::{Check, DesiredState, Step};
use crate::engine::Desired;
use crate::host;
use crate::host::machine::{Key, Value};
use crate::lvsctl::arguments::Options;
use crate::lvsctl::confirm;
use crate::lvsctl::error::{Error, usage};
use crate::lvsctl::journal_place::refuse_damage;
use crate::lvsctl::report::print as print_report;
use crate::policy::{DesiredItem, MachineJournal, Owner, Role};

/// Shows the findings, asks, makes the repairs, and diagnoses again.
pub(super) fn run(
    examine: &dyn Fn() -> Result<Examined, Error>,
    yes: bool,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let examined = examine()?;
    let diagnosis = &examined.diagnosis;
    let Repairs { made: repairs, by_hand, not_ours } = repairs(&examined);
    let only_shown = repairs.is_empty() || options.dry_run;
    if only_shown || !options.json {
        report::write(output, diagnosis, None, options)?;
    }
    if !options.json {
        list(output, "repairs:", options, repairs.iter().map(|(_, step)| step))?;
        list(output, "to be run by hand:", options, by_hand.iter())?;
        list_not_ours(output, options, &not_ours)?;
    }
    if only_shown {
        return Ok(diagnosis.exit_code());
    }
    if !yes && !agreed(options, output)? {
        writeln!(output, "nothing was changed")?;
        return Ok(diagnosis.exit_code());
    }
    make(&repairs, examined.expectation.desired.as_ref(), options, output)?;
    if !options.json {
        writeln!(output, "\nafterwards:")?;
    }
    let again = examine()?.diagnosis;
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
    repairs: &[(Check, Step)],
    file: Option<&DesiredState>,
    options: &Options,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let mut session = confirm::settled(options)?;
    refuse_damage(&session.journal)?;
    let desired: Vec<DesiredItem> = repairs
        .iter()
        .filter_map(|(check, step)| desired(*check, step, file, &session.journal))
        .collect();
    // The repairs of an earlier run stay.
    session.watch(Some(output), |mut engine| engine.apply(&[], &desired)).map(drop)
}

/// The repairs of all findings, each in a safe order.
#[derive(Default)]
struct Repairs {
    /// By the engine, with the checks of the findings.
    made: Vec<(Check, Step)>,
    /// The user must run them.
    by_hand: Vec<Step>,
    /// They give or take an address that is not lvsctl's to give or take, with the reason.
    not_ours: Vec<(Vec<Step>, String)>,
}

fn repairs(examined: &Examined) -> Repairs {
    let mut findings: Vec<_> = examined.diagnosis.findings.iter().collect();
    findings.sort_by_key(|finding| finding.check);
    let mut repairs = Repairs::default();
    // What mends the cause mends what follows from it.
    let mended = |check| {
        let mut causes = examined.diagnosis.findings.iter().filter(|it| it.check == check);
        causes.any(|it| !it.fault.repair.is_empty())
    };
    for finding in findings.into_iter().filter(|it| !it.follows.is_some_and(mended)) {
        // A repair is made as a whole or not at all.
        let steps = &finding.fault.repair;
        if let Some(reason) = steps.iter().find_map(|step| not_ours(step, examined)) {
            if !repairs.not_ours.iter().any(|(known, _)| known == steps) {
                repairs.not_ours.push((steps.clone(), reason));
            }
            continue;
        }
        let complete = !steps.iter().any(|step| matches!(step, Step::Shell { .. }));
        for step in steps {
            let made = repairs.made.iter().any(|(_, known)| known == step);
            match complete {
                _ if made || repairs.by_hand.contains(step) => {}
                true => repairs.made.push((finding.check, step.clone())),
                false => repairs.by_hand.push(step.clone()),
            }
        }
    }
    repairs
}

/// Why the step gives or takes an address that another machine or program may own.
fn not_ours(step: &Step, Examined { facts, expectation, .. }: &Examined) -> Option<String> {
    let Step::Host(change) = step else { return None };
    let host::Key::Address { address, .. } = &change.key else { return None };
    let of_journal = facts.journal.iter().filter_map(|entry| {
        let claims = entry.value.is_some() || change.to.is_none();
        (entry.key.as_ref() == Some(&change.key) && claims).then_some(entry.owners.as_slice())
    });
    let of_file = expectation.desired.iter().flat_map(|file| &file.entries).filter_map(|entry| {
        let Step::Host(it) = &entry.step else { return None };
        let claims = it.to.is_some() || change.to.is_none();
        (it.key == change.key && claims).then_some(std::slice::from_ref(&entry.owner))
    });
    let owners: Vec<&Owner> = of_journal.chain(of_file).flatten().collect();
    if owners.is_empty() {
        return Some(format!("neither lvsctl's journal nor a cluster file claims {address} there"));
    }
    if let Some(program) = facts.controllers.first() {
        return Some(format!("{program} runs here, and may give and take {address} itself"));
    }
    // A real server has the address besides the director.
    let mut probed = facts.probes.iter().flat_map(|probes| &probes.owners);
    let answered = probed.any(|it| it.address == *address && !it.hardware.is_empty());
    let of_director = owners.iter().any(|owner| owner.role() == Some(Role::Director));
    (change.to.is_some() && of_director && answered)
        .then(|| format!("another machine answers for {address}"))
}

fn list_not_ours(
    output: &mut dyn Write,
    options: &Options,
    repairs: &[(Vec<Step>, String)],
) -> io::Result<()> {
    for (steps, reason) in repairs {
        list(output, &format!("not made, since {reason}:"), options, steps.iter())?;
    }
    Ok(())
}

/// The owner is that in the journal, then that of the cluster file, so that both are reverted together.
fn desired(
    check: Check,
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
        .unwrap_or_else(|| Owner::Repair(check.id().to_owned()));
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
    let mut session = confirm::settled(options)?;
    let done = session.revert(Some(&mut *output), is_repair)?;
    let is_nothing = done.steps.is_empty() && done.notes.is_empty();
    let summary = if is_nothing { "no repairs to revert" } else { "" };
    print_report(options, output, &done, &[], summary)?;
    session.finish().map(|()| 0)
}
