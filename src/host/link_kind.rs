//! The kind of a link and its options, in `ip link` syntax.

use rtnetlink::packet_route::IpProtocol;
use rtnetlink::packet_route::link::{
    self as packet, BondXmitHashPolicy, GreIOFlags, InfoBond, InfoData, InfoGre, InfoGre6,
    InfoIpTunnel, InfoKind, LinkInfo,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A dedicated tunnel endpoint: the fallback interfaces decapsulate packets from any peer, but only
/// without checksums, and `ip6tnl0` only IPv6.
#[derive(Debug, PartialEq, Eq)]
struct End {
    local: IpAddr,
    /// The inner protocol, for `ip6tnl`.
    mode: Option<IpProtocol>,
    /// Whether GRE packets have a checksum. The kernel drops those with an unexpected one, and those
    /// without an expected one.
    checksum: bool,
}

/// The value of a link with these attributes; `None` for hardware.
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

/// The netlink attributes of a value.
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

/// The link monitoring interval in milliseconds. Without it a bond keeps using a port without a
/// carrier.
const MIIMON: u32 = 100;

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

/// The kind and its options in `ip link` syntax.
fn bond_words(mode: &dyn fmt::Display, miimon: u32, policy: BondXmitHashPolicy) -> String {
    let plain = policy == BondXmitHashPolicy::Layer2;
    let policy = if plain { String::new() } else { format!(" xmit_hash_policy {policy}") };
    format!("bond mode {mode} miimon {miimon}{policy}")
}

/// The value of a bond with these options.
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

/// The options of a value.
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
