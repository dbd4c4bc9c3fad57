//! What is wrong, and the steps that fix it.

use std::net::IpAddr;

use crate::engine::Change;
use crate::host::{self, Address, InterfaceName, PRESENT, host_prefix};
use lvs::table;

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// What is wrong, and what that does to traffic.
    pub(crate) title: String,
    pub(crate) found: String,
    pub(crate) expected: String,
    /// The steps that fix it, in order; empty if no command does.
    pub(crate) repair: Vec<Step>,
}

/// One step of a repair.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Host(Change<host::Key, String>),
    Table(Change<table::Key, table::Value>),
    /// A command that lvsctl does not run itself.
    Shell {
        fix: String,
        undo: Option<String>,
    },
}

impl Step {
    /// The command that makes the step.
    pub(crate) fn fix(&self) -> String {
        match self {
            Self::Host(change) => host::Key::command(change),
            Self::Table(change) => table::command(change),
            Self::Shell { fix, .. } => fix.clone(),
        }
    }

    /// The command that reverts the step, if one does.
    pub(crate) fn undo(&self) -> Option<String> {
        match self {
            // The parameters of an interface disappear with it.
            Self::Host(Change { key: host::Key::Sysctl(_), from: None, .. }) => None,
            Self::Host(change) => Some(host::Key::command(&change.clone().inverse())),
            Self::Table(change) => Some(table::command(&change.clone().inverse())),
            Self::Shell { undo, .. } => undo.clone(),
        }
    }

    pub(crate) fn shell(fix: String, undo: String) -> Self {
        Self::Shell { fix, undo: Some(undo) }
    }
}

/// The step that adds an address with its host prefix.
pub(crate) fn add_address(address: IpAddr, device: &InterfaceName) -> Step {
    let key = host::Key::Address { address, prefix: host_prefix(address), device: device.clone() };
    Step::Host(Change { key, from: None, to: Some(PRESENT.to_owned()) })
}

/// The step after which the kernel selects another address of IPv6 as the source.
pub(crate) fn deprecate(state: &Address) -> Step {
    let (address, prefix, device) = (state.address, state.prefix, &state.interface.name);
    let change = format!("ip -6 address change {address}/{prefix} dev {device:#}");
    Step::shell(format!("{change} preferred_lft 0"), format!("{change} preferred_lft forever"))
}

/// The step that deletes an address.
pub(crate) fn delete_address(state: &Address) -> Step {
    let (address, prefix, device) = (state.address, state.prefix, state.interface.name.clone());
    let key = host::Key::Address { address, prefix, device };
    Step::Host(Change { key, from: Some(PRESENT.to_owned()), to: None })
}
