//! Rules that choose a routing table by the source of a packet.

use std::net::IpAddr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::route::{RouteHeader, RouteProtocol};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use rtnetlink::{Error, Handle, IpVersion};

use super::link::is_errno;
use super::{host_prefix, route};

/// A rule `from SOURCE lookup TABLE`.
pub(super) struct SourceRule {
    pub(super) source: IpAddr,
    pub(super) table: u32,
    /// Smaller is matched first.
    pub(super) priority: u32,
}

/// The rule as the kernel reports it.
pub(super) async fn find(handle: &Handle, rule: &SourceRule) -> Result<Option<RuleMessage>, Error> {
    let version = if rule.source.is_ipv4() { IpVersion::V4 } else { IpVersion::V6 };
    let desired = message(rule);
    let same = |message: &RuleMessage| {
        message.header.src_len == desired.header.src_len
            && message.header.dst_len == 0
            && message.header.action == RuleAction::ToTable
            && desired.attributes.iter().all(|attribute| {
                matches!(attribute, RuleAttribute::Protocol(_))
                    || message.attributes.contains(attribute)
            })
    };
    // The kernel inserts a rule after others of its priority: ours is the last one.
    Ok(all(handle, version).await?.into_iter().rfind(same))
}

pub(super) async fn add(handle: &Handle, rule: &SourceRule) -> Result<(), Error> {
    let mut request = handle.rule().add();
    *request.message_mut() = message(rule);
    request.execute().await
}

pub(super) async fn delete(handle: &Handle, rule: &SourceRule) -> Result<(), Error> {
    let Some(message) = find(handle, rule).await? else {
        return Ok(());
    };
    match handle.rule().del(message).execute().await {
        Err(error) if is_errno(&error, libc::ENOENT) => Ok(()),
        result => result,
    }
}

/// The rules of a family; none on a kernel without policy routing, or without IPv6.
async fn all(handle: &Handle, version: IpVersion) -> Result<Vec<RuleMessage>, Error> {
    match handle.rule().get(version).execute().try_collect().await {
        Err(error)
            if is_errno(&error, libc::EOPNOTSUPP) || is_errno(&error, libc::EAFNOSUPPORT) =>
        {
            Ok(Vec::new())
        }
        rules => rules,
    }
}

fn message(&SourceRule { source, table, priority }: &SourceRule) -> RuleMessage {
    let mut message = RuleMessage::default();
    let header = &mut message.header;
    header.family = route::family(source.into());
    header.src_len = host_prefix(source);
    header.table = u8::try_from(table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    header.action = RuleAction::ToTable;
    message.attributes = vec![
        RuleAttribute::Source(source),
        RuleAttribute::Table(table),
        RuleAttribute::Priority(priority),
        RuleAttribute::Protocol(RouteProtocol::Boot),
    ];
    message
}
