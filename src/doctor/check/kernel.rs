//! The kernel, other programs that manage its table, and what the next boot sets up.

use crate::doctor::context::Context;
use crate::doctor::facts::{BootSetting, service_name};
use crate::doctor::finding::{Fault, Step};
use crate::doctor::symptom::Symptom;
use crate::engine::Change;
use crate::host;
use crate::policy::{Owner, Role};
use lvs::table::{self, quoted};

fn director_owners(context: &Context<'_>) -> Vec<Owner> {
    let owners = context.facts.journal.iter().flat_map(|entry| &entry.owners);
    let mut found: Vec<Owner> =
        owners.filter(|owner| owner.role() == Some(Role::Director)).cloned().collect();
    found.dedup();
    found
}

pub(super) fn ipvs_is_not_loaded(context: &Context<'_>) -> Option<Fault> {
    let mut owners = director_owners(context);
    let desired = context.expectation.desired.iter().flat_map(|desired| &desired.entries);
    let desired = desired.filter(|entry| entry.service().is_some());
    owners.extend(desired.map(|entry| entry.owner.clone()));
    let first = owners.first().filter(|_| !context.facts.kernel.ipvs_loaded)?;
    // Unloading the module deleted the table. Undo unloads the schedulers first, which depend on it.
    let table: Vec<Step> =
        context.missing_services().into_iter().flat_map(|(_, steps)| steps).collect();
    let mut modules = Vec::new();
    for step in &table {
        if let Step::Table(Change { to: Some(table::Value::Service(service)), .. }) = step {
            let module = quoted(&format!("ip_vs_{}", service.scheduler)).into_owned() + " ";
            modules.extend((!modules.contains(&module)).then_some(module));
        }
    }
    let load = Step::Shell {
        fix: "modprobe ip_vs".to_owned(),
        undo: Some(format!("modprobe -r {}ip_vs", modules.concat())),
    };
    Some(Fault {
        title: "IPVS is not loaded, so this director forwards no connections".to_owned(),
        found: "no /proc/net/ip_vs: the module ip_vs was unloaded, or never loaded".to_owned(),
        expected: format!("the services of {first}"),
        repair: [load].into_iter().chain(table).collect(),
    })
}

pub(super) fn another_program_manages_the_table(context: &Context<'_>) -> Option<Fault> {
    let owners = director_owners(context);
    let (program, owner) = (context.facts.controllers.first()?, owners.first()?);
    Some(Fault {
        title: format!(
            "{program} and lvsctl both manage the IPVS table, and revert each other's changes"
        ),
        found: format!("process {program}; owner in lvsctl's journal: {owner}"),
        expected: "one program that manages the table".to_owned(),
        repair: Vec::new(),
    })
}

pub(super) fn scheduler_is_unavailable(context: &Context<'_>) -> Vec<Fault> {
    let release = &context.facts.kernel.release;
    let fault = |(service, module)| Fault {
        title: format!(
            "{} cannot be created: the kernel has no module {module}",
            service_name(service)
        ),
        found: format!("no {module} in /sys/module or /lib/modules/{release}/modules.dep"),
        expected: "a scheduler of this kernel, or the package with its other modules".to_owned(),
        repair: Vec::new(),
    };
    context.unavailable_modules().into_iter().map(fault).collect()
}

/// Nothing is wrong with this namespace, but the user may have expected the other one.
pub(super) fn table_is_in_another_namespace(context: &Context<'_>) -> Option<Fault> {
    let elsewhere = &context.facts.elsewhere;
    let first = elsewhere.first().filter(|_| context.expectation.role() == "none")?;
    let services: Vec<String> = elsewhere
        .iter()
        .map(|it| format!("{} services in {}", it.services, it.namespace))
        .collect();
    Some(Fault {
        title: "this network namespace has no services, but another one has: each namespace has \
                an IPVS table of its own"
            .to_owned(),
        found: format!("none here; {}", services.join(", ")),
        expected: format!("services here; else see lvsctl --netns {} doctor", first.namespace),
        repair: Vec::new(),
    })
}

