//! Network interfaces.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use rtnetlink::{Error, Handle, LinkMessageBuilder, LinkUnspec};

use super::InterfaceName;

/// What is needed of an interface.
pub(super) struct Link {
    pub(super) index: u32,
    /// As `ip -d link` calls it; `device` for hardware, which has none.
    pub(super) kind: String,
    pub(super) up: bool,
}

pub(super) async fn find(handle: &Handle, name: &InterfaceName) -> Result<Option<Link>, Error> {
    let mut links = handle.link().get().match_name(name.as_str()).execute();
    let message = match links.try_next().await {
        Err(error) if is(&error, libc::ENODEV) => return Ok(None),
        message => message?,
    };
    Ok(message.map(|message| {
        let infos = message.attributes.iter().filter_map(|attribute| match attribute {
            LinkAttribute::LinkInfo(infos) => Some(infos),
            _ => None,
        });
        let kind = infos.flatten().find_map(|info| match info {
            LinkInfo::Kind(kind) => Some(kind.to_string()),
            _ => None,
        });
        Link {
            index: message.header.index,
            kind: kind.unwrap_or_else(|| "device".to_owned()),
            up: message.header.flags.contains(LinkFlags::Up),
        }
    }))
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

/// The name of an interface; `None` where there is none of that index.
pub(super) async fn name(handle: &Handle, index: u32) -> Result<Option<InterfaceName>, Error> {
    let mut links = handle.link().get().match_index(index).execute();
    match links.try_next().await {
        Err(error) if is(&error, libc::ENODEV) => Ok(None),
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

/// Where the kernel loads the module `ipip` for this request, the module makes `tunl0` of its own
/// accord (as `ip6_tunnel` makes `ip6tnl0`), and the request itself then fails with `EEXIST`: the interface is there, as wanted.
pub(super) async fn add(handle: &Handle, name: &InterfaceName, kind: &str) -> Result<(), Error> {
    let message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::from(kind))
        .name(name.to_string())
        .build();
    match handle.link().add(message).execute().await {
        Err(error) if is(&error, libc::EEXIST) => Ok(()),
        result => result,
    }
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

/// Whether the kernel answered with that error number.
pub(super) fn is(error: &Error, errno: i32) -> bool {
    matches!(error, Error::NetlinkError(message) if message.raw_code() == -errno)
}
