//! The checks, one file per family.

mod address;
mod arp;
mod kernel;
mod operation;
pub(super) mod path;
mod routing;
mod synchronization;
mod table;
mod tunnel;

use super::context::Context;
use super::facts::ServiceState;
use super::finding::Severity::{self, Advice, Failure, Warning};
use super::finding::{Fault, Finding};
use crate::path::Walk;
use lvs::ipvs::{DestinationEntry, ServiceIdentity};

/// A check of the doctor.
pub struct Check {
    /// Its ID in lvsctl-doctor(8).
    pub id: &'static str,
    /// The severity of its findings.
    pub severity: Severity,
    look: Look,
}

enum Look {
    One(fn(&Context<'_>) -> Option<Fault>),
    Many(fn(&Context<'_>) -> Vec<Fault>),
    Services(fn(&Context<'_>, &ServiceState) -> Option<Fault>),
    Destinations(fn(&Context<'_>, ServiceIdentity, &DestinationEntry) -> Option<Fault>),
    /// A stage of a walk that stops: see [`path`](crate::path).
    Path,
    /// Only a cluster file shows it: see [`drift`](super::drift).
    ClusterFile,
}

use Look::{ClusterFile, Destinations, Many, One, Path, Services};

impl Check {
    pub(super) fn findings(&self, context: &Context<'_>, walks: &[Walk]) -> Vec<Finding> {
        if let Path = self.look {
            return self.stopped(context, walks);
        }
        let faults: Vec<Fault> = match self.look {
            One(look) => look(context).into_iter().collect(),
            Many(look) => look(context),
            Services(look) => {
                context.services().iter().filter_map(|it| look(context, it)).collect()
            }
            Destinations(look) => {
                let all = context.destinations();
                all.filter_map(|(service, entry)| look(context, service, entry)).collect()
            }
            ClusterFile | Path => Vec::new(),
        };
        faults.into_iter().map(|fault| self.finding(fault)).collect()
    }

    /// What stops walks, each once.
    fn stopped(&self, context: &Context<'_>, walks: &[Walk]) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for walk in walks {
            for stop in walk.stopped().filter(|stop| stop.id == self.id) {
                let mut finding = self.finding(stop.fault.clone());
                // There may be no such clients, and no packet of theirs was dropped so far. Those of a
                // director may also arrive where its default route leads.
                let possible = !walk.sure && !context.has_dropped();
                match self.id {
                    "P3" if possible => finding.severity = Severity::Warning,
                    "P4" if possible => continue,
                    _ => {}
                }
                if !findings.iter().any(|it| it.fault.title == finding.fault.title) {
                    findings.push(finding);
                }
            }
        }
        findings
    }

    pub(super) fn finding(&self, fault: Fault) -> Finding {
        Finding { id: self.id, severity: self.severity, fault, apply: None }
    }
}

const fn check(id: &'static str, severity: Severity, look: Look) -> Check {
    Check { id, severity, look }
}

/// Every check, in the order in which repairs are safe: what keeps a real server from answering ARP
/// comes before what gives it the address.
pub const CHECKS: &[Check] = &[
    check("K1", Failure, One(kernel::ipvs_is_not_loaded)),
    check("K2", Failure, Many(kernel::scheduler_is_unavailable)),
    check("K8", Advice, One(kernel::table_is_in_another_namespace)),
    check("K12", Warning, One(kernel::another_program_manages_the_table)),
    check("L1", Failure, Path),
    check("I2", Failure, ClusterFile),
    check("N1", Failure, Path),
    check("V5", Failure, Path),
    check("N4", Warning, Many(routing::redirects_bypass_the_director)),
    check("M6", Failure, Many(tunnel::receive_port_is_closed)),
    check("K3", Failure, Path),
    check("V4", Failure, Path),
    check("A4", Failure, Many(arp::arp_is_answered)),
    check("A5", Failure, Many(arp::arp_is_announced)),
    check("A21", Failure, Many(arp::director_does_not_answer)),
    check("A22", Failure, Many(arp::director_announces_the_vip)),
    check("A8", Warning, Many(arp::arp_is_suppressed_for_containers)),
    check("P1", Failure, Path),
    check("P2", Failure, Path),
    check("P3", Failure, Path),
    check("P4", Failure, Path),
    check("A2", Failure, Path),
    check("A3", Failure, Many(arp::vip_is_on_the_network)),
    check("A1", Failure, Path),
    check("A16", Failure, Path),
    check("A20", Advice, ClusterFile),
    check("A10", Failure, Many(address::vip_is_source)),
    check("A11", Failure, Path),
    check("F1", Failure, Path),
    check("N8", Failure, Path),
    check("L2", Failure, Path),
    check("L3", Failure, Path),
    check("L4", Failure, Path),
    check("L5", Failure, Path),
    check("A9", Failure, Many(arp::vip_has_several_owners)),
    check("V1", Failure, Many(address::vip_is_duplicate)),
    check("V2", Warning, Many(address::vip_is_source_ipv6)),
    check("N2", Failure, Many(routing::replies_bypass_the_director)),
    check("M1", Failure, Many(tunnel::large_packets_are_lost)),
    check("M7", Warning, One(tunnel::segment_size_is_not_announced)),
    check("N3", Failure, Many(routing::client_is_in_subnet_of_real_server)),
    check("H21", Failure, Many(table::service_is_missing)),
    check("H22", Warning, ClusterFile),
    check("H23", Advice, ClusterFile),
    check("N11", Warning, Destinations(table::port_is_ignored)),
    check("N15", Failure, Destinations(table::destination_is_this_machine)),
    check("H12", Failure, Services(table::no_destination_has_weight)),
    check("H13", Failure, Services(table::all_destinations_are_full)),
    check("H15", Warning, Services(table::hash_has_no_fallback)),
    check("H9", Failure, One(table::directors_forward_in_a_loop)),
    check("H18", Failure, Destinations(table::connections_stay_half_open)),
    check("H4", Warning, ClusterFile),
    check("H5", Warning, Many(operation::sync_interface_is_down)),
    check("H25", Warning, One(synchronization::connections_are_synchronized_late)),
    check("V6", Warning, One(operation::sync_version_lacks_ipv6)),
    check("H24", Warning, ClusterFile),
    check("H3", Warning, One(operation::drained_server_keeps_clients)),
    check("N13", Advice, One(operation::removed_server_keeps_connections)),
    check("H17", Warning, Many(operation::defence_is_always_on)),
    check("M2", Warning, One(operation::tunnel_packets_are_fragmented)),
    check("H1", Advice, One(operation::tcp_timeout_is_short)),
    check("H2", Advice, One(operation::udp_timeout_is_long)),
    check("H16", Advice, One(kernel::boot_rules_contain_names)),
    check("A6", Advice, One(kernel::boot_reverts_sysctls)),
    check("H20", Advice, One(kernel::boot_does_not_restore)),
    check("H10", Warning, One(operation::connection_table_is_small)),
    check("I1", Warning, Many(arp::two_interfaces_share_a_subnet)),
    check("I3", Advice, Many(routing::private_address_is_routed_to_the_internet)),
];

/// The position of a check in the order of repairs.
pub(crate) fn position(id: &str) -> Option<usize> {
    CHECKS.iter().position(|check| check.id == id)
}
