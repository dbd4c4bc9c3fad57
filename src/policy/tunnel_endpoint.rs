//! The tunnel endpoint at a real server: which device decapsulates what IPVS encapsulates.

use std::net::IpAddr;

use super::Requirement;
use crate::host::{GUE, InterfaceName, Key};
use lvs::ipvs::{AddressFamily, Checksum, Tunnel};

/// Where the packets of a virtual address are decapsulated at a real server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelEndpoint {
    pub device: InterfaceName,
    /// The value of its [`Key::Link`].
    pub kind: String,
    /// The FOU/GUE receive port that they arrive at first.
    pub port: Option<Key>,
    /// How many bytes encapsulation adds to a packet.
    pub(crate) overhead: u16,
    inside: AddressFamily,
}

impl TunnelEndpoint {
    /// The endpoint of that tunnel for virtual addresses of a family, at a real server whose own address,
    /// the one in the director's table, is `real`. `None` where the kernel has no such tunnel.
    ///
    /// As seen on Linux 6.1. GUE uses the same device as the packets would without it.
    pub fn new(vip: AddressFamily, real: IpAddr, tunnel: Tunnel) -> Option<Self> {
        use AddressFamily::{Ipv4, Ipv6};
        let plain = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
        let (name, kind) = match (tunnel, vip, real) {
            (Tunnel::Other(_) | Tunnel::Gre { checksum: Checksum::Remote }, ..) => return None,
            (Tunnel::Gre { checksum: Checksum::None }, _, IpAddr::V4(_)) => plain("gre0", "gre"),
            (Tunnel::Gre { checksum: Checksum::None }, _, IpAddr::V6(_)) => {
                plain("ip6gre0", "ip6gre")
            }
            (Tunnel::Gre { checksum: Checksum::Full }, _, IpAddr::V4(_)) => {
                ("lvs-gre".to_owned(), format!("gre local {real} icsum"))
            }
            (Tunnel::Gre { checksum: Checksum::Full }, _, IpAddr::V6(_)) => {
                ("lvs-ip6gre".to_owned(), format!("ip6gre local {real} icsum"))
            }
            (Tunnel::Ipip | Tunnel::Gue { .. }, Ipv4, IpAddr::V4(_)) => plain("tunl0", "ipip"),
            (Tunnel::Ipip | Tunnel::Gue { .. }, Ipv6, IpAddr::V4(_)) => plain("sit0", "sit"),
            // Of mode any, since it decapsulates all that comes to this address, IPv6 as well.
            (Tunnel::Ipip | Tunnel::Gue { .. }, Ipv4, IpAddr::V6(_)) => {
                ("lvs-ip6tnl".to_owned(), format!("ip6tnl mode any local {real}"))
            }
            (Tunnel::Ipip | Tunnel::Gue { .. }, Ipv6, IpAddr::V6(_)) => plain("ip6tnl0", "ip6tnl"),
        };
        let family = if real.is_ipv4() { Ipv4 } else { Ipv6 };
        let port = match tunnel {
            Tunnel::Gue { port, .. } => Some(Key::FouPort { port, family }),
            _ => None,
        };
        let added = match tunnel {
            Tunnel::Gue { checksum: Checksum::Remote, .. } => 20,
            Tunnel::Gue { .. } => 12,
            Tunnel::Gre { checksum: Checksum::None } => 4,
            Tunnel::Gre { .. } => 8,
            Tunnel::Ipip | Tunnel::Other(_) => 0,
        };
        let (device, overhead) = (name.parse().ok()?, header(family) + added);
        Some(Self { device, kind, port, overhead, inside: vip })
    }

    /// The port and the device, in order. The device is set up, and given the virtual address, once
    /// its sysctls are right.
    pub fn requirements(&self) -> Vec<Requirement> {
        let port = self.port.iter().map(|port| Requirement::new(port.clone(), GUE));
        let link = Requirement::new(Key::Link(self.device.clone()), &self.kind);
        port.chain([link]).collect()
    }

    /// The largest TCP segment (MSS) whose encapsulated packet has at most `mtu` bytes.
    pub const fn mss(&self, mtu: u16) -> u16 {
        mtu.saturating_sub(self.overhead + header(self.inside) + TCP_HEADER)
    }
}

impl TunnelEndpoint {
    /// The MSS of every tunnel for virtual addresses of a family.
    pub(super) fn every_mss(inside: AddressFamily, mtu: u16) -> impl Iterator<Item = u16> {
        let outer = [AddressFamily::Ipv4, AddressFamily::Ipv6].map(header);
        let overheads = outer.into_iter().flat_map(|outer| ENCAPSULATIONS.map(|it| outer + it));
        overheads.map(move |overhead| mtu.saturating_sub(overhead + header(inside) + TCP_HEADER))
    }
}

/// What tunnel types add to the outer header, in bytes: none, GRE, GUE.
const ENCAPSULATIONS: [u16; 5] = [0, 4, 8, 12, 20];

/// Without options, which the MSS leaves out as well (RFC 6691).
const TCP_HEADER: u16 = 20;

/// The length of an IP header without options.
const fn header(family: AddressFamily) -> u16 {
    match family {
        AddressFamily::Ipv4 => 20,
        AddressFamily::Ipv6 => 40,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tunnel_has_a_device_and_an_mss() {
        use AddressFamily::{Ipv4, Ipv6};
        let gue = |checksum| Tunnel::Gue { port: 6080, checksum };
        let gre = |checksum| Tunnel::Gre { checksum };
        for (vip, real, tunnel, desired) in [
            (Ipv4, "192.0.2.2", Tunnel::Ipip, "tunl0 ipip 1440"),
            (Ipv6, "192.0.2.2", Tunnel::Ipip, "sit0 sit 1420"),
            (Ipv6, "2001:db8::2", Tunnel::Ipip, "ip6tnl0 ip6tnl 1400"),
            (
                Ipv4,
                "2001:db8::2",
                Tunnel::Ipip,
                "lvs-ip6tnl ip6tnl mode any local 2001:db8::2 1420",
            ),
            (Ipv4, "192.0.2.2", gue(Checksum::Full), "tunl0 ipip 1428"),
            (Ipv6, "192.0.2.2", gue(Checksum::Remote), "sit0 sit 1400"),
            (Ipv4, "192.0.2.2", gre(Checksum::None), "gre0 gre 1436"),
            (Ipv4, "192.0.2.2", gre(Checksum::Full), "lvs-gre gre local 192.0.2.2 icsum 1432"),
            (Ipv6, "2001:db8::2", gre(Checksum::None), "ip6gre0 ip6gre 1396"),
        ] {
            let end = TunnelEndpoint::new(vip, real.parse().unwrap(), tunnel).unwrap();
            let said = format!("{} {} {}", end.device, end.kind, end.mss(1500));
            assert_eq!(said, desired);
            assert_eq!(end.port.is_some(), matches!(tunnel, Tunnel::Gue { .. }));
        }
        let real = "192.0.2.2".parse().unwrap();
        assert_eq!(TunnelEndpoint::new(Ipv4, real, gre(Checksum::Remote)), None);
        assert_eq!(TunnelEndpoint::new(Ipv4, real, Tunnel::Other(9)), None);
    }
}
