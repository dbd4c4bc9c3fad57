//! The kernel, and who else works on its table.

use crate::doctor::Step;
use crate::doctor::case::{Case, Fault, named};
use crate::doctor::facts::is_of;
use crate::engine::Change;
use lvs::ipvs::ServiceIdentity;
use lvs::table;

fn claims_of_director(case: &Case<'_>) -> Vec<String> {
    let owners = case.facts.journal.iter().flat_map(|entry| &entry.owners);
    let mut found: Vec<String> = owners.filter(|owner| is_of(owner, "director")).cloned().collect();
    found.dedup();
    found
}

pub(super) fn ipvs_is_there(case: &Case<'_>) -> Vec<Fault> {
    let mut owners = claims_of_director(case);
    let wishes = case.expectation.intent.iter().flat_map(|intent| &intent.wishes);
    let desired = wishes.filter(|wish| wish.service().is_some()).map(|wish| wish.owner.clone());
    owners.extend(desired);
    let (false, Some(first)) = (case.facts.kernel.ipvs_loaded, owners.first()) else {
        return Vec::new();
    };
    // The table went with it. A scheduler is unloaded before what it belongs to.
    let table: Vec<Step> =
        case.missing_services().into_iter().flat_map(|(_, steps)| steps).collect();
    let mut modules = Vec::new();
    for step in &table {
        if let Step::Table(Change { to: Some(table::Value::Service(service)), .. }) = step {
            let module = format!("ip_vs_{} ", service.scheduler);
            modules.extend((!modules.contains(&module)).then_some(module));
        }
    }
    let load = Step::Shell {
        fix: "modprobe ip_vs".to_owned(),
        undo: Some(format!("modprobe -r {}ip_vs", modules.concat())),
    };
    vec![Fault {
        title: "IPVS is not loaded, so this director hands no connection on".to_owned(),
        found: "no /proc/net/ip_vs: the module ip_vs was unloaded, or never loaded".to_owned(),
        expected: format!("the services that are to be here ({first})"),
        repair: [load].into_iter().chain(table).collect(),
    }]
}

pub(super) fn one_program_owns_the_table(case: &Case<'_>) -> Vec<Fault> {
    let owners = claims_of_director(case);
    let (Some(program), Some(owner)) = (case.facts.controllers.first(), owners.first()) else {
        return Vec::new();
    };
    vec![Fault {
        title: format!(
            "{program} and lvsctl both set up the IPVS table, and undo what the other does"
        ),
        found: format!("the process {program}, and in lvsctl's journal: {owner}"),
        expected: "one of the two".to_owned(),
        repair: Vec::new(),
    }]
}

impl Case<'_> {
    /// Services of the cluster file whose scheduler or persistence engine the kernel cannot load,
    /// each with the module.
    pub(in crate::doctor) fn unknown_parts(&self) -> Vec<(ServiceIdentity, String)> {
        let (Some(known), Some(intent)) = (&self.facts.kernel.parts, &self.expectation.intent)
        else {
            return Vec::new();
        };
        let mut unknown = Vec::new();
        for wish in intent.wishes.iter().filter(|wish| !wish.met) {
            let Step::Table(Change { to: Some(table::Value::Service(service)), .. }) = &wish.step
            else {
                continue;
            };
            let engine = service.persistence_engine.iter().map(|engine| format!("pe_{engine}"));
            let parts = [service.scheduler.clone()].into_iter().chain(engine);
            let missing = parts.filter(|part| !known.contains(part));
            unknown.extend(missing.map(|part| (service.identity, format!("ip_vs_{part}"))));
        }
        unknown
    }
}

pub(super) fn schedulers_can_be_had(case: &Case<'_>) -> Vec<Fault> {
    let fault = |(service, module)| Fault {
        title: format!(
            "{} cannot be made: the kernel has no {module}, loaded or to be loaded",
            named(service)
        ),
        found: format!(
            "no {module} in /sys/module nor in /lib/modules/{}/modules.dep",
            case.facts.kernel.release
        ),
        expected: "a scheduler that this kernel has, or the package with its other modules"
            .to_owned(),
        repair: Vec::new(),
    };
    case.unknown_parts().into_iter().map(fault).collect()
}

/// Whoever asks here gets no answer, and nothing is wrong with the machine.
pub(super) fn the_table_is_here(case: &Case<'_>) -> Vec<Fault> {
    let (Some(first), "none") = (case.facts.elsewhere.first(), case.expectation.role()) else {
        return Vec::new();
    };
    let told = case.facts.elsewhere.iter();
    let told: Vec<String> =
        told.map(|it| format!("{} services in {}", it.services, it.namespace)).collect();
    vec![Fault {
        title: "this network namespace directs nothing, and another one does: each has an IPVS \
                table of its own"
            .to_owned(),
        found: format!("none here; {}", told.join(", ")),
        expected: format!("a look there: lvsctl --netns {} doctor", first.namespace),
        repair: Vec::new(),
    }]
}
