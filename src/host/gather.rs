//! Reads the state of this machine's network at once.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use super::state::{FouPort, Link, Route, State, describe};
use super::{Error, IPVS_PARAMETERS, SYNC_THRESHOLD, Sysctl, fou};
use crate::trace::{self, Traced};
use lvs::ipvs::AddressFamily;
use lvs::netlink::{self, Connection, Socket};

impl State {
    /// Reads everything: one dump per kind, route lookups, and files under `/proc/sys/net`. Changes
    /// nothing, and loads no module. `release` is that of the kernel.
    pub(crate) fn gather(release: &str) -> Result<Self, Error> {
        let mut connection = connection()?;
        let mut state = Self::dump(&mut connection)?;
        state.look_up_sources(&mut connection)?;
        state.fou_ports = ports(release);
        state.sysctls = sysctls(&state.links)?;
        Ok(state)
    }

    /// Adds the source addresses that the kernel selects towards some machines.
    pub(crate) fn add_sources(&mut self, towards: &[IpAddr]) -> Result<(), Error> {
        let mut connection = connection()?;
        for address in towards {
            self.look_up_source(&mut connection, *address)?;
        }
        Ok(())
    }

    /// What route netlink knows: links, addresses, routes, rules and neighbours.
    pub(crate) fn links_and_routes() -> Result<Self, Error> {
        Ok(Self::dump(&mut connection()?)?)
    }
}

/// The kernel's route to an address; `None` if there is none, or one that refuses.
pub(super) fn route_of_kernel(state: &State, towards: IpAddr) -> Result<Option<Route>, Error> {
    let what = format!("looking up the route to {towards}");
    match state.look_up_route(&mut connection()?, towards) {
        Ok(route) => Ok(route),
        Err(netlink::Error::Refused { errno, .. }) if errno != libc::EPERM => Ok(None),
        Err(error) => Err(Error::generic(what, error)),
    }
}

fn connection() -> Result<Connection<Traced<Socket>>, Error> {
    let opened = trace::route_socket(describe).map(Connection::new);
    opened.map_err(|error| Error::generic("opening route netlink".to_owned(), error))
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
const OF_INTERFACES: [&str; 9] = [
    "accept_local",
    "accept_redirects",
    "arp_announce",
    "arp_ignore",
    "forwarding",
    "proxy_arp",
    "rp_filter",
    "send_redirects",
    "src_valid_mark",
];

/// IPv6 parameters of each interface.
const OF_INTERFACES_IPV6: [&str; 2] = ["accept_ra", "accept_redirects"];

fn sysctls(links: &[Link]) -> Result<BTreeMap<String, String>, Error> {
    let mut desired: Vec<Sysctl> =
        [AddressFamily::Ipv4, AddressFamily::Ipv6].map(Sysctl::forwarding).into();
    for parameter in OF_INTERFACES {
        desired.push(Sysctl::of_all_interfaces(parameter));
        desired.extend(links.iter().map(|link| Sysctl::of_interface(&link.name, parameter)));
    }
    for parameter in OF_INTERFACES_IPV6 {
        desired.extend(links.iter().map(|link| Sysctl::of_interface_ipv6(&link.name, parameter)));
    }
    desired.push(Sysctl::of_default("rp_filter"));
    desired.extend(IPVS_PARAMETERS.map(|it| Sysctl::of_ipvs(it.name)));
    desired.push(Sysctl::of_ipvs(SYNC_THRESHOLD));
    desired.extend(["count", "max"].map(Sysctl::of_conntrack));
    let mut values = BTreeMap::new();
    for sysctl in desired {
        if let Some(value) = sysctl.read()? {
            values.insert(sysctl.to_string(), value);
        }
    }
    Ok(values)
}
