//! The state of this machine's network that a diagnosis needs, read at once.

mod dumps;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::Path;

use rtnetlink::Handle;
use rtnetlink::packet_route::route::RouteHeader;
use serde::{Deserialize, Serialize};

use super::{
    AssignedAddress, DOWN, DefaultRouteMss, Error, FullRoute, Host, InterfaceName, Key, KnownRoute,
    PRESENT, Prefix, Sysctl, Topology, UP, fou, full_route, route, rule,
};
use lvs::ipvs::AddressFamily;

use dumps::BOTH;
pub(crate) use dumps::{AddressState, LinkState, Source};

/// The network of a machine, in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inventory {
    /// Interfaces, in the kernel's order.
    pub(crate) links: Vec<LinkState>,
    /// Addresses, in the kernel's order.
    pub(crate) addresses: Vec<AddressState>,
    /// Unicast routes of the main table.
    pub(crate) routes: Vec<KnownRoute>,
    /// Prefixes delivered locally, by any table.
    pub(crate) local: Vec<Prefix>,
    /// Policy rules besides the three (IPv4) or two (IPv6) that every machine has.
    pub(crate) policy_rules: usize,
    /// The source addresses that the kernel selects, per default route.
    pub(crate) sources: Vec<Source>,
    /// `None` in snapshots of releases that did not record it.
    #[serde(rename = "further", default)]
    pub(crate) tunnels: Option<TunnelSetup>,
    /// Kernel parameters, by their path under `/proc/sys`.
    pub(crate) sysctls: BTreeMap<String, String>,
}

impl Inventory {
    /// The addresses and routes alone.
    pub(crate) fn topology(&self) -> Topology {
        let addresses = self.addresses.iter().map(|state| state.assigned.clone()).collect();
        Topology { addresses, routes: self.routes.clone() }
    }

    pub(crate) fn link(&self, name: &InterfaceName) -> Option<&LinkState> {
        self.links.iter().find(|link| link.name == *name)
    }

    /// The value of a key, as [`Host::read`] returns it; `None` if the inventory does not contain
    /// it.
    pub(crate) fn value(&self, key: &Key) -> Option<Option<String>> {
        let present = |found: bool| found.then(|| PRESENT.to_owned());
        Some(match key {
            Key::Link(name) => self.link(name).map(|link| link.kind.clone()),
            Key::LinkUp(name) => {
                self.link(name).map(|link| if link.up { UP } else { DOWN }.to_owned())
            }
            Key::Port(name) => {
                self.link(name).and_then(|link| Some(link.master.as_ref()?.to_string()))
            }
            Key::Mtu(name) => self.link(name).map(|link| link.mtu.to_string()),
            Key::Address { address, prefix, device } => {
                let (address, prefix, device) = (*address, *prefix, device.clone());
                let desired = AssignedAddress { address, prefix, device };
                present(self.addresses.iter().any(|state| state.assigned == desired))
            }
            Key::Route { destination, prefix, device } => {
                present(self.routes.iter().any(|route| {
                    (route.destination, route.prefix, &route.device)
                        == (*destination, *prefix, device)
                }))
            }
            Key::DefaultRoute(family) => {
                let mut routes = self.routes.iter();
                let found = routes.find(|route| {
                    route.prefix == 0
                        && AddressFamily::from(route.destination) == *family
                        && route.metric == route::default_metric(*family)
                });
                found.and_then(|route| Some(Key::through(route.gateway?, &route.device)))
            }
            Key::Sysctl(sysctl) => self.sysctl(sysctl).map(str::to_owned),
            Key::FouPort { .. }
            | Key::Rule { .. }
            | Key::FullRoute(_)
            | Key::DefaultRouteMss { .. } => {
                return self.tunnels.as_ref()?.value(key);
            }
            Key::FullAddress { .. } => return None,
        })
    }

    pub(crate) fn sysctl(&self, sysctl: &Sysctl) -> Option<&str> {
        self.sysctls.get(&sysctl.to_string()).map(String::as_str)
    }
}

impl Host {
    /// Reads everything: route netlink dumps, route lookups, and files under `/proc/sys/net`.
    /// Changes nothing, and loads no module. `release` is that of the kernel.
    pub(crate) fn inventory(&self, release: &str) -> Result<Inventory, Error> {
        let handle = &self.handle;
        let listed = self.wait("dumping the interfaces".to_owned(), dumps::links(handle))?;
        let names: HashMap<u32, InterfaceName> =
            listed.iter().map(|(index, link)| (*index, link.name.clone())).collect();
        let addresses =
            self.wait("dumping the addresses".to_owned(), dumps::addresses(handle, &names))?;
        let routes = route::list(handle, &names);
        let routes = self.wait("dumping the routes".to_owned(), routes)?;
        let local =
            self.wait("dumping the local routes".to_owned(), dumps::local_prefixes(handle))?;
        let policy_rules =
            self.wait("dumping the policy rules".to_owned(), rule::others(handle))?;
        let sources = dumps::sources(handle, &names, &routes);
        let sources = self.wait("reading the source address".to_owned(), sources)?;
        let links: Vec<LinkState> = listed.into_iter().map(|(_, link)| link).collect();
        let tunnels = Some(tunnel_setup(self, &names, release)?);
        let sysctls = sysctls(&links)?;
        Ok(Inventory { links, addresses, routes, local, policy_rules, sources, tunnels, sysctls })
    }
}

