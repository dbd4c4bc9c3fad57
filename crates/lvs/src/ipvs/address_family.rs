//! The two address families of IPVS.

use std::net::IpAddr;

/// Address family of a service or a destination.
///
/// The order is that of the kernel's numbers: IPv4 (2) before IPv6 (10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum AddressFamily {
    /// `AF_INET`.
    Ipv4,
    /// `AF_INET6`.
    Ipv6,
}

impl AddressFamily {
    /// The kernel's number for the family (`linux/socket.h`).
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Ipv4 => libc::AF_INET as u16,
            Self::Ipv6 => libc::AF_INET6 as u16,
        }
    }

    /// The family with that number, if IPVS knows it.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        match number as i32 {
            libc::AF_INET => Some(Self::Ipv4),
            libc::AF_INET6 => Some(Self::Ipv6),
            _ => None,
        }
    }
}

impl From<IpAddr> for AddressFamily {
    fn from(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }
}
