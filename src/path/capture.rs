//! Addresses with a short prefix on `lo` or a tunnel: the kernel takes the machines of their subnet for
//! this one.

use std::net::IpAddr;

use super::fault::{Fault, add_address, delete_address};
use super::machine::Machine;
use crate::host::{Address, InterfaceName, Link, Route, host_prefix, is_fallback_tunnel};

impl Machine<'_> {
    /// Whether no machine is behind an interface.
    pub(crate) fn leads_nowhere(&self, device: &InterfaceName) -> bool {
        self.link(device).is_some_and(Link::is_silent_dummy) || is_fallback_tunnel(device.as_str())
    }

    /// The fault of a route that leads to another machine, and stays on this one. `vip` is the address
    /// that is served.
    pub(crate) fn captured(&self, target: IpAddr, vip: IpAddr, route: &Route) -> Fault {
        let by = route.device().map_or("lo", |device| device.as_str());
        let captures = |it: &&Address| {
            let device = it.interface.name.as_str();
            (device == "lo" || device == by || is_fallback_tunnel(device))
                && it.prefix != host_prefix(it.address)
                && it.subnet().contains(target)
        };
        let states: Vec<&Address> = self.network.addresses.iter().filter(captures).collect();
        let found: Vec<String> = states
            .iter()
            .map(|it| format!("{}/{} on {}", it.address, it.prefix, it.interface.name))
            .collect();
        let address = states.first().map_or(vip, |it| it.address);
        Fault {
            title: format!(
                "{address} on {by} captures its whole subnet: packets to neighbours in it never \
                 leave this machine"
            ),
            found: match found.is_empty() {
                true => format!("a route of {by} leads to {target}"),
                false => found.join(", "),
            },
            expected: format!("{address}/{}", host_prefix(address)),
            repair: states
                .into_iter()
                .flat_map(|it| [delete_address(it), add_address(it.address, &it.interface.name)])
                .collect(),
        }
    }
}
