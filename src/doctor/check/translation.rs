//! NAT: whom it cannot serve, however packets are passed on.

use std::net::IpAddr;

use crate::doctor::Step;
use crate::doctor::case::{Case, Fault, named};
use crate::ipvs::{Forwarding, Protocol, ServiceIdentity};

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
        let wire = |address| case.surroundings.on_link(address);
        let together = wire(client).is_some()
            && wire(client) == wire(real)
            && case.surroundings.route_to(client) == case.surroundings.route_to(real);
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

/// Of FTP.
const CONTROL: u16 = 21;

/// The addresses of the data connections stand in the control connection, where `ip_vs_ftp` puts the
/// virtual one.
pub(super) fn ftp_is_understood(case: &Case<'_>) -> Vec<Fault> {
    let ftp = case.destinations().find(|(identity, entry)| {
        matches!(identity, ServiceIdentity::Address { protocol: Protocol::TCP, port: CONTROL, .. })
            && entry.destination.forwarding == Forwarding::Masquerade
            && !case.is_own(entry.destination.address)
    });
    let (Some((identity, entry)), Some(false)) = (ftp, case.facts.kernel.ftp_helper) else {
        return Vec::new();
    };
    let real = entry.destination.address;
    vec![Fault {
        title: format!(
            "clients of {} log in, and their transfers hang: they are told to come to {real}, or \
             are called from there",
            named(identity)
        ),
        found: "FTP by NAT, and no module ip_vs_ftp in /sys/module".to_owned(),
        expected: "ip_vs_ftp, with ports= where it is not port 21".to_owned(),
        repair: vec![Step::Shell {
            fix: "modprobe ip_vs_ftp".to_owned(),
            undo: Some("modprobe -r ip_vs_ftp".to_owned()),
        }],
    }]
}
