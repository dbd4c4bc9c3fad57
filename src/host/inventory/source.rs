//! The source addresses that the kernel would choose.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::TryStreamExt;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteProtocol, RouteType,
};
use rtnetlink::{Handle, RouteMessageBuilder};
use serde::{Deserialize, Serialize};

use crate::host::{InterfaceName, KnownRoute, host_prefix, route};

/// The kernel's choice of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Where a packet would go; nothing was sent.
    pub towards: IpAddr,
    /// The source that it would have.
    pub source: IpAddr,
    /// The interface that it would leave by.
    pub device: InterfaceName,
}

/// By a default route, a packet to anywhere: the kernel is asked, and sends none.
pub(super) async fn list(
    handle: &Handle,
    names: &HashMap<u32, InterfaceName>,
    routes: &[KnownRoute],
) -> Result<Vec<Source>, rtnetlink::Error> {
    let anywhere = [
        IpAddr::V4(Ipv4Addr::new(1, 0, 0, 1)),
        IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 1)),
    ];
    let mut sources = Vec::new();
    for towards in anywhere {
        let default = |route: &KnownRoute| {
            route.prefix == 0 && route.destination.is_ipv4() == towards.is_ipv4()
        };
        if !routes.iter().any(default) {
            continue;
        }
        let mut question =
            RouteMessageBuilder::<IpAddr>::new().protocol(RouteProtocol::Unspec).build();
        let header = &mut question.header;
        header.address_family = route::family(towards.into());
        header.table = RouteHeader::RT_TABLE_UNSPEC;
        header.kind = RouteType::Unspec;
        header.destination_prefix_length = host_prefix(towards);
        question.attributes.push(RouteAttribute::Destination(RouteAddress::from(towards)));
        let mut answers = handle.route().get(question).execute();
        // An unreachable route is an answer too.
        let Ok(Some(answer)) = answers.try_next().await else {
            continue;
        };
        let (mut source, mut device) = (None, None);
        for attribute in &answer.attributes {
            match attribute {
                RouteAttribute::PrefSource(address) => source = route::address(address),
                RouteAttribute::Oif(index) => device = names.get(index).cloned(),
                _ => {}
            }
        }
        sources.extend(source.zip(device).map(|(source, device)| Source {
            towards,
            source,
            device,
        }));
    }
    Ok(sources)
}
