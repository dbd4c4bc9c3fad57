//! What a machine must have, by role and mode.
//!
//! Requirements come in the order in which they are set up. Sysctls come before the address: a
//! single ARP reply for the virtual address, sent too early, stays in the router's cache for minutes.
//! The table of a director comes before its addresses: until it is complete, clients get a reset.

mod address;
mod bond;
mod duty;
mod nat;
mod order;
mod owner;
mod takeover;
mod tun;
mod tunnel_endpoint;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

pub use bond::Bond;
pub(crate) use duty::{AddressDuty, Duty};
pub use duty::{Listener, Mode, Role};
pub use owner::{AddressOwner, Owner};
pub(crate) use takeover::{Takeover, takeovers};
pub use tunnel_endpoint::TunnelEndpoint;

pub(crate) use address::loose_filter;
pub(crate) use order::{Misordered, Moved, matters as order_matters, misordered};

use crate::engine::{Desired, Journal, System};
use crate::host::machine::{self, Key, Machine, Value};
use crate::host::{self, DefaultRouteMss, InterfaceName, State, Sysctl};
use lvs::ipvs::{AddressFamily, Tunnel};
use lvs::table;

/// One requirement and its owner.
pub(crate) type DesiredItem = Desired<Key, Value, Owner>;

/// What was changed on this machine.
pub(crate) type MachineJournal = Journal<Key, Value, Owner>;

/// The journalled state of the owners that are covered: it is still desired.
pub(crate) fn journalled(
    covers: impl Fn(&Owner) -> bool,
    journal: &MachineJournal,
) -> Vec<DesiredItem> {
    let entries = journal.entries();
    let covered = entries.filter_map(|entry| {
        let owner = entry.owners.iter().find(|owner| covers(owner))?;
        Some(Desired {
            key: entry.key.clone(),
            value: entry.ours.clone(),
            acceptable: entry.acceptable.clone(),
            owner: owner.clone(),
        })
    });
    covered.collect()
}

/// State that has no owner any more but could not be reverted yet: its previous value is desired.
pub(crate) fn due(journal: &MachineJournal) -> impl Iterator<Item = DesiredItem> {
    journal.entries().filter(|entry| entry.owners.is_empty()).map(|entry| Desired {
        key: entry.key.clone(),
        value: entry.previous.clone(),
        acceptable: Vec::new(),
        owner: Owner::Unknown(String::new()),
    })
}

/// A duty and its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) owner: Owner,
    pub(crate) duty: Duty,
}

/// What a duty requires of one key of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub key: host::Key,
    /// The value that is written; `None` where the key must have none.
    pub value: Option<String>,
    /// Other values that are acceptable.
    pub acceptable: Vec<String>,
}

impl Requirement {
    fn new(key: host::Key, value: &str) -> Self {
        Self { key, value: Some(value.to_owned()), acceptable: Vec::new() }
    }

    const fn absent(key: host::Key) -> Self {
        Self { key, value: None, acceptable: Vec::new() }
    }

    fn sysctl(sysctl: Sysctl, value: &str, acceptable: &[&str]) -> Self {
        let acceptable = acceptable.iter().map(|value| (*value).to_owned()).collect();
        Self { acceptable, ..Self::new(host::Key::Sysctl(sysctl), value) }
    }
}

/// A duty that this machine cannot have.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No subnet contains a director's virtual address.
    #[error(
        "no interface of this machine has a subnet that contains the virtual address {0}: name \
         the interface that faces the clients with --device, or in the cluster file with vip-device"
    )]
    UnknownClientInterface(IpAddr),
    /// No subnet contains a real server's gateway.
    #[error(
        "no interface of this machine has a subnet that contains the gateway {0}: give the \
         director's address on the real servers' own network, or name the interface with --device \
         (device of [real-server] in the cluster file)"
    )]
    UnreachableGateway(IpAddr),
    /// The default route that a NAT real server replaces could not be put back as it is.
    #[error(
        "the default route cannot be replaced, since {reason}, so that it could not be put back \
         exactly: {route}. Nothing was changed. {mend}"
    )]
    Irreversible {
        route: String,
        /// What cannot be put back.
        reason: &'static str,
        /// How to go on.
        mend: &'static str,
    },
    /// The kernel cannot encapsulate so.
    #[error("the kernel has no tunnel {tunnel:?} to {real} for {vip}")]
    NoSuchTunnel { tunnel: Tunnel, real: IpAddr, vip: IpAddr },
}

