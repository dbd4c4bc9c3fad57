//! What rtnetlink sends to add or delete an object: the objects that lvsctl describes itself.

use std::net::IpAddr;

use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, CacheInfo,
};
use rtnetlink::packet_route::link::{
    BondMode, BondXmitHashPolicy, GreIOFlags, InfoBond, InfoData, InfoGre, InfoGre6, InfoIpTunnel,
    InfoKind, LinkMessage,
};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage, RouteProtocol, RouteScope};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use rtnetlink::{LinkMessageBuilder, LinkUnspec, RouteMessageBuilder};

use super::state::{Address, BondOptions, LinkKind, Route, Tunnel, TunnelKind};
use super::{InterfaceName, host_prefix, kept};

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

/// A link with the options of its kind.
pub(super) fn link(name: &InterfaceName, kind: &LinkKind) -> LinkMessage {
    let data = match kind {
        LinkKind::Tunnel(tunnel) => tunnel_data(tunnel),
        LinkKind::Bond(options) => Some(bond_data(*options)),
        LinkKind::Device | LinkKind::Other(_) => None,
    };
    let kind = InfoKind::from(kind.name());
    let link = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(kind).name(name.to_string());
    data.into_iter().fold(link, LinkMessageBuilder::set_info_data).build()
}

/// The options that lvsctl sets, if any. `None` of a protocol is the kernel's default.
fn tunnel_data(tunnel: &Tunnel) -> Option<InfoData> {
    let flags = tunnel.input_checksum.then_some(GreIOFlags::Checksum);
    let gre = || -> Vec<InfoGre> {
        let local = tunnel.local.and_then(|local| match local {
            IpAddr::V4(local) => Some(InfoGre::Local(local)),
            IpAddr::V6(_) => None,
        });
        local.into_iter().chain(flags.map(InfoGre::IFlags)).collect()
    };
    let gre6 = || -> Vec<InfoGre6> {
        let local = tunnel.local.and_then(|local| match local {
            IpAddr::V4(_) => None,
            IpAddr::V6(local) => Some(InfoGre6::Local(local)),
        });
        local.into_iter().chain(flags.map(InfoGre6::IFlags)).collect()
    };
    if tunnel.local.is_none() && tunnel.protocol.is_none() && flags.is_none() {
        return None;
    }
    match tunnel.kind {
        TunnelKind::Ipip | TunnelKind::Sit | TunnelKind::Ip6Tnl => {
            let protocol = tunnel.protocol.map(|it| InfoIpTunnel::Protocol(it.into()));
            let local = tunnel.local.map(InfoIpTunnel::Local);
            Some(InfoData::IpTunnel(local.into_iter().chain(protocol).collect()))
        }
        TunnelKind::Gre => Some(InfoData::GreTun(gre())),
        TunnelKind::Gretap => Some(InfoData::GreTap(gre())),
        TunnelKind::Ip6Gre => Some(InfoData::GreTun6(gre6())),
        TunnelKind::Ip6Gretap => Some(InfoData::GreTap6(gre6())),
        TunnelKind::Vti | TunnelKind::Vti6 => None,
    }
}

fn bond_data(options: BondOptions) -> InfoData {
    InfoData::Bond(vec![
        InfoBond::Mode(BondMode::from(options.mode)),
        InfoBond::MiiMon(options.miimon),
        InfoBond::XmitHashPolicy(BondXmitHashPolicy::from(options.hash_policy)),
    ])
}

/// An IPv6 address is added without duplicate address detection, since the real servers of direct
/// routing have it too, and as a deprecated one (`preferred_lft 0`): clients reach it, but the
/// machine's own connections do not take it as their source (RFC 6724, rule 3).
pub(super) fn new_address(index: u32, address: IpAddr, prefix: u8) -> AddressMessage {
    let mut message = address_message(index, (address, prefix), address);
    if address.is_ipv6() {
        message.header.flags = AddressHeaderFlags::Nodad;
        let mut lifetime = CacheInfo::default();
        (lifetime.ifa_preferred, lifetime.ifa_valid) = (0, u32::MAX);
        message.attributes.push(AddressAttribute::CacheInfo(lifetime));
    }
    message
}

/// An address that exists. Its flags say what goes with it: `mngtmpaddr` has temporary addresses.
pub(super) fn address(found: &Address) -> AddressMessage {
    let peer = found.peer.unwrap_or(found.address);
    let mut message = address_message(found.interface.index, (found.address, found.prefix), peer);
    let flags = AddressFlags::from_bits_retain(found.flags.0);
    message.attributes.push(AddressAttribute::Flags(flags));
    message
}

