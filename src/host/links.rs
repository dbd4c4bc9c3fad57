//! Links that lvsctl makes: the modes of bonds, and the one table of the fallback interfaces of tunnel
//! modules.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::state::{BondOptions, TunnelKind};

/// The link monitoring interval in milliseconds. Without it a bond keeps using a port without a
/// carrier.
const MIIMON: u32 = 100;

/// `BOND_XMIT_POLICY_*`: by MAC addresses; by IP addresses and ports.
const LAYER_2: u8 = 0;
const LAYER_3_AND_4: u8 = 1;

/// The mode of a bond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum BondMode {
    /// `balance-rr`: packets take turns. The switch needs a static port group.
    BalanceRr,
    /// `active-backup`: one port is active, another takes over. The switch needs no configuration.
    ActiveBackup,
    /// `balance-xor`: each connection stays on one port. The switch needs a static port group.
    BalanceXor,
    /// `802.3ad`: as `balance-xor`, negotiated with the switch by LACP.
    Lacp,
}

/// Not the name of a bond mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a bond mode: use one of 802.3ad, balance-rr, balance-xor, active-backup")]
pub struct InvalidBondMode(String);

impl BondMode {
    const ALL: [Self; 4] = [Self::BalanceRr, Self::ActiveBackup, Self::BalanceXor, Self::Lacp];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::BalanceRr => "balance-rr",
            Self::ActiveBackup => "active-backup",
            Self::BalanceXor => "balance-xor",
            Self::Lacp => "802.3ad",
        }
    }

    /// Value of the [`Key::Link`](super::Key::Link) of a bond in this mode. Modes that
    /// keep connections together hash ports too: with the kernel's default policy, MAC addresses, all
    /// traffic through one router would use one cable.
    pub fn value(self) -> String {
        // `BOND_MODE_*`.
        let (mode, hash_policy) = match self {
            Self::BalanceRr => (0, LAYER_2),
            Self::ActiveBackup => (1, LAYER_2),
            Self::BalanceXor => (2, LAYER_3_AND_4),
            Self::Lacp => (4, LAYER_3_AND_4),
        };
        BondOptions { mode, miimon: MIIMON, hash_policy }.to_string()
    }
}

impl FromStr for BondMode {
    type Err = InvalidBondMode;

    fn from_str(word: &str) -> Result<Self, InvalidBondMode> {
        let mode = Self::ALL.into_iter().find(|mode| mode.as_str() == word);
        mode.ok_or_else(|| InvalidBondMode(word.to_owned()))
    }
}

impl TryFrom<String> for BondMode {
    type Error = InvalidBondMode;

    fn try_from(word: String) -> Result<Self, InvalidBondMode> {
        word.parse()
    }
}

impl From<BondMode> for String {
    fn from(mode: BondMode) -> Self {
        mode.as_str().to_owned()
    }
}

impl fmt::Display for BondMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The interface that a tunnel module makes in every namespace. It decapsulates packets from any
/// peer.
pub(crate) struct FallbackTunnel {
    pub(crate) name: &'static str,
    pub(crate) kind: TunnelKind,
    pub(crate) module: &'static str,
}

pub(crate) const FALLBACK_TUNNELS: [FallbackTunnel; 5] = [
    FallbackTunnel { name: "tunl0", kind: TunnelKind::Ipip, module: "ipip" },
    FallbackTunnel { name: "ip6tnl0", kind: TunnelKind::Ip6Tnl, module: "ip6_tunnel" },
    FallbackTunnel { name: "sit0", kind: TunnelKind::Sit, module: "sit" },
    FallbackTunnel { name: "gre0", kind: TunnelKind::Gre, module: "ip_gre" },
    FallbackTunnel { name: "ip6gre0", kind: TunnelKind::Ip6Gre, module: "ip6_gre" },
];

/// Whether the kernel or lvsctl names a tunnel interface like this.
pub(crate) fn is_tunnel(name: &str) -> bool {
    name.starts_with("lvs-") || is_fallback_tunnel(name)
}

pub(crate) fn is_fallback_tunnel(name: &str) -> bool {
    FALLBACK_TUNNELS.iter().any(|tunnel| tunnel.name == name)
}

/// The module of a kind of tunnel, which makes the fallback interface when it is loaded.
pub(crate) fn tunnel_module(kind: &str) -> Option<&'static str> {
    FALLBACK_TUNNELS.iter().find(|tunnel| tunnel.kind.name() == kind).map(|it| it.module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bond_mode_is_printed_in_ip_link_syntax() {
        for mode in BondMode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert_eq!(
            BondMode::Lacp.value(),
            "bond mode 802.3ad miimon 100 xmit_hash_policy layer3+4"
        );
        assert_eq!(BondMode::BalanceRr.value(), "bond mode balance-rr miimon 100");
        assert!("lacp".parse::<BondMode>().unwrap_err().to_string().contains("802.3ad"));
    }
}
