//! Addresses of interfaces.

use std::fmt;
use std::net::IpAddr;

use netlink_packet_core::DecodeError;
use serde::{Deserialize, Serialize};

use super::attributes::{address, attributes, text, u8, u32};
use super::{Interface, Interfaces, Prefix, Scope};

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) address: IpAddr,
    /// Length of its prefix in bits.
    pub(crate) prefix: u8,
    #[serde(rename = "device")]
    pub(crate) interface: Interface,
    /// The other end of a point-to-point address; the prefix is its.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) broadcast: Option<IpAddr>,
    #[serde(default)]
    pub(crate) scope: Scope,
    #[serde(default)]
    pub(crate) flags: AddressFlags,
    /// Of IPv4: the name of the interface, or `INTERFACE:WORD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    /// Seconds until it is removed, and until it is no longer chosen as a source; `None` is forever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) valid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) preferred: Option<u32>,
    /// The metric of its prefix route, if it was given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metric: Option<u32>,
    /// Who made it (`IFAPROT_*`, since Linux 5.18); 0 is unknown.
    #[serde(default)]
    pub(crate) protocol: u8,
    /// What follows the header of the kernel's message.
    #[serde(default, with = "super::hexadecimal", skip_serializing_if = "Vec::is_empty")]
    pub(crate) message: Vec<u8>,
}

/// `IFA_F_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct AddressFlags(pub(crate) u32);

impl AddressFlags {
    pub(crate) const SECONDARY: Self = Self(0x01);
    pub(crate) const NO_DAD: Self = Self(0x02);
    pub(crate) const HOME_ADDRESS: Self = Self(0x10);
    pub(crate) const DAD_FAILED: Self = Self(0x08);
    pub(crate) const DEPRECATED: Self = Self(0x20);
    pub(crate) const TENTATIVE: Self = Self(0x40);
    pub(crate) const MANAGE_TEMPORARY: Self = Self(0x100);
    pub(crate) const NO_PREFIX_ROUTE: Self = Self(0x200);
    pub(crate) const JOIN_MULTICAST: Self = Self(0x400);
    pub(crate) const STABLE_PRIVACY: Self = Self(0x800);

    pub(crate) const fn contains(self, flag: Self) -> bool {
        self.0 & flag.0 == flag.0
    }

    /// The words of `ip address`, for flags that are set.
    pub(crate) const WORDS: [(Self, &str); 10] = [
        (Self::SECONDARY, "secondary"),
        (Self::NO_DAD, "nodad"),
        (Self::HOME_ADDRESS, "home"),
        (Self::DAD_FAILED, "dadfailed"),
        (Self::DEPRECATED, "deprecated"),
        (Self::TENTATIVE, "tentative"),
        (Self::MANAGE_TEMPORARY, "mngtmpaddr"),
        (Self::NO_PREFIX_ROUTE, "noprefixroute"),
        (Self::JOIN_MULTICAST, "autojoin"),
        (Self::STABLE_PRIVACY, "stable-privacy"),
    ];
}

/// Length of `struct ifaddrmsg`.
pub(in crate::host) const HEADER: usize = 8;

/// A lifetime without end (`INFINITY_LIFE_TIME`, `net/addrconf.h`).
pub(in crate::host) const FOREVER: u32 = u32::MAX;

/// `IFAPROT_KERNEL_LO`, `_RA` and `_LL`.
const MADE_BY_KERNEL: std::ops::RangeInclusive<u8> = 1..=3;

/// `IFA_RT_PRIORITY` and `IFA_PROTO`.
const METRIC: u16 = 9;
const PROTOCOL: u16 = 11;

impl Address {
    /// The network that it is in.
    pub(crate) const fn subnet(&self) -> Prefix {
        Prefix { address: self.address, length: self.prefix }
    }

    /// An address without anything else, for tests and older snapshots.
    pub(crate) fn new(address: IpAddr, prefix: u8, interface: Interface) -> Self {
        Self {
            address,
            prefix,
            interface,
            peer: None,
            broadcast: None,
            scope: Scope::GLOBAL,
            flags: AddressFlags::default(),
            label: None,
            valid: None,
            preferred: None,
            metric: None,
            protocol: 0,
            message: Vec::new(),
        }
    }

