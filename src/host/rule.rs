//! Rules that choose a routing table by the source of a packet.

use futures_util::TryStreamExt;
use rtnetlink::packet_route::route::{RouteHeader, RouteProtocol};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use rtnetlink::{Error, Handle, IpVersion};

use super::link::is_errno;
use super::{SourceRule, host_prefix, route};

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

/// Rules that have a source and a table, whatever else they match.
pub(super) async fn by_source(handle: &Handle) -> Result<Vec<SourceRule>, Error> {
    let mut found = Vec::new();
    for version in [IpVersion::V4, IpVersion::V6] {
        for message in all(handle, version).await? {
            let (mut source, mut table, mut priority) = (None, None, 0);
            for attribute in &message.attributes {
                match attribute {
                    RuleAttribute::Source(address) => source = Some(*address),
                    RuleAttribute::Table(number) => table = Some(*number),
                    RuleAttribute::Priority(number) => priority = *number,
                    _ => {}
                }
            }
            let source = source.filter(|source| message.header.src_len == host_prefix(*source));
            let rule = source.zip(table);
            found.extend(rule.map(|(source, table)| SourceRule { source, table, priority }));
        }
    }
    Ok(found)
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

/// The number of rules besides the kernel's own, which have the priorities 0, 32766 and, for IPv4,
/// 32767 (`fib_default_rules_init`).
pub(super) async fn others(handle: &Handle) -> Result<usize, rtnetlink::Error> {
    let mut others = 0;
    for version in [IpVersion::V4, IpVersion::V6] {
        for message in all(handle, version).await? {
            let priority = message.attributes.iter().find_map(|attribute| match attribute {
                RuleAttribute::Priority(priority) => Some(*priority),
                _ => None,
            });
            others += usize::from(!matches!(priority.unwrap_or(0), 0 | 32766 | 32767));
        }
    }
    Ok(others)
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
