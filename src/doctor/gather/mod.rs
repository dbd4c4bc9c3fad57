//! Reading the facts of the machine that we run on. Only looks: no module is loaded, nothing sent.

mod controllers;
mod counters;
mod elsewhere;
mod rules;
mod table;
mod units;

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::facts::{Kernel, SCHEMA, Unread, is_of};
use super::{Facts, Journalled, Listener, boot, modules};
use crate::host::{self, Host};
use lvs::ipvs;

/// Longer files are not read to their end.
const LONGEST: u64 = 1 << 20;

impl Facts {
    /// Reads everything, in the network namespace of the calling thread. What cannot be read is
    /// noted.
    #[must_use]
    pub fn gather(mut journal: Vec<Journalled>) -> Self {
        let mut unread = Vec::new();
        let mut note = |what: &str, why: String| unread.push(Unread { what: what.to_owned(), why });
        let release = text("/proc/sys/kernel/osrelease").trim().to_owned();
        let network = network(&mut journal, &release).unwrap_or_else(|error| {
            note("the network", error.to_string());
            host::Inventory::default()
        });
        let kernel = Kernel {
            ipvs_loaded: ipvs::is_loaded(),
            hidden_listeners: ["nf_nat", "sctp"]
                .iter()
                .any(|module| Path::new("/sys/module").join(module).exists()),
            parts: modules::parts(&release),
            release,
        };
        // Opening IPVS would load it.
        let table = kernel.ipvs_loaded.then(table::read).and_then(|table| {
            table.map_err(|error| note("the IPVS table", error.to_string())).ok()
        });
        let listeners = Listener::all();
        let listeners =
            listeners.map_err(|error| note("the listening sockets", error.to_string())).ok();
        // Only on a director does it matter who else is one.
        let services = table.as_ref().is_some_and(|table| !table.services.is_empty());
        let owners = journal.iter().flat_map(|entry| &entry.owners);
        let director = services || owners.into_iter().any(|owner| is_of(owner, "director"));
        let boots = in_the_initial_namespace();
        let looks_elsewhere = boots && kernel.ipvs_loaded && !services;
        Self {
            schema: SCHEMA,
            kernel,
            elsewhere: if looks_elsewhere { elsewhere::directors() } else { Vec::new() },
            network,
            table,
            listeners,
            journal,
            controllers: if director { controllers::running() } else { Vec::new() },
            names_in_rules: rules::names(),
            boot: if boots { boot::settings() } else { Vec::new() },
            units: if boots { units::started_at_boot() } else { Vec::new() },
            counters: counters::all(),
            probes: None,
            unread,
        }
    }
}

/// With what became of the journal's own that is not in it.
fn network(journal: &mut [Journalled], release: &str) -> Result<host::Inventory, host::Error> {
    let host = Host::new()?;
    let network = host.inventory(release)?;
    for entry in journal {
        if let Some(key) = entry.key.as_ref().filter(|key| network.value(key).is_none()) {
            entry.found = host.read(key)?;
        }
    }
    Ok(network)
}

/// Whether this is the network namespace of the machine's first process. Who may not know takes it
/// to be.
fn in_the_initial_namespace() -> bool {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/net")).ok();
    let first = namespace("1");
    first.is_none() || first == namespace("thread-self")
}

pub(super) fn text(path: impl AsRef<Path>) -> String {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut text));
    // A file that is not there says nothing.
    read.map(|_| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}
