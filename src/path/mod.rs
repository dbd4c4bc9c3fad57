//! What the kernel does with a packet, stage by stage.
//!
//! A [`Walk`] follows the request and the reply of one flow through a machine. Each [`Stage`] passes,
//! stops or is unknown. Everything is a pure function of the recorded state, so that a snapshot is
//! judged like a machine.

mod arp;
mod arrival;
mod capture;
mod director;
mod fault;
pub(crate) mod filter;
mod machine;
mod real_server;
mod reverse_path;
mod route;

pub(crate) use arp::hears_the_segment;
pub(crate) use director::{Forwarded, service_name, to_ipvs};
pub(crate) use fault::{Fault, Step, add_address, delete_address};
pub(crate) use machine::{Listener, Machine, is_link_local, remote};
pub(crate) use real_server::{End, Faults, Served};
pub(crate) use route::{Answer, Query};

/// The way of one flow through a machine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Walk {
    /// Such as `192.168.10.100 to tcp 192.168.10.10:80`.
    pub(crate) flow: String,
    /// Otherwise there may be no such clients.
    pub(crate) sure: bool,
    pub(crate) stages: Vec<Stage>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// With what was seen.
    Passes(String),
    Stops(Stop),
    Unknown {
        why: String,
        ask: String,
    },
}

/// Packets end here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stop {
    /// The check of the doctor that it belongs to.
    pub(crate) id: &'static str,
    pub(crate) fault: Fault,
}

impl Walk {
    pub(crate) const fn new(flow: String, sure: bool) -> Self {
        Self { flow, sure, stages: Vec::new() }
    }

    pub(crate) fn passes(&mut self, name: &'static str, seen: impl Into<String>) {
        self.stages.push(Stage { name, verdict: Verdict::Passes(seen.into()) });
    }

    pub(crate) fn stops(&mut self, name: &'static str, id: &'static str, fault: Fault) {
        self.stages.push(Stage { name, verdict: Verdict::Stops(Stop { id, fault }) });
    }

    pub(crate) fn unknown(
        &mut self,
        name: &'static str,
        why: impl Into<String>,
        ask: impl Into<String>,
    ) {
        let verdict = Verdict::Unknown { why: why.into(), ask: ask.into() };
        self.stages.push(Stage { name, verdict });
    }

    pub(crate) fn stopped(&self) -> impl Iterator<Item = &Stop> {
        self.stages.iter().filter_map(|stage| match &stage.verdict {
            Verdict::Stops(stop) => Some(stop),
            _ => None,
        })
    }
}
