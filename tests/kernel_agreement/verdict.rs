//! What the doctor says on every host, held against the packets.

use std::fmt;

use serde_json::Value as Json;

use crate::lab::{Lab, Traffic};
use crate::plan::Plan;
use crate::support::Host;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    WorksAndSaidSo,
    WorksAndUnknown,
    FalseAlarm,
    Named,
    NamedByProbe,
    /// A warning says that it can happen.
    Warned,
    /// A host without a file does not show that it is a real server.
    NoRole,
    Unknown,
    Missed,
    Healed,
    NoCommand,
    NotHealed,
    /// The test itself, or `lvsctl`, has failed.
    Broken,
}

impl Class {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::WorksAndSaidSo => "work, and the doctor says so",
            Self::WorksAndUnknown => "work, and the doctor cannot judge a stage",
            Self::FalseAlarm => "work, and the doctor reports a failure: FALSE ALARM",
            Self::Named => "dead, and named",
            Self::NamedByProbe => "dead, and named with --probe",
            Self::Warned => "dead, and only warned of",
            Self::NoRole => "dead, and nothing shows the role of a host",
            Self::Unknown => "dead, and the doctor cannot judge a stage",
            Self::Missed => "dead, and the doctor says nothing: MISSED",
            Self::Healed => "healed by the fixes of the first findings",
            Self::NoCommand => "no command fixes the first findings",
            Self::NotHealed => "the fixes of the first findings do not heal",
            Self::Broken => "broken",
        }
    }

    pub(crate) const fn is_wrong(self) -> bool {
        matches!(self, Self::FalseAlarm | Self::Missed | Self::Broken)
    }

    pub(crate) const fn is_listed(self) -> bool {
        !matches!(self, Self::WorksAndSaidSo | Self::Named | Self::Healed)
    }
}

pub(crate) struct Agreement<'a> {
    plan: &'a Plan,
    /// With the file, without it, and what the repair came to.
    pub(crate) classes: Vec<Class>,
    log: Vec<String>,
}

/// The diagnosis of one host.
struct Diagnosis {
    host: &'static str,
    status: i32,
    object: Json,
}

impl Diagnosis {
    fn new(lab: &Lab<'_>, host: &'static str, options: &str) -> Self {
        let doctor =
            |role: &str| lab.host(host).lvsctl_inside(&format!("doctor --json {role} {options}"));
        let mut outcome = doctor("");
        // It has lost the address by which the file knows it.
        if outcome.errors.contains("give the role with --role") {
            outcome = doctor(if host == "d" { "--role director" } else { "--role real-server" });
        }
        let object = serde_json::from_str(&outcome.output)
            .unwrap_or_else(|error| panic!("{error}: {outcome:?}"));
        Self { host, status: outcome.status, object }
    }

    fn findings(&self) -> impl Iterator<Item = &Json> {
        self.object["findings"].as_array().into_iter().flatten()
    }

    /// A warning of packets, not of a difference from the file.
    fn has_warning(&self) -> bool {
        let of_service = |it: &Json| it["found"].as_str().is_some_and(|it| it.starts_with("-A "));
        let mut warnings = self.findings().filter(|it| it["severity"] == "warning");
        warnings.any(|it| it["id"] != "H22" || !of_service(it))
    }

    /// The commands of the first finding that has some.
    fn fix(&self) -> Vec<String> {
        let findings = self.findings().filter(|it| it["severity"] != "advice");
        let mut fixes = findings.filter_map(|it| it["fix"].as_array());
        let fix = fixes.find(|it| !it.is_empty()).into_iter().flatten();
        fix.filter_map(|it| it.as_str().map(str::to_owned)).collect()
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("  {} exits {}", self.host, self.status)];
        for it in self.findings().filter(|it| it["severity"] != "advice") {
            lines.push(format!(
                "    {} {}: {} [{}] fix {}",
                it["severity"], it["id"], it["title"], it["found"], it["fix"]
            ));
        }
        for it in self.object["unknown"].as_array().into_iter().flatten() {
            lines.push(format!("    unknown {}: {}", it["stage"], it["why"]));
        }
        lines
    }
}

