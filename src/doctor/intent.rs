//! What a cluster file wants of the machine, beside what was found.

use super::Step;
use crate::host::{self, Combination, Effective, InterfaceName, Inventory, Sysctl};
use lvs::ipvs::ServiceIdentity;
use lvs::table;

/// What a cluster file makes of the machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intent {
    /// The command that makes the machine so, such as `lvsctl apply web.toml`.
    pub command: String,
    /// The name of its cluster, and the command that makes the machine so at every boot; `None` where
    /// nothing can be installed for it.
    pub install: Option<(String, String)>,
    /// It speaks of the whole machine, not of the IPVS table alone.
    pub whole: bool,
    /// Everything that it wants here, in the order in which it is set up.
    pub wishes: Vec<Wish>,
}

/// One thing that is desired, and what is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// From what was found to what is desired.
    pub step: Step,
    /// Other values of a parameter that do as well.
    pub acceptable: Vec<String>,
    /// Under which name the journal keeps it.
    pub owner: String,
    /// What was found does.
    pub met: bool,
}

impl Wish {
    /// The part of the network that it is about.
    pub(super) fn host(&self) -> Option<&host::Key> {
        match &self.step {
            Step::Host(change) => Some(&change.key),
            Step::Table(_) | Step::Shell { .. } => None,
        }
    }

    /// The service that it is, or belongs to.
    pub(super) fn service(&self) -> Option<ServiceIdentity> {
        match &self.step {
            Step::Table(change) => change.key.service(),
            Step::Host(_) | Step::Shell { .. } => None,
        }
    }
}

impl Intent {
    /// What is to be done about a service and its destinations.
    pub(super) fn unmet_of(&self, service: ServiceIdentity) -> impl Iterator<Item = &Wish> {
        self.wishes.iter().filter(move |wish| !wish.met && wish.service() == Some(service))
    }

    /// The wish for the timeouts.
    pub(super) fn timeouts(&self) -> Option<lvs::ipvs::Timeouts> {
        self.wishes.iter().find_map(|wish| match &wish.step {
            Step::Table(change) => match change.to {
                Some(table::Value::Timeouts(timeouts)) => Some(timeouts),
                _ => None,
            },
            _ => None,
        })
    }

    /// What is not as desired and counts.
    ///
    /// A parameter that has a value for all interfaces counts by what both come to, since more than
    /// one pair of values does. Whether a real server is silent in ARP, the checks tell that know
    /// which interface is asked.
    pub(super) fn gaps(&self, network: &Inventory) -> Vec<&Wish> {
        let counts = |wish: &&Wish| match wish.host() {
            Some(host::Key::Sysctl(sysctl)) => match sysctl.parameter() {
                Some((_, "arp_ignore" | "arp_announce")) => false,
                Some((_, parameter)) if Combination::of(parameter).is_some() => {
                    self.is_felt(sysctl, parameter, network)
                }
                _ => true,
            },
            _ => true,
        };
        self.wishes.iter().filter(|wish| !wish.met).filter(counts).collect()
    }

    /// Whether a parameter comes to something else than is desired on an interface that has a part in
    /// it.
    fn is_felt(&self, sysctl: &Sysctl, parameter: &str, network: &Inventory) -> bool {
        let Some((of, _)) = sysctl.parameter() else {
            return false;
        };
        self.wishes.iter().any(|wish| {
            let Some(host::Key::Sysctl(other)) = wish.host() else {
                return false;
            };
            let device = other.parameter().filter(|(_, name)| *name == parameter);
            let Some((device, _)) =
                device.filter(|(it, _)| *it != "all" && (of == "all" || of == *it))
            else {
                return false;
            };
            let effective = device
                .parse()
                .ok()
                .and_then(|device: InterfaceName| effective(parameter, &device, network));
            effective.is_some_and(|effective| !wish.accepts(effective.value()))
        })
    }
}

impl Wish {
    fn accepts(&self, value: u32) -> bool {
        let value = value.to_string();
        let desired = match &self.step {
            Step::Host(change) => change.to.as_deref() == Some(&*value),
            _ => false,
        };
        desired || self.acceptable.contains(&value)
    }
}

/// What a parameter comes to on an interface.
fn effective(parameter: &str, device: &InterfaceName, network: &Inventory) -> Option<Effective> {
    let parameter = Combination::name(parameter)?;
    Effective::read(parameter, device, |sysctl| network.sysctl(sysctl))
}
