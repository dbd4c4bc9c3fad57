//! NAT: whom it cannot serve, however packets are passed on.

use std::net::IpAddr;

use crate::doctor::case::{Case, Fault};
use lvs::ipvs::Forwarding;

/// Seen by connections that do not come about: clients whom the real server reaches by itself.
pub(super) fn clients_are_elsewhere(case: &Case<'_>) -> Vec<Fault> {
    let mut faults: Vec<(IpAddr, Fault)> = Vec::new();
    let half_open = case.facts.table.iter().flat_map(|table| &table.half_open);
    for connection in half_open {
        let (client, real) = (connection.client, connection.destination.ip());
        let translated = case.destinations().any(|(_, entry)| {
            let destination = &entry.destination;
            destination.address == real && destination.forwarding == Forwarding::Masquerade
        });
        let wire = |address| case.topology.on_link(address);
        let together = wire(client).is_some()
            && wire(client) == wire(real)
            && case.topology.route_to(client) == case.topology.route_to(real);
        let known = faults.iter().any(|(other, _)| *other == client);
        if !translated || !together || known || case.is_own(client) || case.is_own(real) {
            continue;
        }
        let fault = Fault {
            title: format!(
                "the client {client} is in the subnet of the real server {real}, whose answers \
                 reach it past the director"
            ),
            found: format!("connections of {client} to {} in SYN_RECV", connection.service),
            expected: "clients of NAT in other subnets than the real servers".to_owned(),
            repair: Vec::new(),
        };
        faults.push((client, fault));
    }
    faults.into_iter().map(|(_, fault)| fault).collect()
}
