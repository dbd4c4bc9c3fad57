//! A diagnosis for people and for programs.

use std::io::{self, Write};

use serde_json::{Value as Json, json};

use super::shell::inside;
use crate::doctor::{Diagnosis, Finding, Movement, Severity, Symptom};
use crate::lvsctl::arguments::Options;
use lvs::netlink::Namespace;

/// All findings, what could not be looked at, and a closing sentence; or one JSON object.
pub(super) fn write(
    output: &mut dyn Write,
    diagnosis: &Diagnosis,
    symptom: Option<Symptom>,
    options: &Options,
) -> io::Result<()> {
    let namespace = options.netns.as_ref();
    if options.json {
        return writeln!(output, "{}", object(diagnosis, namespace));
    }
    for sent in &diagnosis.sent {
        writeln!(output, "sent {sent}")?;
    }
    for finding in &diagnosis.findings {
        one(output, finding, namespace)?;
    }
    for unread in &diagnosis.unread {
        writeln!(output, "could not look at {}: {}", unread.what, unread.why)?;
    }
    if symptom.is_some() {
        writeln!(output, "looked at, in this order: {}", diagnosis.looked.join(" "))?;
    }
    closing(output, diagnosis)
}

fn one(output: &mut dyn Write, finding: &Finding, namespace: Option<&Namespace>) -> io::Result<()> {
    let Finding { id, severity, title, found, expected, .. } = finding;
    writeln!(output, "{severity} {id}: {title}")?;
    writeln!(output, "  found     {found}")?;
    writeln!(output, "  expected  {expected}")?;
    let commands = [("fix", finding.fix()), ("or", finding.instead()), ("undo", finding.undo())];
    for (name, commands) in commands {
        for command in commands {
            writeln!(output, "  {name:9} {}", inside(command, namespace))?;
        }
    }
    writeln!(output, "  see       lvsctl-doctor(8), {id}\n")
}

fn closing(output: &mut dyn Write, diagnosis: &Diagnosis) -> io::Result<()> {
    let role = match diagnosis.role {
        "none" => "neither director nor real server",
        "both" => "director and real server",
        "real-server" => "real server",
        role => role,
    };
    let count =
        |severity| diagnosis.findings.iter().filter(|finding| finding.severity == severity).count();
    let counts = [
        (count(Severity::Failure), "failure", "failures"),
        (count(Severity::Warning), "warning", "warnings"),
        (count(Severity::Advice), "piece of advice", "pieces of advice"),
    ];
    let told = counts
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }));
    let told: Vec<String> = told.collect();
    match told.is_empty() {
        true if diagnosis.unread.is_empty() => {
            writeln!(output, "{role}: {} checks, nothing wrong", diagnosis.looked.len())
        }
        true => writeln!(output, "{role}: nothing wrong in what could be looked at"),
        false => writeln!(output, "{role}: {}", told.join(", ")),
    }
}

fn object(diagnosis: &Diagnosis, namespace: Option<&Namespace>) -> Json {
    let all = |commands: Vec<String>| -> Vec<String> {
        commands.into_iter().map(|command| inside(command, namespace)).collect()
    };
    let finding = |finding: &Finding| {
        json!({
            "id": finding.id,
            "severity": finding.severity,
            "title": finding.title,
            "found": finding.found,
            "expected": finding.expected,
            "fix": all(finding.fix()),
            "instead": all(finding.instead()),
            "undo": all(finding.undo()),
            "see": format!("lvsctl-doctor(8), {}", finding.id),
        })
    };
    let unread: Vec<Json> = diagnosis
        .unread
        .iter()
        .map(|unread| json!({"what": unread.what, "why": unread.why}))
        .collect();
    let findings: Vec<Json> = diagnosis.findings.iter().map(finding).collect();
    json!({
        "schema": 1,
        "role": diagnosis.role,
        "findings": findings,
        "sent": diagnosis.sent,
        "unread": unread,
        "looked": diagnosis.looked,
    })
}

/// What `--watch` saw.
pub(super) fn movements(
    output: &mut dyn Write,
    movements: &[Movement],
    seconds: u64,
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        let moved: Vec<Json> = movements
            .iter()
            .map(|it| json!({"counter": it.counter, "by": it.by, "meaning": it.meaning}))
            .collect();
        return writeln!(output, "{}", json!({"schema": 1, "seconds": seconds, "moved": moved}));
    }
    let width = movements.iter().map(|it| it.counter.len()).max().unwrap_or_default();
    for Movement { counter, by, meaning } in movements {
        writeln!(output, "{counter:width$}  +{by}  {meaning}")?;
    }
    match movements.len() {
        0 => writeln!(output, "nothing moved in {seconds} s"),
        _ => Ok(()),
    }
}
