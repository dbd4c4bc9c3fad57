//! The stages of a walk, and the verdict on each.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::filter::Hook;
use super::{Check, Fault, Severity, service_name};
use lvs::ipvs::{Protocol, ServiceIdentity};

/// The way of one flow through a machine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Walk {
    pub(crate) flow: Flow,
    /// Otherwise there may be no such clients.
    pub(crate) sure: bool,
    pub(crate) passages: Vec<Passage>,
}

/// Whose packets are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// From a client, or whoever it is, to IPVS.
    Request { client: Option<IpAddr>, service: ServiceIdentity },
    /// From IPVS to a real server, and with NAT back.
    Forwarded { service: ServiceIdentity, real: SocketAddr },
    /// From a client to a program on this real server, and the reply.
    Served { client: IpAddr, protocol: Protocol, vip: IpAddr, local: IpAddr, port: Option<u16> },
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { client: Some(client), service } => {
                write!(f, "{client} to {}", service_name(*service))
            }
            Self::Request { client: None, service } => {
                write!(f, "clients to {}", service_name(*service))
            }
            Self::Forwarded { service, real } => {
                write!(f, "{} to {}", service_name(*service), real.ip())
            }
            Self::Served { client, protocol, local, port, .. } => {
                let protocol = protocol.name().unwrap_or("ip");
                match port {
                    Some(port) => {
                        write!(f, "{client} to {protocol} {}", SocketAddr::new(*local, *port))
                    }
                    None => write!(f, "{client} to {protocol} {local}"),
                }
            }
        }
    }
}

/// A stage that packets come to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Passage {
    pub(crate) stage: Stage,
    pub(crate) verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Link,
    Decapsulation,
    Filter(Hook),
    Mark,
    Translation,
    ReversePath,
    LocalDelivery,
    Conntrack,
    Service,
    RealServers,
    Route,
    Forwarding,
    Neighbour,
    Listener,
    ReplyRoute,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Link => "link",
            Self::Decapsulation => "decapsulation",
            Self::Filter(Hook::Prerouting) => "filter PREROUTING",
            Self::Filter(Hook::Input) => "filter INPUT",
            Self::Filter(Hook::Forward) => "filter FORWARD",
            Self::Filter(Hook::Output) => "filter OUTPUT",
            Self::Filter(Hook::Postrouting) => "filter POSTROUTING",
            Self::Mark => "mark",
            Self::Translation => "translation",
            Self::ReversePath => "reverse path filter",
            Self::LocalDelivery => "local delivery",
            Self::Conntrack => "connection tracking",
            Self::Service => "service",
            Self::RealServers => "real servers",
            Self::Route => "route",
            Self::Forwarding => "forwarding",
            Self::Neighbour => "neighbour",
            Self::Listener => "listener",
            Self::ReplyRoute => "route of the reply",
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// With what was seen.
    Passes(String),
    Stops(Stop),
    Unknown {
        why: String,
        /// The command that shows it.
        ask: String,
    },
}

/// Packets end here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stop {
    /// The check of the doctor that it belongs to.
    pub(crate) check: Check,
    /// A warning if there may be no such packets.
    pub(crate) severity: Severity,
    pub(crate) fault: Fault,
}

impl Walk {
    pub(crate) const fn new(flow: Flow, sure: bool) -> Self {
        Self { flow, sure, passages: Vec::new() }
    }

    pub(crate) fn passes(&mut self, stage: Stage, seen: impl Into<String>) {
        self.passages.push(Passage { stage, verdict: Verdict::Passes(seen.into()) });
    }

    pub(crate) fn stops(&mut self, stage: Stage, check: Check, fault: Fault) {
        self.stops_as(stage, check, check.severity(), fault);
    }

    pub(crate) fn stops_as(
        &mut self,
        stage: Stage,
        check: Check,
        severity: Severity,
        fault: Fault,
    ) {
        let verdict = Verdict::Stops(Stop { check, severity, fault });
        self.passages.push(Passage { stage, verdict });
    }

    pub(crate) fn unknown(&mut self, stage: Stage, why: impl Into<String>, ask: impl Into<String>) {
        let verdict = Verdict::Unknown { why: why.into(), ask: ask.into() };
        self.passages.push(Passage { stage, verdict });
    }

    pub(crate) fn stopped(&self) -> impl Iterator<Item = &Stop> {
        self.passages.iter().filter_map(|passage| match &passage.verdict {
            Verdict::Stops(stop) => Some(stop),
            _ => None,
        })
    }
}
