//! Addresses of interfaces; a full address is one with all its attributes: label, scope, broadcast
//! address, lifetimes.

use std::fmt::Write;
use std::net::{IpAddr, Ipv6Addr};

use futures_util::TryStreamExt;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressProtocol,
    AddressScope, CacheInfo,
};
use rtnetlink::{Error, Handle};

use super::link::is_errno;
use super::{InterfaceName, message, route};

/// The length in bits of the prefix that holds one address only: 32 or 128.
pub(crate) const fn host_prefix(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address as the kernel reports it.
pub(super) async fn find(
    handle: &Handle,
    index: u32,
    address: IpAddr,
    prefix: u8,
) -> Result<Option<AddressMessage>, Error> {
    let mut request = handle.address().get();
    let header = &mut request.message_mut().header;
    (header.index, header.family) = (index, route::family(address.into()));
    let mut addresses = request.execute();
    let mut found = None;
    // To the end, even after a hit: a socket runs one dump at a time.
    while let Some(message) = addresses.try_next().await? {
        let here = message.header.index == index && message.header.prefix_len == prefix;
        if here && address_of(&message) == Some(address) {
            found = Some(message);
        }
    }
    Ok(found)
}

/// `IFA_LOCAL` where there is one: of a point-to-point interface, `IFA_ADDRESS` is the peer's
/// (`linux/if_addr.h`).
pub(super) fn address_of(message: &AddressMessage) -> Option<IpAddr> {
    let mut attributes = message.attributes.iter();
    let local = attributes.clone().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    local.or_else(|| {
        attributes.find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })
}

/// An IPv6 address is added without duplicate address detection, since the real servers of direct
/// routing have it too, and as a deprecated one (`preferred_lft 0`): clients reach it, but the
/// machine's own connections do not take it as their source (RFC 6724, rule 3).
pub(super) async fn add(
    handle: &Handle,
    index: u32,
    address: IpAddr,
    prefix: u8,
) -> Result<(), Error> {
    let mut request = handle.address().add(index, address, prefix);
    if address.is_ipv6() {
        let message = request.message_mut();
        message.header.flags |= AddressHeaderFlags::Nodad;
        let mut lifetime = CacheInfo::default();
        (lifetime.ifa_preferred, lifetime.ifa_valid) = (0, u32::MAX);
        message.attributes.push(AddressAttribute::CacheInfo(lifetime));
    }
    request.execute().await
}

pub(super) async fn delete(
    handle: &Handle,
    index: u32,
    address: IpAddr,
    prefix: u8,
) -> Result<(), Error> {
    let Some(message) = find(handle, index, address, prefix).await? else {
        return Ok(());
    };
    match handle.address().del(message).execute().await {
        Err(error) if is_errno(&error, libc::EADDRNOTAVAIL) => Ok(()),
        result => result,
    }
}

/// A lifetime without end (`INFINITY_LIFE_TIME`, `net/addrconf.h`).
const FOREVER: u32 = u32::MAX;

/// The flags that a user sets; the others are set by the kernel.
const USER_FLAGS: AddressFlags = AddressFlags::Nodad
    .union(AddressFlags::Homeaddress)
    .union(AddressFlags::Managetempaddr)
    .union(AddressFlags::Noprefixroute)
    .union(AddressFlags::Mcautojoin);

/// The value of an address of an interface.
pub(super) async fn find_full(
    handle: &Handle,
    index: u32,
    address: IpAddr,
    prefix: u8,
    device: &InterfaceName,
) -> Result<Option<String>, Error> {
    let found = find(handle, index, address, prefix).await?;
    Ok(found.map(|message| value(kept(message), device)))
}

/// The addresses of an interface that the kernel did not make, each with its prefix and value, in an
/// order in which they can be removed: added again in the reverse order, they have the same order as
/// before. IPv4 lists the newest last, and removes the secondary addresses of a subnet with the
/// primary one; IPv6 lists the newest first.
pub(super) async fn list_full(
    handle: &Handle,
    index: u32,
    device: &InterfaceName,
) -> Result<Vec<(IpAddr, u8, String)>, Error> {
    let mut request = handle.address().get();
    request.message_mut().header.index = index;
    let mut messages = request.execute();
    let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
    while let Some(message) = messages.try_next().await? {
        let Some(address) = address_of(&message) else { continue };
        if message.header.index != index || is_made_by_kernel(&message, address) {
            continue;
        }
        let prefix = message.header.prefix_len;
        let list = if address.is_ipv4() { &mut ipv4 } else { &mut ipv6 };
        list.push((address, prefix, value(kept(message), device)));
    }
    ipv4.reverse();
    Ok(ipv4.into_iter().chain(ipv6).collect())
}

/// Adds an address with the attributes of its value, unless its lifetime has ended.
pub(super) async fn add_full(handle: &Handle, index: u32, value: &str) -> Result<(), Error> {
    let unreadable = || Error::InvalidNla(format!("{value:?} is not an address"));
    let mut message: AddressMessage = message::decode(value).ok_or_else(unreadable)?;
    let address = address_of(&message).ok_or_else(unreadable)?;
    message.header.index = index;
    let now = uptime();
    for attribute in &mut message.attributes {
        if let AddressAttribute::CacheInfo(lifetime) = attribute {
            if ends(lifetime.ifa_valid) && lifetime.ifa_valid <= now {
                return Ok(());
            }
            each_end(lifetime, |end| end.saturating_sub(now));
        }
    }
    let mut request = handle.address().add(index, address, message.header.prefix_len).replace();
    *request.message_mut() = message;
    request.execute().await
}

/// The value of the same address on another interface, whose name becomes the start of the label.
/// `None` if the value has no message.
pub(crate) fn relabel_address(
    value: &str,
    from: &InterfaceName,
    to: &InterfaceName,
) -> Option<String> {
    let mut message: AddressMessage = message::decode(value)?;
    for attribute in &mut message.attributes {
        let AddressAttribute::Label(label) = attribute else { continue };
        let rest = label.strip_prefix(from.as_str());
        let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with(':'));
        if let Some(rest) = rest {
            // A label may be as long as a name (`IFNAMSIZ`, linux/if.h).
            let labelled = format!("{to}{rest}");
            *label = if labelled.len() < libc::IFNAMSIZ { labelled } else { to.to_string() };
        }
    }
    Some(self::value(message, to))
}

