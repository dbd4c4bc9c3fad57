//! The netmask of persistence.

use super::address::host;
use super::integer::leading_integer;
use crate::ipvsadm::Names;
use lvs::ipvs::{AddressFamily, Netmask};

/// A mask for services of that family: any IPv4 address, or an IPv6 prefix length.
pub(in super::super) fn netmask(
    text: &str,
    family: AddressFamily,
    names: &dyn Names,
) -> Option<Netmask> {
    match family {
        AddressFamily::Ipv4 => host(text, names).map(Netmask::Ipv4),
        AddressFamily::Ipv6 => u32::try_from(leading_integer(text))
            .ok()
            .filter(|prefix| (1..=128).contains(prefix))
            .map(Netmask::Ipv6),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::ipvsadm::fake_names::VIP_EXAMPLE;

    #[test]
    fn any_bits_are_an_ipv4_mask() {
        let read = |text| netmask(text, AddressFamily::Ipv4, &VIP_EXAMPLE);
        let mask = |a, b, c, d| Some(Netmask::Ipv4(Ipv4Addr::new(a, b, c, d)));
        assert_eq!(read("255.255.255.0"), mask(255, 255, 255, 0));
        assert_eq!(read("255.0.255.0"), mask(255, 0, 255, 0));
        assert_eq!(read("0xffffff00"), mask(255, 255, 255, 0));
        assert_eq!(read("24"), mask(0, 0, 0, 24));
        assert_eq!(read("vip.example"), mask(192, 0, 2, 10));
        assert_eq!(read("/24"), None);
    }

    #[test]
    fn an_ipv6_mask_is_a_prefix_length() {
        let read = |text| netmask(text, AddressFamily::Ipv6, &VIP_EXAMPLE);
        assert_eq!(read("1"), Some(Netmask::Ipv6(1)));
        assert_eq!(read("64abc"), Some(Netmask::Ipv6(64)));
        assert_eq!(read("128"), Some(Netmask::Ipv6(128)));
        for text in ["0", "129", "-1", "ffff::", ""] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
