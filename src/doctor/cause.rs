//! Causes before their consequences.

use std::collections::HashSet;
use std::net::IpAddr;

use super::context::Context;
use super::finding::Finding;
use crate::path::Check::{self, *};
use lvs::ipvs::Forwarding;

/// What a finding of a check makes others find.
const fn consequences(of: Check) -> &'static [Check] {
    match of {
        K1 => &[H21],
        L1 => &[L2, L4, L5, H5, H18],
        N2 => &[L4, L5],
        L2 | L3 | L4 | F1 | N1 | V5 | N8 => &[H18],
        H22 | H26 => &[N1, V5, N3, N4, P4, N11, N15, L1, L2, L3, L4, F1, H18],
        _ => &[],
    }
}

/// What a finding is about: some real servers, or the whole machine.
fn subject(context: &Context<'_>, finding: &Finding) -> Vec<IpAddr> {
    match finding.check {
        // Every real server of NAT needs them.
        N1 | V5 | N3 | N4 => {
            let all = context.destinations().map(|(_, entry)| &entry.destination);
            let nat = all.filter(|it| it.forwarding == Forwarding::Masquerade);
            nat.map(|it| it.address).collect::<HashSet<_>>().into_iter().collect()
        }
        _ => finding.reals.clone(),
    }
}

/// Puts each finding after its cause, the worst group first; a cause is as severe as what follows.
pub(super) fn fold(
    context: &Context<'_>,
    mut findings: Vec<Finding>,
    rank: impl Fn(Check) -> usize,
) -> Vec<Finding> {
    let explains = |cause: &Finding, other: &Finding| {
        if !consequences(cause.check).contains(&other.check) {
            return false;
        }
        if cause.reals.is_empty() {
            return !matches!(cause.check, H22 | H26);
        }
        let reals: HashSet<&IpAddr> = cause.reals.iter().collect();
        let about = subject(context, other);
        !about.is_empty() && about.iter().all(|real| reals.contains(real))
    };
    let causes: Vec<Option<usize>> = findings
        .iter()
        .map(|other| findings.iter().position(|cause| explains(cause, other)))
        .collect();
    // Of a chain of causes, the first one.
    let root = |mut at: usize| {
        let mut steps = 0;
        while let Some(cause) = causes.get(at).copied().flatten().filter(|_| steps < findings.len())
        {
            (at, steps) = (cause, steps + 1);
        }
        at
    };
    let roots: Vec<usize> = (0..findings.len()).map(root).collect();
    let mut severities: Vec<_> = findings.iter().map(|finding| finding.severity).collect();
    for (at, root) in roots.iter().enumerate() {
        let worst = severities.get(at).copied().into_iter().chain(severities.get(*root).copied());
        if let (Some(worst), Some(of_root)) = (worst.min(), severities.get_mut(*root)) {
            *of_root = worst;
        }
    }
    let checks: Vec<Check> = findings.iter().map(|finding| finding.check).collect();
    for (at, finding) in findings.iter_mut().enumerate() {
        let root = roots.get(at).copied().filter(|root| *root != at);
        finding.follows = root.and_then(|root| checks.get(root).copied());
        finding.severity = severities.get(at).copied().unwrap_or(finding.severity);
    }
    let mut order: Vec<(usize, Finding)> = findings.into_iter().enumerate().collect();
    order.sort_by_key(|(at, _)| {
        let root = roots.get(*at).copied().unwrap_or(*at);
        let check = checks.get(root).copied().map_or(usize::MAX, &rank);
        (check, severities.get(root).copied(), root, *at != root, *at)
    });
    order.into_iter().map(|(_, finding)| finding).collect()
}
