//! Differences between a cluster file and the machine, each reported once.
//!
//! What a check finds by itself stays its finding, and the cluster file fixes it where that is
//! enough. The remaining differences are reported under the ID of the check that they belong to.

use std::collections::HashSet;

use super::context::{Context, delete_destination, grouped};
use super::expectation::{DesiredEntry, DesiredState};
use super::facts::service_name;
use super::finding::{Fault, Finding, Severity, Step};
use crate::engine::Change;
use crate::host::{self, InterfaceName, is_tunnel, without_message};
use crate::path::Check;
use lvs::ipvs::ServiceIdentity;
use lvs::table;

/// What a step changes.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Host(&'a host::Key),
    Table(&'a table::Key),
}

fn key(step: &Step) -> Option<Key<'_>> {
    match step {
        Step::Host(change) => Some(Key::Host(&change.key)),
        Step::Table(change) => Some(Key::Table(&change.key)),
        Step::Shell { .. } => None,
    }
}

/// Adds the differences that no finding covers.
pub(super) fn add(context: &Context<'_>, desired: &DesiredState, findings: &mut Vec<Finding>) {
    let unavailable: HashSet<ServiceIdentity> =
        context.unavailable_modules().into_iter().map(|(service, _)| service).collect();
    let mut differences = desired.differences(context.network());
    differences
        .retain(|entry| entry.service().is_none_or(|service| !unavailable.contains(&service)));
    let keys: HashSet<Key<'_>> = desired.unmet().filter_map(|entry| key(&entry.step)).collect();
    for finding in &mut *findings {
        if is_fixed_by_file(finding, desired, &differences, &keys) {
            finding.apply = Some(desired.apply.clone());
            finding.revert.clone_from(&desired.revert);
        }
    }
    // The kernel deletes the routes of an interface that goes down.
    let down: Vec<&InterfaceName> = differences.iter().filter_map(|entry| link(entry)).collect();
    let follows = |entry: &DesiredEntry| match entry.host() {
        Some(host::Key::Route { device, .. }) => down.contains(&device),
        _ => false,
    };
    let repairs = findings.iter().flat_map(|finding| &finding.fault.repair);
    let covered: HashSet<Key<'_>> = repairs.filter_map(key).collect();
    let checks: HashSet<Check> = findings.iter().map(|finding| finding.check).collect();
    differences.retain(|entry| {
        let is_covered = key(&entry.step).is_some_and(|key| covered.contains(&key));
        !is_covered && !is_parameter_of(entry, &checks) && !follows(entry)
    });
    let subjects = Subjects::new(desired);
    let by_subject = differences.into_iter().map(|entry| (subjects.of(entry), entry));
    for ((check, about), entries) in grouped(by_subject) {
        let mut finding = Finding::new(check, fault(check, &about, &entries));
        // What stops packets is found by the walks.
        if entries.iter().all(|entry| matches!(entry.step, Step::Host(_))) {
            finding.severity = Severity::Advice;
        }
        let reals = entries.iter().filter_map(|entry| match &entry.step {
            Step::Table(Change { key: table::Key::Destination { address, .. }, .. }) => {
                Some(*address)
            }
            _ => None,
        });
        finding.reals = reals.collect();
        let (apply, revert) = (Some(desired.apply.clone()), desired.revert.clone());
        findings.push(Finding { apply, revert, ..finding });
    }
    findings.extend(not_in_file(context, desired));
    findings.sort_by_key(|finding| finding.check);
}

/// Services and their real servers that neither the file nor the journal has.
fn not_in_file(context: &Context<'_>, desired: &DesiredState) -> Vec<Finding> {
    let of_file = desired.entries.iter().filter_map(|entry| match &entry.step {
        Step::Table(change) => Some(change.key),
        _ => None,
    });
    let journalled = context.facts.journal.iter().filter_map(|entry| Some(entry.entry.as_ref()?.0));
    let known: HashSet<table::Key> = of_file.chain(journalled).collect();
    let is_known = |service| known.contains(&table::Key::Service(service));
    let mut findings = Vec::new();
    if !desired.entries.iter().any(|entry| entry.service().is_some()) {
        return findings;
    }
    for (service, entry) in context.destinations().filter(|(service, _)| is_known(*service)) {
        let destination = &entry.destination;
        if destination.weight == 0 || known.contains(&table::Key::of(service, destination)) {
            continue;
        }
        let (real, name) = (destination.address, service_name(service));
        let fault = Fault {
            title: format!("{real} gets clients of {name}, and the cluster file does not have it"),
            found: format!("{real} of weight {} (ipvsadm -L)", destination.weight),
            expected: "the real servers of the cluster file".to_owned(),
            repair: vec![delete_destination(service, entry)],
        };
        findings.push(Finding { reals: vec![real], ..Finding::new(Check::H26, fault) });
    }
    let others = context.services().iter().filter(|state| !is_known(state.identity()));
    let others: Vec<String> = others.map(|state| state.name()).collect();
    if !others.is_empty() && context.facts.controllers.is_empty() {
        let more = others.len().saturating_sub(3);
        let names = others.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let fault = Fault {
            title: "the table has services that the cluster file does not have".to_owned(),
            found: if more > 0 { format!("{names} and {more} more") } else { names },
            expected: "the services of the cluster file, if it is to be all of them".to_owned(),
            repair: Vec::new(),
        };
        let severity = Severity::Advice;
        findings.push(Finding { severity, ..Finding::new(Check::H26, fault) });
    }
    findings
}