pub(super) fn boot_rules_contain_names(context: &Context<'_>) -> Option<Fault> {
    let lines = &context.facts.names_in_rules;
    let first = lines.first()?;
    Some(Fault {
        title: "the rules restored at boot contain names, and need a resolver that may not be \
                available yet"
            .to_owned(),
        found: format!("{first} ({} such lines)", lines.len()),
        expected: "addresses and numbers: ipvsadm-save -n".to_owned(),
        repair: Vec::new(),
    })
}

/// Sorts after every name that begins with digits, as most do.
const OWN_FILE: &str = "/etc/sysctl.d/zz-lvsctl.conf";

/// The next boot sets a sysctl of lvsctl to another value.
pub(super) fn boot_reverts_sysctls(context: &Context<'_>) -> Option<Fault> {
    let reverted: Vec<(&BootSetting, &str)> = context
        .facts
        .journal
        .iter()
        .filter_map(|entry| match (&entry.key, &entry.value) {
            (Some(host::Key::Sysctl(sysctl)), Some(ours)) => Some((sysctl, ours.as_str())),
            _ => None,
        })
        .filter(|(sysctl, ours)| context.network().sysctl(sysctl) == Some(*ours))
        .filter_map(|(sysctl, ours)| {
            let mut boot = context.facts.boot.iter();
            let setting = boot.find(|it| it.sysctl == *sysctl && it.value != ours)?;
            Some((setting, ours))
        })
        .collect();
    if reverted.is_empty() {
        return None;
    }
    let found: Vec<String> = reverted
        .iter()
        .map(|(setting, _)| format!("{} = {} in {}", setting.sysctl, setting.value, setting.file))
        .collect();
    let lines = reverted.iter().map(|(setting, ours)| format!("{} = {ours}", setting.sysctl));
    let lines: Vec<String> = lines.map(|line| quoted(&line).into_owned()).collect();
    let earlier = |file: &str| file.rsplit('/').next() < OWN_FILE.rsplit('/').next();
    let is_last = reverted.iter().all(|(it, _)| it.file != "/etc/sysctl.conf" && earlier(&it.file));
    let repair = is_last.then(|| Step::Shell {
        fix: format!("printf '%s\\n' {} > {OWN_FILE}", lines.join(" ")),
        undo: Some(format!("rm {OWN_FILE}")),
    });
    Some(Fault {
        title: "the next boot, or sysctl --system, overwrites sysctls that lvsctl has set"
            .to_owned(),
        found: found.join("; "),
        expected: "the present values".to_owned(),
        repair: repair.into_iter().collect(),
    })
}

/// Only on request: the machine works, and the boot may run a script that lvsctl does not know.
pub(super) fn boot_does_not_restore(context: &Context<'_>) -> Option<Fault> {
    if context.symptom != Some(Symptom::AfterReboot) {
        return None;
    }
    let mut lost: Vec<&Owner> = Vec::new();
    for owner in context.facts.journal.iter().flat_map(|entry| &entry.owners) {
        let installed = owner.cluster().is_some_and(|name| {
            let unit = format!("lvsctl-{name}.service");
            context.facts.units.contains(&unit)
        });
        if !installed && !lost.contains(&owner) {
            lost.push(owner);
        }
    }
    if lost.is_empty() {
        return None;
    }
    let install = context.expectation.desired.as_ref().and_then(|desired| desired.install.clone());
    let install = install.filter(|(name, _)| lost.iter().all(|it| it.cluster() == Some(name)));
    let repair = install.map(|(name, fix)| Step::Shell {
        fix,
        undo: Some(format!("systemctl disable lvsctl-{name}.service")),
    });
    Some(Fault {
        title: "the next boot does not restore what lvsctl has set up".to_owned(),
        found: format!(
            "no systemd unit for {}",
            lost.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ),
        expected: "a cluster file, and lvsctl install".to_owned(),
        repair: repair.into_iter().collect(),
    })
}