/// Link-local addresses and those of router advertisements: the kernel makes them wherever it
/// finds a link or a router. Before Linux 5.18 they are not marked (`IFA_PROTO`); a link-local
/// address is then the kernel's if it has the EUI-64 form (RFC 4291, appendix A).
fn is_made_by_kernel(message: &AddressMessage, address: IpAddr) -> bool {
    let made = message.attributes.iter().any(|attribute| match attribute {
        AddressAttribute::Protocol(protocol) => !matches!(protocol, AddressProtocol::Other(_)),
        AddressAttribute::Flags(flags) => {
            address.is_ipv6()
                && flags.intersects(AddressFlags::Secondary | AddressFlags::StablePrivacy)
        }
        _ => false,
    });
    let formed = |address: Ipv6Addr| {
        address.is_unicast_link_local() && matches!(address.octets(), [.., 0xff, 0xfe, _, _, _])
    };
    made || matches!(address, IpAddr::V6(address) if formed(address))
}

/// The message without the interface and the kernel's own state; a finite lifetime becomes its end, in
/// seconds since the boot, since the remaining time decreases.
fn kept(mut message: AddressMessage) -> AddressMessage {
    let now = uptime();
    message.header.index = 0;
    message.header.flags = AddressHeaderFlags::empty();
    let attributes = message.attributes.into_iter();
    message.attributes = attributes
        .filter_map(|attribute| match attribute {
            AddressAttribute::Flags(flags) => {
                let flags = flags.intersection(USER_FLAGS);
                (!flags.is_empty()).then_some(AddressAttribute::Flags(flags))
            }
            AddressAttribute::CacheInfo(found) => {
                let mut lifetime = CacheInfo::default();
                (lifetime.ifa_preferred, lifetime.ifa_valid) =
                    (found.ifa_preferred, found.ifa_valid);
                each_end(&mut lifetime, |rest| rest.saturating_add(now).min(FOREVER - 1));
                let ends = (lifetime.ifa_preferred, lifetime.ifa_valid) != (FOREVER, FOREVER);
                ends.then_some(AddressAttribute::CacheInfo(lifetime))
            }
            AddressAttribute::Anycast(_)
            | AddressAttribute::Multicast(_)
            | AddressAttribute::TargetNetNsId(_) => None,
            other => Some(other),
        })
        .collect();
    message
}

/// Whether a lifetime is neither over nor without end.
const fn ends(lifetime: u32) -> bool {
    lifetime != 0 && lifetime != FOREVER
}

/// Changes those of the two lifetimes that neither are over nor last forever.
fn each_end(lifetime: &mut CacheInfo, change: impl Fn(u32) -> u32) {
    for end in [&mut lifetime.ifa_preferred, &mut lifetime.ifa_valid] {
        if ends(*end) {
            *end = change(*end);
        }
    }
}

/// Whole seconds since the boot; the kernel's lifetimes are counted in them.
fn uptime() -> u32 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split(['.', ' ']).next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
}

