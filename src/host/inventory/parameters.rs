//! The kernel parameters that matter to a director or a real server.

use std::collections::BTreeMap;

use super::{BOTH, LinkState};
use crate::host::{Error, Sysctl};

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

/// Parameters that each interface has for IPv6.
const OF_INTERFACES_IPV6: [&str; 2] = ["accept_ra", "accept_redirects"];

/// Parameters of IPVS (`ipvs-sysctl`); of this network namespace.
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

pub(super) fn read(links: &[LinkState]) -> Result<BTreeMap<String, String>, Error> {
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
