//! What a cluster file wants and the machine has not, told once each.
//!
//! What a check saw by itself stays its finding, and is mended by the file where that is enough. The
//! rest is told here, under the name of the check that it belongs to.

use std::net::IpAddr;

use super::case::{Case, Fault, named};
use super::check::CHECKS;
use super::examination::found;
use super::{Finding, Intent, Step, Wish};
use crate::node::{self, InterfaceName, typed};
use crate::plan::Change;
use crate::table;

/// Adds to the findings what the file wants besides.
pub(super) fn join(case: &Case<'_>, intent: &Intent, findings: &mut Vec<Finding>) {
    let mut gaps = intent.gaps(case.network());
    gaps.retain(|gap| !case.is_out_of_reach(gap));
    for finding in &mut *findings {
        by_file(finding, intent, &gaps);
    }
    // Routes went with the interface that they lead through.
    let down: Vec<InterfaceName> = gaps.iter().filter_map(|gap| link(gap)).cloned().collect();
    gaps.retain(|gap| !is_told(gap, findings));
    gaps.retain(
        |gap| !matches!(gap.host(), Some(node::Key::Route { device, .. }) if down.contains(device)),
    );
    while let Some(first) = gaps.first() {
        let subject = subject(first, intent);
        let (same, others): (Vec<&Wish>, Vec<&Wish>) =
            gaps.into_iter().partition(|gap| self::subject(gap, intent) == subject);
        gaps = others;
        let (id, about) = subject;
        findings.extend(CHECKS.iter().find(|check| check.id == id).map(|check| Finding {
            apply: Some(intent.command.clone()),
            ..found(check, fault(id, &about, &same))
        }));
    }
    findings.sort_by_key(|finding| CHECKS.iter().position(|check| check.id == finding.id));
}

/// Names the file as what mends a finding, where all that mends it is wanted by the file too.
fn by_file(finding: &mut Finding, intent: &Intent, gaps: &[&Wish]) {
    let silence = |wish: &&Wish| {
        let parameter = if finding.id == "A4" { "arp_ignore" } else { "arp_announce" };
        matches!(wish.host(), Some(node::Key::Sysctl(it)) if it.parameter() == Some(("all", parameter)))
    };
    let whole = match finding.id {
        // The table went with the module, and brings it again.
        "K1" => {
            let entries = gaps.iter().filter(|gap| matches!(gap.step, Step::Table(_)));
            finding.repair = entries.map(|gap| gap.step.clone()).collect();
            !finding.repair.is_empty()
        }
        // The larger value counts, so that one for all interfaces does as well.
        "A4" | "A5" if finding.repair.iter().all(is_small) => {
            let mut unmet = intent.wishes.iter().filter(|wish| !wish.met);
            if let Some(wish) = unmet.find(silence) {
                finding.repair = vec![wish.step.clone()];
            }
            intent.wishes.iter().any(|wish| !wish.met && finding.repair.contains(&wish.step))
        }
        _ => {
            let wanted = |step: &Step| gaps.iter().any(|gap| same_key(&gap.step, step));
            !finding.repair.is_empty() && finding.repair.iter().all(wanted)
        }
    };
    if whole {
        finding.apply = Some(intent.command.clone());
    }
}

/// Whether a value of `arp_ignore` or `arp_announce` would not outdo the one wanted.
fn is_small(step: &Step) -> bool {
    let from = match step {
        Step::Host(change) => change.from.as_deref(),
        Step::Table(_) | Step::Shell { .. } => None,
    };
    matches!(from, Some("0" | "1" | "2"))
}

fn same_key(one: &Step, other: &Step) -> bool {
    match (one, other) {
        (Step::Host(one), Step::Host(other)) => one.key == other.key,
        (Step::Table(one), Step::Table(other)) => one.key == other.key,
        _ => false,
    }
}