/// What the requirements depend on.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActualState {
    pub(crate) topology: State,
    /// `net/ipv4/conf/all/rp_filter`.
    pub(crate) reverse_path_filter: Option<String>,
    /// Addresses, routes and MTU of the ports of bonds.
    pub(crate) port_configuration: Vec<(host::Key, String)>,
    /// Read for a real server of IP tunnelling only, as is the MTU of each interface that faces its
    /// directors.
    pub(crate) default_routes: Vec<DefaultRouteMss>,
    pub(crate) mtus: HashMap<InterfaceName, u16>,
    /// Keys of the host in the journal, with their values before the first change.
    pub(crate) journalled: Vec<(host::Key, Option<String>)>,
}

impl ActualState {
    /// Reads what the duties depend on.
    pub(crate) fn gather(
        machine: &mut Machine,
        duties: &[Owned],
        journal: &MachineJournal,
    ) -> Result<Self, machine::Error> {
        let mut topology = machine.state()?;
        let duties = &*with_actual_names(duties, &topology);
        let bonds = || {
            duties.iter().filter_map(|owned| match &owned.duty {
                Duty::Bond(bond) => Some(bond),
                _ => None,
            })
        };
        for bond in bonds() {
            topology.move_to_bond(&bond.ports, &bond.name);
        }
        let ports: Vec<InterfaceName> = bonds().flat_map(|bond| bond.ports.clone()).collect();
        let mut default_routes: Vec<DefaultRouteMss> = Vec::new();
        let mut mtus = HashMap::new();
        let decapsulating = duties.iter().filter_map(|owned| match &owned.duty {
            Duty::Address(duty) if (duty.role, duty.mode) == (Role::RealServer, Mode::Tun) => {
                duty.advmss.then_some(duty)
            }
            _ => None,
        });
        for duty in decapsulating {
            let family = AddressFamily::from(duty.vip);
            if !default_routes.iter().any(|route| route.family == family) {
                let all = topology.default_routes_mss().into_iter();
                default_routes.extend(all.filter(|route| route.family == family));
            }
            let Some(device) = tun::facing(duty, &topology) else { continue };
            if let Some(mtu) = machine.read(&Key::Host(host::Key::Mtu(device.clone())))? {
                // An IP packet cannot be longer.
                mtus.insert(device.clone(), mtu.to_string().parse().unwrap_or(u16::MAX));
            }
        }
        // A default route of lvsctl has no other attributes.
        default_routes.retain(|route| {
            let is_replaced = |owned: &Owned| match &owned.duty {
                Duty::Address(duty) => {
                    (duty.role, duty.mode) == (Role::RealServer, Mode::Nat)
                        && AddressFamily::from(duty.vip) == route.family
                }
                _ => false,
            };
            let key = host::Key::DefaultRoute(route.family);
            let is_ours =
                journal.entry(&Key::Host(key)).is_some() || duties.iter().any(is_replaced);
            !is_ours || route.metric != host::default_metric(route.family)
        });
        let filter = Key::Host(host::Key::Sysctl(Sysctl::of_all_interfaces("rp_filter")));
        let journalled =
            journal.entries().filter_map(|entry| match (&entry.key, &entry.previous) {
                (Key::Host(key), Some(Value::Host(previous))) => {
                    Some((key.clone(), Some(previous.clone())))
                }
                (Key::Host(key), None) => Some((key.clone(), None)),
                _ => None,
            });
        Ok(Self {
            topology,
            reverse_path_filter: machine.read(&filter)?.map(|value| value.to_string()),
            port_configuration: machine.port_configuration(&ports)?,
            default_routes,
            mtus,
            journalled: journalled.collect(),
        })
    }

