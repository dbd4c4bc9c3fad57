//! The kind of a link and its options, in the words of `ip link`.

use rtnetlink::packet_route::IpProtocol;
use rtnetlink::packet_route::link::{
    self as packet, BondXmitHashPolicy, GreIOFlags, InfoBond, InfoData, InfoGre, InfoGre6,
    InfoIpTunnel, InfoKind, LinkInfo,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A tunnel's end of its own: the devices that the modules make take what comes from any address to
/// any, but only without checksums, and `ip6tnl0` only IPv6.
#[derive(Debug, PartialEq, Eq)]
struct End {
    local: IpAddr,
    /// Of `ip6tnl`: what is inside.
    mode: Option<IpProtocol>,
    /// Of GRE: whether packets carry a checksum. The kernel drops those with one where none is
    /// expected, and the other way round.
    checksum: bool,
}

/// The value of a link that the kernel tells this of; `None` for hardware.
pub(super) fn value(infos: &[LinkInfo]) -> Option<String> {
    let kind = infos.iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    })?;
    let data = infos.iter().find_map(|info| match info {
        LinkInfo::Data(data) => Some(data),
        _ => None,
    });
    let end = match data {
        Some(InfoData::Bond(options)) => return Some(bond_value(options)),
        Some(InfoData::IpTunnel(options)) if *kind == InfoKind::Ip6Tnl => {
            let (mut local, mut mode) = (None, None);
            for option in options {
                match option {
                    InfoIpTunnel::Local(address) => local = Some(*address),
                    InfoIpTunnel::Protocol(protocol) => mode = Some(*protocol),
                    _ => {}
                }
            }
            local.map(|local| End { local, mode, checksum: false })
        }
        Some(InfoData::GreTun(options)) => {
            let (mut local, mut checksum) = (None, false);
            for option in options {
                match option {
                    InfoGre::Local(address) => local = Some(IpAddr::V4(*address)),
                    InfoGre::IFlags(flags) => checksum = flags.contains(GreIOFlags::Checksum),
                    _ => {}
                }
            }
            local.map(|local| End { local, mode: None, checksum })
        }
        Some(InfoData::GreTun6(options)) => {
            let (mut local, mut checksum) = (None, false);
            for option in options {
                match option {
                    InfoGre6::Local(address) => local = Some(IpAddr::V6(*address)),
                    InfoGre6::IFlags(flags) => checksum = flags.contains(GreIOFlags::Checksum),
                    _ => {}
                }
            }
            local.map(|local| End { local, mode: None, checksum })
        }
        _ => None,
    };
    let words = end.filter(|end| !end.local.is_unspecified()).map(words).unwrap_or_default();
    Some(format!("{kind}{words}"))
}

fn words(end: End) -> String {
    let mode = match end.mode {
        None => "",
        Some(IpProtocol::Ipip) => " mode ipip6",
        Some(IpProtocol::Ipv6) => " mode ip6ip6",
        Some(_) => " mode any",
    };
    let checksum = if end.checksum { " icsum" } else { "" };
    format!("{mode} local {}{checksum}", end.local)
}

/// The kernel's words for a value.
pub(super) fn info(value: &str) -> (InfoKind, Option<InfoData>) {
    if let Some(options) = bond_options(value) {
        return (InfoKind::Bond, Some(InfoData::Bond(options)));
    }
    let (kind, options) = value.split_once(' ').unwrap_or((value, ""));
    let kind = InfoKind::from(kind);
    let data = end(options).and_then(|end| data(&kind, end));
    (kind, data)
}

fn end(options: &str) -> Option<End> {
    let mut words = options.split(' ');
    let (mut local, mut mode, mut checksum) = (None, None, false);
    while let Some(word) = words.next() {
        match word {
            "local" => local = words.next()?.parse().ok(),
            "mode" => {
                mode = Some(match words.next()? {
                    "ipip6" => IpProtocol::Ipip,
                    "ip6ip6" => IpProtocol::Ipv6,
                    _ => IpProtocol::Hopopts,
                });
            }
            "icsum" => checksum = true,
            _ => return None,
        }
    }
    Some(End { local: local?, mode, checksum })
}

fn data(kind: &InfoKind, end: End) -> Option<InfoData> {
    let flags = if end.checksum { GreIOFlags::Checksum } else { GreIOFlags::empty() };
    match (kind, end.local) {
        (InfoKind::Ip6Tnl, local) => {
            let mut options = vec![InfoIpTunnel::Local(local)];
            options.extend(end.mode.map(InfoIpTunnel::Protocol));
            Some(InfoData::IpTunnel(options))
        }
        (InfoKind::GreTun, IpAddr::V4(local)) => {
            Some(InfoData::GreTun(vec![InfoGre::Local(local), InfoGre::IFlags(flags)]))
        }
        (InfoKind::GreTun6, IpAddr::V6(local)) => {
            Some(InfoData::GreTun6(vec![InfoGre6::Local(local), InfoGre6::IFlags(flags)]))
        }
        _ => None,
    }
}

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
    pub(crate) const fn as_str(self) -> &'static str {
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
        bond_words(&self, MIIMON, policy)
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
fn bond_words(mode: &dyn fmt::Display, miimon: u32, policy: BondXmitHashPolicy) -> String {
    let plain = policy == BondXmitHashPolicy::Layer2;
    let policy = if plain { String::new() } else { format!(" xmit_hash_policy {policy}") };
    format!("bond mode {mode} miimon {miimon}{policy}")
}

/// The value of a bond that the kernel tells these options of.
pub(super) fn bond_value(options: &[InfoBond]) -> String {
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
    bond_words(&mode, miimon, policy)
}

/// The options that a value stands for.
pub(super) fn bond_options(value: &str) -> Option<Vec<InfoBond>> {
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
    fn link_kind_with_options_round_trips() {
        for said in [
            "ipip",
            "ip6tnl",
            "dummy",
            "gre local 192.0.2.2 icsum",
            "ip6gre local 2001:db8::2 icsum",
            "ip6tnl mode ipip6 local 2001:db8::2",
            "bond mode 802.3ad miimon 100 xmit_hash_policy layer3+4",
        ] {
            let (kind, data) = info(said);
            let mut infos = vec![LinkInfo::Kind(kind)];
            infos.extend(data.map(LinkInfo::Data));
            assert_eq!(value(&infos).as_deref(), Some(said));
        }
        assert_eq!(value(&[]), None);
    }

    #[test]
    fn tunnel_with_unspecified_local_address_has_kind_only() {
        let any = InfoData::GreTun(vec![InfoGre::Local([0, 0, 0, 0].into())]);
        let infos = [LinkInfo::Kind(InfoKind::GreTun), LinkInfo::Data(any)];
        assert_eq!(value(&infos).as_deref(), Some("gre"));
    }
}

#[cfg(test)]
mod bond_tests {
    use super::*;

    #[test]
    fn bond_options_round_trip_in_ip_link_syntax() {
        for mode in BondMode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
            let said = mode.value();
            assert_eq!(bond_value(&bond_options(&said).unwrap()), said);
        }
        assert_eq!(
            BondMode::Lacp.value(),
            "bond mode 802.3ad miimon 100 xmit_hash_policy layer3+4"
        );
        assert_eq!(BondMode::BalanceRr.value(), "bond mode balance-rr miimon 100");
        for bad in ["bond", "ipip", "bond mode", "bond mode x miimon 1", "bond mode 802.3ad up 1"] {
            assert_eq!(bond_options(bad), None, "{bad:?}");
        }
        assert!("lacp".parse::<BondMode>().unwrap_err().to_string().contains("802.3ad"));
    }
}
