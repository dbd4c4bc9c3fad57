//! How the kernel combines the value that a sysctl has for `all` interfaces with an interface's own.
//!
//! `default` never counts: it is only the initial value of new interfaces, so that an existing tunnel
//! keeps its own value.

use std::fmt;

use super::{InterfaceName, Sysctl};

/// The rule for one parameter of `net/ipv4/conf` (`linux/inetdevice.h`, and `ip-sysctl`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Combination {
    /// The larger of both counts (`IN_DEV_MAXCONF`).
    Larger,
    /// On if either is (`IN_DEV_ORCONF`).
    Either,
    /// On if either is; on an interface that forwards, only if both are (`IN_DEV_RX_REDIRECTS`).
    BothWhereForwarding,
}

const RULES: [(&str, Combination); 13] = [
    ("rp_filter", Combination::Larger),
    ("arp_ignore", Combination::Larger),
    ("arp_announce", Combination::Larger),
    ("arp_notify", Combination::Larger),
    ("send_redirects", Combination::Either),
    ("secure_redirects", Combination::Either),
    ("log_martians", Combination::Either),
    ("proxy_arp", Combination::Either),
    ("arp_filter", Combination::Either),
    ("route_localnet", Combination::Either),
    ("accept_local", Combination::Either),
    ("src_valid_mark", Combination::Either),
    ("accept_redirects", Combination::BothWhereForwarding),
];

impl Combination {
    /// The rule of a parameter; `None` where the interface's own value alone counts.
    pub(crate) fn of(parameter: &str) -> Option<Self> {
        Some(Self::entry(parameter)?.1)
    }

    /// The name of a parameter that has a rule.
    pub(crate) fn name(parameter: &str) -> Option<&'static str> {
        Some(Self::entry(parameter)?.0)
    }

    fn entry(parameter: &str) -> Option<&'static (&'static str, Self)> {
        RULES.iter().find(|(name, _)| *name == parameter)
    }
}

/// The effective value of a parameter on one interface, and how it is derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effective {
    /// Such as `rp_filter`.
    pub(crate) parameter: &'static str,
    pub(crate) device: InterfaceName,
    /// The value for all interfaces.
    pub(crate) all: u32,
    /// The interface's own value.
    pub(crate) own: u32,
    /// Whether the interface forwards; counts for redirects alone.
    forwards: bool,
}

impl Effective {
    /// Reads both values through `read`; `None` if one of them is missing or not a number, and for
    /// parameters without a rule.
    pub(crate) fn read<'a>(
        parameter: &'static str,
        device: &InterfaceName,
        read: impl Fn(&Sysctl) -> Option<&'a str>,
    ) -> Option<Self> {
        Combination::of(parameter)?;
        let number = |sysctl: Sysctl| read(&sysctl)?.parse::<u32>().ok();
        Some(Self {
            parameter,
            device: device.clone(),
            all: number(Sysctl::of_all_interfaces(parameter))?,
            own: number(Sysctl::of_interface(device, parameter))?,
            forwards: number(Sysctl::of_interface(device, "forwarding")) == Some(1),
        })
    }

    pub(crate) fn value(&self) -> u32 {
        let (all, own) = (self.all, self.own);
        match Combination::of(self.parameter) {
            Some(Combination::Larger) => all.max(own),
            Some(Combination::BothWhereForwarding) if self.forwards => {
                u32::from(all != 0 && own != 0)
            }
            Some(Combination::Either | Combination::BothWhereForwarding) => {
                u32::from(all != 0 || own != 0)
            }
            None => own,
        }
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parameter, device, all, own, forwards } = self;
        write!(f, "{parameter} on {device} is {}, ", self.value())?;
        match Combination::of(parameter) {
            Some(Combination::Larger) => write!(f, "the larger of")?,
            Some(Combination::BothWhereForwarding) if *forwards => write!(f, "both of")?,
            _ => write!(f, "either of")?,
        }
        write!(f, " {all} (net/ipv4/conf/all) and {own} (net/ipv4/conf/{device})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effective(parameter: &'static str, all: u32, own: u32, forwards: bool) -> Effective {
        Effective { parameter, device: InterfaceName::tunl0(), all, own, forwards }
    }

    #[test]
    fn effective_filter_and_arp_value_is_the_larger() {
        for parameter in ["rp_filter", "arp_ignore", "arp_announce", "arp_notify"] {
            for (all, own, value) in [(0, 0, 0), (0, 2, 2), (1, 2, 2), (2, 1, 2), (1, 0, 1)] {
                assert_eq!(effective(parameter, all, own, false).value(), value, "{parameter}");
            }
        }
    }

    #[test]
    fn effective_switch_is_on_when_either_is() {
        for parameter in ["send_redirects", "log_martians", "accept_local", "arp_filter"] {
            for (all, own, value) in [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 1)] {
                assert_eq!(effective(parameter, all, own, true).value(), value, "{parameter}");
            }
        }
    }

    #[test]
    fn effective_accept_redirects_of_router_needs_both() {
        for (all, own, host, router) in [(0, 0, 0, 0), (0, 1, 1, 0), (1, 0, 1, 0), (1, 1, 1, 1)] {
            assert_eq!(effective("accept_redirects", all, own, false).value(), host);
            assert_eq!(effective("accept_redirects", all, own, true).value(), router);
        }
    }

    #[test]
    fn effective_value_displays_its_derivation() {
        assert_eq!(
            effective("rp_filter", 0, 1, false).to_string(),
            "rp_filter on tunl0 is 1, the larger of 0 (net/ipv4/conf/all) and 1 \
             (net/ipv4/conf/tunl0)"
        );
        let redirects = effective("accept_redirects", 1, 0, true).to_string();
        assert!(redirects.contains("is 0, both of 1"), "{redirects}");
    }

    #[test]
    fn effective_value_of_missing_sysctl_is_none() {
        let device = InterfaceName::tunl0();
        let values = |sysctl: &Sysctl| {
            let value = sysctl.to_string().ends_with("/all/rp_filter").then_some("1");
            value.or(sysctl.to_string().ends_with("/tunl0/rp_filter").then_some("0"))
        };
        assert_eq!(Effective::read("rp_filter", &device, values).unwrap().value(), 1);
        assert_eq!(Effective::read("rp_filter", &device, |_| None), None);
        assert_eq!(Effective::read("forwarding", &device, |_| Some("1")), None);
    }
}