    /// Reads what follows the header of an `RTM_NEWADDR`. `None` if it has no address, as those of
    /// other families.
    pub(in crate::host) fn parse(
        message: &[u8],
        interfaces: &Interfaces,
    ) -> Result<Option<Self>, DecodeError> {
        let (header, rest) = message
            .split_first_chunk::<HEADER>()
            .ok_or_else(|| DecodeError::from("an address without its header"))?;
        let [_, prefix, flags, scope, a, b, c, d] = *header;
        let (mut local, mut other) = (None, None);
        let interface = interfaces.get(u32::from_ne_bytes([a, b, c, d]));
        let mut parsed = Self::new(IpAddr::from([0, 0, 0, 0]), prefix, interface);
        (parsed.scope, parsed.flags) = (Scope(scope), AddressFlags(flags.into()));
        for (kind, value) in attributes(rest) {
            match kind {
                libc::IFA_ADDRESS => other = address(value),
                libc::IFA_LOCAL => local = address(value),
                libc::IFA_BROADCAST => parsed.broadcast = address(value),
                libc::IFA_LABEL => {
                    parsed.label = Some(String::from_utf8_lossy(text(value)).into_owned());
                }
                libc::IFA_FLAGS => {
                    parsed.flags = u32(value).map_or(parsed.flags, AddressFlags);
                }
                libc::IFA_CACHEINFO => {
                    let lifetime = |at| value.get(at..).and_then(u32).filter(|it| *it != FOREVER);
                    (parsed.preferred, parsed.valid) = (lifetime(0), lifetime(4));
                }
                METRIC => parsed.metric = u32(value),
                PROTOCOL => parsed.protocol = u8(value).unwrap_or_default(),
                _ => {}
            }
        }
        // Of a point-to-point interface, `IFA_ADDRESS` is the peer's (`linux/if_addr.h`).
        let Some(address) = local.or(other) else {
            return Ok(None);
        };
        parsed.address = address;
        parsed.peer = other.filter(|other| *other != address);
        parsed.message = message.to_vec();
        Ok(Some(parsed))
    }

    /// Link-local addresses and those of router advertisements: the kernel makes them wherever it
    /// finds a link or a router. Before Linux 5.18 they are not marked (`IFA_PROTO`); a link-local
    /// address is then the kernel's if it has the EUI-64 form (RFC 4291, appendix A).
    pub(crate) fn is_made_by_kernel(&self) -> bool {
        let IpAddr::V6(address) = self.address else {
            return MADE_BY_KERNEL.contains(&self.protocol);
        };
        let is_formed = address.is_unicast_link_local()
            && matches!(address.octets(), [.., 0xff, 0xfe, _, _, _]);
        is_formed
            || MADE_BY_KERNEL.contains(&self.protocol)
            || self.flags.contains(AddressFlags::SECONDARY)
            || self.flags.contains(AddressFlags::STABLE_PRIVACY)
    }

    /// Duplicate address detection found it on another machine, so it is not used.
    pub(crate) const fn is_duplicate(&self) -> bool {
        self.flags.contains(AddressFlags::DAD_FAILED)
    }
}

/// As a line of `ip address`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if let Some(peer) = self.peer {
            write!(f, " peer {peer}")?;
        }
        write!(f, "/{}", self.prefix)?;
        if let Some(broadcast) = self.broadcast {
            write!(f, " brd {broadcast}")?;
        }
        write!(f, " scope {}", self.scope)?;
        for (flag, word) in AddressFlags::WORDS {
            if self.flags.contains(flag) {
                write!(f, " {word}")?;
            }
        }
        match &self.label {
            Some(label) if label == self.interface.name.as_str() => write!(f, " dev {label}"),
            Some(label) => write!(f, " dev {} label {label}", self.interface.name),
            None => write!(f, " dev {}", self.interface.name),
        }
    }
}
