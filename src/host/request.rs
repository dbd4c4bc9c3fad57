//! Requests of route netlink that change something (`linux/rtnetlink.h`).

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};

use super::InterfaceName;
use super::host_prefix;
use super::state::{
    AddressFlags, BondOptions, LinkKind, MAIN_TABLE, Protocol, Scope, Tunnel, TunnelKind, append,
};
use lvs::netlink::{Connection, Error, Transport};

/// A request: its message type, flags, and what follows the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    kind: u16,
    flags: u16,
    bytes: Vec<u8>,
}

/// Flags of a request for something new, and of one that replaces what exists.
const NEW: u16 = NLM_F_CREATE | NLM_F_EXCL;
const REPLACE: u16 = NLM_F_CREATE | NLM_F_REPLACE;

/// `IFF_UP`.
const UP: u32 = 1;

/// `RTN_UNICAST` and `FR_ACT_TO_TBL`.
const UNICAST: u8 = 1;
const LOOK_UP: u8 = 1;

// IFLA_INFO_*, IFLA_IPTUN_*, IFLA_GRE_* and IFLA_BOND_*.
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const IPTUN_LOCAL: u16 = 2;
const IPTUN_PROTOCOL: u16 = 9;
const GRE_INPUT_FLAGS: u16 = 2;
const GRE_LOCAL: u16 = 6;
const BOND_MODE: u16 = 1;
const BOND_MIIMON: u16 = 3;
const BOND_HASH_POLICY: u16 = 14;
/// `GRE_CSUM`, in network byte order.
const GRE_CHECKSUM: u16 = 0x8000;

/// `RTM_GETNEXTHOP` and `NHA_ID` (`linux/nexthop.h`).
const GET_NEXTHOP: u16 = 106;
const NEXTHOP_ID: u16 = 1;

// FRA_*.
const RULE_SOURCE: u16 = 2;
const RULE_PRIORITY: u16 = 6;
const RULE_TABLE: u16 = 15;
const RULE_PROTOCOL: u16 = 21;

impl Request {
    pub(super) fn execute<T: Transport>(
        &self,
        connection: &mut Connection<T>,
    ) -> Result<(), Error> {
        connection.execute_message(self.kind, self.flags, &self.bytes)
    }

    /// Sends a question, whose reply has a type two below.
    pub(super) fn query<T: Transport>(&self, connection: &mut Connection<T>) -> Result<(), Error> {
        connection.query_message(self.kind, &self.bytes, self.kind - 2, |_| Ok(()))
    }

    fn link(kind: u16, flags: u16, index: u32) -> Self {
        let header = [[0; 4], index.to_ne_bytes(), [0; 4], [0; 4]];
        Self { kind, flags, bytes: header.concat() }
    }

    fn with(mut self, kind: u16, value: &[u8]) -> Self {
        append(&mut self.bytes, kind, value);
        self
    }

    pub(super) fn add_link(name: &InterfaceName, kind: &LinkKind) -> Self {
        Self::link(libc::RTM_NEWLINK, NEW, 0).described(name, kind)
    }

    /// Sets the options of a link.
    pub(super) fn change_link(name: &InterfaceName, kind: &LinkKind) -> Self {
        Self::link(libc::RTM_NEWLINK, 0, 0).described(name, kind)
    }

    fn described(self, name: &InterfaceName, kind: &LinkKind) -> Self {
        let data = match kind {
            LinkKind::Tunnel(tunnel) => tunnel_data(tunnel),
            LinkKind::Bond(options) => bond_data(*options),
            LinkKind::Device | LinkKind::Other(_) => Vec::new(),
        };
        let mut info = Vec::new();
        append(&mut info, INFO_KIND, kind.name().as_bytes());
        if !data.is_empty() {
            append(&mut info, INFO_DATA, &data);
        }
        let name = [name.as_str().as_bytes(), &[0]].concat();
        self.with(libc::IFLA_IFNAME, &name).with(libc::IFLA_LINKINFO, &info)
    }

    /// The kernel accepts this for `tunl0`, and keeps it as long as `ipip` is loaded.
    pub(super) fn delete_link(index: u32) -> Self {
        Self::link(libc::RTM_DELLINK, 0, index)
    }

    pub(super) fn set_up(index: u32, up: bool) -> Self {
        let flags = if up { UP } else { 0 };
        let header = [[0; 4], index.to_ne_bytes(), flags.to_ne_bytes(), UP.to_ne_bytes()];
        Self { kind: libc::RTM_SETLINK, flags: 0, bytes: header.concat() }
    }

    /// Makes an interface a port of another; 0 is none.
    pub(super) fn set_master(index: u32, master: u32) -> Self {
        let link = Self::link(libc::RTM_SETLINK, 0, index);
        link.with(libc::IFLA_MASTER, &master.to_ne_bytes())
    }

    pub(super) fn set_mtu(index: u32, mtu: u32) -> Self {
        Self::link(libc::RTM_SETLINK, 0, index).with(libc::IFLA_MTU, &mtu.to_ne_bytes())
    }

