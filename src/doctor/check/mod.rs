//! The checks, a file a family. The order is that in which repairs are safe: what keeps a real
//! server silent comes before what gives it the address.

mod arp;
mod boot;
mod capacity;
mod delivery;
mod forwarding;
mod interfaces;
mod ipv6;
mod kernel;
mod operation;
mod probes;
mod refusals;
mod reverse_path;
mod synchronization;
mod table;
mod translation;
mod tunnel;

use super::Severity::{self, Advice, Failure, Warning};
use super::case::{Case, Fault};

/// One check.
#[derive(Debug)]
pub struct Check {
    /// Its name in the manual page.
    pub id: &'static str,
    /// How bad what it finds is.
    pub severity: Severity,
    pub(super) look: fn(&Case<'_>) -> Vec<Fault>,
}

const fn check(id: &'static str, severity: Severity, look: fn(&Case<'_>) -> Vec<Fault>) -> Check {
    Check { id, severity, look }
}

/// Nothing shows it but a cluster file: see [`deviation`](super::deviation).
fn told_by_the_file(_: &Case<'_>) -> Vec<Fault> {
    Vec::new()
}

/// Every check, in the order in which their repairs are made.
pub const CHECKS: &[Check] = &[
    check("K1", Failure, kernel::ipvs_is_there),
    check("K2", Failure, kernel::schedulers_can_be_had),
    check("K8", Advice, kernel::the_table_is_here),
    check("K12", Warning, kernel::one_program_owns_the_table),
    check("I2", Failure, told_by_the_file),
    check("N1", Failure, forwarding::nat_forwards),
    check("V5", Failure, forwarding::nat_forwards_ipv6),
    check("N4", Warning, forwarding::no_redirects),
    check("M6", Failure, tunnel::port_unpacks),
    check("K3", Failure, tunnel::is_up),
    check("V4", Failure, tunnel::takes_the_family),
    check("A4", Failure, arp::ignores_questions),
    check("A5", Failure, arp::announces_nothing),
    check("A8", Warning, arp::unnumbered_neighbours_are_answered),
    check("P1", Failure, reverse_path::not_strict_on_tunnel),
    check("P2", Failure, reverse_path::not_in_default_alone),
    check("P3", Failure, reverse_path::real_server_hears_clients),
    check("P4", Warning, reverse_path::director_hears_clients),
    check("A2", Failure, delivery::prefix_is_whole),
    check("A3", Failure, arp::not_on_a_card),
    check("A1", Failure, delivery::real_server_has_the_address),
    check("A16", Failure, delivery::director_has_the_address),
    check("A20", Advice, told_by_the_file),
    check("A10", Failure, delivery::not_the_source),
    check("A11", Failure, delivery::somebody_listens),
    check("A9", Failure, probes::address_has_one_owner),
    check("V1", Failure, ipv6::no_duplicate),
    check("V2", Warning, ipv6::not_the_source),
    check("N2", Failure, forwarding::answers_pass_the_director),
    check("M1", Failure, tunnel::packets_fit),
    check("N3", Failure, translation::clients_are_elsewhere),
    check("H21", Failure, refusals::services_are_there),
    check("H22", Warning, told_by_the_file),
    check("H23", Advice, told_by_the_file),
    check("N11", Warning, table::port_is_the_service_s),
    check("N15", Failure, table::destination_is_another_machine),
    check("H12", Warning, refusals::somebody_gets_connections),
    check("H13", Warning, refusals::not_all_are_full),
    check("H15", Warning, refusals::hash_has_a_fallback),
    check("H9", Failure, table::no_loop_between_directors),
    check("H18", Advice, refusals::connections_are_established),
    check("H4", Warning, told_by_the_file),
    check("H5", Warning, synchronization::interface_carries_it),
    check("V6", Warning, synchronization::protocol_knows_ipv6),
    check("H24", Warning, told_by_the_file),
    check("H3", Warning, operation::drained_servers_lose_clients),
    check("N13", Advice, operation::removed_servers_lose_connections),
    check("H17", Warning, operation::no_defence_without_attack),
    check("M2", Warning, operation::tunnels_keep_dont_fragment),
    check("H1", Advice, operation::idle_connections_are_kept),
    check("H2", Advice, operation::datagrams_are_forgotten),
    check("H16", Advice, boot::rules_are_numeric),
    check("A6", Advice, boot::boot_leaves_it),
    check("H20", Advice, boot::it_comes_again),
    check("H10", Warning, capacity::connection_table_is_large_enough),
    check("I1", Warning, interfaces::one_interface_a_subnet),
    check("I3", Advice, interfaces::private_addresses_stay_at_home),
];
