//! The reference decides: command lines that both programs must answer alike. They run in a separate
//! guest: `scripts/test kernel`.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod lines;
mod random;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::thread;

use programs::ipvsadm::{Console, invoke};
use support::{Host, IPVSADM, Outcome, REFERENCE, root};

/// A directory with links to one program as `ipvsadm`, and to its `-save` and `-restore`.
fn directory_of(program: &str) -> PathBuf {
    let directory = PathBuf::from("/run/oracle").join(program.replace('/', "_"));
    if fs::create_dir_all(&directory).is_ok() {
        // Several tests may do this at the same time; the links are the same.
        for wrapper in ["", "-save", "-restore"] {
            let target = format!("{program}{wrapper}");
            let _ = symlink(target, directory.join(format!("ipvsadm{wrapper}")));
        }
    }
    directory
}

/// Runs our program as `program` within this process: starting a process takes far longer than its work.
fn invoked<'a>(program: &str, words: impl Iterator<Item = &'a str>, input: &str) -> Outcome {
    let words: Vec<_> = words.map(str::to_owned).collect();
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let status = invoke(
        program,
        &words,
        &mut Console {
            input: &mut input.as_bytes(),
            output: &mut output,
            errors: &mut errors,
            explains: false,
        },
    );
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Outcome { status: status.into(), output: text(output), errors: text(errors) }
}

/// The arguments of a line that calls only ipvsadm, without anything that is special to the shell.
fn arguments(line: &str) -> Option<&str> {
    let words = line.strip_prefix("ipvsadm ")?;
    (!words.contains(|it| "'\"`$\\|&;<>(){}*?~#\n".contains(it))).then_some(words)
}

/// Runs both programs one after the other on one host: the order of dumps differs between hosts.
struct Oracle {
    host: Host,
}

impl Oracle {
    fn new() -> Self {
        support::in_guest();
        root("modprobe -a ip_vs ip_vs_pe_sip");
        fs::write("/etc/nsswitch.conf", "hosts: files\nservices: files\nprotocols: files\n")
            .unwrap();
        fs::write(
            "/etc/hosts",
            "127.0.0.1 localhost\n192.0.2.10 vip.example\n192.0.2.20 rs1.example\n\
             192.0.2.30 a-very-long-host-name-for-testing-truncation.example.com\n\
             2001:db8::30 six.example\n\
             192.0.2.40 an-even-longer.host-name.with-many-labels.for-testing.of-cuts.in-l.org\n\
             192.0.2.41 an-even-longer.host-name.with-many-labels.for-te.org\n\
             192.0.2.42 an-even-longer.host-name.with-many-labels.for-tes.org\n\
             2001:db8::40 an-even-longer.host-name.with-many-labels.for-testing.of-cuts.in-listin.org\n",
        )
        .unwrap();
        Self { host: Host::with_addresses() }
    }

    fn reset(&self) {
        let line = |line: &str| invoked("ipvsadm", line.split(' '), "");
        self.host.inside(|| {
            line("-C").success();
            line("--set 900 120 300").success();
            line("--stop-daemon master");
            line("--stop-daemon backup");
        });
    }

    /// Runs lines of shell in order with `program` as `ipvsadm`, starting with an empty table.
    fn run(&self, program: &str, lines: &[String]) -> Vec<Outcome> {
        self.reset();
        let directory = directory_of(program);
        let shell = |line: &String| {
            self.host.shell(&format!("PATH={}:/usr/bin:/bin\n{line}", directory.display()))
        };
        let is_ours = |line: &String| program == IPVSADM && arguments(line).is_some();
        let run = |lines: &[String]| -> Vec<Outcome> {
            if !lines.iter().all(is_ours) {
                return lines.iter().map(shell).collect();
            }
            let ours = |words: &str| invoked("ipvsadm", words.split_whitespace(), "");
            self.host.inside(|| lines.iter().filter_map(|line| arguments(line)).map(ours).collect())
        };
        lines.chunk_by(|one, next| is_ours(one) == is_ours(next)).flat_map(run).collect()
    }

    /// The lines on which the two differ, with both answers.
    fn differences(&self, lines: &[String], own_hosts: bool) -> Vec<String> {
        let (mut theirs, ours) = if own_hosts {
            // Side by side, since they wait for the kernel's estimator.
            let run = |program| Self { host: Host::with_addresses() }.run(program, lines);
            thread::scope(|scope| {
                let theirs = scope.spawn(|| run(REFERENCE));
                let ours = run(IPVSADM);
                (theirs.join().unwrap(), ours)
            })
        } else {
            (self.run(REFERENCE, lines), self.run(IPVSADM, lines))
        };
        // 1.31-5 and upstream since 2025 have another text than 1.31.
        for outcome in &mut theirs {
            outcome.errors = outcome.errors.replace("-6 must follow -f", "-6 used before -f");
        }
        lines
            .iter()
            .zip(theirs.iter().zip(&ours))
            .filter(|(_, (theirs, ours))| theirs.visible() != ours.visible())
            .map(|(line, (theirs, ours))| {
                format!("$ {line}\nreference: {theirs:?}\nours:      {ours:?}\n")
            })
            .collect()
    }
}

/// The groups of `cases.txt`: a name, and lines, each with whether it is a deliberate difference.
fn groups() -> Vec<(&'static str, Vec<(bool, String)>)> {
    let mut groups: Vec<(_, Vec<_>)> = Vec::new();
    for line in include_str!("cases.txt").lines() {
        if let Some(name) = line.strip_prefix("## ") {
            groups.push((name, Vec::new()));
        } else if let Some((_, lines)) = groups.last_mut() {
            if let Some(line) = line.strip_prefix("$ ") {
                lines.extend(expanded(line).into_iter().map(|line| (false, line)));
            } else if let Some(line) = line.strip_prefix("~ ") {
                lines.push((true, line.to_owned()));
            }
        }
    }
    groups
}

/// A line per combination of what is in braces, `{a|b}`. Those of the shell have a blank in them.
fn expanded(line: &str) -> Vec<String> {
    let braces = line.split_once('{').filter(|(_, rest)| !rest.starts_with(' '));
    match braces.and_then(|(head, rest)| Some((head, rest.split_once('}')?))) {
        Some((head, (choices, tail))) => {
            let line = |choice| expanded(&format!("{head}{choice}{tail}"));
            choices.split('|').flat_map(line).collect()
        }
        None => vec![line.to_owned()],
    }
}

#[test]
fn every_case_is_answered_as_by_the_reference() {
    let oracle = Oracle::new();
    let (mut cases, mut wrong) = (0, Vec::new());
    for (name, lines) in groups() {
        // A deliberate difference may leave different tables, so it is the last line of its run.
        for run in lines.split_inclusive(|(differs, _)| *differs) {
            let commands: Vec<String> = run.iter().map(|(_, line)| line.clone()).collect();
            let mut found = oracle.differences(&commands, name.ends_with(" (own hosts)"));
            cases += commands.len();
            if run.last().is_some_and(|(differs, _)| *differs) {
                let last = commands.last().unwrap();
                match found.iter().position(|text| text.starts_with(&format!("$ {last}\n"))) {
                    Some(index) => drop(found.remove(index)),
                    None => wrong.push(format!("{name}: said to differ, but is alike: {last}\n")),
                }
            }
            wrong.extend(found.into_iter().map(|text| format!("{name}: {text}")));
        }
    }
    println!("{cases} command lines, {} alike", cases - wrong.len());
    assert!(cases > 1500, "the cases were not read");
    assert!(wrong.is_empty(), "{} of {cases} differ:\n{}", wrong.len(), wrong.join("\n"));
}
