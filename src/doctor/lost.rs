//! What lvsctl has set, by its journal, and the machine has not any more.

use std::collections::{HashMap, HashSet};

use super::case::Case;
use super::{Journalled, Step};
use crate::engine::Change;
use crate::host::{self, InterfaceName};
use lvs::ipvs::ServiceIdentity;

impl<'a> Case<'a> {
    /// What is otherwise now: the key, and the step that makes it so again.
    pub(super) fn lost(&self) -> impl Iterator<Item = (&'a host::Key, Step)> {
        self.facts.journal.iter().filter_map(|entry| {
            let key = entry.key.as_ref()?;
            let (from, to) = (self.present(key, entry), entry.value.clone());
            let lost = to.is_some() && from != to;
            lost.then(|| (key, Step::Host(Change { key: key.clone(), from, to })))
        })
    }

    fn present(&self, key: &host::Key, entry: &Journalled) -> Option<String> {
        self.network().value(key).unwrap_or_else(|| entry.found.clone())
    }

    /// The steps that give an interface again what it had, in the order in which it got it.
    pub(super) fn lost_on(&self, device: &InterfaceName) -> Vec<Step> {
        let of = |key: &host::Key| match key {
            host::Key::Link(name) => name == device,
            host::Key::Sysctl(sysctl) => sysctl.interface().as_ref() == Some(device),
            key => key.device() == Some(device),
        };
        self.lost().filter(|(key, _)| of(key)).map(|(_, step)| step).collect()
    }

    /// Services that are gone, each with the steps that make it and its destinations again.
    pub(super) fn missing_services(&self) -> Vec<(ServiceIdentity, Vec<Step>)> {
        let there: HashSet<ServiceIdentity> =
            self.services().iter().map(|entry| entry.service.service.identity).collect();
        let (mut missing, mut places) = (Vec::<(_, Vec<Step>)>::new(), HashMap::new());
        for (key, value) in self.facts.journal.iter().filter_map(|entry| entry.entry.as_ref()) {
            let Some(identity) = key.service().filter(|identity| !there.contains(identity)) else {
                continue;
            };
            let step = Step::Table(Change { key: *key, from: None, to: Some(value.clone()) });
            let place = *places.entry(identity).or_insert(missing.len());
            match missing.get_mut(place) {
                Some((_, steps)) => steps.push(step),
                None => missing.push((identity, vec![step])),
            }
        }
        missing
    }

    /// Policy rules of somebody else than lvsctl.
    pub(super) fn policy_rules(&self) -> usize {
        let ours = self.facts.journal.iter().filter(|entry| {
            matches!(entry.key, Some(host::Key::Rule { .. })) && entry.value.is_some()
        });
        self.network().policy_rules.saturating_sub(ours.count())
    }
}
