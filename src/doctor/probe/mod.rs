//! The only part of the doctor that sends: a few packets, where somebody asked for it.
//!
//! [`Facts::probe`] asks the neighbours who has a virtual address ([`neighbours`]), and a director
//! whether packets as large as it would send reach a real server of tunnelling ([`path`]). What it
//! learns becomes part of the facts, on which the checks then look.

mod neighbours;
mod path;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::{Expectation, Facts, Unread};
use crate::host::InterfaceName;
use lvs::ipvs::Forwarding;

/// What was sent, and what came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probes {
    /// What was sent, in words.
    pub sent: Vec<String>,
    /// Who has the virtual addresses.
    pub owners: Vec<Owners>,
    /// How large packets to real servers can be.
    pub paths: Vec<Path>,
}

/// The neighbours who say that they have an address, this machine left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owners {
    /// The address.
    pub address: IpAddr,
    /// On whose wire they were asked.
    pub device: InterfaceName,
    /// Their addresses on the wire, such as `02:00:00:00:00:01`.
    pub hardware: Vec<String>,
}

/// The way to a real server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// Its address.
    pub real: IpAddr,
    /// How large the kernel takes packets to be that get there, in bytes.
    pub assumed: u16,
    /// The largest size of which one got there; `None` where none did, not even a small one.
    pub carried: Option<u16>,
}

impl Facts {
    /// Sends, waits for a second or two in all, and adds what came back to the facts.
    pub fn probe(&mut self, expectation: &Expectation) {
        let mut probes = Probes::default();
        let mut unread = Vec::new();
        let mut note = |what: String, error: std::io::Error| {
            let hint = match error.kind() {
                std::io::ErrorKind::PermissionDenied => ": probes take CAP_NET_RAW, run it as root",
                _ => "",
            };
            unread.push(Unread { what, why: format!("{error}{hint}") });
        };
        let case = Case::new(self, expectation);
        for (address, device) in case.asked_for() {
            let Some(link) = case.network().link(&device) else {
                continue;
            };
            match neighbours::owners(address, link) {
                Ok(hardware) => {
                    let question = if address.is_ipv4() { "ARP" } else { "neighbour discovery" };
                    probes
                        .sent
                        .push(format!("two questions of {question} for {address} by {device}"));
                    probes.owners.push(Owners { address, device, hardware });
                }
                Err(error) => note(format!("who has {address}"), error),
            }
        }
        for real in case.tunnelled() {
            match path::of(real) {
                Ok(path) => {
                    probes.sent.push(format!(
                        "datagrams of up to {} bytes to UDP port {} of {real}",
                        path.assumed,
                        path::PORT
                    ));
                    probes.paths.push(path);
                }
                Err(error) => note(format!("the way to {real}"), error),
            }
        }
        self.unread.extend(unread);
        self.probes = Some(probes);
    }
}

/// As many are asked for as take a few seconds.
const MOST: usize = 8;

impl Case<'_> {
    /// Virtual addresses that neighbours may have, each with the interface that faces them.
    fn asked_for(&self) -> Vec<(IpAddr, InterfaceName)> {
        let mut addresses = self.virtual_addresses();
        addresses.extend(self.held().map(|served| served.address));
        let facing = |address| Some((address, self.facing(address)?.clone()));
        let mut found: Vec<_> = addresses.into_iter().filter_map(facing).collect();
        found.dedup();
        found.truncate(MOST);
        found
    }

    /// Real servers to which this director tunnels.
    fn tunnelled(&self) -> Vec<IpAddr> {
        let mut found = Vec::new();
        for (_, entry) in self.destinations() {
            let destination = &entry.destination;
            if destination.forwarding == Forwarding::Tunnel
                && !found.contains(&destination.address)
                && !self.is_own(destination.address)
            {
                found.push(destination.address);
            }
        }
        found.truncate(MOST);
        found
    }
}
