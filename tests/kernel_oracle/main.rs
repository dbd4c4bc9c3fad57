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
        self.host.reference("-C").success();
        self.host.reference("--set 900 120 300").success();
        self.host.reference("--stop-daemon master");
        self.host.reference("--stop-daemon backup");
    }

    /// Runs lines of shell in order with `program` as `ipvsadm`, starting with an empty table.
    fn run(&self, program: &str, lines: &[&str]) -> Vec<Outcome> {
        self.reset();
        let directory = directory_of(program);
        let line = |line: &&str| format!("PATH={}:/usr/bin:/bin\n{line}", directory.display());
        lines.iter().map(line).map(|line| self.host.shell(&line)).collect()
    }

    /// The lines on which the two differ, with both answers.
    fn differences(&self, lines: &[&str], own_hosts: bool) -> Vec<String> {
        let run = |program| {
            if own_hosts {
                return Self { host: Host::with_addresses() }.run(program, lines);
            }
            self.run(program, lines)
        };
        let (mut theirs, ours) = (run(REFERENCE), run(IPVSADM));
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
fn groups() -> Vec<(&'static str, Vec<(bool, &'static str)>)> {
    let mut groups = Vec::new();
    for line in include_str!("cases.txt").lines() {
        if let Some(name) = line.strip_prefix("## ") {
            groups.push((name, Vec::new()));
        } else if let Some((_, lines)) = groups.last_mut() {
            if let Some(line) = line.strip_prefix("$ ") {
                lines.push((false, line));
            } else if let Some(line) = line.strip_prefix("~ ") {
                lines.push((true, line));
            }
        }
    }
    groups
}

#[test]
fn every_case_is_answered_as_by_the_reference() {
    let oracle = Oracle::new();
    let (mut cases, mut wrong) = (0, Vec::new());
    for (name, lines) in groups() {
        // A deliberate difference may leave different tables, so it is the last line of its run.
        for run in lines.split_inclusive(|(differs, _)| *differs) {
            let commands: Vec<&str> = run.iter().map(|(_, line)| *line).collect();
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
    assert!(cases > 600, "the cases were not read");
    assert!(wrong.is_empty(), "{} of {cases} differ:\n{}", wrong.len(), wrong.join("\n"));
}
