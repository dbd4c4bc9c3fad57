//! Reading the facts of the machine that we run on. Only looks: no module is loaded, nothing sent.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::facts::{Destinations, HalfOpen, Kernel, SCHEMA, Table, Unread};
use super::{Facts, Journalled, Listener, boot, modules};
use crate::ipvs::{self, Client};
use crate::ipvsadm::{ConnectionTable, Endpoint};
use crate::netlink::{self, Socket, proc_net};
use crate::node::{self, Host};
use crate::table;

/// Programs that change the IPVS table of their own accord.
const CONTROLLERS: [&str; 4] = ["keepalived", "ldirectord", "kube-proxy", "kube-router"];

/// Files that are restored at boot, where Debian and Fedora have them.
const RULES: [&str; 2] = ["/etc/ipvsadm.rules", "/etc/sysconfig/ipvsadm"];

/// The connection table may have millions of lines; a sample will do.
const CONNECTIONS_READ: usize = 10_000;
const HALF_OPEN_KEPT: usize = 256;

/// Longer files are not read to their end.
const LONGEST: u64 = 1 << 20;

impl Facts {
    /// Reads everything, in the network namespace of the calling thread. What cannot be read is
    /// noted.
    #[must_use]
    pub fn gather(mut journal: Vec<Journalled>) -> Self {
        let mut unread = Vec::new();
        let mut note = |what: &str, why: String| unread.push(Unread { what: what.to_owned(), why });
        let network = network(&mut journal).unwrap_or_else(|error| {
            note("the network", error.to_string());
            node::Inventory::default()
        });
        let kernel = Kernel {
            release: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            ipvs_loaded: ipvs::is_loaded(),
            hidden_listeners: ["nf_nat", "sctp"]
                .iter()
                .any(|module| Path::new("/sys/module").join(module).exists()),
            parts: modules::parts(text("/proc/sys/kernel/osrelease").trim()),
        };
        // Opening IPVS would load it.
        let table = kernel.ipvs_loaded.then(table).and_then(|table| {
            table.map_err(|error| note("the IPVS table", error.to_string())).ok()
        });
        let listeners = Listener::all();
        let listeners =
            listeners.map_err(|error| note("the listening sockets", error.to_string())).ok();
        // Only on a director does it matter who else is one.
        let services = table.as_ref().is_some_and(|table| !table.services.is_empty());
        let claims = journal.iter().flat_map(|entry| &entry.claims);
        let director = services || claims.into_iter().any(|claim| claim.starts_with("director "));
        Self {
            schema: SCHEMA,
            kernel,
            network,
            table,
            listeners,
            journal,
            controllers: if director { controllers() } else { Vec::new() },
            names_in_rules: RULES.iter().flat_map(|path| names(&text(path))).collect(),
            boot: boot::settings(),
            counters: counters(),
            probes: None,
            unread,
        }
    }
}

/// With what became of the journal's own that is not in it.
fn network(journal: &mut [Journalled]) -> Result<node::Inventory, node::Error> {
    let host = Host::new()?;
    let network = host.inventory()?;
    for entry in journal {
        if let Some(key) = entry.key.as_ref().filter(|key| network.value(key).is_none()) {
            entry.found = host.read(key)?;
        }
    }
    Ok(network)
}

pub(super) fn text(path: impl AsRef<Path>) -> String {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut text));
    // A file that is not there says nothing.
    read.map(|_| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}

fn table() -> Result<Table, table::Error> {
    let open = |source| table::Error::Open { source };
    let mut client = Socket::new().and_then(Client::new).map_err(open)?;
    read(&mut client).map_err(|source| table::Error::List { source })
}

fn read(client: &mut Client<Socket>) -> Result<Table, netlink::Error> {
    let connection_buckets = client.info()?.table_size;
    let (timeouts, daemons) = (client.timeouts()?, client.daemons()?);
    let mut services = Vec::new();
    for service in client.services()? {
        let destinations = client.destinations(&service.service.identity)?;
        services.push(Destinations { service, destinations });
    }
    Ok(Table { connection_buckets, timeouts, daemons, services, half_open: half_open() })
}

