//! Prints a diagnosis as text or JSON, with commands that a shell can run.

use std::io::{self, Write};

use serde_json::{Value as Json, json};

use crate::doctor::{Cause, Diagnosis, Finding, Movement, Severity, Symptom, Unknown, Unread};
use crate::lvsctl::arguments::Options;
use crate::lvsctl::escape::one_line;
use lvs::netlink::Namespace;
use lvs::table::quoted;

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
    let mut rest = diagnosis.findings.as_slice();
    while let [cause, others @ ..] = rest {
        let count = others.iter().take_while(|it| it.follows.is_some()).count();
        let (consequences, next) = others.split_at_checked(count).unwrap_or_default();
        write_finding(output, cause, consequences, namespace)?;
        rest = next;
    }
    unread(output, &diagnosis.unread)?;
    for Unknown { flow, stage, why, ask } in &diagnosis.unknown {
        writeln!(output, "cannot judge {stage} of {flow}: {}", one_line(why))?;
        let command = in_namespace(ask.clone(), namespace);
        writeln!(output, "  look      {}", one_line(&command))?;
    }
    if let Some(symptom) = symptom {
        write_causes(output, symptom, diagnosis)?;
    }
    write_summary(output, diagnosis)
}

/// So many causes of a symptom are worth a look.
const LIKELIEST: usize = 3;

fn likeliest(diagnosis: &Diagnosis) -> impl Iterator<Item = (Cause, &'static str, &'static str)> {
    let causes = diagnosis.causes.iter().map(|it| (*it, it.words().0, it.words().1));
    causes.filter(|(_, words, _)| !words.is_empty()).take(LIKELIEST)
}

fn write_causes(output: &mut dyn Write, symptom: Symptom, diagnosis: &Diagnosis) -> io::Result<()> {
    writeln!(output, "likely causes of {}:", symptom.described().0)?;
    for (number, (cause, words, attempt)) in likeliest(diagnosis).enumerate() {
        let check = cause.check();
        let found = check.is_some_and(|it| diagnosis.findings.iter().any(|one| one.check == it));
        let found = if found { " (found here, see above)" } else { "" };
        writeln!(output, "  {}. {words}{found}", number + 1)?;
        writeln!(output, "     try  {attempt}")?;
    }
    writeln!(output)
}

pub(super) fn unread(output: &mut dyn Write, unread: &[Unread]) -> io::Result<()> {
    for Unread { what, why } in unread {
        writeln!(output, "cannot read {}: {}", one_line(what), one_line(why))?;
    }
    Ok(())
}

/// One line for each text: a line end in a snapshot's string must not forge the next line.
fn write_finding(
    output: &mut dyn Write,
    finding: &Finding,
    consequences: &[Finding],
    namespace: Option<&Namespace>,
) -> io::Result<()> {
    let Finding { check, severity, fault, .. } = finding;
    writeln!(output, "{severity} {check}: {}", one_line(&fault.title))?;
    writeln!(output, "  found     {}", one_line(&fault.found))?;
    writeln!(output, "  expected  {}", one_line(&fault.expected))?;
    // Each undo follows what it reverts.
    let commands = match &finding.revert {
        Some(_) => vec![
            ("fix", finding.fix()),
            ("undo", finding.undo()),
            ("or", finding.instead()),
            ("undo", finding.undo_repair()),
        ],
        None => vec![("fix", finding.fix()), ("or", finding.instead()), ("undo", finding.undo())],
    };
    for (name, commands) in commands {
        for command in commands {
            writeln!(output, "  {name:9} {}", one_line(&in_namespace(command, namespace)))?;
        }
    }
    for Finding { check, fault, .. } in consequences {
        writeln!(output, "  therefore {check}: {}", one_line(&fault.title))?;
    }
    writeln!(output, "  see       lvsctl-doctor(8), {}\n", check.id())
}

