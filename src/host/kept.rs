//! What is put back exactly: the kernel's own bytes of an address or a route, as text.
//!
//! The text has words for people, in the syntax of ip(8), then the names of the interfaces whose
//! indexes are in the message, then the message in hexadecimal digits. Journals of every release
//! contain it, the earlier ones without names. Nothing is decided by the words.

use std::fmt::Write;
use std::net::IpAddr;

use super::state::address::{FOREVER, HEADER as ADDRESS_HEADER};
use super::state::route::{
    ENCAPSULATION_KIND, HEADER as ROUTE_HEADER, METRIC_ADVMSS, NEXTHOP_OBJECT, ONLINK, VIA,
};
use super::state::{
    Address, AddressFlags, Interface, Interfaces, MAIN_TABLE, NextHop, Protocol, Route, RouteKind,
    Scope, append, attributes, hexadecimal,
};
use super::{InterfaceName, Key};
use lvs::ipvs::AddressFamily;

/// Separate the words from the names, and these from the message.
const NAMES: &str = " interfaces ";
const MESSAGE: &str = " message ";

/// A message of route netlink, without the header of netlink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Interfaces of the message, by index.
    pub(super) names: Vec<(u32, InterfaceName)>,
    pub(super) message: Vec<u8>,
}

impl Kept {
    /// Reads a value; `None` if it has no message.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (head, digits) = value.rsplit_once(MESSAGE)?;
        let message = hexadecimal::bytes(digits)?;
        let names = head.rsplit_once(NAMES).and_then(|(_, names)| read_names(names));
        let names = names.or_else(|| name_in_words(head, &message)).unwrap_or_default();
        Some(Self { names, message })
    }

    fn text(&self, words: &str) -> String {
        let names: Vec<String> =
            self.names.iter().map(|(index, name)| format!("{index}={name}")).collect();
        let names =
            if names.is_empty() { String::new() } else { format!("{NAMES}{}", names.join(",")) };
        format!("{words}{names}{MESSAGE}{}", hexadecimal::digits(&self.message))
    }
}

fn read_names(text: &str) -> Option<Vec<(u32, InterfaceName)>> {
    let name = |entry: &str| {
        let (index, name) = entry.split_once('=')?;
        Some((index.parse().ok()?, name.parse().ok()?))
    };
    text.split(',').map(name).collect()
}

/// Journals of releases before 0.3 have the name in the words only.
fn name_in_words(words: &str, message: &[u8]) -> Option<Vec<(u32, InterfaceName)>> {
    let mut words = words.split(' ').skip_while(|word| *word != "dev");
    let name = words.nth(1)?.parse().ok()?;
    let mut own = attributes(message.get(ROUTE_HEADER..)?);
    let (_, index) = own.find(|(kind, _)| *kind == libc::RTA_OIF)?;
    Some(vec![(u32::from_ne_bytes(*index.first_chunk()?), name)])
}

/// The words of a value without the message: `ip` syntax.
#[must_use]
pub fn without_message(value: &str) -> &str {
    let Some((head, _)) = value.rsplit_once(MESSAGE) else { return value };
    match head.rsplit_once(NAMES) {
        Some((words, names)) if read_names(names).is_some() => words,
        _ => head,
    }
}

/// Whether two values are the same, whatever their words: releases choose them differently.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (Kept::parse(one), Kept::parse(other)) {
        (Some(one), Some(other)) => one.message == other.message,
        _ => false,
    }
}

/// The smallest metric. For IPv6 0 means unspecified, and becomes 1024 (`IP6_RT_PRIO_USER`).
pub(crate) const fn default_metric(family: AddressFamily) -> u32 {
    match family {
        AddressFamily::Ipv4 => 0,
        AddressFamily::Ipv6 => 1,
    }
}

/// `RTA_PREF`.
const PREFERENCE: u16 = 20;
/// Where `struct rtmsg` has the table and the flags.
const TABLE: usize = 4;
const KIND: usize = 7;
const FLAGS: usize = 8;
/// `RTN_UNICAST`.
const UNICAST: u8 = 1;