    /// The same of a snapshot, as far as it has it.
    pub(crate) fn of_state(state: &State) -> Self {
        let filter = state.sysctl(&Sysctl::of_all_interfaces("rp_filter"));
        let mtu = |mtu| u16::try_from(mtu).unwrap_or(u16::MAX);
        Self {
            topology: state.clone(),
            reverse_path_filter: filter.map(str::to_owned),
            default_routes: state.default_routes_mss(),
            mtus: state.links.iter().map(|it| (it.name.clone(), mtu(it.mtu))).collect(),
            ..Self::default()
        }
    }
}

/// What the duties require, in their order, but the addresses of a director last.
pub(crate) fn desired(duties: &[Owned], actual: &ActualState) -> Result<Vec<DesiredItem>, Error> {
    let mut desired = Vec::new();
    for Owned { owner, duty } in &*with_actual_names(duties, &actual.topology) {
        let of_host = |it: Requirement| Desired {
            key: Key::Host(it.key),
            value: it.value.map(Value::Host),
            acceptable: it.acceptable.into_iter().map(Value::Host).collect(),
            owner: owner.clone(),
        };
        let of_table = |key, value| Desired {
            key: Key::Table(key),
            value: Some(Value::Table(value)),
            acceptable: Vec::new(),
            owner: owner.clone(),
        };
        match duty {
            Duty::Address(duty) => desired.extend(address(duty, actual)?.into_iter().map(of_host)),
            Duty::Bond(bond) => {
                let required = bond.requirements(&actual.port_configuration, &actual.journalled);
                desired.extend(required.into_iter().map(of_host));
            }
            Duty::Service(service, destinations) => {
                let identity = service.identity;
                let key = table::Key::Service(identity);
                desired.push(of_table(key, table::Value::from(service.clone())));
                desired.extend(destinations.iter().map(|destination| {
                    let value = table::Value::Destination(destination.clone());
                    of_table(table::Key::of(identity, destination), value)
                }));
            }
            Duty::Timeouts(timeouts) => {
                desired.push(of_table(table::Key::Timeouts, table::Value::Timeouts(*timeouts)));
            }
            Duty::Parameters(parameters) => {
                desired.extend(parameters.iter().map(|(sysctl, value)| {
                    of_host(Requirement::sysctl(sysctl.clone(), value, &[]))
                }));
            }
            Duty::Daemon(daemon) => {
                let key = table::Key::Daemon(daemon.state);
                desired.push(of_table(key, table::Value::from(daemon.clone())));
            }
        }
    }
    let (addresses, mut others): (Vec<_>, Vec<_>) =
        desired.into_iter().partition(takeover::assigns_vip);
    others.extend(addresses);
    Ok(others)
}

/// Interfaces may be given by alternative names; nothing else knows those.
fn with_actual_names<'a>(duties: &'a [Owned], state: &State) -> Cow<'a, [Owned]> {
    let renamed = |owned: &Owned| owned.duty.with_actual_names(state);
    if duties.iter().all(|owned| renamed(owned).is_none()) {
        return Cow::Borrowed(duties);
    }
    let all = duties.iter().map(|owned| match renamed(owned) {
        Some(duty) => Owned { owner: owned.owner.clone(), duty },
        None => owned.clone(),
    });
    Cow::Owned(all.collect())
}

fn address(duty: &AddressDuty, actual: &ActualState) -> Result<Vec<Requirement>, Error> {
    match (duty.role, duty.mode) {
        (Role::Director, Mode::Nat) => nat::director(duty, actual),
        (Role::Director, Mode::Tun) => tun::director(duty, actual),
        (Role::Director, Mode::Dr) => address::direct_director(duty, actual),
        (Role::RealServer, Mode::Nat) => nat::real_server(duty, actual),
        (Role::RealServer, Mode::Tun) => tun::real_server(duty, actual),
        (Role::RealServer, Mode::Dr) => Ok(address::direct_real_server(duty, actual)),
    }
}
