//! `lvsctl trace`: the way of packets through this machine, for a person.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use serde_json::{Value as Json, json};

use super::arguments::{Options, TraceFlags};
use super::doctor::{facts, in_namespace};
use super::error::{Error, usage};
use super::escape::{Escaped, one_line};
use super::values::Traced;
use crate::doctor::{Expectation, Facts, Severity, walks};
use crate::path::{Flow, Passage, Step, Stop, Verdict, Walk};
use crate::policy::Role;
use lvs::ipvs::{Protocol, ServiceIdentity};

pub(super) fn run(
    flags: &TraceFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let facts = facts(options);
    if let Some(unread) = facts.unread.first() {
        usage!("cannot read {}: {}", unread.what, unread.why);
    }
    if let Some(from) = flags.from {
        if facts.network.addresses.iter().any(|it| it.address == from) {
            usage!("{from} is an address of this machine: --from takes that of a client");
        }
    }
    let directed = |service| is_traced(Role::Director, service, flags);
    let mut walks = walks(&facts, &expectation(flags, &facts), flags.from, &directed);
    walks.retain(|walk| match walk.flow {
        Flow::Served { protocol, vip: address, port, .. } => {
            let port = port.unwrap_or_default();
            let service = ServiceIdentity::Address { protocol, address, port };
            is_traced(Role::RealServer, service, flags)
        }
        Flow::Request { .. } | Flow::Forwarded { .. } => true,
    });
    if walks.is_empty() {
        nothing_to_trace(flags)?;
    }
    match options.json {
        true => writeln!(output, "{}", object(&walks, options))?,
        false => write(output, &walks, options)?,
    }
    Ok(End::of(&walks).exit_code())
}

fn nothing_to_trace(flags: &TraceFlags) -> Result<(), Error> {
    match flags.service {
        Some(_) => usage!(
            "no such service here (ipvsadm -Ln); on a real server: lvsctl trace --role real-server \
             VIP:PORT"
        ),
        None => usage!(
            "this machine is neither a director nor a real server; on a real server: lvsctl trace \
             --role real-server VIP:PORT"
        ),
    }
}

/// What the machine evidently is, and with `--role real-server` serves.
fn expectation(flags: &TraceFlags, facts: &Facts) -> Expectation {
    let expectation = Expectation::evident(facts);
    let end = match flags.service.filter(|_| flags.role != Some(Role::Director)) {
        Some(Traced::Service(ServiceIdentity::Address { protocol, address, port })) => {
            (address, Some((protocol, port)))
        }
        Some(Traced::Address(address, port)) => (address, port.map(|port| (Protocol::TCP, port))),
        _ => return expectation,
    };
    let known = expectation.served.iter().any(|served| served.address == end.0);
    match known || flags.role == Some(Role::RealServer) {
        true => expectation.serving(facts, end.0, end.1),
        false => expectation,
    }
}

fn is_traced(role: Role, service: ServiceIdentity, flags: &TraceFlags) -> bool {
    let wanted = match (flags.service, service) {
        (None, _) => true,
        (Some(Traced::Service(wanted)), service) => wanted == service,
        (Some(Traced::Address(wanted, at)), ServiceIdentity::Address { address, port, .. }) => {
            wanted == address && at.is_none_or(|at| at == port || port == 0)
        }
        (Some(Traced::Address(..)), ServiceIdentity::Mark { .. }) => false,
    };
    wanted && flags.role.is_none_or(|wanted| wanted == role)
}

/// What becomes of the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Passes,
    Unknown,
    Stops,
}

impl End {
    fn of(walks: &[Walk]) -> Self {
        let verdicts = walks.iter().flat_map(|walk| &walk.passages).map(|it| &it.verdict);
        let results = verdicts.map(|verdict| match verdict {
            Verdict::Stops(Stop { severity: Severity::Failure, .. }) => Self::Stops,
            Verdict::Unknown { .. } => Self::Unknown,
            Verdict::Passes(_) | Verdict::Stops(_) => Self::Passes,
        });
        results.max().unwrap_or(Self::Passes)
    }

    const fn exit_code(self) -> u8 {
        match self {
            Self::Passes => 0,
            Self::Stops => 1,
            Self::Unknown => 3,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passes => "passes",
            Self::Stops => "stops",
            Self::Unknown => "unknown",
        })
    }
}

