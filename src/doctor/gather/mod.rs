//! Reads the facts of this machine. Loads no module and sends nothing but questions to the kernel.

mod boot;
mod proc;

pub(crate) use proc::listeners;

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::facts::{
    Facts, HalfOpen, JournalEntry, Kernel, OtherNamespace, SCHEMA, ServiceState, Table, Unread,
};
use crate::host::{self, Host, State};
use crate::path::{Answer, Machine, Query, filter};
use crate::trace::{self, Traced};
use lvs::ipvs::{self, Client, Forwarding};
use lvs::netlink::{self, Namespace, Socket};
use lvs::proc::ConnectionTable;
use lvs::table;

impl Facts {
    /// Reads everything, in the network namespace of the calling thread. What cannot be read is
    /// noted.
    pub(crate) fn gather(mut journal: Vec<JournalEntry>) -> Self {
        let mut unread = Vec::new();
        let mut note = |what: &str, why: String| unread.push(Unread { what: what.to_owned(), why });
        let has = |module: &str| Path::new("/sys/module").join(module).exists();
        let release = proc::text("/proc/sys/kernel/osrelease").trim().to_owned();
        let mut network = network(&mut journal, &release).unwrap_or_else(|error| {
            note("the network", error.to_string());
            State::default()
        });
        let filters = match filter::read(&release, &network.links) {
            Ok(filters) => Some(filters),
            Err(error) => {
                note("the packet filters", format!("{error}: it takes CAP_NET_ADMIN"));
                None
            }
        };
        let kernel = Kernel {
            ipvs_loaded: ipvs::is_loaded(),
            hidden_listeners: has("sctp") || has("nf_nat") && filters.is_none(),
            resizes_tables: Path::new("/proc/net/ip_vs_status").exists(),
            parts: proc::ipvs_parts(&release),
            release,
        };
        // Opening IPVS would load the module.
        let table = kernel.ipvs_loaded.then(|| table(&network)).and_then(|table| {
            table.map_err(|error| note("the IPVS table", error.to_string())).ok()
        });
        let tunnels = table.as_ref().map(behind_tunnels).unwrap_or_default();
        if let Err(error) = network.add_sources(&tunnels) {
            note("the source addresses", error.to_string());
        }
        let listeners = proc::listeners();
        let listeners =
            listeners.map_err(|error| note("the listening sockets", error.to_string())).ok();
        let services = table.as_ref().is_some_and(|table| !table.services.is_empty());
        let initial = in_the_initial_namespace();
        let elsewhere = initial && kernel.ipvs_loaded && !services;
        Self {
            schema: SCHEMA,
            kernel,
            elsewhere: if elsewhere { other_namespaces() } else { Vec::new() },
            network,
            table,
            listeners,
            filters,
            journal,
            controllers: proc::controllers(),
            names_in_rules: boot::names_in_rules(),
            boot: if initial { boot::settings() } else { Vec::new() },
            units: if initial { boot::units() } else { Vec::new() },
            counters: proc::counters(),
            probes: None,
            unread,
        }
    }
}

/// Also reads the actual values of journalled keys whose value the state does not have.
fn network(journal: &mut [JournalEntry], release: &str) -> Result<State, host::Error> {
    let mut host = Host::new()?;
    let network = State::gather(release)?;
    for entry in journal {
        if let Some(key) = entry.key.as_ref().filter(|key| network.value(key).is_none()) {
            entry.found = host.read(key)?;
        }
    }
    Ok(network)
}

fn table(network: &State) -> Result<Table, table::Error> {
    let open = |source| table::Error::Open { source };
    let mut client = trace::socket().and_then(Client::new).map_err(open)?.or_socket_options();
    dump(&mut client, network).map_err(|source| table::Error::List { source })
}

fn dump(client: &mut Client<Traced<Socket>>, network: &State) -> Result<Table, netlink::Error> {
    let connection_buckets = client.info()?.table_size;
    let (timeouts, daemons) = (client.timeouts()?, client.daemons()?);
    let mut services = Vec::new();
    for service in client.services()? {
        let destinations = client.destinations(&service.service.identity)?;
        services.push(ServiceState { service, destinations });
    }
    let sample = connections(network);
    Ok(Table { connection_buckets, timeouts, daemons, services, ..sample })
}

/// The connection table may have millions of lines: a sample is enough.
const CONNECTIONS_READ: usize = 10_000;
const HALF_OPEN_KEPT: usize = 256;
const CLIENTS_KEPT: usize = 16;

/// Real servers behind a tunnel, each once.
const MOST_TUNNELS: usize = 256;

fn behind_tunnels(table: &Table) -> Vec<IpAddr> {
    let all = table.services.iter().flat_map(|service| &service.destinations);
    let tunnels = all.filter(|it| it.destination.forwarding == Forwarding::Tunnel);
    let found: BTreeSet<IpAddr> = tunnels.map(|it| it.destination.address).collect();
    found.into_iter().take(MOST_TUNNELS).collect()
}

/// What a sample of the connections shows. Ends at a line that cannot be read.
fn connections(network: &State) -> Table {
    let mut sample = Table::default();
    let Ok(mut connections) = ConnectionTable::open() else {
        return sample;
    };
    let machine = Machine::new(network, None, None);
    let is_unreachable = |address| machine.look_up(&Query::to(address)) == Answer::NoRoute;
    for _ in 0..CONNECTIONS_READ {
        let Ok(Some(connection)) = connections.next() else {
            break;
        };
        let client = connection.client.ip();
        let own = &mut sample.own_clients;
        if client == connection.service.ip() && !own.contains(&client) && machine.is_own(client) {
            own.push(client);
        }
        let known = &mut sample.unreachable_clients;
        if known.len() < CLIENTS_KEPT && !known.contains(&client) && is_unreachable(client) {
            known.push(client);
        }
        if connection.state == b"SYN_RECV" && sample.half_open.len() < HALF_OPEN_KEPT {
            sample.half_open.push(HalfOpen {
                client: connection.client.ip(),
                service: connection.service,
                destination: connection.destination,
            });
        }
    }
    sample
}

/// Whether this is the network namespace of the first process, which is assumed if its namespace
/// may not be read.
fn in_the_initial_namespace() -> bool {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/net")).ok();
    let first = namespace("1");
    first.is_none() || first == namespace("thread-self")
}

/// Where `ip netns` and Docker keep their namespaces.
const NAMESPACE_DIRECTORIES: [&str; 2] = ["/run/netns", "/run/docker/netns"];

const MAX_NAMESPACES: usize = 64;

/// The namespaces that have services. Those that may not be entered are left out.
fn other_namespaces() -> Vec<OtherNamespace> {
    let entries = NAMESPACE_DIRECTORIES.iter().flat_map(fs::read_dir).flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.truncate(MAX_NAMESPACES);
    let count = |path: PathBuf| {
        let namespace = path.display().to_string();
        let services = services_in(Namespace::Path(path)).filter(|count| *count > 0)?;
        Some(OtherNamespace { namespace, services })
    };
    paths.into_iter().filter_map(count).collect()
}

/// Enters the namespace on a thread of its own.
fn services_in(namespace: Namespace) -> Option<usize> {
    let count = move || {
        namespace.enter().ok()?;
        let mut client = trace::socket().and_then(Client::new).ok()?;
        Some(client.services().ok()?.len())
    };
    std::thread::spawn(count).join().ok().flatten()
}
