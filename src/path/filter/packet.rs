//! A packet as a filter sees it, and whether a condition matches it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Match, What};
use crate::host::{Prefix, masked};
use lvs::ipvs::AddressFamily;

/// What connection tracking knows of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ConnectionState {
    New,
    Established,
    Related,
    Invalid,
    Untracked,
}

/// Who sends or gets a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Host(IpAddr),
    /// Any host of a network.
    Anyone(Prefix),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) source: Peer,
    pub(crate) destination: Peer,
    pub(crate) protocol: u8,
    /// `None` is any; protocols without ports have none.
    pub(crate) source_port: Option<u16>,
    pub(crate) destination_port: Option<u16>,
    /// The flags of TCP that are set.
    pub(crate) flags: u8,
    pub(crate) input: Option<String>,
    pub(crate) output: Option<String>,
    pub(crate) state: ConnectionState,
    /// Of the packets that follow in this direction, for TCP; `None` if they are not judged.
    pub(crate) later: Option<ConnectionState>,
    /// `None` if it is not known.
    pub(crate) mark: Option<u32>,
    /// Whether the destination is an address of this machine.
    pub(crate) local: bool,
    /// A rule sends it to this machine's own address on the incoming interface.
    pub(crate) redirected: bool,
}

/// Whether a packet matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matched {
    Yes,
    No,
    /// Some clients do.
    SomeClients,
    /// It cannot be said.
    Perhaps,
}

impl Matched {
    pub(super) const fn of(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }

    /// Both match.
    pub(super) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Perhaps, _) | (_, Self::Perhaps) => Self::Perhaps,
            (Self::SomeClients, _) | (_, Self::SomeClients) => Self::SomeClients,
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }

    /// One of both matches.
    pub(super) const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::Perhaps, _) | (_, Self::Perhaps) => Self::Perhaps,
            (Self::SomeClients, _) | (_, Self::SomeClients) => Self::SomeClients,
            (Self::No, Self::No) => Self::No,
        }
    }

    const fn negated(self, negated: bool) -> Self {
        match self {
            Self::Yes if negated => Self::No,
            Self::No if negated => Self::Yes,
            other => other,
        }
    }
}

impl Packet {
    /// The first packet of a connection, of which only the ends are known.
    pub(crate) const fn new(protocol: u8, source: Peer, destination: Peer) -> Self {
        Self {
            source,
            destination,
            protocol,
            source_port: None,
            destination_port: None,
            flags: 0,
            input: None,
            output: None,
            state: ConnectionState::New,
            later: None,
            mark: Some(0),
            local: false,
            redirected: false,
        }
    }

    /// A packet that follows in this direction.
    pub(crate) fn following(&self) -> Option<Self> {
        const ACK: u8 = 0x10;
        let state = match self.state {
            ConnectionState::Untracked => ConnectionState::Untracked,
            _ => self.later?,
        };
        (self.flags != 0).then(|| Self { state, flags: ACK, ..self.clone() })
    }

    pub(crate) fn family(&self) -> AddressFamily {
        match self.destination {
            Peer::Host(address) => address.into(),
            Peer::Anyone(prefix) => prefix.address.into(),
        }
    }

    /// Whether all conditions match.
    pub(super) fn matches(&self, conditions: &[Match]) -> Matched {
        let mut result = Matched::Yes;
        for condition in conditions {
            result = result.and(self.matches_one(&condition.what).negated(condition.negated));
            if result == Matched::No {
                break;
            }
        }
        result
    }

    fn matches_one(&self, what: &What) -> Matched {
        let interface = |own: &Option<String>, name: &str, prefix: bool| {
            let own = own.as_deref().unwrap_or_default();
            Matched::of(if prefix { own.starts_with(name) } else { own == name })
        };
        match what {
            What::Input { name, prefix } => interface(&self.input, name, *prefix),
            What::Output { name, prefix } => interface(&self.output, name, *prefix),
            What::Source { address, mask } => self.source.within(*address, *mask),
            What::Destination { address, mask } => self.destination.within(*address, *mask),
            What::SourceRange(first, last) => self.source.between(*first, *last),
            What::DestinationRange(first, last) => self.destination.between(*first, *last),
            What::Protocol(protocol) => Matched::of(self.protocol == *protocol),
            What::SourcePort(ranges) => port(self.source_port, ranges),
            What::DestinationPort(ranges) => port(self.destination_port, ranges),
            What::AnyPort(ranges) => {
                port(self.source_port, ranges).or(port(self.destination_port, ranges))
            }
            What::TcpFlags { mask, value } => Matched::of(self.flags & mask == *value),
            What::State(states) => Matched::of(states.contains(&self.state)),
            What::Mark { value, mask } => match self.mark {
                Some(mark) => Matched::of(mark & mask == *value),
                None => Matched::Perhaps,
            },
            What::LocalDestination => Matched::of(self.local),
            What::Fragment => Matched::No,
            What::Bytes(condition) => self.satisfies(condition),
            What::Some(_) => Matched::Perhaps,
        }
    }
}

impl Peer {
    pub(super) fn within(self, address: IpAddr, mask: IpAddr) -> Matched {
        match self {
            Self::Host(host) => Matched::of(masked(host, mask) == Some(address)),
            Self::Anyone(prefix) => {
                let network = prefix.mask();
                // Hosts outside of the network do not matter.
                let (Some(ours), Some(theirs)) =
                    (masked(prefix.address, mask), masked(address, network))
                else {
                    return Matched::No;
                };
                let wider = masked(network, mask) == Some(mask);
                match () {
                    () if wider => Matched::of(ours == address),
                    () if Some(theirs) == masked(prefix.address, network) => Matched::SomeClients,
                    () => Matched::No,
                }
            }
        }
    }

    pub(super) fn between(self, first: IpAddr, last: IpAddr) -> Matched {
        match self {
            Self::Host(host) => {
                Matched::of(host.is_ipv4() == first.is_ipv4() && (first..=last).contains(&host))
            }
            Self::Anyone(prefix) if prefix.address.is_ipv4() != first.is_ipv4() => Matched::No,
            Self::Anyone(prefix) => match prefix.ends() {
                (low, high) if first <= low && high <= last => Matched::Yes,
                (low, high) if high < first || last < low => Matched::No,
                _ => Matched::SomeClients,
            },
        }
    }
}

/// Any port is taken for an ephemeral one that no rule names; a wide range holds them all.
pub(super) fn port(own: Option<u16>, ranges: &[(u16, u16)]) -> Matched {
    const EPHEMERAL: (u16, u16) = (32768, 60999);
    match own {
        Some(own) => Matched::of(ranges.iter().any(|(low, high)| (*low..=*high).contains(&own))),
        None => {
            let (first, last) = EPHEMERAL;
            let holds = |(low, high): &(u16, u16)| *low <= first && *high >= last;
            let touches = |(low, high): &(u16, u16)| *low <= last && *high >= first;
            match () {
                () if ranges.iter().any(holds) => Matched::Yes,
                () if ranges.iter().any(touches) => Matched::Perhaps,
                () => Matched::No,
            }
        }
    }
}
