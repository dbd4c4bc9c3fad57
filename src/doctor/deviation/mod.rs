//! What a cluster file wants and the machine has not, told once each.
//!
//! What a check saw by itself stays its finding, and is mended by the file where that is enough. The
//! rest is told here, under the name of the check that it belongs to.

mod subject;
mod words;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::case::Case;
use super::check::CHECKS;
use super::examination::found;
use super::{Finding, Intent, Step, Wish};
use crate::host::{self, InterfaceName};
use lvs::ipvs::ServiceIdentity;
use lvs::table;
use subject::{Subjects, of_parameter};

/// What a step is about.
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

/// Adds to the findings what the file wants besides.
pub(super) fn join(case: &Case<'_>, intent: &Intent, findings: &mut Vec<Finding>) {
    let out_of_reach: HashSet<ServiceIdentity> =
        case.unknown_parts().into_iter().map(|(service, _)| service).collect();
    let mut gaps = intent.gaps(case.network());
    gaps.retain(|gap| gap.service().is_none_or(|service| !out_of_reach.contains(&service)));
    let unmet = intent.wishes.iter().filter(|wish| !wish.met);
    let desired: HashSet<Key<'_>> = unmet.filter_map(|wish| key(&wish.step)).collect();
    for finding in &mut *findings {
        by_file(finding, intent, &gaps, &desired);
    }
    // Routes went with the interface that they lead through.
    let down: Vec<InterfaceName> = gaps.iter().filter_map(|gap| link(gap)).cloned().collect();
    let follows = |gap: &Wish| match gap.host() {
        Some(host::Key::Route { device, .. }) => down.contains(device),
        _ => false,
    };
    let repairs = findings.iter().flat_map(|finding| &finding.repair);
    let told: HashSet<Key<'_>> = repairs.filter_map(key).collect();
    let ids: HashSet<&str> = findings.iter().map(|finding| finding.id).collect();
    gaps.retain(|gap| {
        let known = key(&gap.step).is_some_and(|key| told.contains(&key));
        !known && !is_parameter_of(gap, &ids) && !follows(gap)
    });
    let subjects = Subjects::new(intent);
    let (mut places, mut groups) = (HashMap::new(), Vec::<((&'static str, String), Vec<_>)>::new());
    for gap in gaps {
        let subject = subjects.of(gap);
        let place = *places.entry(subject.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, same)) => same.push(gap),
            None => groups.push((subject, vec![gap])),
        }
    }
    for ((id, about), gaps) in groups {
        findings.extend(CHECKS.iter().find(|check| check.id == id).map(|check| Finding {
            apply: Some(intent.command.clone()),
            ..found(check, words::fault(id, &about, &gaps))
        }));
    }
    findings.sort_by_key(|finding| CHECKS.iter().position(|check| check.id == finding.id));
}

/// Names the file as what mends a finding, where all that mends it is desired by the file too.
fn by_file(finding: &mut Finding, intent: &Intent, gaps: &[&Wish], desired: &HashSet<Key<'_>>) {
    let whole = match finding.id {
        // The table went with the module, and brings it again.
        "K1" => {
            let entries = gaps.iter().filter(|gap| matches!(gap.step, Step::Table(_)));
            let entries: Vec<Step> = entries.map(|gap| gap.step.clone()).collect();
            let whole = !entries.is_empty();
            if whole {
                finding.repair = entries;
            }
            whole
        }
        "A4" => silences("arp_ignore", finding, intent),
        "A5" => silences("arp_announce", finding, intent),
        _ => {
            let is_wanted = |step| key(step).is_some_and(|key| desired.contains(&key));
            !finding.repair.is_empty() && finding.repair.iter().all(is_wanted)
        }
    };
    if whole {
        finding.apply = Some(intent.command.clone());
    }
}

/// The larger value counts, so that one for all interfaces, which the file wants, does as well as
/// that of the interface that is asked; unless its own outdoes it.
fn silences(parameter: &str, finding: &mut Finding, intent: &Intent) -> bool {
    let of_all = |wish: &&Wish| match wish.host() {
        Some(host::Key::Sysctl(sysctl)) => sysctl.parameter() == Some(("all", parameter)),
        _ => false,
    };
    let mut unmet = intent.wishes.iter().filter(|wish| !wish.met);
    match unmet.find(of_all) {
        Some(wish) if finding.repair.iter().all(is_small) => {
            finding.repair = vec![wish.step.clone()];
            true
        }
        _ => false,
    }
}

/// Whether a value of `arp_ignore` or `arp_announce` would not outdo the one desired.
fn is_small(step: &Step) -> bool {
    let from = match step {
        Step::Host(change) => change.from.as_deref(),
        Step::Table(_) | Step::Shell { .. } => None,
    };
    matches!(from, Some("0" | "1" | "2"))
}

/// Whether a finding speaks of the parameter already, by whichever of its values. A filter is one,
/// whichever check it is that knows why it is strict.
fn is_parameter_of(gap: &Wish, ids: &HashSet<&str>) -> bool {
    of_parameter(gap).is_some_and(|id| {
        ids.contains(id)
            || id.starts_with('P') && ["P1", "P2", "P3", "P4"].iter().any(|it| ids.contains(it))
    })
}

/// The interface that is missing or down.
fn link(gap: &Wish) -> Option<&InterfaceName> {
    match gap.host() {
        Some(host::Key::Link(device) | host::Key::LinkUp(device)) => Some(device),
        _ => None,
    }
}

impl Wish {
    /// Whether it is desired of a director; owners of a cluster file name the role.
    fn is_of_director(&self) -> bool {
        self.owner.split(' ').any(|word| word == "director")
    }
}

impl Case<'_> {
    /// The interface that is to have an address, by the cluster file or by lvsctl's journal.
    pub(super) fn place(&self, address: IpAddr) -> Option<&InterfaceName> {
        let wishes = self.expectation.intent.iter().flat_map(|intent| &intent.wishes);
        let keys = wishes.filter_map(Wish::host);
        let journalled = self.facts.journal.iter().filter_map(|entry| entry.key.as_ref());
        keys.chain(journalled).find_map(|key| match key {
            host::Key::Address { address: known, device, .. } if *known == address => Some(device),
            _ => None,
        })
    }
}
