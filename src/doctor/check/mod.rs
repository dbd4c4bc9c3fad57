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

use std::collections::HashMap;

use super::context::Context;
use super::facts::ServiceState;
use super::finding::{Fault, Finding};
use crate::path::{Check, Flow, Walk};
use lvs::ipvs::{DestinationEntry, ServiceIdentity};

/// How a check is made.
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

/// The findings of a check.
pub(super) fn findings(check: Check, context: &Context<'_>, walks: &[Walk]) -> Vec<Finding> {
    let faults: Vec<Fault> = match look(check) {
        One(look) => look(context).into_iter().collect(),
        Many(look) => look(context),
        Services(look) => context.services().iter().filter_map(|it| look(context, it)).collect(),
        Destinations(look) => {
            let found = context.destinations().filter_map(|(service, entry)| {
                let finding = Finding::new(check, look(context, service, entry)?);
                Some(Finding { reals: vec![entry.destination.address], ..finding })
            });
            return found.collect();
        }
        Path => return stopped(check, walks),
        ClusterFile => Vec::new(),
    };
    faults.into_iter().map(|fault| Finding::new(check, fault)).collect()
}

/// What stops walks, each once.
fn stopped(check: Check, walks: &[Walk]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for walk in walks {
        for stop in walk.stopped().filter(|stop| stop.check == check) {
            let place = *places.entry(&stop.fault.title).or_insert(findings.len());
            if place == findings.len() {
                let severity = stop.severity;
                findings.push(Finding { severity, ..Finding::new(check, stop.fault.clone()) });
            }
            let Some(finding) = findings.get_mut(place) else { continue };
            finding.severity = finding.severity.min(stop.severity);
            match walk.flow {
                Flow::Forwarded { real, .. } => finding.reals.push(real.ip()),
                Flow::Request { .. } | Flow::Served { .. } => {}
            }
        }
    }
    findings
}

const fn look(check: Check) -> Look {
    match check {
        Check::K1 => One(kernel::ipvs_is_not_loaded),
        Check::K2 => Many(kernel::scheduler_is_unavailable),
        Check::K8 => One(kernel::table_is_in_another_namespace),
        Check::K12 => One(kernel::another_program_manages_the_table),
        Check::N4 => Many(routing::redirects_bypass_the_director),
        Check::M6 => Many(tunnel::receive_port_is_closed),
        Check::A4 => Many(arp::arp_is_answered),
        Check::A5 => Many(arp::arp_is_announced),
        Check::A21 => Many(arp::director_does_not_answer),
        Check::A22 => Many(arp::director_announces_the_vip),
        Check::A8 => Many(arp::arp_is_suppressed_for_containers),
        Check::A3 => Many(arp::vip_is_on_the_network),
        Check::A10 => Many(address::vip_is_source),
        Check::A9 => Many(arp::vip_has_several_owners),
        Check::V1 => Many(address::vip_is_duplicate),
        Check::V2 => Many(address::vip_is_source_ipv6),
        Check::N2 => Many(routing::replies_bypass_the_director),
        Check::M1 => Many(tunnel::large_packets_are_lost),
        Check::M7 => One(tunnel::segment_size_is_not_announced),
        Check::N3 => Many(routing::client_is_in_subnet_of_real_server),
        Check::H21 => Many(table::service_is_missing),
        Check::N11 => Destinations(table::port_is_ignored),
        Check::N15 => Destinations(table::destination_is_this_machine),
        Check::H12 => Services(table::no_destination_has_weight),
        Check::H13 => Services(table::all_destinations_are_full),
        Check::H15 => Services(table::hash_has_no_fallback),
        Check::H9 => One(table::directors_forward_in_a_loop),
        Check::H18 => Destinations(table::connections_stay_half_open),
        Check::H5 => Many(operation::sync_interface_is_down),
        Check::H25 => One(synchronization::connections_are_synchronized_late),
        Check::V6 => One(operation::sync_version_lacks_ipv6),
        Check::H3 => One(operation::drained_server_keeps_clients),
        Check::N13 => One(operation::removed_server_keeps_connections),
        Check::H17 => Many(operation::defence_is_always_on),
        Check::M2 => One(operation::tunnel_packets_are_fragmented),
        Check::H1 => One(operation::tcp_timeout_is_short),
        Check::H2 => One(operation::udp_timeout_is_long),
        Check::H16 => One(kernel::boot_rules_contain_names),
        Check::A6 => One(kernel::boot_reverts_sysctls),
        Check::H20 => One(kernel::boot_does_not_restore),
        Check::H27 => One(operation::connection_limit_is_reached),
        Check::H28 => One(synchronization::takeover_loses_connections),
        Check::H10 => One(operation::connection_table_is_small),
        Check::I1 => Many(arp::two_interfaces_share_a_subnet),
        Check::I3 => Many(routing::private_address_is_routed_to_the_internet),
        Check::L1
        | Check::N1
        | Check::V5
        | Check::K3
        | Check::V4
        | Check::P1
        | Check::P2
        | Check::P3
        | Check::P4
        | Check::A2
        | Check::A1
        | Check::A16
        | Check::A11
        | Check::F1
        | Check::N8
        | Check::L2
        | Check::L3
        | Check::L4
        | Check::L5
        | Check::M8
        | Check::F2 => Path,
        Check::I2 | Check::A20 | Check::H22 | Check::H23 | Check::H4 | Check::H24 | Check::H26 => {
            ClusterFile
        }
    }
}