/// The options that `ip address add` would take, and the message.
fn value(message: AddressMessage, device: &InterfaceName) -> String {
    let mut words = match message.header.scope {
        AddressScope::Universe => "scope global".to_owned(),
        scope => format!("scope {scope}"),
    };
    let local = address_of(&message);
    // Writing to a String cannot fail.
    for attribute in &message.attributes {
        let _ = match attribute {
            AddressAttribute::Address(peer) if Some(*peer) != local => {
                write!(words, " peer {peer}/{}", message.header.prefix_len)
            }
            AddressAttribute::Broadcast(address) => write!(words, " brd {address}"),
            AddressAttribute::Label(label) if label != device.as_str() => {
                write!(words, " label {label}")
            }
            AddressAttribute::RoutePriority(metric) => write!(words, " metric {metric}"),
            AddressAttribute::CacheInfo(lifetime) => {
                let (now, mut rest) = (uptime(), *lifetime);
                each_end(&mut rest, |end| end.saturating_sub(now).max(1));
                let said =
                    |rest: u32| if rest == FOREVER { "forever".into() } else { rest.to_string() };
                let (valid, preferred) = (said(rest.ifa_valid), said(rest.ifa_preferred));
                write!(words, " valid_lft {valid} preferred_lft {preferred}")
            }
            AddressAttribute::Flags(flags) => {
                for (flag, word) in [
                    (AddressFlags::Nodad, " nodad"),
                    (AddressFlags::Homeaddress, " home"),
                    (AddressFlags::Managetempaddr, " mngtmpaddr"),
                    (AddressFlags::Noprefixroute, " noprefixroute"),
                    (AddressFlags::Mcautojoin, " autojoin"),
                ] {
                    words.push_str(if flags.contains(flag) { word } else { "" });
                }
                Ok(())
            }
            _ => Ok(()),
        };
    }
    message::value(&words, &message)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rtnetlink::AddressMessageBuilder;

    use super::*;
    use crate::host::without_message;

    fn device(name: &str) -> InterfaceName {
        name.parse().unwrap()
    }

    fn of(attributes: Vec<AddressAttribute>) -> AddressMessage {
        let address = Ipv4Addr::new(192, 0, 2, 1);
        let mut message =
            AddressMessageBuilder::<Ipv4Addr>::new().index(7).address(address, 24).build();
        message.attributes.retain(|own| !matches!(own, AddressAttribute::Broadcast(_)));
        message.attributes.extend(attributes);
        message
    }

    fn lifetime(preferred: u32, valid: u32) -> AddressAttribute {
        let mut lifetime = CacheInfo::default();
        (lifetime.ifa_preferred, lifetime.ifa_valid, lifetime.tstamp) = (preferred, valid, 77);
        AddressAttribute::CacheInfo(lifetime)
    }

    #[test]
    fn full_address_omits_kernel_state() {
        let found = of(vec![
            AddressAttribute::Flags(AddressFlags::Permanent | AddressFlags::Secondary),
            lifetime(FOREVER, FOREVER),
        ]);
        let value = value(kept(found), &device("eth2"));
        assert_eq!(without_message(&value), "scope global");
        let mut plain = of(Vec::new());
        plain.header.index = 0;
        assert_eq!(message::decode::<AddressMessage>(&value), Some(plain));
    }

    #[test]
    fn address_lifetime_is_kept_as_its_end() {
        let said = value(kept(of(vec![lifetime(0, 500)])), &device("eth2"));
        assert!(without_message(&said).ends_with(" preferred_lft 0"), "{said}");
        let message: AddressMessage = message::decode(&said).unwrap();
        let Some(AddressAttribute::CacheInfo(lifetime)) = message.attributes.last() else {
            panic!("{message:?}");
        };
        assert_eq!((lifetime.ifa_preferred, lifetime.tstamp), (0, 0));
        assert!(lifetime.ifa_valid.abs_diff(uptime() + 500) < 60);
    }

    #[test]
    fn relabel_address_renames_the_label() {
        let (port, bond) = (device("eth2"), device("bond0"));
        for (label, desired) in [
            ("eth2", "scope global"),
            ("eth2:web", "scope global label bond0:web"),
            ("eth2:longest-one", "scope global"),
            ("eth20", "scope global label eth20"),
        ] {
            let label = AddressAttribute::Label(label.to_owned());
            let found = value(kept(of(vec![label])), &port);
            let moved = relabel_address(&found, &port, &bond).unwrap();
            assert_eq!(without_message(&moved), desired);
        }
        assert_eq!(relabel_address("present", &port, &bond), None);
    }

    #[test]
    fn kernel_made_address_is_recognized() {
        let made = |address: &str, attributes| {
            is_made_by_kernel(&of(attributes), address.parse().unwrap())
        };
        let protocol = |protocol| vec![AddressAttribute::Protocol(protocol)];
        assert!(made("fe80::d4e8:3aff:fe20:2ea6", Vec::new()));
        assert!(made("fe80::77", protocol(AddressProtocol::LinkLocal)));
        assert!(made("2001:db8::77", protocol(AddressProtocol::RouterAnnouncement)));
        assert!(made("2001:db8::77", vec![AddressAttribute::Flags(AddressFlags::Secondary)]));
        assert!(!made("fe80::1", Vec::new()));
        assert!(!made("192.0.2.1", vec![AddressAttribute::Flags(AddressFlags::Secondary)]));
        assert!(!made("2001:db8::1", protocol(AddressProtocol::Other(9))));
    }
}