/// Whether the cluster file contains everything that fixes a finding. May replace the repair by
/// that of the file.
fn is_fixed_by_file(
    finding: &mut Finding,
    desired: &DesiredState,
    differences: &[&DesiredEntry],
    unmet: &HashSet<Key<'_>>,
) -> bool {
    let repair = &mut finding.fault.repair;
    match finding.check {
        // Applying the table loads the module.
        Check::K1 => {
            let entries = differences.iter().filter(|it| matches!(it.step, Step::Table(_)));
            let entries: Vec<Step> = entries.map(|entry| entry.step.clone()).collect();
            let has_entries = !entries.is_empty();
            if has_entries {
                *repair = entries;
            }
            has_entries
        }
        Check::A4 => is_fixed_for_all("arp_ignore", repair, desired),
        Check::A5 => is_fixed_for_all("arp_announce", repair, desired),
        _ => {
            let is_desired = |step| key(step).is_some_and(|key| unmet.contains(&key));
            !repair.is_empty() && repair.iter().all(is_desired)
        }
    }
}

/// The larger value counts: the value for all interfaces, which the file sets, is as good as that
/// of the interface, unless the interface has a larger one.
fn is_fixed_for_all(parameter: &str, repair: &mut Vec<Step>, desired: &DesiredState) -> bool {
    let is_small = |step: &Step| match step {
        Step::Host(change) => matches!(change.from.as_deref(), Some("0" | "1" | "2")),
        Step::Table(_) | Step::Shell { .. } => false,
    };
    let of_all = |entry: &&DesiredEntry| {
        entry.sysctl().is_some_and(|sysctl| sysctl.parameter() == Some(("all", parameter)))
    };
    match desired.unmet().find(of_all) {
        Some(entry) if repair.iter().all(is_small) => {
            *repair = vec![entry.step.clone()];
            true
        }
        _ => false,
    }
}

/// Whether a finding covers the parameter, by whichever of its values. Several checks know reasons
/// for a strict filter.
fn is_parameter_of(entry: &DesiredEntry, checks: &HashSet<Check>) -> bool {
    let filters = [Check::P1, Check::P2, Check::P3, Check::P4];
    check_of_parameter(entry).is_some_and(|check| {
        checks.contains(&check)
            || filters.contains(&check) && filters.iter().any(|it| checks.contains(it))
    })
}

/// The interface that is missing or down.
fn link(entry: &DesiredEntry) -> Option<&InterfaceName> {
    match entry.host() {
        Some(host::Key::Link(device) | host::Key::LinkUp(device)) => Some(device),
        _ => None,
    }
}

/// What must be known of all entries to name the subject of one.
struct Subjects {
    /// Services that are missing, with all their destinations.
    missing: HashSet<ServiceIdentity>,
    /// Routing tables of policy rules.
    tables: HashSet<u32>,
}

impl Subjects {
    fn new(desired: &DesiredState) -> Self {
        let missing = desired.entries.iter().filter_map(|entry| match &entry.step {
            Step::Table(Change { key: table::Key::Service(service), from: None, .. }) => {
                Some(*service)
            }
            _ => None,
        });
        let tables = desired.entries.iter().filter_map(|entry| match entry.host() {
            Some(host::Key::Rule { table, .. }) => Some(*table),
            _ => None,
        });
        Self { missing: missing.collect(), tables: tables.collect() }
    }

