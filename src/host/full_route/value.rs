//! What a route is, as text.

use std::fmt::Write;

use netlink_packet_core::Nla;
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope,
};

use crate::host::{message, route};

/// The message without the interface, and without what the kernel reports but does not take back,
/// in one form: the table said by its attribute alone, the attributes in order.
pub(in crate::host) fn kept(mut message: RouteMessage) -> RouteMessage {
    message.header.flags &= RouteFlags::Onlink;
    message.header.table = RouteHeader::RT_TABLE_UNSPEC;
    message.attributes.retain(|attribute| {
        !matches!(attribute, RouteAttribute::CacheInfo(_) | RouteAttribute::Oif(_))
    });
    message.attributes.sort_by_key(Nla::kind);
    message
}

/// The options that `ip route add` would take besides [`FullRoute::words`](super::FullRoute::words), and the message.
pub(crate) fn value(message: RouteMessage) -> String {
    let header = &message.header;
    let mut words = format!("proto {}", u8::from(header.protocol));
    // Writing to a String cannot fail.
    match header.scope {
        RouteScope::Universe => {}
        scope => {
            let _ = write!(words, " scope {scope}");
        }
    }
    if header.flags.contains(RouteFlags::Onlink) {
        words.push_str(" onlink");
    }
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Gateway(address) => {
                let gateway = route::address(address).map(|address| format!("via {address} "));
                words.insert_str(0, &gateway.unwrap_or_default());
            }
            RouteAttribute::PrefSource(address) => {
                let source = route::address(address).map(|address| format!(" src {address}"));
                words.push_str(&source.unwrap_or_default());
            }
            RouteAttribute::Metrics(metrics) => {
                for metric in metrics {
                    let _ = match metric {
                        RouteMetric::Mtu(value) => write!(words, " mtu {value}"),
                        RouteMetric::Advmss(value) => write!(words, " advmss {value}"),
                        RouteMetric::Window(value) => write!(words, " window {value}"),
                        _ => Ok(()),
                    };
                }
            }
            _ => {}
        }
    }
    message::value(&words, &message)
}

/// The value of the same route in another table, with at most that MSS. It is no longer one that the
/// kernel made. `None` where the value has no message.
pub(crate) fn route_with_mss(value: &str, table: u32, mss: u16) -> Option<String> {
    let mut message: RouteMessage = message::decode(value)?;
    message.header.protocol = RouteProtocol::Static;
    let (mut mss, mut metrics) = (u32::from(mss), Vec::new());
    message.attributes.retain(|attribute| match attribute {
        RouteAttribute::Metrics(own) => {
            metrics.clone_from(own);
            false
        }
        RouteAttribute::Table(_) => false,
        _ => true,
    });
    metrics.retain(|metric| match metric {
        RouteMetric::Advmss(own) => {
            mss = mss.min(*own);
            false
        }
        _ => true,
    });
    metrics.push(RouteMetric::Advmss(mss));
    message.attributes.push(RouteAttribute::Table(table));
    message.attributes.push(RouteAttribute::Metrics(metrics));
    Some(self::value(kept(message)))
}