/// Whether a finding speaks of it already.
fn is_told(gap: &Wish, findings: &[Finding]) -> bool {
    let is_parameter = matches!(gap.host(), Some(node::Key::Sysctl(_)));
    findings.iter().any(|finding| {
        finding.repair.iter().any(|step| same_key(step, &gap.step))
            || is_parameter && finding.id == of_parameter(gap).unwrap_or_default()
            // One filter, whichever check it is that knows why it is strict.
            || matches!(finding.id, "P1" | "P2" | "P3" | "P4")
                && of_parameter(gap).is_some_and(|id| id.starts_with('P'))
    })
}

/// The interface that is missing or down.
fn link(gap: &Wish) -> Option<&InterfaceName> {
    match gap.host() {
        Some(node::Key::Link(device) | node::Key::LinkUp(device)) => Some(device),
        _ => None,
    }
}

fn of_parameter(gap: &Wish) -> Option<&'static str> {
    let Some(node::Key::Sysctl(sysctl)) = gap.host() else {
        return None;
    };
    Some(match sysctl.parameter() {
        Some((device, "rp_filter")) if is_tunnel(device) => "P1",
        Some((_, "rp_filter")) if gap.is_of_director() => "P4",
        Some((_, "rp_filter")) => "P3",
        Some(_) => "N4",
        None => match sysctl.to_string().rsplit('/').next() {
            Some("ip_forward") => "N1",
            Some("accept_redirects") => "N4",
            _ => "V5",
        },
    })
}

/// The ends of tunnels are called so by the kernel, or by lvsctl.
fn is_tunnel(device: &str) -> bool {
    matches!(device, "tunl0" | "sit0" | "gre0" | "ip6tnl0" | "ip6gre0")
        || device.starts_with("lvs-")
}

/// The check that a gap belongs to, and what it is about: gaps of one subject are one finding.
fn subject(gap: &Wish, intent: &Intent) -> (&'static str, String) {
    let director = gap.is_of_director();
    match &gap.step {
        Step::Host(change) => match &change.key {
            node::Key::Link(device) | node::Key::LinkUp(device) if is_tunnel(device.as_str()) => {
                ("K3", device.to_string())
            }
            node::Key::FouPort { port, .. } => ("M6", port.to_string()),
            node::Key::Rule { .. } => ("M1", String::new()),
            node::Key::WholeRoute(route) if has_rule(intent, route.table) => ("M1", String::new()),
            node::Key::Address { address, .. } if director => ("A16", address.to_string()),
            node::Key::Address { address, .. } => ("A1", address.to_string()),
            node::Key::Route { device, .. } => ("A20", device.to_string()),
            node::Key::DefaultRoute(_) => ("N2", String::new()),
            node::Key::Sysctl(sysctl) => {
                let about = sysctl.parameter().map(|(device, name)| match name {
                    "rp_filter" => device.to_owned(),
                    _ => String::new(),
                });
                (of_parameter(gap).unwrap_or("V5"), about.unwrap_or_default())
            }
            node::Key::Link(_)
            | node::Key::LinkUp(_)
            | node::Key::Port(_)
            | node::Key::Mtu(_)
            | node::Key::WholeAddress { .. }
            | node::Key::WholeRoute(_) => ("I2", String::new()),
        },
        Step::Table(change) => {
            let missing = |service| {
                intent.unmet_of(service).any(|wish| {
                    matches!(&wish.step, Step::Table(it)
                    if it.key == table::Key::Service(service) && it.from.is_none())
                })
            };
            match change.key.service() {
                Some(service) if missing(service) => ("H21", named(service)),
                Some(service) if is_weight(change) => ("H23", named(service)),
                Some(service) => ("H22", named(service)),
                None if change.key == table::Key::Timeouts => ("H24", String::new()),
                None => ("H4", change.key.to_string()),
            }
        }
        Step::Shell { .. } => ("H22", String::new()),
    }
}

fn has_rule(intent: &Intent, of: u32) -> bool {
    intent
        .wishes
        .iter()
        .any(|wish| matches!(wish.host(), Some(node::Key::Rule { table, .. }) if *table == of))
}

/// Whether nothing but the weight differs, which whoever watches real servers may have set.
fn is_weight(change: &Change<table::Key, table::Value>) -> bool {
    match (&change.from, &change.to) {
        (Some(table::Value::Destination(from)), Some(table::Value::Destination(to))) => {
            let mut same = from.clone();
            same.weight = to.weight;
            same == *to
        }
        _ => false,
    }
}

