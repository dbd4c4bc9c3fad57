//! The reverse path filter of IPv4 (`rp_filter` of `ip-sysctl`): whether a packet from a source is
//! accepted on an interface.

use std::net::IpAddr;

use super::machine::Machine;
use super::route::{Answer, Query};
use crate::host::{Effective, InterfaceName, Route};

/// Why the filter drops a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dropped<'a> {
    /// Replies would leave by another interface, or have no route.
    Elsewhere { effective: Effective, by: Option<InterfaceName> },
    /// The interface has no IPv4 address: only the value 0 accepts packets there.
    NoAddress { effective: Effective },
    /// The source is an address of this machine.
    OwnSource,
    /// A local route leads to the source.
    Captured(&'a Route),
}

/// `Ok` if the packet is accepted.
pub(crate) fn check<'a>(
    machine: &Machine<'a>,
    input: &InterfaceName,
    source: IpAddr,
    destination: IpAddr,
    mark: u32,
) -> Result<(), Dropped<'a>> {
    let Some(effective) = machine.effective("rp_filter", input).filter(|_| source.is_ipv4()) else {
        return Ok(());
    };
    let on = |parameter| machine.effective(parameter, input).is_some_and(|it| it.value() != 0);
    if machine.is_own(source) && !on("accept_local") {
        return Err(Dropped::OwnSource);
    }
    // With a local route that somebody has added, no source goes unchecked.
    if effective.value() == 0 && !machine.has_local_by_hand {
        return Ok(());
    }
    let query = Query {
        source: Some(destination),
        mark: if on("src_valid_mark") { mark } else { 0 },
        ..Query::to(source)
    };
    let answer = machine.look_up(&query);
    match answer {
        Answer::Local(route) if !on("accept_local") => return Err(Dropped::Captured(route)),
        Answer::Local(_) => return Ok(()),
        _ if answer.leaves_by(input) || effective.value() == 0 => return Ok(()),
        _ => {}
    }
    let has_address =
        machine.network.addresses.iter().any(|it| it.interface == *input && it.address.is_ipv4());
    match (&answer, has_address) {
        (_, false) => Err(Dropped::NoAddress { effective }),
        // Without any route it is dropped by 2 as well.
        (Answer::Unicast { .. }, true) if effective.value() != 1 => Ok(()),
        _ => {
            let by = answer.hop().map(|(device, _)| device.clone());
            Err(Dropped::Elsewhere { effective, by })
        }
    }
}