fn write_summary(output: &mut dyn Write, diagnosis: &Diagnosis) -> io::Result<()> {
    let role = match diagnosis.role {
        "none" => "neither director nor real server",
        "both" => "director and real server",
        "real-server" => "real server",
        role => role,
    };
    let counts = [
        (Severity::Failure, "failure", "failures"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Advice, "piece of advice", "pieces of advice"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .map(|(severity, one, many)| (diagnosis.count(severity), one, many))
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect();
    match counts.is_empty() {
        true if diagnosis.is_complete() => {
            writeln!(output, "{role}: {} checks, nothing wrong", diagnosis.looked.len())
        }
        true if diagnosis.unknown.is_empty() => {
            writeln!(output, "{role}: nothing wrong in what could be read")
        }
        true => writeln!(output, "{role}: no fault found, but not everything could be judged"),
        false => writeln!(output, "{role}: {}", counts.join(", ")),
    }
}

fn object(diagnosis: &Diagnosis, namespace: Option<&Namespace>) -> Json {
    let all = |commands: Vec<String>| -> Vec<String> {
        commands.into_iter().map(|command| in_namespace(command, namespace)).collect()
    };
    let finding = |finding: &Finding| {
        json!({
            "id": finding.check.id(),
            "name": finding.check.name(),
            "severity": finding.severity.to_string(),
            "follows": finding.follows.map(|it| it.id()),
            "title": finding.fault.title,
            "found": finding.fault.found,
            "expected": finding.fault.expected,
            "fix": all(finding.fix()),
            "instead": all(finding.instead()),
            "undo": all(finding.undo()),
            "see": format!("lvsctl-doctor(8), {}", finding.check.id()),
        })
    };
    let unread: Vec<Json> = diagnosis
        .unread
        .iter()
        .map(|unread| json!({"what": unread.what, "why": unread.why}))
        .collect();
    let unknown: Vec<Json> = diagnosis
        .unknown
        .iter()
        .map(|it| {
            let look = in_namespace(it.ask.clone(), namespace);
            json!({"flow": it.flow.to_string(), "stage": it.stage.to_string(), "why": it.why, "look": look})
        })
        .collect();
    let findings: Vec<Json> = diagnosis.findings.iter().map(finding).collect();
    let causes: Vec<Json> = likeliest(diagnosis)
        .map(|(cause, words, attempt)| {
            json!({"id": cause.check().map(|it| it.id()), "cause": words, "try": attempt})
        })
        .collect();
    json!({
        "schema": 1,
        "role": diagnosis.role,
        "causes": causes,
        "findings": findings,
        "sent": diagnosis.sent,
        "unread": unread,
        "unknown": unknown,
        "looked": diagnosis.looked.iter().map(|check| check.id()).collect::<Vec<_>>(),
    })
}

/// Prints the result of `--watch`.
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
    for Movement { counter, by, meaning, .. } in movements {
        writeln!(output, "{counter:width$}  +{by}  {meaning}")?;
    }
    let ends = movements.iter().filter(|it| it.ends);
    let ends: Vec<String> = ends.map(|it| format!("{} (+{})", it.counter, it.by)).collect();
    match (movements.len(), ends.is_empty()) {
        (0, _) => writeln!(output, "nothing moved in {seconds} s"),
        (_, true) => writeln!(output, "no counter shows that packets end on this machine"),
        (_, false) => writeln!(output, "packets end here: {}", ends.join(", ")),
    }
}

/// A command as a shell outside the network namespace runs it. `lvsctl` has `--netns`; modules and
/// files such as those of `sysctl.d` are the same in every namespace.
pub(in crate::lvsctl) fn in_namespace(command: String, namespace: Option<&Namespace>) -> String {
    let Some(namespace) = namespace.filter(|_| depends_on_namespace(&command)) else {
        return command;
    };
    let enter = match namespace {
        Namespace::Named(name) => {
            let name = quoted(name);
            if let Some(words) = command.strip_prefix("ip ").filter(|it| is_plain(it)) {
                return format!("ip -n {name} {words}");
            }
            format!("ip netns exec {name}")
        }
        Namespace::Path(_) => format!("nsenter --net={}", quoted(&namespace.word())),
        Namespace::Process(process) => format!("nsenter --net=/proc/{process}/ns/net"),
    };
    match is_plain(&command) {
        true => format!("{enter} {command}"),
        false => format!("{enter} sh -c {}", quoted(&command)),
    }
}

fn depends_on_namespace(command: &str) -> bool {
    let mut parts = command.split(" && ");
    let of_ip = parts.any(|part| {
        let programs = ["ip ", "ipvsadm ", "iptables", "ip6tables", "nft "];
        programs.iter().any(|program| part.starts_with(program))
    });
    of_ip || command.contains("/proc/sys/net/")
}

/// Whether it is one command without redirections or quotes.
fn is_plain(command: &str) -> bool {
    !command.contains(['>', '&', '|', ';', '\'', '"', '$', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_enters_its_namespace() {
        let of = |command: &str, namespace: &str| {
            let Ok(namespace) = namespace.parse();
            in_namespace(command.to_owned(), Some(&namespace))
        };
        let sysctl = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        for (command, namespace, expected) in [
            ("ip -6 route del default", "blue", "ip -n blue -6 route del default"),
            ("ipvsadm -C", "a b", "ip netns exec 'a b' ipvsadm -C"),
            (sysctl, "blue", "ip netns exec blue sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'"),
            ("ip link set tunl0 up", "/run/x", "nsenter --net=/run/x ip link set tunl0 up"),
            ("ipvsadm -C", "42", "nsenter --net=/proc/42/ns/net ipvsadm -C"),
            (
                "modprobe fou && ip fou add port 6080 gue",
                "blue",
                "ip netns exec blue sh -c 'modprobe fou && ip fou add port 6080 gue'",
            ),
            ("modprobe ipip", "blue", "modprobe ipip"),
            ("lvsctl --netns blue apply x", "blue", "lvsctl --netns blue apply x"),
        ] {
            assert_eq!(of(command, namespace), expected);
        }
    }
}
