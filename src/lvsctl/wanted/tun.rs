//! IP tunnelling: the director packs each packet into another, the real server unpacks it and
//! answers the client itself.

use std::net::IpAddr;

use super::common::{loose_reverse_path_filter, present, silence, want, whole};
use super::{Found, Want, dr};
use crate::cluster::AddressDuty;
use crate::ipvs::Tunnel;
use crate::lvsctl::Error;
use crate::node::{self, InterfaceName, PRESENT, UP};

/// For IPv4 the address is on `tunl0`, since Linux answers ARP for it on any interface. It does
/// not so for IPv6: there the director is like one of direct routing.
pub(super) fn director(duty: &AddressDuty, found: &Found, claim: &str) -> Result<Vec<Want>, Error> {
    let vip = duty.vip;
    if vip.is_ipv6() {
        return dr::director(duty, found, claim);
    }
    if !duty.assigned {
        return Ok(Vec::new());
    }
    let tunnel = InterfaceName::tunl0();
    let mut wanted = vec![link(&tunnel, "ipip", claim)];
    wanted.extend(address(&tunnel, vip, claim));
    Ok(wanted)
}

/// For IPv6 nothing needs silencing: `ip6tnl0` has no link layer, and no other interface answers
/// a neighbour's question for its address.
///
/// # Errors
///
/// For other tunnels than those of the VIP's own family in IP itself: they need devices that are not
/// set up here yet.
pub(super) fn real_server(
    duty: &AddressDuty,
    found: &Found,
    claim: &str,
) -> Result<Vec<Want>, Error> {
    let vip = duty.vip;
    let mixed = duty.reals.iter().any(|real| real.is_ipv4() != vip.is_ipv4());
    if mixed || duty.tunnels.iter().any(|tunnel| *tunnel != Tunnel::Ipip) {
        return Err(Error::Usage(format!(
            "the tunnel in which packets for {vip} arrive at this real server is of type gue or gre, \
             or leads from one family to the other: a director can be set up for that, a real server \
             has to be by hand"
        )));
    }
    if vip.is_ipv6() {
        let tunnel = InterfaceName::ip6tnl0();
        return Ok(vec![
            link(&tunnel, "ip6tnl", claim),
            want(node::Key::LinkUp(tunnel.clone()), UP, &[], claim),
            present(vip, whole(vip), &tunnel, claim),
        ]);
    }
    let tunnel = InterfaceName::tunl0();
    let mut wanted = vec![link(&tunnel, "ipip", claim)];
    wanted.extend(silence(Some(&tunnel), claim));
    // The inner packet comes from a client whom the machine reaches through another interface.
    wanted.push(loose_reverse_path_filter(&tunnel, found, "0", claim));
    wanted.extend(address(&tunnel, vip, claim));
    Ok(wanted)
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
