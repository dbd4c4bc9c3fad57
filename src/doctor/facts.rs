//! Everything the doctor knows about a machine, as plain data.
//!
//! The serialized names are the format of `lvsctl snapshot`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::host::{self, InterfaceName, State, Sysctl};
use crate::path::filter::Filters;
pub(crate) use crate::path::{Listener, service_name};
use crate::policy::Owner;
use lvs::ipvs::{Daemon, Destination, DestinationEntry, ServiceEntry, ServiceIdentity, Timeouts};
use lvs::table;

/// A machine, in one network namespace, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Version of this format.
    pub(crate) schema: u32,
    pub(crate) kernel: Kernel,
    pub(crate) network: State,
    /// `None` if IPVS is not loaded or its table could not be read.
    pub(crate) table: Option<Table>,
    /// `None` if the sockets could not be read.
    pub(crate) listeners: Option<Vec<Listener>>,
    /// The packet filters; `None` if they could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) filters: Option<Filters>,
    /// What `lvsctl` has set up here.
    pub(crate) journal: Vec<JournalEntry>,
    /// Running programs that manage the IPVS table themselves, such as keepalived.
    pub(crate) controllers: Vec<String>,
    /// Lines of the rules restored at boot that contain a host or service name.
    pub(crate) names_in_rules: Vec<String>,
    /// Network sysctls set at boot. Read in the initial network namespace only: a boot sets no
    /// others.
    #[serde(default)]
    pub(crate) boot: Vec<BootSetting>,
    /// Enabled units of `lvsctl install`.
    #[serde(default)]
    pub(crate) units: Vec<String>,
    /// Other network namespaces with services, if the initial one has none.
    #[serde(default)]
    pub(crate) elsewhere: Vec<OtherNamespace>,
    /// Counters of `/proc/net/netstat`, `snmp` and `snmp6`, such as `TcpExt IPReversePathFilter`.
    pub(crate) counters: BTreeMap<String, u64>,
    /// Results of probes; `None` if nothing was sent.
    #[serde(default)]
    pub(crate) probes: Option<Probes>,
    pub(crate) unread: Vec<Unread>,
}

/// The counter of new connections that connection tracking had no place for.
pub(super) const CONNTRACK_DROPPED: &str = "nf_conntrack drop";

/// Version of the format of [`Facts`].
pub(super) const SCHEMA: u32 = 2;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kernel {
    /// As printed by `uname -r`.
    pub(crate) release: String,
    pub(crate) ipvs_loaded: bool,
    /// A server may be reachable without a TCP or UDP socket: a firewall translates addresses
    /// (`nf_nat`), or SCTP is loaded.
    pub(crate) hidden_listeners: bool,
    /// The tables of IPVS resize themselves, and their sizes are those of now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) resizes_tables: bool,
    /// Schedulers, such as `rr`, and persistence engines, such as `pe_sip`, that are loaded or can
    /// be loaded; `None` if the list of modules cannot be read.
    #[serde(default)]
    pub(crate) parts: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) connection_buckets: u32,
    pub(crate) timeouts: Timeouts,
    pub(crate) daemons: Vec<Daemon>,
    pub(crate) services: Vec<ServiceState>,
    /// A sample of the connections in SYN_RECV.
    pub(crate) half_open: Vec<HalfOpen>,
    /// Addresses of this machine from which it connects to services itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) own_clients: Vec<IpAddr>,
    /// Clients to which this machine has no route.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unreachable_clients: Vec<IpAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceState {
    pub(crate) service: ServiceEntry,
    pub(crate) destinations: Vec<DestinationEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HalfOpen {
    pub(crate) client: IpAddr,
    pub(crate) service: SocketAddr,
    pub(crate) destination: SocketAddr,
}

/// A sysctl set at boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BootSetting {
    pub(crate) sysctl: Sysctl,
    pub(crate) value: String,
    pub(crate) file: String,
}

/// A network namespace that has services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OtherNamespace {
    /// The path of its file.
    pub(crate) namespace: String,
    pub(crate) services: usize,
}

/// An entry of lvsctl's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JournalEntry {
    /// Such as `real-server tun 192.168.10.10`.
    #[serde(rename = "claims")]
    pub(crate) owners: Vec<Owner>,
    /// The part of the network that was changed; `None` for an entry of the IPVS table.
    pub(crate) key: Option<host::Key>,
    /// The value it was given; `None` if it was removed, and for an entry of the IPVS table.
    pub(crate) value: Option<String>,
    /// The entry of the IPVS table that was created.
    #[serde(default)]
    pub(crate) entry: Option<(table::Key, table::Value)>,
    /// The actual value, for keys whose value the state does not have.
    #[serde(default)]
    pub(crate) found: Option<String>,
}

/// What was sent, and what came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Probes {
    /// One description per kind of packet sent.
    pub(crate) sent: Vec<String>,
    pub(crate) owners: Vec<AddressOwners>,
    pub(crate) paths: Vec<PathMtu>,
}

/// The neighbours that answer for an address, this machine excluded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AddressOwners {
    pub(crate) address: IpAddr,
    pub(crate) device: InterfaceName,
    /// Such as `02:00:00:00:00:01`.
    pub(crate) hardware: Vec<String>,
}

/// The path to a real server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PathMtu {
    pub(crate) real: IpAddr,
    /// The path MTU that the kernel assumes.
    pub(crate) assumed: u16,
    /// The largest packet that arrived; `None` if not even a small one did.
    pub(crate) carried: Option<u16>,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unread {
    pub(crate) what: String,
    /// The reason, and what helps.
    pub(crate) why: String,
}

impl ServiceState {
    pub(super) fn identity(&self) -> ServiceIdentity {
        self.service.service.identity
    }

    pub(super) fn name(&self) -> String {
        service_name(self.identity())
    }
}

impl Facts {
    pub(super) fn services(&self) -> &[ServiceState] {
        self.table.as_ref().map_or(&[], |table| &table.services)
    }

    /// Every destination with the identity of its service.
    pub(super) fn destinations(
        &self,
    ) -> impl Iterator<Item = (ServiceIdentity, &DestinationEntry)> {
        self.services().iter().flat_map(|state| {
            state.destinations.iter().map(|destination| (state.identity(), destination))
        })
    }

    /// The actual value of an entry of the IPVS table.
    pub(crate) fn value(&self, key: &table::Key) -> Option<table::Value> {
        let recorded = self.table.as_ref()?;
        let of = |identity: &ServiceIdentity| {
            let mut services = recorded.services.iter();
            let identity = *identity;
            services.find(move |state| state.identity() == identity)
        };
        match key {
            table::Key::Service(identity) => {
                of(identity).map(|state| table::Value::from(state.service.service.clone()))
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
            _ => None,
        }
    }
}