/// The message without the attributes that the kernel does not accept, normalized: attributes in the
/// order of their numbers, no flags that the kernel sets.
fn route_message(route: &Route, dropped: &[u16]) -> Vec<u8> {
    let Some((header, rest)) = route.message.split_at_checked(ROUTE_HEADER) else {
        return Vec::new();
    };
    let mut message = header.to_vec();
    let onlink = route.hops.iter().any(|hop| hop.onlink);
    let flags = if onlink && route.hops.len() == 1 { ONLINK } else { 0 };
    message.splice(FLAGS.., flags.to_ne_bytes());
    let is_kept = |kind: u16| {
        kind != libc::RTA_CACHEINFO
            && !dropped.contains(&kind)
            // What the object says may not be said twice.
            && !(is_of_object(kind) && route.nexthop_object.is_some())
    };
    let mut own: Vec<_> = attributes(rest).filter(|(kind, _)| is_kept(*kind)).collect();
    own.sort_by_key(|(kind, _)| *kind);
    for (kind, value) in own {
        let mut value = value.to_vec();
        if kind == libc::RTA_MULTIPATH {
            // The kernel refuses what it sets itself: dead, link down.
            each_hop(&mut value, |[_, _, flags, ..]| *flags &= ONLINK as u8);
        }
        append(&mut message, kind, &value);
    }
    message
}

/// Visits the `struct rtnexthop` of each hop of an `RTA_MULTIPATH`.
fn each_hop(mut bytes: &mut [u8], mut visit: impl FnMut(&mut [u8; 8])) {
    while let Some((hop, _)) = bytes.split_first_chunk_mut::<8>() {
        visit(hop);
        let [low, high, ..] = *hop;
        let length = usize::from(u16::from_ne_bytes([low, high])).max(8).next_multiple_of(4);
        bytes = bytes.get_mut(length..).unwrap_or_default();
    }
}

/// `RTA_ENCAP`.
const ENCAPSULATION: u16 = 22;

/// Whether a nexthop object says what the attribute says.
const fn is_of_object(kind: u16) -> bool {
    matches!(
        kind,
        libc::RTA_OIF
            | libc::RTA_GATEWAY
            | libc::RTA_MULTIPATH
            | VIA
            | ENCAPSULATION_KIND
            | ENCAPSULATION
    )
}

/// The value of a [`Key::FullRoute`]: without the interface, and without the table in the header.
pub(super) fn route(route: &Route) -> Option<String> {
    let mut message = route_message(route, &[libc::RTA_OIF]);
    *message.get_mut(TABLE)? = 0;
    let mut words: Vec<String> = Vec::new();
    if let [hop] = &route.hops[..] {
        let hop = NextHop { interface: None, ..hop.clone() };
        words.push(hop.to_string());
    }
    words.push(format!("proto {}", route.protocol.0));
    words.push(options(route));
    Some(Kept { names: Vec::new(), message }.text(&joined(words)))
}

/// The value of a [`Key::DefaultRoute`]: [`Key::through`] where that says everything.
pub(super) fn default_route(route: &Route) -> String {
    if let Some(plain) = plain(route) {
        return plain;
    }
    let mut words: Vec<String> = Vec::new();
    if route.kind != RouteKind::Unicast {
        words.push(route.kind.to_string());
    }
    if let Some(object) = route.nexthop_object {
        words.push(format!("nhid {object}"));
    } else if let [hop] = &route.hops[..] {
        words.push(hop.to_string());
    }
    if route.protocol != Protocol::BOOT {
        words.push(format!("proto {}", route.protocol));
    }
    words.push(options(route));
    if route.nexthop_object.is_none() && route.hops.len() > 1 {
        words.extend(route.hops.iter().map(|hop| format!("nexthop {hop} weight {}", hop.weight)));
    }
    let interfaces = route.hops.iter().filter_map(|hop| hop.interface.as_ref());
    let names = interfaces.map(|interface| (interface.index, interface.name.clone())).collect();
    Kept { names, message: route_message(route, &[]) }.text(&joined(words))
}