fn fault(id: &str, about: &str, gaps: &[&Wish]) -> Fault {
    let title = match id {
        "K3" => {
            format!("{about} is not there as it must be: nobody unpacks what the director sends")
        }
        "M6" => {
            format!("UDP port {about} unpacks nothing: what the director sends in GUE is refused")
        }
        "M1" => "clients are not told of the smaller segments that fit the tunnel: small pages \
                 work, uploads hang"
            .to_owned(),
        "A1" => format!("{about} is missing: what the director sends here for it vanishes"),
        "A16" => format!("{about} is no address of this director: its packets never come to IPVS"),
        "A20" => format!("a virtual address has no route of its own through {about}"),
        "N2" => "answers do not pass the director: clients get them from an address that they \
                 never asked, and reset"
            .to_owned(),
        "N1" | "V5" => "this director does not pass on packets as it must".to_owned(),
        "N4" => "redirects lead answers past the director".to_owned(),
        "P1" | "P3" | "P4" => {
            format!(
                "{about} filters strictly: it drops clients that are reached by another interface"
            )
        }
        "I2" => "the bond is not that of the cluster file: traffic does not use all its ports"
            .to_owned(),
        "H21" => format!("{about} is not in the IPVS table: its clients are refused"),
        "H23" => format!("real servers of {about} have other weights than the cluster file says"),
        "H24" => {
            "connections are forgotten after other times than the cluster file says".to_owned()
        }
        "H4" => {
            format!("the {about} is not that of the cluster file: a takeover loses connections")
        }
        _ => format!("{about} is served otherwise than the cluster file says"),
    };
    let (found, expected): (Vec<String>, Vec<String>) =
        gaps.iter().map(|gap| told(&gap.step)).unzip();
    Fault {
        title,
        found: found.join("; "),
        expected: expected.join("; "),
        repair: gaps.iter().map(|gap| gap.step.clone()).collect(),
    }
}

/// What was found, and what is wanted.
fn told(step: &Step) -> (String, String) {
    const MISSING: &str = "missing";
    match step {
        Step::Host(change) => {
            let value = |value: &Option<String>| {
                let value = value.as_deref().map_or(MISSING, typed);
                format!("{} {value}", change.key)
            };
            (value(&change.from), value(&change.to))
        }
        Step::Table(change) => {
            // As `ipvsadm -S` has it.
            let value = |value: &Option<table::Value>| match value {
                None => format!("{} {MISSING}", change.key),
                Some(_) => {
                    let made = Change { key: change.key, from: None, to: value.clone() };
                    let command = table::command(&made);
                    command.strip_prefix("ipvsadm ").unwrap_or(&command).to_owned()
                }
            };
            (value(&change.from), value(&change.to))
        }
        Step::Shell { fix, .. } => (String::new(), fix.clone()),
    }
}

impl Wish {
    /// Whether it is wanted of a director; claims of a cluster file name the role.
    fn is_of_director(&self) -> bool {
        self.claim.split(' ').any(|word| word == "director")
    }
}

impl Case<'_> {
    /// The interface that is to have an address, by the cluster file or by lvsctl's journal.
    pub(super) fn place(&self, address: IpAddr) -> Option<&InterfaceName> {
        let wishes = self.expectation.intent.iter().flat_map(|intent| &intent.wishes);
        let keys = wishes.filter_map(Wish::host);
        let journalled = self.facts.journal.iter().filter_map(|entry| entry.key.as_ref());
        keys.chain(journalled).find_map(|key| match key {
            node::Key::Address { address: known, device, .. } if *known == address => Some(device),
            _ => None,
        })
    }

    /// Whether the kernel cannot have it: a service whose scheduler there is not.
    fn is_out_of_reach(&self, gap: &Wish) -> bool {
        let Some(identity) = gap.service() else {
            return false;
        };
        self.unknown_parts().iter().any(|(service, _)| *service == identity)
    }
}
