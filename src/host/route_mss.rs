//! The MSS that the default routes of the main table announce (`advmss`).
//!
//! It is a value of its own, whatever else the route has: who replaces the route, removes it, and
//! there is nothing to put back then.

use netlink_packet_core::Nla;
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteType,
};
use rtnetlink::{Error, Handle};
use serde::{Deserialize, Serialize};

use super::{Key, route};
use lvs::ipvs::AddressFamily;

/// A default route whose MSS can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DefaultRouteMss {
    pub(crate) family: AddressFamily,
    pub(crate) metric: u32,
    pub(crate) advmss: Option<u32>,
}

impl DefaultRouteMss {
    pub(crate) const fn key(&self) -> Key {
        Key::DefaultRouteMss { family: self.family, metric: self.metric }
    }
}

pub(super) async fn find(
    handle: &Handle,
    family: AddressFamily,
    metric: u32,
) -> Result<Option<String>, Error> {
    let message = default_route(handle, family, metric).await?;
    Ok(message.as_ref().and_then(advmss).map(|mss| mss.to_string()))
}

/// Replaces the route by one that differs in the MSS alone. Without such a route there is nothing to
/// do.
pub(super) async fn set(
    handle: &Handle,
    family: AddressFamily,
    metric: u32,
    mss: Option<u32>,
) -> Result<(), Error> {
    match default_route(handle, family, metric).await? {
        Some(message) => handle.route().add(with(message, mss)).replace().execute().await,
        None => Ok(()),
    }
}

async fn default_route(
    handle: &Handle,
    family: AddressFamily,
    metric: u32,
) -> Result<Option<RouteMessage>, Error> {
    let mut found = None;
    each(handle, family, |message| {
        if found.is_none() && route::priority(&message) == metric {
            found = Some(message);
        }
    })
    .await?;
    Ok(found.filter(can_be_changed))
}

/// Visits the unicast default routes of the main table.
async fn each(
    handle: &Handle,
    family: AddressFamily,
    mut visit: impl FnMut(RouteMessage),
) -> Result<(), Error> {
    route::each(handle, route::filter(route::family(family)), |message| {
        let header = &message.header;
        if header.destination_prefix_length == 0
            && header.source_prefix_length == 0
            && header.tos == 0
            && header.table == RouteHeader::RT_TABLE_MAIN
            && header.kind == RouteType::Unicast
        {
            visit(message);
        }
    })
    .await
}

/// The kernel renews the routes of router advertisements by flags that a request cannot set; one with
/// several next hops, or with an encapsulation, cannot be repeated in full.
fn can_be_changed(message: &RouteMessage) -> bool {
    message.header.protocol != RouteProtocol::Ra
        && !message.attributes.iter().any(|attribute| match attribute {
            RouteAttribute::CacheInfo(info) => info.expires != 0,
            RouteAttribute::MultiPath(_)
            | RouteAttribute::Encap(_)
            | RouteAttribute::EncapType(_) => true,
            _ => false,
        })
}

fn advmss(message: &RouteMessage) -> Option<u32> {
    let metrics = message.attributes.iter().filter_map(|attribute| match attribute {
        RouteAttribute::Metrics(metrics) => Some(metrics),
        _ => None,
    });
    metrics.flatten().find_map(|metric| match metric {
        RouteMetric::Advmss(mss) => Some(*mss),
        _ => None,
    })
}

/// The route with another MSS, without the attributes that the kernel does not accept. A next hop
/// object (`ip nexthop`) stands for gateway and interface, which are reported beside it.
fn with(mut message: RouteMessage, mss: Option<u32>) -> RouteMessage {
    message.header.flags &= RouteFlags::Onlink;
    let has_object = message.attributes.iter().any(|it| matches!(it, RouteAttribute::NhId(_)));
    let mut metrics = Vec::new();
    message.attributes.retain(|attribute| match attribute {
        RouteAttribute::Metrics(own) => {
            metrics.clone_from(own);
            false
        }
        RouteAttribute::CacheInfo(_) => false,
        RouteAttribute::Gateway(_) | RouteAttribute::Via(_) | RouteAttribute::Oif(_) => !has_object,
        _ => true,
    });
    metrics.retain(|metric| !matches!(metric, RouteMetric::Advmss(_)));
    metrics.extend(mss.map(RouteMetric::Advmss));
    if !metrics.is_empty() {
        message.attributes.push(RouteAttribute::Metrics(metrics));
    }
    message.attributes.sort_by_key(Nla::kind);
    message
}