fn joined(mut words: Vec<String>) -> String {
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

/// The options besides destination, next hop, protocol and metric.
fn options(route: &Route) -> String {
    let mut words = Vec::new();
    if route.scope != Scope::GLOBAL {
        words.push(format!("scope {}", route.scope));
    }
    words.extend(route.preferred_source.map(|source| format!("src {source}")));
    words.extend(route.mtu.map(|mtu| format!("mtu {mtu}")));
    words.extend(route.advmss.map(|advmss| format!("advmss {advmss}")));
    words.join(" ")
}

/// `via GATEWAY dev INTERFACE`, if that describes the route in full.
fn plain(route: &Route) -> Option<String> {
    let [NextHop { gateway: Some(gateway), interface: Some(interface), .. }] = &route.hops[..]
    else {
        return None;
    };
    (route.scope == Scope::GLOBAL && is_plain(route))
        .then(|| Key::through(*gateway, &interface.name))
}

/// Whether destination, gateway, interface, scope and metric describe the route in full: one of the
/// main table, of protocol `boot`.
pub(super) fn is_plain(route: &Route) -> bool {
    let [NextHop { gateway, interface, .. }] = &route.hops[..] else { return false };
    let hop = NextHop {
        gateway: *gateway,
        interface: interface.clone(),
        weight: 1,
        ..NextHop::default()
    };
    let mut described = Route::new(route.destination, route.prefix, hop);
    (described.metric, described.scope) = (route.metric, route.scope);
    described.message.clone_from(&route.message);
    let known = |(kind, value): (u16, &[u8])| match kind {
        libc::RTA_DST
        | libc::RTA_GATEWAY
        | libc::RTA_OIF
        | libc::RTA_TABLE
        | libc::RTA_PRIORITY
        | libc::RTA_CACHEINFO => true,
        PREFERENCE => value == [0],
        _ => false,
    };
    let mut attributes = attributes(route.message.get(ROUTE_HEADER..).unwrap_or_default());
    *route == described && attributes.all(known)
}

/// `IFA_CACHEINFO` and `IFA_FLAGS`.
const LIFETIME: u16 = 6;
const ADDRESS_FLAGS: u16 = 8;

/// The flags that a user sets; the others are set by the kernel.
const USER_FLAGS: u32 = AddressFlags::NO_DAD.0
    | AddressFlags::HOME_ADDRESS.0
    | AddressFlags::MANAGE_TEMPORARY.0
    | AddressFlags::NO_PREFIX_ROUTE.0
    | AddressFlags::JOIN_MULTICAST.0;

/// The value of a [`Key::FullAddress`]: the message without the interface and the kernel's own
/// state. A finite lifetime becomes its end, in seconds since the boot, since the remaining time
/// decreases.
pub(super) fn address(address: &Address) -> Option<String> {
    let (header, rest) = address.message.split_at_checked(ADDRESS_HEADER)?;
    let mut message = header.to_vec();
    // The flags, and the index of the interface.
    message.splice(2..3, [0]);
    message.splice(4.., [0; 4]);
    for (kind, value) in attributes(rest) {
        match kind {
            ADDRESS_FLAGS => {
                let flags = address.flags.0 & USER_FLAGS;
                if flags != 0 {
                    append(&mut message, kind, &flags.to_ne_bytes());
                }
            }
            LIFETIME => {
                let ends = [address.preferred, address.valid].map(|lifetime| match lifetime {
                    None => FOREVER,
                    Some(0) => 0,
                    Some(rest) => rest.saturating_add(uptime()).min(FOREVER - 1),
                });
                if ends != [FOREVER; 2] {
                    let times = [ends[0], ends[1], 0, 0].map(u32::to_ne_bytes);
                    append(&mut message, kind, times.as_flattened());
                }
            }
            // Of the kernel: IFA_ANYCAST, IFA_MULTICAST, IFA_TARGET_NETNSID.
            5 | 7 | 10 => {}
            _ => append(&mut message, kind, value),
        }
    }
    Some(Kept { names: Vec::new(), message }.text(&address_words(address)))
}

/// Whole seconds since the boot; the kernel's lifetimes are counted in them.
pub(super) fn uptime() -> u32 {
    u32::try_from(super::uptime().as_secs()).unwrap_or(u32::MAX)
}

/// The options that `ip address add` would take.
fn address_words(address: &Address) -> String {
    let mut words = format!("scope {}", address.scope);
    // Writing to a String cannot fail.
    if let Some(peer) = address.peer {
        let _ = write!(words, " peer {peer}/{}", address.prefix);
    }
    if let Some(broadcast) = address.broadcast {
        let _ = write!(words, " brd {broadcast}");
    }
    let interface = address.interface.name.as_str();
    if let Some(label) = address.label.as_ref().filter(|label| *label != interface) {
        let _ = write!(words, " label {label}");
    }
    if let Some(metric) = address.metric {
        let _ = write!(words, " metric {metric}");
    }
    if address.valid.is_some() || address.preferred.is_some() {
        let said = |rest: Option<u32>| rest.map_or("forever".to_owned(), |rest| rest.to_string());
        let (valid, preferred) = (said(address.valid), said(address.preferred));
        let _ = write!(words, " valid_lft {valid} preferred_lft {preferred}");
    }
    for (flag, word) in AddressFlags::WORDS {
        if flag.0 & USER_FLAGS != 0 && address.flags.contains(flag) {
            let _ = write!(words, " {word}");
        }
    }
    words
}

/// Whether a value contains a message.
pub(super) fn has_message(value: &str) -> bool {
    Kept::parse(value).is_some()
}

/// The message that adds an address with the attributes of its value to an interface. `None` if the
/// value has no message, or its lifetime has ended.
pub(super) fn address_to_add(value: &str, index: u32) -> Option<Vec<u8>> {
    let kept = Kept::parse(value)?;
    let (header, rest) = kept.message.split_at_checked(ADDRESS_HEADER)?;
    let mut message = header.to_vec();
    message.splice(4.., index.to_ne_bytes());
    let now = uptime();
    for (kind, value) in attributes(rest) {
        let lifetime = |at: usize| Some(u32::from_ne_bytes(*value.get(at..)?.first_chunk()?));
        match (kind, lifetime(0).zip(lifetime(4))) {
            (LIFETIME, Some((_, valid))) if ends(valid) && valid <= now => return None,
            (LIFETIME, Some((preferred, valid))) => {
                let rest = |end| if ends(end) { end.saturating_sub(now) } else { end };
                let times = [rest(preferred), rest(valid), 0, 0].map(u32::to_ne_bytes);
                append(&mut message, kind, times.as_flattened());
            }
            _ => append(&mut message, kind, value),
        }
    }
    Some(message)
}

/// Whether a lifetime is neither over nor without end.
const fn ends(lifetime: u32) -> bool {
    lifetime != 0 && lifetime != FOREVER
}

/// The value of the same address on another interface, whose name becomes the start of the label.
/// `None` if the value has no message.
pub(crate) fn relabel_address(
    value: &str,
    from: &InterfaceName,
    to: &InterfaceName,
) -> Option<String> {
    let kept = Kept::parse(value)?;
    let (header, rest) = kept.message.split_at_checked(ADDRESS_HEADER)?;
    let mut message = header.to_vec();
    for (kind, value) in attributes(rest) {
        match renamed_label(value, from, to).filter(|_| kind == libc::IFA_LABEL) {
            Some(label) => append(&mut message, kind, &[label.as_bytes(), &[0]].concat()),
            None => append(&mut message, kind, value),
        }
    }
    let interface = Interface::from(to.clone());
    let interfaces = Interfaces::default();
    let mut moved = Address::parse(&message, &interfaces).ok()??;
    moved.interface = interface;
    Some(Kept { names: Vec::new(), message }.text(&address_words(&moved)))
}

fn renamed_label(label: &[u8], from: &InterfaceName, to: &InterfaceName) -> Option<String> {
    let label = std::str::from_utf8(label.strip_suffix(&[0])?).ok()?;
    let rest = label.strip_prefix(from.as_str())?;
    if !rest.is_empty() && !rest.starts_with(':') {
        return None;
    }
    // A label may be as long as a name (`IFNAMSIZ`, linux/if.h).
    let labelled = format!("{to}{rest}");
    Some(if labelled.len() < libc::IFNAMSIZ { labelled } else { to.to_string() })
}

/// The message that adds a route by its value through an interface, and whether it names a source
/// address. `None` if the value has no message.
pub(super) fn route_to_add(value: &str, index: u32) -> Option<(Vec<u8>, bool)> {
    let Kept { mut message, .. } = Kept::parse(value)?;
    let has_source =
        attributes(message.get(ROUTE_HEADER..)?).any(|(kind, _)| kind == libc::RTA_PREFSRC);
    append(&mut message, libc::RTA_OIF, &index.to_ne_bytes());
    Some((message, has_source))
}

/// The value of a default route, read.
pub(super) enum DefaultRoute {
    Through { gateway: IpAddr, device: InterfaceName },
    Kept(Kept),
}

/// Reads the value of a [`Key::DefaultRoute`].
pub(super) fn default_route_to_put(value: &str) -> Option<DefaultRoute> {
    if let Some(kept) = Kept::parse(value) {
        return Some(DefaultRoute::Kept(kept));
    }
    let mut words = value.split(' ');
    match (words.next(), words.next(), words.next(), words.next(), words.next()) {
        (Some("via"), Some(gateway), Some("dev"), Some(device), None) => {
            let (gateway, device) = (gateway.parse().ok()?, device.parse().ok()?);
            Some(DefaultRoute::Through { gateway, device })
        }
        _ => None,
    }
}

/// The route of a [`Key::DefaultRoute`] by its value, with the attributes that the kernel lists.
pub(super) fn parse_default_route(value: &str, family: AddressFamily) -> Option<Route> {
    let Kept { names, message } = match default_route_to_put(value)? {
        DefaultRoute::Kept(kept) => kept,
        DefaultRoute::Through { gateway, device } => {
            let (number, address) = match gateway {
                IpAddr::V4(address) => (libc::AF_INET, address.octets().to_vec()),
                IpAddr::V6(address) => (libc::AF_INET6, address.octets().to_vec()),
            };
            let mut message = vec![0; ROUTE_HEADER];
            message.splice(..1, [u8::try_from(number).ok()?]);
            message.splice(TABLE..TABLE + 2, [u8::try_from(MAIN_TABLE).ok()?, Protocol::BOOT.0]);
            message.splice(KIND..=KIND, [UNICAST]);
            append(&mut message, libc::RTA_OIF, &1_u32.to_ne_bytes());
            append(&mut message, libc::RTA_GATEWAY, &address);
            let metric = default_metric(family);
            if metric != 0 {
                append(&mut message, libc::RTA_PRIORITY, &metric.to_ne_bytes());
            }
            append(&mut message, libc::RTA_TABLE, &MAIN_TABLE.to_ne_bytes());
            if family == AddressFamily::Ipv6 {
                append(&mut message, PREFERENCE, &[0]);
            }
            Kept { names: vec![(1, device)], message }
        }
    };
    Route::parse(&message, &names.into_iter().collect()).ok()?
}

/// Whether the value of a [`Key::DefaultRoute`] and that of a [`Key::FullRoute`] are of one route, but
/// for the interface.
pub(crate) fn is_same_default_route(value: &str, full: &str) -> bool {
    let described = |route: Route| {
        let hops = route.hops.iter().map(|hop| NextHop { interface: None, ..hop.clone() });
        let hops = hops.collect();
        // The header of a full route has no table.
        Route { hops, table: MAIN_TABLE, message: Vec::new(), ..route }
    };
    let Some(kept) = Kept::parse(full) else { return false };
    let Ok(Some(full)) = Route::parse(&kept.message, &Interfaces::default()) else { return false };
    let family = AddressFamily::from(full.destination);
    parse_default_route(value, family).is_some_and(|one| described(one) == described(full))
}

/// The value of a [`Key::DefaultRoute`] through other interfaces; `None` if one has no other.
pub(super) fn relocated(
    value: &str,
    now: impl Fn(&Interface) -> Option<Interface>,
) -> Option<String> {
    match default_route_to_put(value)? {
        DefaultRoute::Through { gateway, device } => {
            Some(Key::through(gateway, &now(&device.into())?.name))
        }
        DefaultRoute::Kept(kept) => {
            let names = kept.interfaces().map(|interface| now(&interface));
            let names = names.map(|it| it.map(|it| (it.index, it.name)));
            let names: Interfaces = names.collect::<Option<Vec<_>>>()?.into_iter().collect();
            let index = |interface: &Interface| now(interface).map(|it| it.index).ok_or(());
            let route = Route::parse(&kept.with_indexes(index).ok()?, &names).ok()??;
            Some(default_route(&route))
        }
    }
}

impl Kept {
    /// The interfaces of the message.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = Interface> {
        self.names.iter().map(|(index, name)| Interface { index: *index, name: name.clone() })
    }

    /// The nexthop object of a route.
    pub(super) fn nexthop_object(&self) -> Option<u32> {
        let mut own = attributes(self.message.get(ROUTE_HEADER..)?);
        let (_, object) = own.find(|(kind, _)| *kind == NEXTHOP_OBJECT)?;
        Some(u32::from_ne_bytes(*object.first_chunk()?))
    }

    /// The message of a route, each index replaced by the one that its interface has now.
    pub(super) fn with_indexes<E>(
        self,
        index: impl Fn(&Interface) -> Result<u32, E>,
    ) -> Result<Vec<u8>, E> {
        let current = |recorded: u32| {
            let named = self.names.iter().find(|(index, _)| *index == recorded);
            match named {
                Some((_, name)) => index(&Interface { index: recorded, name: name.clone() }),
                None => Ok(recorded),
            }
        };
        let route = self.message.get(ROUTE_HEADER..).unwrap_or_default();
        let has_object = attributes(route).any(|(kind, _)| kind == NEXTHOP_OBJECT);
        let mut message = self.message.get(..ROUTE_HEADER).unwrap_or_default().to_vec();
        for (kind, value) in attributes(route) {
            match (kind, value.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))) {
                // What the object says may not be said twice; earlier releases recorded both.
                (kind, _) if has_object && is_of_object(kind) => {}
                (libc::RTA_OIF, Some(recorded)) => {
                    append(&mut message, kind, &current(recorded)?.to_ne_bytes());
                }
                (libc::RTA_MULTIPATH, _) => {
                    let (mut hops, mut failed) = (value.to_vec(), Ok(()));
                    each_hop(&mut hops, |hop| {
                        let [_, _, _, _, a, b, c, d] = *hop;
                        match current(u32::from_ne_bytes([a, b, c, d])) {
                            Ok(index) => {
                                let [a, b, c, d] = index.to_ne_bytes();
                                let [length, more, flags, weight, ..] = *hop;
                                *hop = [length, more, flags, weight, a, b, c, d];
                            }
                            Err(error) => failed = Err(error),
                        }
                    });
                    failed?;
                    append(&mut message, kind, &hops);
                }
                _ => append(&mut message, kind, value),
            }
        }
        Ok(message)
    }
}

