//! All that a diagnosis knows of a machine, as plain data.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{BootSetting, Listener, Probes};
use crate::host::{self, Inventory};
use lvs::ipvs::{Daemon, Destination, DestinationEntry, ServiceEntry, ServiceIdentity, Timeouts};
use lvs::table;

/// A machine, in one network namespace, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Version of this format.
    pub schema: u32,
    /// The kernel and its modules.
    pub kernel: Kernel,
    /// Links, addresses, routes and sysctls.
    pub network: Inventory,
    /// The IPVS table; `None` where IPVS is not loaded, or could not be read.
    pub table: Option<Table>,
    /// Sockets that wait for clients; `None` where they could not be read.
    pub listeners: Option<Vec<Listener>>,
    /// What `lvsctl` has set up here.
    pub journal: Vec<Journalled>,
    /// Programs that keep the table up by themselves, such as keepalived.
    pub controllers: Vec<String>,
    /// Lines of the file that is restored at boot which name a host or a service by name.
    pub names_in_rules: Vec<String>,
    /// What the boot sets parameters of the network to. Of the initial network namespace alone: a
    /// boot knows no other.
    #[serde(default)]
    pub boot: Vec<BootSetting>,
    /// The units of `lvsctl install` that the boot starts.
    #[serde(default)]
    pub units: Vec<String>,
    /// Other network namespaces with services, where the initial one has none.
    #[serde(default)]
    pub elsewhere: Vec<Elsewhere>,
    /// Counters of `/proc/net/netstat`, `snmp` and `snmp6`, such as `TcpExt IPReversePathFilter`.
    pub counters: BTreeMap<String, u64>,
    /// What came back from what was sent; `None` where nothing was.
    #[serde(default)]
    pub probes: Option<Probes>,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// Version of the format of [`Facts`].
pub(super) const SCHEMA: u32 = 1;

/// The kernel and its modules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// As `uname -r` says.
    pub release: String,
    /// Whether IPVS is there in this moment.
    pub ipvs_loaded: bool,
    /// Whether clients may be heard where no socket of TCP or UDP shows it: a firewall translates
    /// addresses (`nf_nat`), or there is SCTP.
    pub hidden_listeners: bool,
    /// Schedulers, such as `rr`, and persistence engines, such as `pe_sip`, that are loaded or can
    /// be; `None` where the list of modules cannot be read.
    #[serde(default)]
    pub parts: Option<Vec<String>>,
}

/// The IPVS table and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Buckets of the connection table.
    pub connection_buckets: u32,
    /// Timeouts.
    pub timeouts: Timeouts,
    /// Synchronization daemons.
    pub daemons: Vec<Daemon>,
    /// Services and their destinations.
    pub services: Vec<Destinations>,
    /// Connections whose client was heard once, and not again: a sample of the first ones.
    pub half_open: Vec<HalfOpen>,
}

/// A service and its destinations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destinations {
    /// The service.
    pub service: ServiceEntry,
    /// Its destinations.
    pub destinations: Vec<DestinationEntry>,
}

/// A TCP connection that is not established (`SYN_RECV`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HalfOpen {
    /// Who began it.
    pub client: IpAddr,
    /// What for.
    pub service: SocketAddr,
    /// The real server that got it.
    pub destination: SocketAddr,
}

/// A network namespace that has an IPVS table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Its file.
    pub namespace: String,
    /// How many services it has.
    pub services: usize,
}

/// An entry of lvsctl's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journalled {
    /// On whose behalf, such as `real-server tun 192.168.10.10`.
    #[serde(rename = "claims")]
    pub owners: Vec<String>,
    /// What of this machine was set; `None` for an entry of the IPVS table.
    pub key: Option<host::Key>,
    /// To what; `None` where it was removed, and for an entry of the IPVS table.
    pub value: Option<String>,
    /// The entry of the IPVS table that was made.
    #[serde(default)]
    pub entry: Option<(table::Key, table::Value)>,
    /// What it is now, of what the inventory does not hold.
    #[serde(default)]
    pub found: Option<String>,
}

/// Something that could not be read, so that nothing is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// What.
    pub what: String,
    /// Why not, and what helps.
    pub why: String,
}

/// Whether a owner is of that role: `director dr 192.0.2.1 tcp:80`, or of a cluster file
/// `cluster web director …`.
pub(super) fn is_of(owner: &str, role: &str) -> bool {
    let mut words = owner.split(' ');
    match words.next() {
        Some("cluster") => words.nth(1) == Some(role),
        first => first == Some(role),
    }
}

impl Facts {
    /// The value of an entry of the IPVS table.
    #[must_use]
    pub fn value(&self, key: &table::Key) -> Option<table::Value> {
        let recorded = self.table.as_ref()?;
        let of = |identity: &ServiceIdentity| {
            let mut services = recorded.services.iter();
            let identity = *identity;
            services.find(move |entry| entry.service.service.identity == identity)
        };
        match key {
            table::Key::Service(identity) => {
                of(identity).map(|entry| table::Value::from(entry.service.service.clone()))
            }
            table::Key::Destination { service, address, port } => {
                let mut destinations = of(service)?.destinations.iter().map(|it| &it.destination);
                let same = |it: &&Destination| it.address == *address && it.port == *port;
                destinations.find(same).cloned().map(table::Value::Destination)
            }
            table::Key::Timeouts => Some(table::Value::Timeouts(recorded.timeouts)),
            table::Key::Daemon(state) => {
                let mut daemons = recorded.daemons.iter();
                daemons.find(|daemon| daemon.state == *state).cloned().map(table::Value::from)
            }
        }
    }
}
