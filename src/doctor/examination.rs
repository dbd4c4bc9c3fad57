//! All checks on one machine.

use super::case::{Case, Fault};
use super::check::{CHECKS, Check};
use super::deviation;
use super::{Expectation, Facts, Finding, Severity, Symptom, Unread};

/// What was found on one machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// What the machine is.
    pub role: &'static str,
    /// What is wrong, the worst first; with a symptom, the likeliest cause first.
    pub findings: Vec<Finding>,
    /// What was sent to find out; nothing without probes.
    pub sent: Vec<String>,
    /// What could not be looked at.
    pub unread: Vec<Unread>,
    /// The checks that were made, in their order.
    pub looked: Vec<&'static str>,
}

impl Diagnosis {
    /// 0 healthy, 1 a failure, 2 warnings, 3 something could not be looked at.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let has = |severity| self.findings.iter().any(|finding| finding.severity == severity);
        match () {
            () if has(Severity::Failure) => 1,
            () if !self.unread.is_empty() => 3,
            () if has(Severity::Warning) => 2,
            () => 0,
        }
    }
}

/// Makes every check. A symptom puts those that explain it first.
#[must_use]
pub fn examine(facts: &Facts, expectation: &Expectation, symptom: Option<Symptom>) -> Diagnosis {
    let case = Case { symptom, ..Case::new(facts, expectation) };
    let mut findings = Vec::new();
    for check in CHECKS {
        findings.extend((check.look)(&case).into_iter().map(|fault| found(check, fault)));
    }
    if let Some(intent) = &expectation.intent {
        deviation::join(&case, intent, &mut findings);
    }
    let likely = symptom.map(|symptom| symptom.causes(expectation, facts)).unwrap_or_default();
    let rank = |id: &str| likely.iter().position(|cause| *cause == id).unwrap_or(likely.len());
    let mut looked: Vec<&str> = CHECKS.iter().map(|check| check.id).collect();
    looked.sort_by_key(|id| rank(id));
    findings.sort_by_key(|finding| (rank(finding.id), finding.severity));
    Diagnosis {
        role: expectation.role(),
        findings,
        sent: facts.probes.as_ref().map(|probes| probes.sent.clone()).unwrap_or_default(),
        unread: facts.unread.clone(),
        looked,
    }
}

/// What a check says of a fault.
pub(super) fn found(check: &Check, fault: Fault) -> Finding {
    Finding {
        id: check.id,
        severity: check.severity,
        title: fault.title,
        found: fault.found,
        expected: fault.expected,
        repair: fault.repair,
        apply: None,
    }
}