impl<'a> Agreement<'a> {
    pub(crate) fn of(plan: &'a Plan, switch: &Host) -> Self {
        let mut agreement = Self { plan, classes: Vec::new(), log: Vec::new() };
        let mut lab = Lab::new(plan, switch);
        for line in &plan.faults {
            let outcome = lab.run(line);
            if outcome.status != 0 {
                agreement.log.push(format!("refused: {line}: {}", outcome.errors.trim()));
            }
        }
        let traffic = lab.traffic();
        agreement.log.extend(traffic.seen.clone());
        agreement.look(&lab);
        let file = lab.file.line("");
        let mut repaired = Vec::new();
        for (way, options) in [(true, file.as_str()), (false, "")] {
            let found = agreement.diagnose(&lab, options);
            let class = agreement.class(&lab, &traffic, &found, options);
            agreement.classes.push(class);
            if way == plan.with_file {
                repaired = found;
            }
        }
        let chosen = agreement.classes[usize::from(!plan.with_file)];
        if matches!(chosen, Class::Named | Class::Warned) {
            let options = if plan.with_file { file.as_str() } else { "" };
            let class = agreement.repair(&lab, repaired, options);
            agreement.classes.push(class);
            agreement.look(&lab);
        }
        agreement
    }

    /// Runs the line `LVS_AGREEMENT_LOOK` on every host, for people who look for a cause.
    fn look(&mut self, lab: &Lab<'_>) {
        let Ok(line) = std::env::var("LVS_AGREEMENT_LOOK") else { return };
        for machine in &self.plan.machines {
            let outcome = lab.host(machine.name).shell(&line);
            self.log
                .push(format!("{}# {line}\n{}{}", machine.name, outcome.output, outcome.errors));
        }
    }

    pub(crate) fn is_a_fault(&self) -> bool {
        self.classes.iter().any(|class| class.is_listed())
    }

    fn diagnose(&mut self, lab: &Lab<'_>, options: &str) -> Vec<Diagnosis> {
        let all = self.plan.judged().into_iter().map(|host| Diagnosis::new(lab, host, options));
        let all: Vec<Diagnosis> = all.collect();
        self.log.push(format!("doctor {options}"));
        self.log.extend(all.iter().flat_map(Diagnosis::lines));
        all
    }

    fn class(
        &mut self,
        lab: &Lab<'_>,
        traffic: &Traffic,
        found: &[Diagnosis],
        options: &str,
    ) -> Class {
        let says = |status| found.iter().any(|it| it.status == status);
        let odd = found.iter().find(|it| !(0..=3).contains(&it.status));
        assert!(odd.is_none(), "{}", self.plan);
        match (traffic.works, says(1), says(3)) {
            (true, false, false) => Class::WorksAndSaidSo,
            (true, false, true) => Class::WorksAndUnknown,
            (true, true, _) => {
                // Packets for a real server that gets none would end there.
                let failed = found.iter().filter(|it| it.status == 1);
                let mut idle = failed.map(|it| {
                    it.host != "d" && !Lab::was_heard(traffic, it.host) && !lab.works_alone(it.host)
                });
                if idle.all(|it| it) { Class::WorksAndSaidSo } else { Class::FalseAlarm }
            }
            (false, true, _) => Class::Named,
            (false, false, unknown) => {
                let probed = self.diagnose(lab, &format!("--probe {options}"));
                let named = probed.iter().any(|it| it.status == 1);
                let no_role = found.iter().any(|it| it.object["role"] == "none");
                match found.iter().any(Diagnosis::has_warning) {
                    _ if named => Class::NamedByProbe,
                    _ if unknown => Class::Unknown,
                    true => Class::Warned,
                    false if no_role => Class::NoRole,
                    false => Class::Missed,
                }
            }
        }
    }

    /// Runs the fix of the first finding of each host that has one, as often as there are faults.
    fn repair(&mut self, lab: &Lab<'_>, mut found: Vec<Diagnosis>, options: &str) -> Class {
        for _ in 0..=self.plan.faults.len() {
            let mut now = 0;
            for diagnosis in found.iter().filter(|it| matches!(it.status, 1 | 2)) {
                let done = lab.fix(diagnosis.host, &diagnosis.fix());
                now += done.len();
                self.log
                    .extend(done.iter().map(|line| format!("fix on {}: {line}", diagnosis.host)));
            }
            if now == 0 {
                break;
            }
            lab.forget();
            let traffic = lab.traffic();
            self.log.extend(traffic.seen.clone());
            if traffic.works {
                return Class::Healed;
            }
            found = self.diagnose(lab, options);
        }
        let by_a_person = |it: &Diagnosis| matches!(it.status, 1 | 2) && it.fix().is_empty();
        if found.iter().any(by_a_person) { Class::NoCommand } else { Class::NotHealed }
    }
}

impl fmt::Display for Agreement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes: Vec<_> = self.classes.iter().map(|class| class.text()).collect();
        writeln!(f, "=== {}--- {}", self.plan, classes.join("; "))?;
        self.log.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
