//! Network interfaces.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::{Error, Handle, LinkMessageBuilder, LinkUnspec};

use super::{InterfaceName, link_kind};

/// The fallback interfaces that the tunnel modules make, which decapsulate packets from any peer: name,
/// kind, module.
pub(super) const FALLBACK_TUNNELS: [(&str, &str, &str); 5] = [
    ("tunl0", "ipip", "ipip"),
    ("ip6tnl0", "ip6tnl", "ip6_tunnel"),
    ("sit0", "sit", "sit"),
    ("gre0", "gre", "ip_gre"),
    ("ip6gre0", "ip6gre", "ip6_gre"),
];

/// Whether the kernel or lvsctl names a tunnel interface like this.
pub(crate) fn is_tunnel(name: &str) -> bool {
    name.starts_with("lvs-") || is_fallback_tunnel(name)
}

pub(crate) fn is_fallback_tunnel(name: &str) -> bool {
    FALLBACK_TUNNELS.iter().any(|(tunnel, ..)| *tunnel == name)
}

/// The module of a kind of tunnel, which makes the fallback interface when it is loaded.
pub(crate) fn tunnel_module(kind: &str) -> Option<&'static str> {
    FALLBACK_TUNNELS.iter().find(|(_, it, _)| *it == kind).map(|(.., module)| *module)
}

/// What the engine reads of an interface.
pub(super) struct Link {
    pub(super) index: u32,
    /// As `ip -d link` calls it, with options; `device` for hardware, which has none.
    pub(super) kind: String,
    pub(super) up: bool,
    /// The index of the interface whose port it is.
    pub(super) master: Option<u32>,
    pub(super) mtu: u32,
}

pub(super) async fn find(handle: &Handle, name: &InterfaceName) -> Result<Option<Link>, Error> {
    let mut links = handle.link().get().match_name(name.as_str()).execute();
    let message = match links.try_next().await {
        Err(error) if is_errno(&error, libc::ENODEV) => return Ok(None),
        message => message?,
    };
    Ok(message.as_ref().map(of))
}

pub(super) fn of(message: &LinkMessage) -> Link {
    let (mut kind, mut master, mut mtu) = (None, None, 0);
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::LinkInfo(infos) => kind = link_kind::value(infos),
            LinkAttribute::Controller(index) => master = Some(*index),
            LinkAttribute::Mtu(found) => mtu = *found,
            _ => {}
        }
    }
    Link {
        index: message.header.index,
        kind: kind.unwrap_or_else(|| "device".to_owned()),
        up: message.header.flags.contains(LinkFlags::Up),
        master,
        mtu,
    }
}

/// The names of all interfaces, by index.
pub(super) async fn names(handle: &Handle) -> Result<HashMap<u32, InterfaceName>, Error> {
    let mut links = handle.link().get().execute();
    let mut names = HashMap::new();
    while let Some(message) = links.try_next().await? {
        names.extend(named(&message));
    }
    Ok(names)
}

/// The name of an interface; `None` if no interface has that index.
pub(super) async fn name(handle: &Handle, index: u32) -> Result<Option<InterfaceName>, Error> {
    let mut links = handle.link().get().match_index(index).execute();
    match links.try_next().await {
        Err(error) if is_errno(&error, libc::ENODEV) => Ok(None),
        message => Ok(message?.and_then(|message| named(&message)).map(|(_, name)| name)),
    }
}

pub(super) fn named(message: &LinkMessage) -> Option<(u32, InterfaceName)> {
    let name = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => name.parse().ok(),
        _ => None,
    });
    Some((message.header.index, name?))
}

/// If the kernel loads the module `ipip` for this request, the module makes `tunl0` by itself (as
/// `ip6_tunnel` makes `ip6tnl0`), and the request fails with `EEXIST`: the interface exists, as
/// desired. So does `bonding` with `bond0`, whose options are set then.
pub(super) async fn add(handle: &Handle, name: &InterfaceName, kind: &str) -> Result<(), Error> {
    match handle.link().add(message(name, kind)).execute().await {
        Err(error) if is_errno(&error, libc::EEXIST) && link_kind::bond_options(kind).is_some() => {
            change(handle, name, kind).await
        }
        Err(error) if is_errno(&error, libc::EEXIST) => Ok(()),
        result => result,
    }
}

/// Sets the options of a link.
pub(super) async fn change(handle: &Handle, name: &InterfaceName, kind: &str) -> Result<(), Error> {
    handle.link().change(message(name, kind)).execute().await
}

fn message(name: &InterfaceName, kind: &str) -> LinkMessage {
    let (kind, data) = link_kind::info(kind);
    let builder = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(kind);
    let builder = match data {
        Some(data) => builder.set_info_data(data),
        None => builder,
    };
    builder.name(name.to_string()).build()
}

/// The kernel accepts this for `tunl0`, and keeps it as long as `ipip` is loaded.
pub(super) async fn delete(handle: &Handle, index: u32) -> Result<(), Error> {
    handle.link().del(index).execute().await
}

pub(super) async fn set_up(handle: &Handle, index: u32, up: bool) -> Result<(), Error> {
    let message = LinkUnspec::new_with_index(index);
    let message = if up { message.up() } else { message.down() };
    handle.link().set(message.build()).execute().await
}

/// Makes an interface a port of another, or of none. It must be down to become a port of a bond,
/// which brings it up; a bond that releases it leaves it down.
pub(super) async fn set_master(
    handle: &Handle,
    link: &Link,
    master: Option<u32>,
) -> Result<(), Error> {
    if link.up && master.is_some() {
        set_up(handle, link.index, false).await?;
    }
    let message = LinkUnspec::new_with_index(link.index).controller(master.unwrap_or(0)).build();
    handle.link().set(message).execute().await
}

pub(super) async fn set_mtu(handle: &Handle, index: u32, mtu: u32) -> Result<(), Error> {
    handle.link().set(LinkUnspec::new_with_index(index).mtu(mtu).build()).execute().await
}

/// Whether the kernel answered with that error number.
pub(super) fn is_errno(error: &Error, errno: i32) -> bool {
    matches!(error, Error::NetlinkError(message) if message.raw_code() == -errno)
}
