//! The file that `apply` and its like are given: a cluster file, or a whole table.

use crate::host::machine::{Key, Machine, Value};
use crate::policy::{Duty, Role};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::Error;
use super::commands::wanted_of;
use super::content::Content;
use crate::config::ClusterSpec;
use crate::engine::{Desired, Journal};
use crate::policy::{DesiredItem, Owned};
use lvs::table::Ruleset;

/// Who wants what a table in the words of `ipvsadm -S` says. A machine has one table, so that one
/// such file takes the place of another.
const RULES: &str = "rules";

/// What a file asks of this machine.
pub(super) enum Asked {
    /// A cluster file, on a machine with these addresses.
    Cluster { cluster: ClusterSpec, role: Role, own: Vec<IpAddr> },
    /// A table in the words of `ipvsadm -S`.
    Table(Ruleset),
}

impl Asked {
    /// Reads a file, and finds what this machine is in it.
    pub(super) fn load(file: &Path, role: Option<Role>) -> Result<Self, Error> {
        Self::of(file, role, || {
            let addresses = Machine::new()?.topology()?.addresses;
            Ok(addresses.into_iter().map(|address| address.address).collect())
        })
    }

    /// The same on a machine of these addresses.
    pub(super) fn of(
        file: &Path,
        role: Option<Role>,
        own: impl FnOnce() -> Result<Vec<IpAddr>, Error>,
    ) -> Result<Self, Error> {
        let cluster = match (Content::load(file)?, role) {
            (Content::Cluster(cluster), _) => cluster,
            (Content::Rules(rules), None) => return Ok(Self::Table(rules.parse()?)),
            (Content::Rules(_), Some(_)) => {
                return Err(Error::Usage(format!(
                    "--role is for cluster files, and {} is a table as ipvsadm -S writes it",
                    file.display()
                )));
            }
        };
        let own = own()?;
        let role = match role {
            Some(role) => role,
            None => cluster.role(&own)?,
        };
        Ok(Self::Cluster { cluster, role, own })
    }

    /// The name of the cluster.
    pub(super) fn cluster(&self) -> Option<&str> {
        match self {
            Self::Cluster { cluster, .. } => Some(cluster.name()),
            Self::Table(_) => None,
        }
    }

    /// The owners that this file speaks for.
    pub(super) fn meant(&self) -> Meant {
        match self {
            Self::Cluster { cluster, .. } => Meant::Cluster(cluster.name().to_owned()),
            Self::Table(_) => Meant::Rules,
        }
    }

    /// The owner of what concerns the table as a whole; none where the machine has no say in it.
    pub(super) fn claim_of_table(&self) -> Option<String> {
        match self {
            Self::Cluster { cluster, role: Role::Director, .. } => {
                Some(format!("cluster {} {}", cluster.name(), Role::Director.name()))
            }
            Self::Cluster { .. } => None,
            Self::Table(_) => Some(RULES.to_owned()),
        }
    }

    /// All that the file asks of this machine, in order.
    pub(super) fn desired(
        &self,
        machine: &mut Machine,
        journal: &Journal<Key, Value>,
    ) -> Result<Vec<DesiredItem>, Error> {
        self.wanted_by(|duties| wanted_of(machine, duties, journal))
    }

    /// The same, where somebody else knows what duties want of the machine.
    pub(super) fn wanted_by(
        &self,
        of_duties: impl FnOnce(&[Owned]) -> Result<Vec<DesiredItem>, Error>,
    ) -> Result<Vec<DesiredItem>, Error> {
        match self {
            Self::Cluster { .. } => of_duties(&self.duties()?),
            Self::Table(table) => {
                let want = |(_, key, value)| Desired {
                    key: Key::Table(key),
                    value: Some(Value::Table(value)),
                    acceptable: Vec::new(),
                    owner: RULES.to_owned(),
                };
                Ok(table.entries().map(want).collect())
            }
        }
    }

    /// What the machine has to be; a table alone says nothing of that.
    pub(super) fn duties(&self) -> Result<Vec<Owned>, Error> {
        match self {
            Self::Cluster { cluster, role, own } => duties(cluster, *role, own),
            Self::Table(_) => Ok(Vec::new()),
        }
    }

    /// What the object of a status says of the file.
    pub(super) fn json(&self) -> Json {
        match self {
            Self::Cluster { cluster, role, .. } => {
                json!({"schema": 1, "cluster": cluster.name(), "role": role.name()})
            }
            Self::Table(_) => json!({"schema": 1, "rules": true}),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster { cluster, role, .. } => {
                write!(f, "cluster {} ({})", cluster.name(), role.name())
            }
            Self::Table(_) => Meant::Rules.fmt(f),
        }
    }
}

/// What is taken back by a file: it says no more than which owners are meant, whatever else it says
/// by now.
pub(super) enum Meant {
    Cluster(String),
    Rules,
}

impl Meant {
    pub(super) fn load(file: &Path) -> Result<Self, Error> {
        Ok(match Content::load(file)? {
            Content::Cluster(cluster) => Self::Cluster(cluster.name().to_owned()),
            Content::Rules(_) => Self::Rules,
        })
    }

    /// Whether a owner is one of them.
    pub(super) fn covers(&self, owner: &str) -> bool {
        match self {
            Self::Cluster(name) => {
                let mut words = owner.split(' ');
                words.next() == Some("cluster") && words.next() == Some(name)
            }
            Self::Rules => owner == RULES,
        }
    }
}

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(name) => write!(f, "cluster {name}"),
            Self::Rules => f.write_str("the table of the rules"),
        }
    }
}

fn duties(cluster: &ClusterSpec, role: Role, own: &[IpAddr]) -> Result<Vec<Owned>, Error> {
    let name = cluster.name();
    let owned = |duty: Duty| {
        let of = match &duty {
            Duty::Address(duty) => format!("{} {} {}", duty.role.name(), duty.mode, duty.vip),
            _ => role.name().to_owned(),
        };
        Owned { owner: format!("cluster {name} {of}"), duty }
    };
    Ok(cluster.duties(role, own)?.into_iter().map(owned).collect())
}
