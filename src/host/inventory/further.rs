//! What a real server of tunnelling has besides: ports that unpack, and routes that tell clients of
//! smaller segments.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;

use rtnetlink::Handle;
use rtnetlink::packet_route::route::RouteHeader;
use serde::{Deserialize, Serialize};

use crate::host::{Error, FullRoute, Host, InterfaceName, Key, PRESENT, fou, full_route, rule};
use lvs::ipvs::AddressFamily;

/// Ports, rules, and routes, with their values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelSetup {
    /// The ways by which the machine reaches others, as [`Host::outbound_routes`] tells them.
    #[serde(rename = "ways_out")]
    pub outbound_routes: Vec<(FullRoute, String)>,
    /// Rules that lead what comes from one source to another table.
    pub rules: Vec<SourceRule>,
    /// The routes of tables other than the kernel's own.
    pub routes: Vec<(FullRoute, String)>,
    /// UDP ports that unpack what comes to them; `None` where it is not known whether there are any.
    pub ports: Option<Vec<FouPort>>,
}

/// A rule `from SOURCE lookup TABLE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRule {
    /// The source.
    pub source: IpAddr,
    /// The number of the table.
    pub table: u32,
    /// Smaller comes first.
    pub priority: u32,
}

/// A UDP port that unpacks what comes to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FouPort {
    /// Its number.
    pub port: u16,
    /// The family of the packets outside.
    pub family: AddressFamily,
    /// What it unpacks, as a [`Key::FouPort`] has it.
    pub kind: String,
}

impl TunnelSetup {
    /// As [`Inventory::value`](super::Inventory::value).
    pub(super) fn value(&self, key: &Key) -> Option<Option<String>> {
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
            Key::FullRoute(route) => {
                let found =
                    self.routes.iter().chain(&self.outbound_routes).find(|(it, _)| it == route);
                match found {
                    Some((_, value)) => Some(Some(value.clone())),
                    // Of the main table not all are kept.
                    None if route.table == u32::from(RouteHeader::RT_TABLE_MAIN) => None,
                    None => Some(None),
                }
            }
            _ => None,
        }
    }
}

pub(super) fn read(
    host: &Host,
    names: &HashMap<u32, InterfaceName>,
    release: &str,
) -> Result<TunnelSetup, Error> {
    let handle: &Handle = &host.handle;
    let outbound_routes = host.outbound_routes()?;
    let rules = host.wait("listing the policy rules".to_owned(), rule::by_source(handle))?;
    let routes = full_route::of_other_tables(handle, names);
    let routes = host.wait("listing the routes".to_owned(), routes)?;
    Ok(TunnelSetup { outbound_routes, rules, routes, ports: ports(release) })
}

/// Asking takes generic netlink, which is opened only where the module is loaded. One that could be
/// loaded, and is not, has no ports. Who may not ask does not know.
fn ports(release: &str) -> Option<Vec<FouPort>> {
    if !Path::new("/sys/module/fou").exists() {
        let file = format!("/lib/modules/{release}/kernel/net/ipv4/fou.ko");
        let loadable =
            ["", ".xz", ".zst", ".gz"].iter().any(|end| Path::new(&(file.clone() + end)).exists());
        return loadable.then(Vec::new);
    }
    fou::list().ok().flatten()
}