    /// An IPv6 address is added without duplicate address detection, since the real servers of direct
    /// routing have it too, and as a deprecated one (`preferred_lft 0`): clients reach it, but the
    /// machine's own connections do not take it as their source (RFC 6724, rule 3).
    pub(super) fn add_address(index: u32, address: IpAddr, prefix: u8) -> Self {
        let flags = if address.is_ipv6() { AddressFlags::NO_DAD.0 as u8 } else { 0 };
        let mut bytes = vec![family(address), prefix, flags, Scope::GLOBAL.0];
        bytes.extend(index.to_ne_bytes());
        let octets = octets(address);
        let request = Self { kind: libc::RTM_NEWADDR, flags: NEW, bytes };
        let request = request.with(libc::IFA_LOCAL, &octets).with(libc::IFA_ADDRESS, &octets);
        if address.is_ipv4() {
            return request;
        }
        let [preferred, valid, created, updated] = [0, u32::MAX, 0, 0].map(u32::to_ne_bytes);
        request.with(libc::IFA_CACHEINFO, &[preferred, valid, created, updated].concat())
    }

    /// Adds or changes an address by its message, or deletes it.
    pub(super) const fn put_address(message: Vec<u8>) -> Self {
        Self { kind: libc::RTM_NEWADDR, flags: REPLACE, bytes: message }
    }

    pub(super) const fn delete_address(message: Vec<u8>) -> Self {
        Self { kind: libc::RTM_DELADDR, flags: 0, bytes: message }
    }

    /// A route of the main table without a gateway, of protocol `boot`, as `ip route add` makes it.
    pub(super) fn add_route(index: u32, destination: IpAddr, prefix: u8) -> Self {
        Self::route(destination, prefix, Scope::LINK, NEW)
            .with(libc::RTA_DST, &octets(destination))
            .with(libc::RTA_OIF, &index.to_ne_bytes())
    }

    /// The default route through a gateway, in place of another.
    pub(super) fn put_default_route(index: u32, gateway: IpAddr, metric: u32) -> Self {
        Self::route(gateway, 0, Scope::GLOBAL, REPLACE)
            .with(libc::RTA_OIF, &index.to_ne_bytes())
            .with(libc::RTA_GATEWAY, &octets(gateway))
            .with(libc::RTA_PRIORITY, &metric.to_ne_bytes())
    }

    fn route(of_family: IpAddr, prefix: u8, scope: Scope, flags: u16) -> Self {
        let (table, protocol) = (MAIN_TABLE as u8, Protocol::BOOT.0);
        let header = [family(of_family), prefix, 0, 0, table, protocol, scope.0, UNICAST];
        let bytes = [&header[..], &[0; 4]].concat();
        Self { kind: libc::RTM_NEWROUTE, flags, bytes }
    }

    /// Adds a route by its message; may it replace another?
    pub(super) const fn put_route(message: Vec<u8>, replace: bool) -> Self {
        let flags = if replace { REPLACE } else { NEW };
        Self { kind: libc::RTM_NEWROUTE, flags, bytes: message }
    }

    pub(super) const fn delete_route(message: Vec<u8>) -> Self {
        Self { kind: libc::RTM_DELROUTE, flags: 0, bytes: message }
    }

    /// Asks for a nexthop object: is it there?
    pub(super) fn get_nexthop(object: u32) -> Self {
        let request = Self { kind: GET_NEXTHOP, flags: 0, bytes: vec![0; 8] };
        request.with(NEXTHOP_ID, &object.to_ne_bytes())
    }

    /// A rule `from SOURCE lookup TABLE`.
    pub(super) fn add_rule(source: IpAddr, table: u32, priority: u32) -> Self {
        Self::rule(libc::RTM_NEWRULE, NEW, source, table, priority)
            .with(RULE_PROTOCOL, &[Protocol::BOOT.0])
    }

    pub(super) fn delete_rule(source: IpAddr, table: u32, priority: u32) -> Self {
        Self::rule(libc::RTM_DELRULE, 0, source, table, priority)
    }

    fn rule(kind: u16, flags: u16, source: IpAddr, table: u32, priority: u32) -> Self {
        let in_header = u8::try_from(table).unwrap_or_default();
        let header = [family(source), 0, host_prefix(source), 0, in_header, 0, 0, LOOK_UP];
        let bytes = [&header[..], &[0; 4]].concat();
        Self { kind, flags, bytes }
            .with(RULE_SOURCE, &octets(source))
            .with(RULE_TABLE, &table.to_ne_bytes())
            .with(RULE_PRIORITY, &priority.to_ne_bytes())
    }
}

/// The options that lvsctl sets. `None` of a protocol is the kernel's default.
fn tunnel_data(tunnel: &Tunnel) -> Vec<u8> {
    let mut data = Vec::new();
    let local = tunnel.local.map(octets);
    match tunnel.kind {
        TunnelKind::Gre | TunnelKind::Gretap | TunnelKind::Ip6Gre | TunnelKind::Ip6Gretap => {
            if let Some(local) = local {
                append(&mut data, GRE_LOCAL, &local);
            }
            if tunnel.input_checksum {
                append(&mut data, GRE_INPUT_FLAGS, &GRE_CHECKSUM.to_be_bytes());
            }
        }
        _ => {
            if let Some(local) = local {
                append(&mut data, IPTUN_LOCAL, &local);
            }
            if let Some(protocol) = tunnel.protocol {
                append(&mut data, IPTUN_PROTOCOL, &[protocol]);
            }
        }
    }
    data
}

fn bond_data(options: BondOptions) -> Vec<u8> {
    let mut data = Vec::new();
    append(&mut data, BOND_MODE, &[options.mode]);
    append(&mut data, BOND_MIIMON, &options.miimon.to_ne_bytes());
    append(&mut data, BOND_HASH_POLICY, &[options.hash_policy]);
    data
}

/// `AF_INET` or `AF_INET6`.
fn family(address: IpAddr) -> u8 {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    family as u8
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
