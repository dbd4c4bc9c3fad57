//! IP tunnelling: the director packs each packet into another, the real server unpacks it and
//! answers the client itself.

use std::net::IpAddr;

use super::common::{loose_reverse_path_filter, present, silence, want, whole};
use super::{Found, Want, dr};
use crate::lvsctl::{Error, Task};
use crate::node::{self, InterfaceName, PRESENT, UP};

/// For IPv4 the address is on `tunl0`, since Linux answers ARP for it on any interface. It does
/// not so for IPv6: there the director is like one of direct routing.
pub(super) fn director(
    task: &Task,
    vip: IpAddr,
    found: &Found,
    claim: &str,
) -> Result<Vec<Want>, Error> {
    if vip.is_ipv6() {
        return dr::director(task, vip, found, claim);
    }
    let tunnel = InterfaceName::tunl0();
    let mut wanted = vec![link(&tunnel, "ipip", claim)];
    wanted.extend(address(&tunnel, vip, claim));
    Ok(wanted)
}

/// For IPv6 nothing needs silencing: `ip6tnl0` has no link layer, and no other interface answers
/// a neighbour's question for its address.
pub(super) fn real_server(vip: IpAddr, found: &Found, claim: &str) -> Vec<Want> {
    if vip.is_ipv6() {
        let tunnel = InterfaceName::ip6tnl0();
        return vec![
            link(&tunnel, "ip6tnl", claim),
            want(node::Key::LinkUp(tunnel.clone()), UP, &[], claim),
            present(vip, whole(vip), &tunnel, claim),
        ];
    }
    let tunnel = InterfaceName::tunl0();
    let mut wanted = vec![link(&tunnel, "ipip", claim)];
    wanted.extend(silence(Some(&tunnel), claim));
    // The inner packet comes from a client whom the machine reaches through another interface.
    wanted.push(loose_reverse_path_filter(&tunnel, found, "0", claim));
    wanted.extend(address(&tunnel, vip, claim));
    wanted
}

fn link(tunnel: &InterfaceName, kind: &str, claim: &str) -> Want {
    want(node::Key::Link(tunnel.clone()), kind, &[], claim)
}

fn address(tunnel: &InterfaceName, vip: IpAddr, claim: &str) -> [Want; 3] {
    let (destination, prefix, device) = (vip, whole(vip), tunnel.clone());
    [
        want(node::Key::LinkUp(tunnel.clone()), UP, &[], claim),
        present(vip, prefix, tunnel, claim),
        want(node::Key::Route { destination, prefix, device }, PRESENT, &[], claim),
    ]
}