    /// The check that a difference belongs to, and its subject: differences of one subject are one
    /// finding.
    fn of(&self, entry: &DesiredEntry) -> (Check, String) {
        match &entry.step {
            Step::Host(change) => self.of_host(&change.key, entry),
            Step::Table(change) => match change.key.service() {
                Some(service) if self.missing.contains(&service) => {
                    (Check::H21, service_name(service))
                }
                Some(service) if is_weight(change) => (Check::H23, service_name(service)),
                Some(service) => (Check::H22, service_name(service)),
                None if change.key == table::Key::Timeouts => (Check::H24, String::new()),
                None => (Check::H4, change.key.to_string()),
            },
            Step::Shell { .. } => (Check::H22, String::new()),
        }
    }

    fn of_host(&self, key: &host::Key, entry: &DesiredEntry) -> (Check, String) {
        match key {
            host::Key::Link(device) | host::Key::LinkUp(device) if is_tunnel(device.as_str()) => {
                (Check::K3, device.to_string())
            }
            host::Key::FouPort { port, .. } => (Check::M6, port.to_string()),
            host::Key::Rule { .. } | host::Key::DefaultRouteMss { .. } => {
                (Check::M7, String::new())
            }
            host::Key::FullRoute(route) if self.tables.contains(&route.table) => {
                (Check::M7, String::new())
            }
            host::Key::Address { address, .. } if entry.is_of_director() => {
                (Check::A16, address.to_string())
            }
            host::Key::Address { address, .. } => (Check::A1, address.to_string()),
            host::Key::Route { device, .. } => (Check::A20, device.to_string()),
            host::Key::DefaultRoute(_) => (Check::N2, String::new()),
            host::Key::Sysctl(sysctl) => {
                let about = match sysctl.parameter() {
                    Some((device, "rp_filter")) => device.to_owned(),
                    _ => String::new(),
                };
                (check_of_parameter(entry).unwrap_or(Check::V5), about)
            }
            host::Key::Link(_)
            | host::Key::LinkUp(_)
            | host::Key::Port(_)
            | host::Key::Mtu(_)
            | host::Key::FullAddress { .. }
            | host::Key::FullRoute(_) => (Check::I2, String::new()),
        }
    }
}

fn check_of_parameter(entry: &DesiredEntry) -> Option<Check> {
    let sysctl = entry.sysctl()?;
    Some(match sysctl.parameter() {
        Some((device, "rp_filter")) if is_tunnel(device) => Check::P1,
        Some((_, "rp_filter")) if entry.is_of_director() => Check::P4,
        Some((_, "rp_filter")) => Check::P3,
        Some(_) => Check::N4,
        None => match sysctl.to_string().rsplit('/').next() {
            Some("ip_forward") => Check::N1,
            Some("accept_redirects") => Check::N4,
            _ => Check::V5,
        },
    })
}

/// Whether only the weight differs, which a health checker may have set.
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

fn fault(check: Check, about: &str, entries: &[&DesiredEntry]) -> Fault {
    let title = match check {
        Check::I2 => {
            "the bond differs from the cluster file: traffic does not use all its ports".to_owned()
        }
        Check::H21 => format!("{about} is not in the IPVS table: its clients are refused"),
        Check::H23 => format!("weights of real servers of {about} differ from the cluster file"),
        Check::H24 => "the timeouts of connections differ from the cluster file".to_owned(),
        Check::H4 => {
            format!("the {about} differs from the cluster file: a takeover loses connections")
        }
        Check::H22 => format!("{about} differs from the cluster file"),
        _ if about.is_empty() => "this machine differs from the cluster file".to_owned(),
        _ => format!("the set-up of {about} differs from the cluster file"),
    };
    let (found, expected): (Vec<String>, Vec<String>) =
        entries.iter().map(|entry| actual_and_desired(&entry.step)).unzip();
    Fault {
        title,
        found: found.join("; "),
        expected: expected.join("; "),
        repair: entries.iter().map(|entry| entry.step.clone()).collect(),
    }
}

fn actual_and_desired(step: &Step) -> (String, String) {
    const MISSING: &str = "missing";
    match step {
        Step::Host(change) => {
            let value = |value: &Option<String>| {
                let value = value.as_deref().map_or(MISSING, without_message);
                format!("{} {value}", change.key)
            };
            (value(&change.from), value(&change.to))
        }
        Step::Table(change) => {
            // As `ipvsadm -S` prints it.
            let value = |value: &Option<table::Value>| match value {
                None => format!("{} {MISSING}", change.key),
                Some(_) => {
                    let created = Change { key: change.key, from: None, to: value.clone() };
                    let command = table::command(&created);
                    command.strip_prefix("ipvsadm ").unwrap_or(&command).to_owned()
                }
            };
            (value(&change.from), value(&change.to))
        }
        Step::Shell { fix, .. } => (String::new(), fix.clone()),
    }
}
