//! The kernel, and who else works on its table.

use crate::doctor::Step;
use crate::doctor::case::{Case, Fault};

fn claims_of_director(case: &Case<'_>) -> Vec<String> {
    let claims = case.facts.journal.iter().flat_map(|entry| &entry.claims);
    let mut found: Vec<String> =
        claims.filter(|claim| claim.starts_with("director ")).cloned().collect();
    found.dedup();
    found
}

pub(super) fn ipvs_is_there(case: &Case<'_>) -> Vec<Fault> {
    let claims = claims_of_director(case);
    let (false, Some(first)) = (case.facts.kernel.ipvs_loaded, claims.first()) else {
        return Vec::new();
    };
    vec![Fault {
        title: "IPVS is not loaded, so this director hands no connection on".to_owned(),
        found: "no /proc/net/ip_vs, the module ip_vs was unloaded".to_owned(),
        expected: format!("the services that lvsctl has set up here ({first})"),
        repair: vec![Step::Shell {
            fix: "modprobe ip_vs".to_owned(),
            undo: Some("modprobe -r ip_vs".to_owned()),
        }],
    }]
}

pub(super) fn one_program_owns_the_table(case: &Case<'_>) -> Vec<Fault> {
    let claims = claims_of_director(case);
    let (Some(program), Some(claim)) = (case.facts.controllers.first(), claims.first()) else {
        return Vec::new();
    };
    vec![Fault {
        title: format!(
            "{program} and lvsctl both set up the IPVS table, and undo what the other does"
        ),
        found: format!("the process {program}, and in lvsctl's journal: {claim}"),
        expected: "one of the two".to_owned(),
        repair: Vec::new(),
    }]
}