/// Receive ports, rules and routes for tunnels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TunnelSetup {
    /// See [`Host::outbound_routes`].
    #[serde(rename = "ways_out")]
    pub(crate) outbound_routes: Vec<(FullRoute, String)>,
    /// See [`Host::default_routes`]; snapshots of earlier releases lack them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) default_routes: Vec<DefaultRouteMss>,
    /// Rules `from SOURCE lookup TABLE`.
    pub(crate) rules: Vec<SourceRule>,
    /// The routes of tables other than the kernel's three.
    pub(crate) routes: Vec<(FullRoute, String)>,
    /// FOU/GUE receive ports; `None` if they could not be read.
    pub(crate) ports: Option<Vec<FouPort>>,
}

/// A rule `from SOURCE lookup TABLE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceRule {
    pub(crate) source: IpAddr,
    pub(crate) table: u32,
    /// Smaller is matched first.
    pub(crate) priority: u32,
}

/// A FOU/GUE receive port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FouPort {
    pub(crate) port: u16,
    /// The family of the outer packets.
    pub(crate) family: AddressFamily,
    /// As the value of a [`Key::FouPort`].
    pub(crate) kind: String,
}

impl TunnelSetup {
    /// As [`Inventory::value`].
    fn value(&self, key: &Key) -> Option<Option<String>> {
        match key {
            Key::FouPort { port, family } => {
                let mut ports = self.ports.as_ref()?.iter();
                let found = ports.find(|it| (it.port, it.family) == (*port, *family));
                Some(found.map(|found| found.kind.clone()))
            }
            Key::Rule { source, table, priority } => {
                let (source, table, priority) = (*source, *table, *priority);
                let found = self.rules.contains(&SourceRule { source, table, priority });
                Some(found.then(|| PRESENT.to_owned()))
            }
            // Nothing is missing where there is no such route.
            Key::DefaultRouteMss { .. } => {
                let mut routes = self.default_routes.iter();
                let found = routes.find(|route| route.key() == *key)?;
                Some(found.advmss.map(|mss| mss.to_string()))
            }
            Key::FullRoute(route) => {
                let found =
                    self.routes.iter().chain(&self.outbound_routes).find(|(it, _)| it == route);
                match found {
                    Some((_, value)) => Some(Some(value.clone())),
                    // The inventory lacks some routes of the main table.
                    None if route.table == u32::from(RouteHeader::RT_TABLE_MAIN) => None,
                    None => Some(None),
                }
            }
            _ => None,
        }
    }
}

fn tunnel_setup(
    host: &Host,
    names: &HashMap<u32, InterfaceName>,
    release: &str,
) -> Result<TunnelSetup, Error> {
    let handle: &Handle = &host.handle;
    let outbound_routes = host.outbound_routes()?;
    let mut default_routes = Vec::new();
    for family in BOTH {
        default_routes.extend(host.default_routes(family)?);
    }
    let rules = host.wait("dumping the policy rules".to_owned(), rule::by_source(handle))?;
    let routes = full_route::of_other_tables(handle, names);
    let routes = host.wait("dumping the routes".to_owned(), routes)?;
    let ports = ports(release);
    Ok(TunnelSetup { outbound_routes, default_routes, rules, routes, ports })
}

/// Reads them by generic netlink if the module is loaded. If it is not, but could be, there are no
/// ports. Without the permission they are unknown.
fn ports(release: &str) -> Option<Vec<FouPort>> {
    if !Path::new("/sys/module/fou").exists() {
        let file = format!("/lib/modules/{release}/kernel/net/ipv4/fou.ko");
        let loadable =
            ["", ".xz", ".zst", ".gz"].iter().any(|end| Path::new(&(file.clone() + end)).exists());
        return loadable.then(Vec::new);
    }
    fou::list().ok().flatten()
}

/// Parameters of each interface, and of `all`.
const OF_INTERFACES: [&str; 7] = [
    "accept_redirects",
    "arp_announce",
    "arp_ignore",
    "forwarding",
    "proxy_arp",
    "rp_filter",
    "send_redirects",
];

/// IPv6 parameters of each interface.
const OF_INTERFACES_IPV6: [&str; 2] = ["accept_ra", "accept_redirects"];

/// Parameters of IPVS in this network namespace (`ipvs-sysctl`).
const OF_IPVS: [&str; 8] = [
    "backup_only",
    "drop_entry",
    "drop_packet",
    "expire_nodest_conn",
    "expire_quiescent_template",
    "pmtu_disc",
    "secure_tcp",
    "sync_version",
];

fn sysctls(links: &[LinkState]) -> Result<BTreeMap<String, String>, Error> {
    let mut desired: Vec<Sysctl> = BOTH.map(Sysctl::forwarding).into();
    for parameter in OF_INTERFACES {
        desired.push(Sysctl::of_all_interfaces(parameter));
        desired.extend(links.iter().map(|link| Sysctl::of_interface(&link.name, parameter)));
    }
    for parameter in OF_INTERFACES_IPV6 {
        desired.extend(links.iter().map(|link| Sysctl::of_interface_ipv6(&link.name, parameter)));
    }
    desired.push(Sysctl::of_default("rp_filter"));
    desired.extend(OF_IPVS.map(Sysctl::of_ipvs));
    let mut values = BTreeMap::new();
    for sysctl in desired {
        if let Some(value) = sysctl.read()? {
            values.insert(sysctl.to_string(), value);
        }
    }
    Ok(values)
}
