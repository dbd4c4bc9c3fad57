//! How a bond uses its ports, and its options in the words of `ip link`.

use std::fmt;
use std::str::FromStr;

use rtnetlink::packet_route::link::{self as packet, BondXmitHashPolicy, InfoBond};
use serde::{Deserialize, Serialize};

/// How often the ports' links are looked at, in milliseconds. Without it a bond goes on using a
/// port whose cable was cut.
const MIIMON: u32 = 100;

/// How the ports of a bond share its traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum BondMode {
    /// `balance-rr`: packet by packet in turn. The switch must have its ports in one static group.
    BalanceRr,
    /// `active-backup`: one port works, another takes over. The switch need not know.
    ActiveBackup,
    /// `balance-xor`: each connection keeps to one port. A static group at the switch.
    BalanceXor,
    /// `802.3ad`: as `balance-xor`, agreed upon with the switch by LACP.
    Lacp,
}

/// A word that is none of the modes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a mode of bonds here: one of 802.3ad, balance-rr, balance-xor, active-backup"
)]
pub struct InvalidBondMode(String);

impl BondMode {
    const ALL: [Self; 4] = [Self::BalanceRr, Self::ActiveBackup, Self::BalanceXor, Self::Lacp];

    /// The kernel's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BalanceRr => "balance-rr",
            Self::ActiveBackup => "active-backup",
            Self::BalanceXor => "balance-xor",
            Self::Lacp => "802.3ad",
        }
    }

    /// Value of the [`Key::Link`](super::Key::Link) of a bond in this mode. Where it keeps
    /// connections together it tells them apart by their ports too: with the kernel's usual way, by
    /// hardware addresses, all that goes through one router would take one cable.
    #[must_use]
    pub fn value(self) -> String {
        let policy = match self {
            Self::BalanceRr | Self::ActiveBackup => BondXmitHashPolicy::Layer2,
            Self::BalanceXor | Self::Lacp => BondXmitHashPolicy::Layer34,
        };
        words(&self, MIIMON, policy)
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

/// The kind and its options, as `ip link` would take them.
fn words(mode: &dyn fmt::Display, miimon: u32, policy: BondXmitHashPolicy) -> String {
    let plain = policy == BondXmitHashPolicy::Layer2;
    let policy = if plain { String::new() } else { format!(" xmit_hash_policy {policy}") };
    format!("bond mode {mode} miimon {miimon}{policy}")
}

/// The value of a bond that the kernel tells these options of.
pub(super) fn value(options: &[InfoBond]) -> String {
    let (mut mode, mut miimon) = (packet::BondMode::BalanceRr, 0);
    let mut policy = BondXmitHashPolicy::Layer2;
    for option in options {
        match option {
            InfoBond::Mode(found) => mode = *found,
            InfoBond::MiiMon(found) => miimon = *found,
            InfoBond::XmitHashPolicy(found) => policy = *found,
            _ => {}
        }
    }
    words(&mode, miimon, policy)
}

/// The options that a value stands for.
pub(super) fn options(value: &str) -> Option<Vec<InfoBond>> {
    let mut words = value.strip_prefix("bond ")?.split(' ');
    let (mut mode, mut miimon, mut policy) = (None, None, BondXmitHashPolicy::Layer2);
    while let Some(word) = words.next() {
        let argument = words.next()?;
        match word {
            "mode" => mode = Some(argument.parse().ok()?),
            "miimon" => miimon = Some(argument.parse().ok()?),
            "xmit_hash_policy" => policy = argument.parse().ok()?,
            _ => return None,
        }
    }
    Some(vec![InfoBond::Mode(mode?), InfoBond::MiiMon(miimon?), InfoBond::XmitHashPolicy(policy)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_said_and_read_in_the_words_of_ip() {
        for mode in BondMode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
            let said = mode.value();
            assert_eq!(value(&options(&said).unwrap()), said);
        }
        assert_eq!(
            BondMode::Lacp.value(),
            "bond mode 802.3ad miimon 100 xmit_hash_policy layer3+4"
        );
        assert_eq!(BondMode::BalanceRr.value(), "bond mode balance-rr miimon 100");
        for bad in ["bond", "ipip", "bond mode", "bond mode x miimon 1", "bond mode 802.3ad up 1"] {
            assert_eq!(options(bad), None, "{bad:?}");
        }
        assert!("lacp".parse::<BondMode>().unwrap_err().to_string().contains("802.3ad"));
    }
}
