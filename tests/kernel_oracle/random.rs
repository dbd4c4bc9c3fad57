//! Random command lines from a seed that both programs must answer alike.
//!
//! `LVS_ORACLE_SEED`, `LVS_ORACLE_LINES` and `LVS_ORACLE_RESTORES` override the defaults; a failure
//! prints the seed.

use std::{env, fs, iter};

use programs::ipvsadm::{Command, SystemNames, parse};

use super::lines::{Dice, line};
use super::{Oracle, invoked};
use crate::support::{Outcome, REFERENCE};

/// Lines that share a table before it is cleared.
const RUN: usize = 25;

/// All of the table. That our program reads as the reference does is tested by the lines.
fn tables(oracle: &Oracle) -> [Outcome; 4] {
    let tables = ["-Sn", "-Ln --thresholds", "-L --timeout", "-L --daemon"];
    oracle.host.inside(|| tables.map(|table| invoked(REFERENCE, table.split(' '), "")))
}

/// The answers to the lines, each on the table that the previous ones left, and the final table.
fn answers(
    oracle: &Oracle,
    lines: &[String],
    run: impl Fn(&[String]) -> Vec<Outcome>,
) -> Vec<Outcome> {
    oracle.reset();
    let mut answers = run(lines);
    answers.extend(tables(oracle));
    answers
}

fn reference(oracle: &Oracle, lines: &[String]) -> Vec<Outcome> {
    let run = |line: &String| oracle.host.program(REFERENCE, line.split(' '));
    lines.iter().map(run).collect()
}

fn ours(oracle: &Oracle, lines: &[String]) -> Vec<Outcome> {
    oracle
        .host
        .inside(|| lines.iter().map(|line| invoked(REFERENCE, line.split(' '), "")).collect())
}

/// Thresholds in the output of `-S` are a deliberate difference.
fn without_thresholds(output: &str) -> String {
    let mut kept = String::new();
    for rule in output.lines() {
        let mut words = rule.split(' ');
        while let Some(word) = words.next() {
            if rule.starts_with("-a ") && matches!(word, "-x" | "-y") {
                words.next();
            } else {
                kept += word;
                kept.push(' ');
            }
        }
        kept.push('\n');
    }
    kept
}

fn setting(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |text| text.parse().expect(name))
}

/// Whether both programs continue after a line of a restore: an invalid line is a deliberate
/// difference, a failed listing ends the reference, and if a daemon is stopped before its thread has
/// run, the kernel does not reply (`EINTR`) and the reference waits forever.
fn goes_on(line: &str) -> bool {
    let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
    // A restore accepts more than a command line of the reference.
    let command = parse(REFERENCE, &words, &SystemNames, false);
    matches!(command, Ok((Command::Change(_), _))) && !line.contains("-daemon")
}

#[test]
fn random_rules_are_restored_as_by_the_reference() {
    let seed = setting("LVS_ORACLE_SEED", 1);
    let oracle = Oracle::new();
    let mut dice = Dice(u64::try_from(seed).unwrap() << 32);
    let (mut asked, mut refused, mut wrong) = (0, 0, Vec::new());
    for _ in 0..setting("LVS_ORACLE_RESTORES", 20) {
        let rules: Vec<_> =
            iter::repeat_with(|| line(&mut dice)).filter(|line| goes_on(line)).take(60).collect();
        let rules = rules.join("\n") + "\n";
        asked += rules.lines().count();
        let file = "/run/oracle-rules";
        fs::write(file, &rules).unwrap();
        let answers = |restore: &dyn Fn() -> Outcome| {
            oracle.reset();
            let Outcome { output, errors, .. } = restore();
            (output, errors, tables(&oracle))
        };
        let theirs = answers(&|| oracle.host.shell(&format!("{REFERENCE} -R <{file}")));
        let ours =
            answers(&|| oracle.host.inside(|| invoked(REFERENCE, ["-R"].into_iter(), &rules)));
        refused += theirs.1.lines().count();
        if theirs != ours {
            wrong.push(format!("rules:\n{rules}reference: {theirs:?}\nours: {ours:?}\n"));
        }
    }
    println!("{asked} random rules from seed {seed}, {refused} refused by the kernel");
    assert!(refused > asked / 10 && refused < asked, "{refused} of {asked} rules are refused");
    assert!(
        wrong.is_empty(),
        "seed {seed}: {} restores differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn random_lines_are_answered_as_by_the_reference() {
    let seed = setting("LVS_ORACLE_SEED", 1);
    let lines_to_run = setting("LVS_ORACLE_LINES", 2000);
    let oracle = Oracle::new();
    let mut dice = Dice(u64::try_from(seed).unwrap());
    let (mut asked, mut kernel, mut wrong) = (0, 0, Vec::new());
    while asked < lines_to_run {
        let lines: Vec<_> = (0..RUN).map(|_| line(&mut dice)).collect();
        let theirs = answers(&oracle, &lines, |lines| reference(&oracle, lines));
        let ours = answers(&oracle, &lines, |lines| ours(&oracle, lines));
        asked += lines.len();
        kernel += theirs.iter().filter(|outcome| matches!(outcome.status, 0 | 1)).count();
        let labels = lines.iter().map(String::as_str).chain([
            "(rules)",
            "(thresholds)",
            "(timeouts)",
            "(daemons)",
        ]);
        for (label, (theirs, ours)) in labels.zip(theirs.iter().zip(&ours)) {
            // Only the first line of the help text is that of the reference.
            let help = label.split(' ').any(|word| word == "-h") && theirs.status == 0;
            let saved = theirs.output.starts_with("-A ");
            let alike = match (help, saved) {
                (true, _) => theirs.output.lines().next() == ours.output.lines().next(),
                (_, true) => {
                    (theirs.status, without_thresholds(&theirs.output))
                        == (ours.status, without_thresholds(&ours.output))
                }
                _ => theirs.visible() == ours.visible(),
            };
            if !alike {
                wrong.push(format!(
                    "$ ipvsadm {label}\nafter:\n  {}\nreference: {theirs:?}\nours: {ours:?}\n",
                    lines.join("\n  ")
                ));
                break;
            }
        }
    }
    println!(
        "{asked} random lines from seed {seed}; {kernel} answers of the kernel; {} runs differ",
        wrong.len()
    );
    assert!(kernel > asked / 4, "the lines hardly ever reach the kernel");
    assert!(wrong.is_empty(), "seed {seed}: {} runs differ:\n{}", wrong.len(), wrong.join("\n"));
}
