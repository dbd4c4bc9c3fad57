//! A prefix length of persistence that nothing takes. IPv4 masks are not checked, not even 0.

use lvs::ipvs::Netmask;

/// The kernel's refusal; the grammar lets no such value through.
pub(super) fn explain(netmask: Netmask) -> Option<String> {
    match netmask {
        Netmask::Ipv4(_) | Netmask::Ipv6(1..=128) => None,
        Netmask::Ipv6(prefix) => Some(format!("The prefix length {prefix} is no good. {}", rule())),
    }
}

/// What the grammar's refusal does not say.
pub(super) fn rule() -> String {
    "With an IPv6 service -M takes a prefix length from 1 to 128, such as -M 64.".to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn prefixes_that_no_kernel_takes() {
        let prefix = |prefix| explain(Netmask::Ipv6(prefix)).unwrap();
        assert!(prefix(0).starts_with("The prefix length 0 is no good. With an IPv6 service"));
        assert!(prefix(129).starts_with("The prefix length 129 is no good."));
        assert_eq!(explain(Netmask::Ipv6(64)), None);
        assert_eq!(explain(Netmask::Ipv4(Ipv4Addr::UNSPECIFIED)), None);
    }
}
