//! Who owns a journalled change: the role, cluster file, ruleset or repair that requires it.
//!
//! The journal, `status` and snapshots contain its words, such as `cluster web director dr 192.0.2.1`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Listener, Mode, Role};

/// The owner of a desired item.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Owner {
    /// A virtual address in one role, and one of its services where the role has some.
    Address(AddressOwner),
    /// What a cluster file requires of a machine besides its virtual addresses.
    Cluster { name: String, role: Role },
    /// The table of a ruleset file. A machine has one table, so one such file replaces another.
    Ruleset,
    /// A repair by `doctor --fix`, with the ID of its check.
    Repair(String),
    /// A real server that is drained.
    Drain(IpAddr),
    /// A kernel parameter for the time of a step. Every run reverts what a killed one left.
    Temporary,
    /// Words of another release.
    Unknown(String),
}

/// A virtual address in one role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AddressOwner {
    /// The name of the cluster file; none on the command line.
    pub cluster: Option<String>,
    pub role: Role,
    /// How packets reach the real servers.
    pub mode: Mode,
    pub vip: IpAddr,
    /// The service of a director, where each has an owner of its own.
    pub listener: Option<Listener>,
}

impl Owner {
    /// The name of the cluster file.
    pub(crate) fn cluster(&self) -> Option<&str> {
        match self {
            Self::Address(owner) => owner.cluster.as_deref(),
            Self::Cluster { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The role of the machine.
    pub(crate) const fn role(&self) -> Option<Role> {
        match self {
            Self::Address(AddressOwner { role, .. }) | Self::Cluster { role, .. } => Some(*role),
            _ => None,
        }
    }

    /// The virtual address in its role.
    pub(crate) const fn address(&self) -> Option<&AddressOwner> {
        match self {
            Self::Address(owner) => Some(owner),
            _ => None,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(owner) => owner.fmt(f),
            Self::Cluster { name, role } => write!(f, "cluster {name} {}", role.name()),
            Self::Ruleset => f.write_str("rules"),
            Self::Repair(check) => write!(f, "doctor {check}"),
            Self::Drain(address) => write!(f, "drain {address}"),
            Self::Temporary => f.write_str("temporary"),
            Self::Unknown(words) => f.write_str(words),
        }
    }
}

impl fmt::Display for AddressOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, role, mode, vip, listener } = self;
        if let Some(name) = cluster {
            write!(f, "cluster {name} ")?;
        }
        write!(f, "{} {mode} {vip}", role.name())?;
        listener.map_or(Ok(()), |listener| write!(f, " {listener}"))
    }
}

impl From<String> for Owner {
    fn from(words: String) -> Self {
        parse(&words).unwrap_or(Self::Unknown(words))
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> Self {
        owner.to_string()
    }
}

fn parse(words: &str) -> Option<Owner> {
    let all: Vec<&str> = words.split(' ').collect();
    let (cluster, words) = match *all {
        ["rules"] => return Some(Owner::Ruleset),
        ["temporary"] => return Some(Owner::Temporary),
        ["drain", address] => return Some(Owner::Drain(address.parse().ok()?)),
        ["doctor", check] => return Some(Owner::Repair(check.to_owned())),
        ["cluster", name, role] => {
            return Some(Owner::Cluster { name: name.to_owned(), role: role.parse().ok()? });
        }
        ["cluster", name, ref words @ ..] => (Some(name.to_owned()), words),
        _ => (None, &*all),
    };
    let (role, mode, vip, listener) = match *words {
        [role, mode, vip] => (role, mode, vip, None),
        [role, mode, vip, listener] => (role, mode, vip, Some(Listener::from_str(listener).ok()?)),
        _ => return None,
    };
    Some(Owner::Address(AddressOwner {
        cluster,
        role: role.parse().ok()?,
        mode: mode.parse().ok()?,
        vip: vip.parse().ok()?,
        listener,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_round_trips_and_words_of_another_release_stay() {
        for (words, known) in [
            ("director nat 192.0.2.1 tcp:80", true),
            ("real-server tun 2001:db8::1", true),
            ("cluster web director dr 192.0.2.1", true),
            ("cluster web real-server", true),
            ("rules", true),
            ("doctor A1", true),
            ("drain 2001:db8::2", true),
            ("temporary", true),
            ("", false),
            ("drain here", false),
            ("cluster web", false),
            ("director nat 192.0.2.1 tcp:0", false),
            ("director nat 192.0.2.1 tcp:80 more", false),
            ("real-server gre 192.0.2.1", false),
        ] {
            let owner = Owner::from(words.to_owned());
            assert_eq!(owner.to_string(), words);
            assert_eq!(!matches!(owner, Owner::Unknown(_)), known, "{words}");
        }
    }

    #[test]
    fn owner_knows_its_cluster_role_and_address() {
        let owner = Owner::from("cluster web director dr 192.0.2.1".to_owned());
        assert_eq!((owner.cluster(), owner.role()), (Some("web"), Some(Role::Director)));
        assert_eq!(owner.address().unwrap().mode, Mode::Dr);
        assert_eq!(Owner::Ruleset.cluster(), None);
    }
}