fn address_message(index: u32, (address, prefix): (IpAddr, u8), peer: IpAddr) -> AddressMessage {
    let mut message = AddressMessage::default();
    let header = &mut message.header;
    (header.family, header.prefix_len, header.index) = (family(address), prefix, index);
    message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(peer)];
    message
}

/// A route of the main table without a gateway.
pub(super) fn new_route(index: u32, destination: IpAddr, prefix: u8) -> RouteMessage {
    let mut message = route_message(index, (destination, prefix));
    message.header.scope = RouteScope::Link;
    message
}

/// The default route through a gateway.
pub(super) fn new_default_route(index: u32, gateway: IpAddr, metric: u32) -> RouteMessage {
    let mut message = route_message(index, (gateway, 0));
    message.attributes.push(RouteAttribute::Gateway(gateway.into()));
    message.attributes.push(RouteAttribute::Priority(metric));
    message
}

/// A route that exists; `None` if more than its next hop describes it.
pub(super) fn route(found: &Route) -> Option<RouteMessage> {
    if !kept::is_plain(found) {
        return None;
    }
    let hop = found.hops.first()?;
    let index = hop.interface.as_ref()?.index;
    let mut message = route_message(index, (found.destination, found.prefix));
    message.header.scope = RouteScope::from(found.scope.0);
    message.attributes.extend(hop.gateway.map(|it| RouteAttribute::Gateway(it.into())));
    message.attributes.push(RouteAttribute::Priority(found.metric));
    Some(message)
}

/// A route of protocol `boot`, as `ip route add` makes it.
fn route_message(index: u32, (destination, prefix): (IpAddr, u8)) -> RouteMessage {
    let mut message = RouteMessageBuilder::<IpAddr>::new()
        .protocol(RouteProtocol::Boot)
        .output_interface(index)
        .build();
    let header = &mut message.header;
    (header.address_family, header.destination_prefix_length) = (family(destination), prefix);
    if prefix != 0 {
        message.attributes.push(RouteAttribute::Destination(destination.into()));
    }
    message
}

/// A rule `from SOURCE lookup TABLE`.
pub(super) fn new_rule(source: IpAddr, table: u32, priority: u32) -> RuleMessage {
    let mut message = rule(source, table, priority);
    message.attributes.push(RuleAttribute::Protocol(RouteProtocol::Boot));
    message
}

/// A rule that exists, whoever made it.
pub(super) fn rule(source: IpAddr, table: u32, priority: u32) -> RuleMessage {
    let mut message = RuleMessage::default();
    let header = &mut message.header;
    (header.family, header.src_len) = (family(source), host_prefix(source));
    (header.table, header.action) = (u8::try_from(table).unwrap_or_default(), RuleAction::ToTable);
    message.attributes = vec![
        RuleAttribute::Source(source),
        RuleAttribute::Table(table),
        RuleAttribute::Priority(priority),
    ];
    message
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::Emitable;

    use super::*;
    use crate::host::state::{Interfaces, Link};

    fn bytes(message: &impl Emitable) -> Vec<u8> {
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        bytes
    }

    #[test]
    fn link_message_has_the_options_of_its_kind() {
        for words in [
            "ipip",
            "ip6tnl mode any local 2001:db8::2",
            "ip6tnl mode ipip6 local 2001:db8::2",
            "gre local 192.0.2.2 icsum",
            "gretap local 192.0.2.2",
            "ip6gre local 2001:db8::2 icsum",
            "bond mode 802.3ad miimon 100 xmit_hash_policy layer3+4",
            "dummy",
        ] {
            let message = link(&"lvs-x".parse().unwrap(), &LinkKind::from(words.to_owned()));
            let read = Link::parse(&bytes(&message)).unwrap();
            assert_eq!((read.name.as_str(), read.kind.to_string().as_str()), ("lvs-x", words));
        }
    }

    #[test]
    fn route_is_deleted_by_what_describes_it() {
        let parse = |message: &RouteMessage| {
            Route::parse(&bytes(message), &Interfaces::default()).unwrap().unwrap()
        };
        let described = |message: &RouteMessage| Route { message: Vec::new(), ..parse(message) };
        for address in ["192.0.2.1", "2001:db8::1"] {
            let address: IpAddr = address.parse().unwrap();
            for added in
                [new_route(7, address, host_prefix(address)), new_default_route(7, address, 5)]
            {
                let deleted = route(&parse(&added)).unwrap();
                assert_eq!(described(&deleted), described(&added));
                let mut other = added.clone();
                other.attributes.push(RouteAttribute::PrefSource(address.into()));
                assert_eq!(route(&parse(&other)), None, "the source would be lost");
            }
        }
    }
}
