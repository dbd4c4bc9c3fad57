//! The packet filters of this machine: legacy iptables and ip6tables, and nftables.
//!
//! Rules are parsed once into [`Match`] and [`Target`]. What is not understood stays in the rule by
//! name, so that a rule that could match makes the result unknown instead of wrong.

mod condition;
mod legacy;
mod nft;
mod packet;
mod sockopt;
mod traverse;

use serde::{Deserialize, Serialize};

pub(crate) use condition::{Byte, Condition, Field};
pub(crate) use packet::{ConnectionState, Packet, Peer};
pub(crate) use sockopt::read;
pub(crate) use traverse::{Outcome, Place, traverse};

use lvs::ipvs::AddressFamily;
use std::net::IpAddr;

/// A hook of netfilter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Hook {
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
}

impl Hook {
    /// In the kernel's order (`linux/netfilter.h`).
    pub(crate) const ALL: [Self; 5] =
        [Self::Prerouting, Self::Input, Self::Forward, Self::Output, Self::Postrouting];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Input => "INPUT",
            Self::Forward => "FORWARD",
            Self::Output => "OUTPUT",
            Self::Postrouting => "POSTROUTING",
        }
    }
}

/// All packet filters of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filters {
    pub(crate) tables: Vec<Table>,
    /// Whether the program for legacy rules is called `iptables-legacy`.
    pub(crate) suffix: bool,
}

/// A table of one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) family: AddressFamily,
    pub(crate) name: String,
    pub(crate) chains: Vec<Chain>,
    /// Of nftables, whose tables may be of both families.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nft: Option<Nft>,
}

/// The families of nftables, by their numbers (`NFPROTO_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Nft {
    Inet = 1,
    Ip = 2,
    Netdev = 5,
    Bridge = 7,
    Ip6 = 10,
}

impl Nft {
    const ALL: [(Self, &str); 5] = [
        (Self::Inet, "inet"),
        (Self::Ip, "ip"),
        (Self::Netdev, "netdev"),
        (Self::Bridge, "bridge"),
        (Self::Ip6, "ip6"),
    ];

    /// `None` for ARP, which filters no IP packets.
    fn of(number: u8) -> Option<Self> {
        Self::ALL.iter().map(|(nft, _)| *nft).find(|nft| *nft as u8 == number)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(nft, _)| *nft == self).map_or("inet", |(_, name)| name)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chain {
    pub(crate) name: String,
    /// Where the kernel enters it; `None` for one that rules jump to.
    pub(crate) base: Option<Base>,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Base {
    pub(crate) hook: Hook,
    /// Smaller is entered first; IPVS takes packets of its services in INPUT at 99.
    pub(crate) priority: i32,
    /// Whether packets that reach the end are accepted.
    pub(crate) accepts: bool,
    /// It translates addresses, and sees tracked packets alone.
    pub(crate) translates: bool,
    /// Only packets of these interfaces are seen; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) devices: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    /// Its number in the chain, from 1; with nftables its handle.
    pub(crate) number: u64,
    pub(crate) matches: Vec<Match>,
    pub(crate) target: Target,
}

/// A condition of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Match {
    pub(crate) what: What,
    pub(crate) negated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    /// A name, or the beginning of names.
    Input {
        name: String,
        prefix: bool,
    },
    Output {
        name: String,
        prefix: bool,
    },
    Source {
        address: IpAddr,
        mask: IpAddr,
    },
    Destination {
        address: IpAddr,
        mask: IpAddr,
    },
    SourceRange(IpAddr, IpAddr),
    DestinationRange(IpAddr, IpAddr),
    Protocol(u8),
    SourcePort(Vec<(u16, u16)>),
    DestinationPort(Vec<(u16, u16)>),
    /// One of both ports.
    AnyPort(Vec<(u16, u16)>),
    TcpFlags {
        mask: u8,
        value: u8,
    },
    State(Vec<ConnectionState>),
    Mark {
        value: u32,
        mask: u32,
    },
    /// A packet to an address of this machine (`addrtype`).
    LocalDestination,
    /// A later fragment.
    Fragment,
    /// Bytes of the packet have some values (nftables).
    Bytes(Condition),
    /// Matches some packets: limits, sampling, sets, and what is not understood.
    Some(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Target {
    Accept,
    Drop,
    Reject,
    Return,
    Jump(String),
    Goto(String),
    /// Goes on with the next rule: counters, logs.
    Continue,
    SetMark {
        value: u32,
        mask: u32,
    },
    /// The mark is not known any more.
    LoseMark,
    NoTrack,
    /// One after the other (nftables).
    All(Vec<Target>),
    /// The destination becomes another address or port; `None` stays as it is.
    Destination {
        address: Option<IpAddr>,
        port: Option<u16>,
    },
    /// To this machine's own address on the incoming interface.
    Redirect {
        port: Option<u16>,
    },
    /// What it does is not known.
    Other(String),
}

impl Target {
    /// The targets that are applied, in order.
    pub(crate) fn each(&self) -> &[Self] {
        match self {
            Self::All(targets) => targets.as_slice(),
            target => std::slice::from_ref(target),
        }
    }
}

/// Bytes as hexadecimal digits, in snapshots.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hexadecimal(#[serde(with = "crate::host::hexadecimal")] pub(crate) Vec<u8>);
