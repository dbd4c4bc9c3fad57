//! The checks, one file per family.

mod address;
mod arp;
mod kernel;
mod operation;
mod routing;
mod synchronization;
mod table;
mod tunnel;

use super::context::Context;
use super::expectation::Served;
use super::facts::ServiceState;
use super::finding::Severity::{self, Advice, Failure, Warning};
use super::finding::{Fault, Finding};
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
    /// Looks at each virtual address that a real server must have itself.
    Vips(fn(&Context<'_>, &Served) -> Option<Fault>),
    Services(fn(&Context<'_>, &ServiceState) -> Option<Fault>),
    Destinations(fn(&Context<'_>, ServiceIdentity, &DestinationEntry) -> Option<Fault>),
    /// Only a cluster file shows it: see [`drift`](super::drift).
    ClusterFile,
}

use Look::{ClusterFile, Destinations, Many, One, Services, Vips};

impl Check {
    pub(super) fn findings(&self, context: &Context<'_>) -> Vec<Finding> {
        let faults: Vec<Fault> = match self.look {
            One(look) => look(context).into_iter().collect(),
            Many(look) => look(context),
            Vips(look) => context.local_vips().filter_map(|it| look(context, it)).collect(),
            Services(look) => {
                context.services().iter().filter_map(|it| look(context, it)).collect()
            }
            Destinations(look) => {
                let all = context.destinations();
                all.filter_map(|(service, entry)| look(context, service, entry)).collect()
            }
            ClusterFile => Vec::new(),
        };
        faults.into_iter().map(|fault| self.finding(fault)).collect()
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
    check("I2", Failure, ClusterFile),
    check("N1", Failure, Many(routing::nat_is_not_forwarded)),
    check("V5", Failure, One(routing::nat_is_not_forwarded_ipv6)),
    check("N4", Warning, Many(routing::redirects_bypass_the_director)),
    check("M6", Failure, Many(tunnel::receive_port_is_closed)),
    check("K3", Failure, Many(tunnel::interface_is_not_up)),
    check("V4", Failure, Vips(tunnel::family_is_not_decapsulated)),
    check("A4", Failure, Many(arp::arp_is_answered)),
    check("A5", Failure, Many(arp::arp_is_announced)),
    check("A8", Warning, Many(arp::arp_is_suppressed_for_containers)),
    check("P1", Failure, Many(tunnel::filter_is_strict)),
    check("P2", Failure, Many(tunnel::filter_is_loose_by_default_only)),
    check("P3", Failure, Many(routing::filter_is_strict_on_real_server)),
    check("P4", Warning, Many(routing::filter_is_strict_on_director)),
    check("A2", Failure, Many(address::prefix_is_not_host_prefix)),
    check("A3", Failure, Many(arp::vip_is_on_the_network)),
    check("A1", Failure, Many(address::missing_on_real_server)),
    check("A16", Failure, Many(address::missing_on_director)),
    check("A20", Advice, ClusterFile),
    check("A10", Failure, Many(address::vip_is_source)),
    check("A11", Failure, Vips(address::nobody_listens)),
    check("A9", Failure, Many(arp::vip_has_several_owners)),
    check("V1", Failure, Many(address::vip_is_duplicate)),
    check("V2", Warning, Many(address::vip_is_source_ipv6)),
    check("N2", Failure, Many(routing::replies_bypass_the_director)),
    check("M1", Failure, Many(tunnel::large_packets_are_lost)),
    check("N3", Failure, Many(routing::client_is_in_subnet_of_real_server)),
    check("H21", Failure, Many(table::service_is_missing)),
    check("H22", Warning, ClusterFile),
    check("H23", Advice, ClusterFile),
    check("N11", Warning, Destinations(table::port_is_ignored)),
    check("N15", Failure, Destinations(table::destination_is_this_machine)),
    check("H12", Warning, Services(table::no_destination_has_weight)),
    check("H13", Warning, Services(table::all_destinations_are_full)),
    check("H15", Warning, Services(table::hash_has_no_fallback)),
    check("H9", Failure, One(table::directors_forward_in_a_loop)),
    check("H18", Advice, Destinations(table::connections_stay_half_open)),
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