fn write(output: &mut dyn Write, walks: &[Walk], options: &Options) -> io::Result<()> {
    // The caller of this library may have other ideas than standard output.
    let coloured = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let passages = walks.iter().flat_map(|walk| &walk.passages);
    let width = passages.map(|it| it.stage.to_string().len()).max().unwrap_or_default();
    for walk in walks {
        writeln!(Escaped(output), "{}", walk.flow)?;
        let mut stopped = false;
        for Passage { stage, verdict } in &walk.passages {
            // What would come later is of interest only if it stops packets too.
            if stopped && matches!(verdict, Verdict::Passes(_)) {
                continue;
            }
            stopped |= matches!(verdict, Verdict::Stops(Stop { severity: Severity::Failure, .. }));
            let (word, colour, seen) = match verdict {
                Verdict::Passes(seen) => ("passes", 32, seen.clone()),
                Verdict::Stops(Stop { check, severity, fault }) => {
                    let (word, colour) = match severity {
                        Severity::Failure => ("stops", 31),
                        _ => ("may stop", 33),
                    };
                    (word, colour, format!("{check}: {}", fault.title))
                }
                Verdict::Unknown { why, .. } => ("unknown", 33, why.clone()),
            };
            let (on, off) = match coloured {
                true => (format!("\x1b[{colour}m"), "\x1b[0m"),
                false => (String::new(), ""),
            };
            write!(output, "  {on}{word:8}{off}  ")?;
            writeln!(
                Escaped(output),
                "{}",
                format!("{stage:width$}  {}", one_line(&seen)).trim_end()
            )?;
            for (name, text) in details(verdict, options) {
                writeln!(Escaped(output), "            {name:width$}  {}", one_line(&text))?;
            }
        }
    }
    Ok(())
}

fn details(verdict: &Verdict, options: &Options) -> Vec<(&'static str, String)> {
    let command = |command| in_namespace(command, options.netns.as_ref());
    match verdict {
        Verdict::Passes(_) => Vec::new(),
        Verdict::Unknown { ask, .. } => vec![("  look", command(ask.clone()))],
        Verdict::Stops(Stop { fault, .. }) => {
            let fix = fault.repair.iter().map(|step| ("  fix", command(step.fix())));
            let undo = fault.repair.iter().rev().filter_map(Step::undo);
            let undo = undo.map(|step| ("  undo", command(step)));
            let seen = [("  found", fault.found.clone()), ("  expected", fault.expected.clone())];
            seen.into_iter().chain(fix).chain(undo).collect()
        }
    }
}

/// `{"schema":1,"result":"stops","walks":[{"flow":"…","result":"stops","stages":[{"stage":"link",
/// "verdict":"passes","seen":"…"}]}]}`.
fn object(walks: &[Walk], options: &Options) -> Json {
    let commands = |commands: Vec<String>| -> Vec<String> {
        let namespace = options.netns.as_ref();
        commands.into_iter().map(|command| in_namespace(command, namespace)).collect()
    };
    let stage = |Passage { stage, verdict }: &Passage| {
        let stage = stage.to_string();
        match verdict {
            Verdict::Passes(seen) => json!({"stage": stage, "verdict": "passes", "seen": seen}),
            Verdict::Stops(Stop { check, severity, fault }) => json!({
                "stage": stage,
                "verdict": "stops",
                "id": check.id(),
                "name": check.name(),
                "severity": severity.to_string(),
                "title": fault.title,
                "found": fault.found,
                "expected": fault.expected,
                "fix": commands(fault.repair.iter().map(Step::fix).collect()),
                "undo": commands(fault.repair.iter().rev().filter_map(Step::undo).collect()),
            }),
            Verdict::Unknown { why, ask } => json!({
                "stage": stage,
                "verdict": "unknown",
                "why": why,
                "look": in_namespace(ask.clone(), options.netns.as_ref()),
            }),
        }
    };
    let walk = |walk: &Walk| {
        let stages: Vec<Json> = walk.passages.iter().map(stage).collect();
        let result = End::of(std::slice::from_ref(walk)).to_string();
        json!({"flow": walk.flow.to_string(), "result": result, "stages": stages})
    };
    let result = End::of(walks).to_string();
    json!({"schema": 1, "result": result, "walks": walks.iter().map(walk).collect::<Vec<_>>()})
}
