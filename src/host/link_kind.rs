//! The kind of a link and the options that matter here, in the words of `ip link`.

use std::net::IpAddr;

use rtnetlink::packet_route::IpProtocol;
use rtnetlink::packet_route::link::{
    GreIOFlags, InfoData, InfoGre, InfoGre6, InfoIpTunnel, InfoKind, LinkInfo,
};

use super::bond_mode;

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
        Some(InfoData::Bond(options)) => return Some(bond_mode::value(options)),
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
    if let Some(options) = bond_mode::options(value) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_and_its_options_come_back_as_they_were_said() {
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
    fn an_end_for_all_addresses_is_told_by_its_kind() {
        let any = InfoData::GreTun(vec![InfoGre::Local([0, 0, 0, 0].into())]);
        let infos = [LinkInfo::Kind(InfoKind::GreTun), LinkInfo::Data(any)];
        assert_eq!(value(&infos).as_deref(), Some("gre"));
    }
}
