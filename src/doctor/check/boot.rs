//! What the next boot makes of the machine.

use crate::doctor::case::{Case, Fault};
use crate::doctor::{BootSetting, Step, Symptom};
use crate::host;

pub(super) fn rules_are_numeric(case: &Case<'_>) -> Vec<Fault> {
    let Some(line) = case.facts.names_in_rules.first() else {
        return Vec::new();
    };
    vec![Fault {
        title: "the rules that are restored at boot have names in them, and wait for a resolver \
                that may not be there yet"
            .to_owned(),
        found: format!("{line}, and {} lines in all", case.facts.names_in_rules.len()),
        expected: "addresses and numbers: ipvsadm-save -n".to_owned(),
        repair: Vec::new(),
    }]
}

/// Sorted behind every name that begins with digits, as most do.
const OWN_FILE: &str = "/etc/sysctl.d/zz-lvsctl.conf";

/// What lvsctl has set to one value, and the next boot sets to another.
pub(super) fn boot_leaves_it(case: &Case<'_>) -> Vec<Fault> {
    let undone: Vec<(&BootSetting, &str)> = case
        .facts
        .journal
        .iter()
        .filter_map(|entry| match (&entry.key, &entry.value) {
            (Some(host::Key::Sysctl(sysctl)), Some(ours)) => Some((sysctl, ours.as_str())),
            _ => None,
        })
        .filter(|(sysctl, ours)| case.network().sysctl(sysctl) == Some(*ours))
        .filter_map(|(sysctl, ours)| {
            let mut boot = case.facts.boot.iter();
            let setting = boot.find(|it| it.sysctl == *sysctl && it.value != ours)?;
            Some((setting, ours))
        })
        .collect();
    if undone.is_empty() {
        return Vec::new();
    }
    let told = |(setting, _): &(&BootSetting, &str)| {
        format!("{} = {} in {}", setting.sysctl, setting.value, setting.file)
    };
    let found: Vec<String> = undone.iter().map(told).collect();
    let lines: Vec<String> =
        undone.iter().map(|(setting, ours)| format!("'{} = {ours}'", setting.sysctl)).collect();
    let earlier = |file: &str| file.rsplit('/').next() < OWN_FILE.rsplit('/').next();
    let last = undone.iter().all(|(it, _)| it.file != "/etc/sysctl.conf" && earlier(&it.file));
    let repair = last.then(|| Step::Shell {
        fix: format!("printf '%s\\n' {} > {OWN_FILE}", lines.join(" ")),
        undo: Some(format!("rm {OWN_FILE}")),
    });
    vec![Fault {
        title: "the next boot, or sysctl --system, sets back what lvsctl has set here".to_owned(),
        found: found.join("; "),
        expected: "the values that are there now".to_owned(),
        repair: repair.into_iter().collect(),
    }]
}

/// What nothing sets up again. Only where it was asked for: a machine works without, and whoever set
/// it up may have a script of his own that the boot runs.
pub(super) fn it_comes_again(case: &Case<'_>) -> Vec<Fault> {
    if case.symptom != Some(Symptom::AfterReboot) {
        return Vec::new();
    }
    let mut lost: Vec<&str> = Vec::new();
    for owner in case.facts.journal.iter().flat_map(|entry| &entry.owners) {
        let installed = cluster(owner).is_some_and(|name| {
            let unit = format!("lvsctl-{name}.service");
            case.facts.units.contains(&unit)
        });
        if !installed && !lost.contains(&owner.as_str()) {
            lost.push(owner);
        }
    }
    if lost.is_empty() {
        return Vec::new();
    }
    let by_file = case.expectation.intent.as_ref().and_then(|intent| intent.install.clone());
    let repair = by_file.filter(|(name, _)| lost.iter().all(|it| cluster(it) == Some(name)));
    vec![Fault {
        title: "what lvsctl has set here is gone after the next boot".to_owned(),
        found: format!("no unit of systemd for {}", lost.join(", ")),
        expected: "a cluster file, and lvsctl install".to_owned(),
        repair: repair
            .map(|(name, fix)| Step::Shell {
                fix,
                undo: Some(format!("systemctl disable lvsctl-{name}.service")),
            })
            .into_iter()
            .collect(),
    }]
}

/// The cluster of a owner, `cluster web director`.
fn cluster(owner: &str) -> Option<&str> {
    owner.strip_prefix("cluster ")?.split(' ').next()
}
