//! How far this machine is from its desired state, and what the doctor finds, for `top` and `metrics`.

use std::fmt;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::arguments::Options;
use super::input::Input;
use super::runner::look;
use super::{Error, departing, doctor};
use crate::doctor::Severity;
use crate::engine::Engine;

/// A finding of the doctor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) id: &'static str,
    pub(super) severity: Severity,
    title: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// The items that differ.
    pub(super) drift: Vec<String>,
    /// None where the doctor was not asked.
    pub(super) findings: Option<Vec<Finding>>,
}

impl Health {
    /// Compares the machine with a file, or with what lvsctl has set.
    pub(super) fn of_drift(input: Option<&Input>, options: &Options) -> Result<Self, Error> {
        let (mut machine, mut journal) = look(options)?;
        let desired = match input {
            Some(input) => input.desired(&mut machine, &journal)?,
            None => departing::journalled(&journal),
        };
        let items = Engine::new(&mut machine, &mut journal).status(&desired)?.into_iter();
        let drift = items.filter(|item| !item.in_sync).map(|item| item.key.to_string()).collect();
        Ok(Self { drift, findings: None })
    }

    /// Asks the doctor, too; about a file, unless it is standard input, which cannot be read again.
    pub(super) fn examine(&mut self, file: Option<&Path>, options: &Options) -> Result<(), Error> {
        let file = file.filter(|file| file.to_str() != Some("-"));
        let diagnosis = doctor::diagnose(file, options)?;
        let findings = diagnosis.findings.into_iter().map(|it| Finding {
            id: it.check.id(),
            severity: it.severity,
            title: it.fault.title,
        });
        self.findings = Some(findings.collect());
        Ok(())
    }

    /// How many findings there are of a severity; none where the doctor was not asked.
    pub(super) fn count(&self, severity: Severity) -> Option<usize> {
        let findings = self.findings.as_ref()?;
        Some(findings.iter().filter(|it| it.severity == severity).count())
    }

    /// Everything, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.drift.iter().map(|item| format!("drift: {item}")).collect();
        let findings = self.findings.iter().flatten();
        lines.extend(findings.map(|it| format!("{} {}: {}", it.severity, it.id, it.title)));
        if lines.is_empty() {
            lines.push("no drift, no findings".to_owned());
        }
        lines
    }

    /// Members of a JSON object.
    pub(super) fn json(&self) -> Json {
        let finding = |it: &Finding| json!({"id": it.id, "severity": it.severity.to_string(), "title": it.title});
        let findings: Option<Vec<Json>> =
            self.findings.as_ref().map(|all| all.iter().map(finding).collect());
        json!({"drift": self.drift, "findings": findings})
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "drift {}", self.drift.len())?;
        match &self.findings {
            Some(findings) => write!(f, "  findings {}", findings.len()),
            None => Ok(()),
        }
    }
}
