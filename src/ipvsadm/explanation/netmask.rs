//! A mask of persistence that the kernel does not take.

use crate::ipvs::Netmask;

pub(super) fn explain(netmask: Netmask) -> Option<String> {
    match netmask {
        Netmask::Ipv6(1..=128) => None,
        Netmask::Ipv6(prefix) => Some(format!(
            "The prefix length {prefix} is out of range: -M takes 1 to 128 with an IPv6 service."
        )),
        Netmask::Ipv4(mask) if mask.is_unspecified() => Some(
            "The netmask 0.0.0.0 makes all clients one: -M needs at least one bit, such as \
             128.0.0.0."
                .to_owned(),
        ),
        Netmask::Ipv4(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn masks_that_no_kernel_takes() {
        let prefix = |prefix| explain(Netmask::Ipv6(prefix)).unwrap();
        assert!(prefix(0).starts_with("The prefix length 0 is out of range"));
        assert!(prefix(129).starts_with("The prefix length 129 is out of range"));
        assert!(explain(Netmask::Ipv4(Ipv4Addr::UNSPECIFIED)).unwrap().contains("0.0.0.0"));
        assert_eq!(explain(Netmask::Ipv6(64)), None);
        assert_eq!(explain(Netmask::Ipv4(Ipv4Addr::new(255, 0, 255, 0))), None);
    }
}