/// The words of `ip route` for a value with a message.
pub(super) fn route_words(value: &str) -> Option<String> {
    let Kept { names, message } = Kept::parse(value)?;
    let route = Route::parse(&message, &names.into_iter().collect()).ok()??;
    Some(route.to_string())
}

/// The message of a route, as the kernel accepts it.
pub(super) fn request(route: &Route) -> Vec<u8> {
    route_message(route, &[])
}

/// The message of a route with another MSS.
pub(super) fn with_mss(route: &Route, mss: Option<u32>) -> Vec<u8> {
    let mut message = route_message(route, &[libc::RTA_METRICS]);
    let mut metrics = Vec::new();
    let own = attributes(route.message.get(ROUTE_HEADER..).unwrap_or_default());
    for (_, value) in own.filter(|(kind, _)| *kind == libc::RTA_METRICS) {
        for (metric, value) in attributes(value).filter(|(metric, _)| *metric != METRIC_ADVMSS) {
            append(&mut metrics, metric, value);
        }
    }
    if let Some(mss) = mss {
        append(&mut metrics, METRIC_ADVMSS, &mss.to_ne_bytes());
    }
    if !metrics.is_empty() {
        append(&mut message, libc::RTA_METRICS, &metrics);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str) -> InterfaceName {
        name.parse().unwrap()
    }

    /// `192.0.2.1/24` on the interface with index 7.
    fn address_with(attributes: &[(u16, &[u8])]) -> Address {
        let mut message = vec![2, 24, 0x80, 0, 7, 0, 0, 0];
        append(&mut message, libc::IFA_LOCAL, &[192, 0, 2, 1]);
        for (kind, value) in attributes {
            append(&mut message, *kind, value);
        }
        let names = [(7, device("eth2"))].into_iter().collect();
        Address::parse(&message, &names).unwrap().unwrap()
    }

    /// The default route of IPv4 through index 7, and these attributes.
    fn default_with(kind: u8, attributes: &[(u16, &[u8])]) -> Route {
        let mut message = vec![2, 0, 0, 0, 254, 3, 0, kind, 0, 0, 0, 0];
        for (kind, value) in attributes {
            append(&mut message, *kind, value);
        }
        let names = [(7, device("eth2"))].into_iter().collect();
        Route::parse(&message, &names).unwrap().unwrap()
    }

    const GATEWAY: (u16, &[u8]) = (libc::RTA_GATEWAY, &[192, 0, 2, 254]);
    const OUTPUT: (u16, &[u8]) = (libc::RTA_OIF, &[7, 0, 0, 0]);

    #[test]
    fn value_without_message_is_no_message() {
        for bad in ["", "dev ppp0", "x message 0", "x message xx", "x message 0é0", "dev message"]
        {
            assert_eq!(Kept::parse(bad), None, "{bad:?}");
        }
        assert_eq!(without_message("via x dev y interfaces 7=y message 00"), "via x dev y");
        assert_eq!(without_message("dev interfaces message 00"), "dev interfaces");
        assert!(is_same("proto 4 message 00", "proto static message 00"));
        assert!(!is_same("proto 4 message 00", "proto 4 message 01"));
    }

    #[test]
    fn full_address_omits_kernel_state() {
        let forever = [u32::MAX, u32::MAX, 1, 2].map(u32::to_ne_bytes).concat();
        let flags = (libc::IFA_F_PERMANENT | AddressFlags::SECONDARY.0).to_ne_bytes();
        let found = address_with(&[(8, &flags), (LIFETIME, &forever), (7, &[0; 16])]);
        let value = address(&found).unwrap();
        assert_eq!(value, "scope global message 0218000000000000".to_owned() + "08000200c0000201");
        let message = address_to_add(&value, 9).unwrap();
        assert_eq!(message[4..8], 9_u32.to_ne_bytes());
    }

    #[test]
    fn address_lifetime_is_kept_as_its_end() {
        let lifetime = |valid: u32| [0, valid, 7, 7].map(u32::to_ne_bytes).concat();
        let value = address(&address_with(&[(LIFETIME, &lifetime(500))])).unwrap();
        assert!(without_message(&value).ends_with(" preferred_lft 0"), "{value}");
        let message = address_to_add(&value, 7).unwrap();
        let added = Address::parse(&message, &[(7, device("eth2"))].into_iter().collect());
        let added = added.unwrap().unwrap();
        assert_eq!(added.preferred, Some(0));
        assert!(added.valid.unwrap().abs_diff(500) < 60);
        // Since the boot, which was later.
        let over = Kept::parse(&value).unwrap().message;
        let over = Address { message: over, valid: Some(0), ..address_with(&[]) };
        let mut ended = over.message;
        ended.truncate(16);
        append(&mut ended, LIFETIME, &lifetime(1));
        let ended = Kept { names: Vec::new(), message: ended }.text("");
        assert_eq!(address_to_add(&ended, 7), None);
    }

    #[test]
    fn relabel_address_renames_the_label() {
        let (port, bond) = (device("eth2"), device("bond0"));
        for (label, desired) in [
            ("eth2\0", "scope global"),
            ("eth2:web\0", "scope global label bond0:web"),
            ("eth2:longest-one\0", "scope global"),
            ("eth20\0", "scope global label eth20"),
        ] {
            let found = address(&address_with(&[(libc::IFA_LABEL, label.as_bytes())])).unwrap();
            let moved = relabel_address(&found, &port, &bond).unwrap();
            assert_eq!(without_message(&moved), desired);
        }
        assert_eq!(relabel_address("present", &port, &bond), None);
    }

    #[test]
    fn plain_default_route_needs_no_message() {
        let plain = default_with(1, &[OUTPUT, GATEWAY]);
        assert_eq!(default_route(&plain), "via 192.0.2.254 dev eth2");
        let mut dhcp = plain;
        dhcp.protocol = Protocol(16);
        let value = default_route(&dhcp);
        assert!(
            value.starts_with("via 192.0.2.254 dev eth2 proto dhcp interfaces 7=eth2 message ")
        );
        for bad in ["", "via", "via x dev eth0", "via 192.0.2.1 dev a/b", "via 192.0.2.1 dev a b"] {
            assert!(default_route_to_put(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn index_of_default_route_is_found_again_by_name() {
        let value =
            default_route(&default_with(1, &[OUTPUT, GATEWAY, (8, &[8, 0, 2, 0, 1, 5, 0, 0])]));
        // Journals of earlier releases have the name in the words only.
        let (words, message) = value.split_once(" interfaces 7=eth2").unwrap();
        for value in [value.clone(), format!("{words}{message}")] {
            let kept = Kept::parse(&value).unwrap();
            let put = kept.with_indexes(|interface| {
                assert_eq!((interface.index, interface.name.as_str()), (7, "eth2"));
                Ok::<u32, ()>(9)
            });
            let put = put.unwrap();
            let names = [(9, device("lan0"))].into_iter().collect();
            let route = Route::parse(&put, &names).unwrap().unwrap();
            assert_eq!(route.to_string(), "default via 192.0.2.254 dev lan0 mtu 1281");
        }
    }

    #[test]
    fn nexthop_object_stands_for_gateway_and_interface() {
        let object = default_with(1, &[OUTPUT, GATEWAY, (30, &[5, 0, 0, 0])]);
        let value = default_route(&object);
        assert!(value.starts_with("nhid 5 interfaces 7=eth2 message "), "{value}");
        let kept = Kept::parse(&value).unwrap();
        assert_eq!(kept.nexthop_object(), Some(5));
        let kinds: Vec<u16> =
            attributes(&kept.message[ROUTE_HEADER..]).map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [NEXTHOP_OBJECT]);
    }

    #[test]
    fn default_route_that_leads_nowhere_has_its_type() {
        let value = default_route(&default_with(7, &[]));
        assert!(value.starts_with("unreachable message "), "{value}");
        assert_eq!(route_words(&value).unwrap(), "unreachable default");
    }

    #[test]
    fn mss_replaces_that_of_the_route() {
        let metrics = [8, 0, 8, 0, 0, 5, 0, 0, 8, 0, 2, 0, 0x78, 5, 0, 0];
        let route = default_with(1, &[OUTPUT, GATEWAY, (libc::RTA_METRICS, &metrics)]);
        let words = |mss| {
            let message = with_mss(&route, mss);
            Route::parse(&message, &[(7, device("eth2"))].into_iter().collect()).unwrap().unwrap()
        };
        assert_eq!(words(Some(1440)).advmss, Some(1440));
        assert_eq!((words(None).advmss, words(None).mtu), (None, Some(1400)));
    }
}