/// A line that cannot be read ends the sample.
fn half_open() -> Vec<HalfOpen> {
    let mut found = Vec::new();
    let Ok(mut connections) = ConnectionTable::open() else {
        return found;
    };
    for _ in 0..CONNECTIONS_READ {
        let Ok(Some(connection)) = connections.next() else {
            break;
        };
        if connection.state == b"SYN_RECV" && found.len() < HALF_OPEN_KEPT {
            let socket = |endpoint: Endpoint| (endpoint.address, endpoint.port).into();
            found.push(HalfOpen {
                client: connection.client.address,
                service: socket(connection.service),
                destination: socket(connection.destination),
            });
        }
    }
    found
}

/// The programs among them that run in this network namespace.
fn controllers() -> Vec<String> {
    let here = fs::read_link("/proc/thread-self/ns/net").ok();
    let mut found: Vec<String> = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let process = entry.path();
        let is_process = entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok());
        if !is_process {
            continue;
        }
        let name = text(process.join("comm"));
        let known = CONTROLLERS.iter().find(|known| **known == name.trim());
        if let Some(known) = known
            && here.is_some()
            && fs::read_link(process.join("ns/net")).ok() == here
            && !found.iter().any(|name| name == known)
        {
            found.push((*known).to_owned());
        }
    }
    found.sort_unstable();
    found
}

/// The lines of a rules file that have a name where an address or a port belongs.
fn names(rules: &str) -> Vec<String> {
    let endpoints =
        ["-t", "-u", "-r", "--tcp-service", "--udp-service", "--sctp-service", "--real-server"];
    let numeric = |endpoint: &str| {
        let host = endpoint.parse::<std::net::SocketAddr>().is_ok();
        host || endpoint.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
    };
    let named = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut pairs = words.iter().zip(words.iter().skip(1));
        !line.trim_start().starts_with('#')
            && pairs.any(|(option, value)| endpoints.contains(option) && !numeric(value))
    };
    rules.lines().filter(named).map(|line| line.trim().to_owned()).collect()
}

fn counters() -> BTreeMap<String, u64> {
    let mut counters = BTreeMap::new();
    for file in ["netstat", "snmp"] {
        counters.extend(pairs(&text(proc_net().join(file))));
    }
    for line in text(proc_net().join("snmp6")).lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(Ok(value))) = (words.next(), words.next().map(str::parse)) {
            counters.insert(name.to_owned(), value);
        }
    }
    counters
}

/// Lines in pairs: `TcpExt: NAME …`, then `TcpExt: NUMBER …`.
fn pairs(text: &str) -> Vec<(String, u64)> {
    let lines: Vec<&str> = text.lines().collect();
    let (pairs, _) = lines.as_chunks::<2>();
    let mut counters = Vec::new();
    for [names, values] in pairs {
        let (Some((group, names)), Some((_, values))) =
            (names.split_once(": "), values.split_once(": "))
        else {
            continue;
        };
        let both = names.split_whitespace().zip(values.split_whitespace());
        counters.extend(
            both.filter_map(|(name, value)| Some((format!("{group} {name}"), value.parse().ok()?))),
        );
    }
    counters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_by_name() {
        let text = "TcpExt: A B\nTcpExt: 1 2\nIpExt: C\nIpExt: 3\nodd: X\n";
        let expected = [("TcpExt A", 1), ("TcpExt B", 2), ("IpExt C", 3)];
        assert_eq!(pairs(text), expected.map(|(name, value)| (name.to_owned(), value)));
        assert!(pairs("TcpExt: A\nTcpExt: -1\n\n").is_empty(), "the largest backlog may be -1");
    }

    #[test]
    fn names_in_rules_are_found() {
        let rules = "# -t www:80\n-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r node1:80 -g\n\
                     -A -t [2001:db8::1]:80 -s rr\n-A -t 192.0.2.1:http -s rr\n-A -f 7 -s rr\n\
                     -a -f 7 -r 192.0.2.2 -g\n";
        let expected = ["-a -t 192.0.2.1:80 -r node1:80 -g", "-A -t 192.0.2.1:http -s rr"];
        assert_eq!(names(rules), expected);
    }
}
