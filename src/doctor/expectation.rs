//! What this machine is meant to be.
//!
//! That is what it evidently is: services in the IPVS table make it a director; a virtual address in
//! the place where only real servers have one, or lvsctl's journal, a real server. A cluster file
//! says it outright.

use std::net::IpAddr;

use super::{Facts, Intent};
use crate::host::{AddressState, InterfaceName, Topology, host_prefix};
use lvs::ipvs::{Forwarding, ServiceIdentity};

/// What a machine is meant to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    /// It hands connections on.
    pub director: bool,
    /// It answers connections to these addresses.
    pub served: Vec<Served>,
    /// What a cluster file wants here, where one was given.
    pub intent: Option<Intent>,
}

/// A virtual address that this machine answers for as a real server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The address.
    pub address: IpAddr,
    /// How its packets come here.
    pub forwarding: Forwarding,
    /// It is in lvsctl's journal or in the cluster file, and so desired even where it is missing.
    pub desired: bool,
}

/// The interfaces that take packets of any tunnel, each with the kind of its packets.
const FALLBACK_TUNNELS: [&str; 4] = ["tunl0", "ip6tnl0", "sit0", "gre0"];

/// Whether an interface takes packets of any tunnel.
pub(super) fn is_fallback_tunnel(device: &InterfaceName) -> bool {
    FALLBACK_TUNNELS.contains(&device.as_str())
}

impl Expectation {
    /// What the facts say that the machine is.
    #[must_use]
    pub fn evident(facts: &Facts) -> Self {
        let owners: Vec<Vec<&str>> = facts
            .journal
            .iter()
            .flat_map(|entry| &entry.owners)
            .map(|owner| match owner.split(' ').collect::<Vec<&str>>().as_slice() {
                // Of a cluster file: its name goes before.
                ["cluster", _, rest @ ..] => rest.to_vec(),
                owner => owner.to_vec(),
            })
            .collect();
        let mut served: Vec<Served> = Vec::new();
        let mut serve = |address, forwarding, desired| {
            let same = |known: &Served| known.address == address && known.forwarding == forwarding;
            if !served.iter().any(same) {
                served.push(Served { address, forwarding, desired });
            }
        };
        for owner in &owners {
            if let ["real-server", mode, address, ..] = owner[..]
                && let (Some(forwarding), Ok(address)) = (forwarding(mode), address.parse())
            {
                serve(address, forwarding, true);
            }
        }
        let topology = facts.network.topology();
        for state in &facts.network.addresses {
            let address = state.assigned.address;
            let directed = directs(facts, address)
                || owners.iter().any(|owner| {
                    matches!(owner[..], ["director", _, owned, ..]
                        if owned.parse() == Ok(address))
                });
            if let Some(forwarding) = place(facts, &topology, state)
                && !directed
            {
                serve(address, forwarding, false);
            }
        }
        let services = facts.table.as_ref().is_some_and(|table| !table.services.is_empty());
        let director = services || owners.iter().any(|owner| owner.first() == Some(&"director"));
        Self { director, served, intent: None }
    }

    /// With what a cluster file wants of the machine: to answer for these addresses, or to be a
    /// director.
    #[must_use]
    pub fn with(
        mut self,
        intent: Intent,
        director: bool,
        desired: &[(IpAddr, Forwarding)],
    ) -> Self {
        for (address, forwarding) in desired {
            let mut known = self.served.iter_mut();
            let same = |it: &&mut Served| it.address == *address && it.forwarding == *forwarding;
            match known.find(same) {
                Some(served) => served.desired = true,
                None => {
                    let (address, forwarding) = (*address, *forwarding);
                    self.served.push(Served { address, forwarding, desired: true });
                }
            }
        }
        self.director |= director;
        self.intent = Some(intent);
        self
    }

    /// `director`, `real-server`, `both` or `none`.
    #[must_use]
    pub fn role(&self) -> &'static str {
        match (self.director, self.served.is_empty()) {
            (true, false) => "both",
            (true, true) => "director",
            (false, false) => "real-server",
            (false, true) => "none",
        }
    }
}

/// As the journal calls the modes.
fn forwarding(mode: &str) -> Option<Forwarding> {
    Some(match mode {
        "nat" => Forwarding::Masquerade,
        "tun" => Forwarding::Tunnel,
        "dr" => Forwarding::DirectRouting,
        _ => return None,
    })
}

/// Whether the IPVS table has a service on that address; one of a mark may be on any.
pub(super) fn directs(facts: &Facts, address: IpAddr) -> bool {
    let mut services = facts.table.iter().flat_map(|table| &table.services);
    services.any(|entry| match entry.service.service.identity {
        ServiceIdentity::Address { address: virtual_address, .. } => virtual_address == address,
        ServiceIdentity::Mark { family, .. } => family == address.into(),
    })
}

/// The method of a real server that has an address in this place, if it is one of theirs.
///
/// On `lo` an address counts where another interface's subnet holds it: neighbours there would ask
/// for it. Others, such as a router's or an announced anycast address, are no business of LVS. On a
/// tunnel an address counts unless the machine sends through the tunnel by gateways, as the nodes
/// of a container network do.
fn place(facts: &Facts, topology: &Topology, state: &AddressState) -> Option<Forwarding> {
    let assigned = &state.assigned;
    let (address, device) = (assigned.address, &assigned.device);
    if address.is_loopback() || is_link_local(address) {
        return None;
    }
    if *device == InterfaceName::loopback() {
        let facing = topology.on_link(address)?;
        return (facing != device && !is_fallback_tunnel(facing))
            .then_some(Forwarding::DirectRouting);
    }
    let whole = host_prefix(address);
    let sends =
        facts.network.routes.iter().any(|route| route.device == *device && route.gateway.is_some());
    let overlaps = || {
        let mut others = facts.network.routes.iter().filter(|route| {
            route.device != *device && route.gateway.is_none() && route.prefix != 0
        });
        others.any(|route| route.prefix < whole && route.leads_to(address))
    };
    let counts = is_fallback_tunnel(device) && !sends && (assigned.prefix == whole || overlaps());
    counts.then_some(Forwarding::Tunnel)
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        // `sit0` has ::127.0.0.1/96 and its like from the kernel.
        IpAddr::V6(address) => {
            address.is_unicast_link_local() || address.segments().iter().take(6).all(|it| *it == 0)
        }
    }
}
