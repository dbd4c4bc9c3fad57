//! Addresses that no real server can have.
//!
//! The kernel takes what its local table calls unicast or local, and refuses everything where there
//! is no local table, as in a network namespace without addresses (`ip_vs_add_dest`,
//! `inet_addr_type`). Of IPv6 it takes unicast that is not link-local.

use std::io;
use std::net::{IpAddr, Ipv6Addr, UdpSocket};

/// What the routes of this network namespace say of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Packets to it would leave, or arrive here.
    Routed,
    /// It is the broadcast address of a network here.
    Broadcast,
    /// No route leads there.
    Unrouted,
}

/// Asks the kernel, which sends nothing where a UDP socket is connected.
pub(super) fn reach(address: IpAddr) -> Reach {
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    const DISCARD: u16 = 9;
    match UdpSocket::bind(any).and_then(|socket| socket.connect((address, DISCARD))) {
        Ok(()) => Reach::Routed,
        // Broadcasts need SO_BROADCAST (udp(7)).
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Reach::Broadcast,
        Err(_) => Reach::Unrouted,
    }
}

pub(super) fn explain(address: IpAddr, reach: Reach) -> Option<String> {
    let what = match address {
        _ if address.is_multicast() => "a multicast address",
        IpAddr::V4(address) if address.is_broadcast() => "the broadcast address",
        IpAddr::V4(address) if address.octets().first() == Some(&0) => "of \"this network\"",
        _ if address.is_unspecified() => "no address",
        IpAddr::V6(address) if is_link_local(address) => "link-local",
        _ => match reach {
            Reach::Broadcast => "the broadcast address of a network of this machine",
            Reach::Unrouted => {
                return Some(format!(
                    "No route leads to {address} in this network namespace: see `ip address` and \
                     `ip route`. At least one interface must be up and have an address \
                     (`ip link set lo up`)."
                ));
            }
            Reach::Routed => return None,
        },
    };
    Some(format!("{address} is {what}: a real server needs a unicast address that it alone has."))
}

/// `fe80::/10`.
const fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explain(address: &str, reach: Reach) -> Option<String> {
        super::explain(address.parse().unwrap(), reach)
    }

    #[test]
    fn each_kind_of_address_is_named() {
        for (address, what) in [
            ("224.0.0.1", "a multicast address"),
            ("ff02::1", "a multicast address"),
            ("255.255.255.255", "the broadcast address"),
            ("0.0.0.0", "of \"this network\""),
            ("0.1.2.3", "of \"this network\""),
            ("::", "no address"),
            ("fe80::1", "link-local"),
        ] {
            let text = explain(address, Reach::Routed).unwrap();
            assert!(text.starts_with(&format!("{address} is {what}: ")), "{text}");
        }
    }

    #[test]
    fn routes_decide_over_the_others() {
        let text = explain("192.0.2.255", Reach::Broadcast).unwrap();
        assert!(text.starts_with("192.0.2.255 is the broadcast address of a network"), "{text}");
        let text = explain("192.0.2.7", Reach::Unrouted).unwrap();
        assert!(text.starts_with("No route leads to 192.0.2.7 in this network namespace"));
        assert_eq!(explain("192.0.2.7", Reach::Routed), None);
        assert_eq!(explain("2001:db8::7", Reach::Routed), None);
    }

    #[test]
    fn the_kernel_is_asked() {
        assert_eq!(reach(IpAddr::from([127, 0, 0, 1])), Reach::Routed);
        assert_eq!(reach(IpAddr::from([255, 255, 255, 255])), Reach::Broadcast);
    }
}
