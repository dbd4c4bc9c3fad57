//! What is said of gaps of one subject.

use crate::doctor::case::Fault;
use crate::doctor::{Step, Wish};
use crate::engine::Change;
use crate::host::without_message;
use lvs::table;

pub(super) fn fault(id: &str, about: &str, gaps: &[&Wish]) -> Fault {
    let title = match id {
        "K3" => {
            format!("{about} is not there as it must be: nobody unpacks what the director sends")
        }
        "M6" => {
            format!("UDP port {about} unpacks nothing: what the director sends in GUE is refused")
        }
        "M1" => "clients are not told of the smaller segments that fit the tunnel: small pages \
                 work, uploads hang"
            .to_owned(),
        "A1" => format!("{about} is missing: what the director sends here for it vanishes"),
        "A16" => format!("{about} is no address of this director: its packets never come to IPVS"),
        "A20" => format!("a virtual address has no route of its own through {about}"),
        "N2" => "answers do not pass the director: clients get them from an address that they \
                 never asked, and reset"
            .to_owned(),
        "N1" | "V5" => "this director does not pass on packets as it must".to_owned(),
        "N4" => "redirects lead answers past the director".to_owned(),
        "P1" | "P3" | "P4" => {
            format!(
                "{about} filters strictly: it drops clients that are reached by another interface"
            )
        }
        "I2" => "the bond is not that of the cluster file: traffic does not use all its ports"
            .to_owned(),
        "H21" => format!("{about} is not in the IPVS table: its clients are refused"),
        "H23" => format!("real servers of {about} have other weights than the cluster file says"),
        "H24" => {
            "connections are forgotten after other times than the cluster file says".to_owned()
        }
        "H4" => {
            format!("the {about} is not that of the cluster file: a takeover loses connections")
        }
        _ => format!("{about} is served otherwise than the cluster file says"),
    };
    let (found, expected): (Vec<String>, Vec<String>) =
        gaps.iter().map(|gap| told(&gap.step)).unzip();
    Fault {
        title,
        found: found.join("; "),
        expected: expected.join("; "),
        repair: gaps.iter().map(|gap| gap.step.clone()).collect(),
    }
}

/// What was found, and what is desired.
fn told(step: &Step) -> (String, String) {
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
            // As `ipvsadm -S` has it.
            let value = |value: &Option<table::Value>| match value {
                None => format!("{} {MISSING}", change.key),
                Some(_) => {
                    let made = Change { key: change.key, from: None, to: value.clone() };
                    let command = table::command(&made);
                    command.strip_prefix("ipvsadm ").unwrap_or(&command).to_owned()
                }
            };
            (value(&change.from), value(&change.to))
        }
        Step::Shell { fix, .. } => (String::new(), fix.clone()),
    }
}
