//! The kind of a link, with the parameters that count for LVS, in the words of `ip -d link`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::attributes::{address, attributes, text, u8, u16, u16_be, u32, u32_be};

/// The kind of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) enum LinkKind {
    /// Hardware, and what a driver presents as such.
    Device,
    Tunnel(Tunnel),
    Bond(BondOptions),
    /// Another kind, such as `bridge` or `veth`.
    Other(String),
}

/// A kind of tunnel over IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TunnelKind {
    Ipip,
    Sit,
    Gre,
    Gretap,
    Ip6Tnl,
    Ip6Gre,
    Ip6Gretap,
    Vti,
    Vti6,
}

impl TunnelKind {
    const ALL: [(Self, &str); 9] = [
        (Self::Ipip, "ipip"),
        (Self::Sit, "sit"),
        (Self::Gre, "gre"),
        (Self::Gretap, "gretap"),
        (Self::Ip6Tnl, "ip6tnl"),
        (Self::Ip6Gre, "ip6gre"),
        (Self::Ip6Gretap, "ip6gretap"),
        (Self::Vti, "vti"),
        (Self::Vti6, "vti6"),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, it)| *it == name).map(|(kind, _)| *kind)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

/// A tunnel interface. The unspecified address of an endpoint is `None`: any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tunnel {
    pub(crate) kind: TunnelKind,
    pub(crate) local: Option<IpAddr>,
    pub(crate) remote: Option<IpAddr>,
    /// The inner protocol of `ipip`, `sit` and `ip6tnl`, as in an IP header; 0 is any.
    pub(crate) protocol: Option<u8>,
    /// GRE packets without the expected key are dropped.
    pub(crate) input_key: Option<u32>,
    /// GRE packets with an unexpected checksum are dropped, and those without an expected one.
    pub(crate) input_checksum: bool,
    pub(crate) output_checksum: bool,
    /// `external`: the endpoints come with each packet, from a route or a filter.
    pub(crate) external: bool,
    /// The UDP port of FOU or GUE that it sends to; it decapsulates without one.
    pub(crate) encapsulation_port: Option<u16>,
}

impl Tunnel {
    pub(crate) const fn new(kind: TunnelKind) -> Self {
        Self {
            kind,
            local: None,
            remote: None,
            protocol: None,
            input_key: None,
            input_checksum: false,
            output_checksum: false,
            external: false,
            encapsulation_port: None,
        }
    }
}

/// The options of a bond that LVS sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BondOptions {
    /// As numbered by the kernel (`BOND_MODE_*`).
    pub(crate) mode: u8,
    /// The link monitoring interval in milliseconds; 0 is none.
    pub(crate) miimon: u32,
    /// As numbered by the kernel (`BOND_XMIT_POLICY_*`).
    pub(crate) hash_policy: u8,
}

/// The modes and hash policies of bonds, by number.
const BOND_MODES: [&str; 7] = [
    "balance-rr",
    "active-backup",
    "balance-xor",
    "broadcast",
    "802.3ad",
    "balance-tlb",
    "balance-alb",
];
const HASH_POLICIES: [&str; 6] =
    ["layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"];

/// `IFLA_INFO_KIND` and `IFLA_INFO_DATA`.
const KIND: u16 = 1;
const DATA: u16 = 2;

/// `IFLA_BOND_*`.
const BOND_MODE: u16 = 1;
const BOND_MIIMON: u16 = 3;
const BOND_HASH_POLICY: u16 = 14;

/// Numbers of the attributes that two kinds of tunnels share, by what they mean.
struct Numbers {
    local: u16,
    remote: u16,
    protocol: Option<u16>,
    /// Flags for input and output, and the key of input.
    gre: Option<[u16; 3]>,
    encapsulation_port: Option<u16>,
    external: Option<u16>,
}

/// `IFLA_IPTUN_*`, `IFLA_GRE_*` and `IFLA_VTI_*` (`linux/if_tunnel.h`).
const IPTUN: Numbers = Numbers {
    local: 2,
    remote: 3,
    protocol: Some(9),
    gre: None,
    encapsulation_port: Some(18),
    external: Some(19),
};
const GRE: Numbers = Numbers {
    local: 6,
    remote: 7,
    protocol: None,
    gre: Some([2, 3, 4]),
    encapsulation_port: Some(17),
    external: Some(18),
};
const VTI: Numbers = Numbers {
    local: 4,
    remote: 5,
    protocol: None,
    gre: None,
    encapsulation_port: None,
    external: None,
};

/// `GRE_CSUM` and `GRE_KEY`, in network byte order.
const CHECKSUM: u16 = 0x8000;
const KEY: u16 = 0x2000;

impl LinkKind {
    /// Reads the value of an `IFLA_LINKINFO`.
    pub(super) fn parse(info: &[u8]) -> Self {
        let (mut kind, mut data) = (None, &[][..]);
        for (number, value) in attributes(info) {
            match number {
                KIND => kind = Some(String::from_utf8_lossy(text(value)).into_owned()),
                DATA => data = value,
                _ => {}
            }
        }
        match kind {
            None => Self::Device,
            Some(kind) if kind == "bond" => Self::Bond(bond(data)),
            Some(kind) => match TunnelKind::named(&kind) {
                Some(kind) => Self::Tunnel(tunnel(kind, data)),
                None => Self::Other(kind),
            },
        }
    }

    /// The name of the kind alone, as `type` of `ip link`; `device` for hardware.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Device => "device",
            Self::Tunnel(tunnel) => tunnel.kind.name(),
            Self::Bond(_) => "bond",
            Self::Other(kind) => kind,
        }
    }

    pub(crate) const fn tunnel(&self) -> Option<&Tunnel> {
        match self {
            Self::Tunnel(tunnel) => Some(tunnel),
            _ => None,
        }
    }
}

fn bond(data: &[u8]) -> BondOptions {
    let mut options = BondOptions { mode: 0, miimon: 0, hash_policy: 0 };
    for (number, value) in attributes(data) {
        match number {
            BOND_MODE => options.mode = u8(value).unwrap_or_default(),
            BOND_MIIMON => options.miimon = u32(value).unwrap_or_default(),
            BOND_HASH_POLICY => options.hash_policy = u8(value).unwrap_or_default(),
            _ => {}
        }
    }
    options
}

fn tunnel(kind: TunnelKind, data: &[u8]) -> Tunnel {
    use TunnelKind::{Gre, Gretap, Ip6Gre, Ip6Gretap, Ip6Tnl, Ipip, Sit, Vti, Vti6};
    let numbers = match kind {
        Ipip | Sit | Ip6Tnl => IPTUN,
        Gre | Gretap | Ip6Gre | Ip6Gretap => GRE,
        Vti | Vti6 => VTI,
    };
    let mut tunnel = Tunnel::new(kind);
    let (mut has_key, mut key) = (false, None);
    for (number, value) in attributes(data) {
        let endpoint = || address(value).filter(|address| !address.is_unspecified());
        let is = |known: Option<u16>| known == Some(number);
        if number == numbers.local {
            tunnel.local = endpoint();
        } else if number == numbers.remote {
            tunnel.remote = endpoint();
        } else if is(numbers.protocol) {
            tunnel.protocol = u8(value);
        } else if is(numbers.encapsulation_port) {
            tunnel.encapsulation_port = u16_be(value).filter(|port| *port != 0);
        } else if is(numbers.external) {
            tunnel.external = true;
        } else if let Some([input, output, input_key]) = numbers.gre {
            // Network byte order, as in the packet.
            let flags = || u16(value).map(u16::from_be).unwrap_or_default();
            if number == input {
                tunnel.input_checksum = flags() & CHECKSUM != 0;
                has_key = flags() & KEY != 0;
            } else if number == output {
                tunnel.output_checksum = flags() & CHECKSUM != 0;
            } else if number == input_key {
                key = u32_be(value);
            }
        }
    }
    tunnel.input_key = key.filter(|_| has_key);
    tunnel
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device | Self::Other(_) => f.write_str(self.name()),
            Self::Tunnel(tunnel) => tunnel.fmt(f),
            Self::Bond(options) => options.fmt(f),
        }
    }
}

/// The protocols of `mode`, by kind: name and number in an IP header.
const fn modes(kind: TunnelKind) -> &'static [(&'static str, u8)] {
    match kind {
        TunnelKind::Ip6Tnl => &[("ip6ip6", 41), ("ipip6", 4), ("any", 0)],
        // `ip` says `ip6ip` and the kernel's default is that alone.
        TunnelKind::Sit => &[("ip6ip", 41), ("ipip", 4), ("mplsip", 137), ("any", 0)],
        TunnelKind::Ipip => &[("ipip", 4), ("mplsip", 137), ("any", 0)],
        _ => &[],
    }
}

impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if self.external {
            f.write_str(" external")?;
        }
        // The fallback interfaces have modes too, which `ip link add` does not need.
        if self.local.is_some() || self.remote.is_some() {
            let is_default = self.protocol == modes(self.kind).first().map(|(_, number)| *number)
                && self.kind != TunnelKind::Ip6Tnl;
            let mode = modes(self.kind).iter().find(|(_, number)| Some(*number) == self.protocol);
            if let Some((name, _)) = mode.filter(|_| !is_default) {
                write!(f, " mode {name}")?;
            }
        }
        if let Some(remote) = self.remote {
            write!(f, " remote {remote}")?;
        }
        if let Some(local) = self.local {
            write!(f, " local {local}")?;
        }
        if let Some(key) = self.input_key {
            write!(f, " ikey {key}")?;
        }
        if self.input_checksum {
            f.write_str(" icsum")?;
        }
        if self.output_checksum {
            f.write_str(" ocsum")?;
        }
        match self.encapsulation_port {
            Some(port) => write!(f, " encap-dport {port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for BondOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |words: &[&'static str], number: u8| {
            let word = words.get(usize::from(number));
            word.map_or_else(|| number.to_string(), ToString::to_string)
        };
        write!(f, "bond mode {} miimon {}", word(&BOND_MODES, self.mode), self.miimon)?;
        match self.hash_policy {
            0 => Ok(()),
            policy => write!(f, " xmit_hash_policy {}", word(&HASH_POLICIES, policy)),
        }
    }
}

/// Of snapshots and journals. Words that this release does not know stay as they are.
impl From<String> for LinkKind {
    fn from(words: String) -> Self {
        let parsed = match words.split_once(' ') {
            _ if words == "device" => Some(Self::Device),
            Some(("bond", options)) => read_bond(options).map(Self::Bond),
            Some((kind, options)) => TunnelKind::named(kind)
                .and_then(|kind| read_tunnel(kind, options))
                .map(Self::Tunnel),
            None => TunnelKind::named(&words).map(|kind| Self::Tunnel(Tunnel::new(kind))),
        };
        parsed.unwrap_or(Self::Other(words))
    }
}

impl From<LinkKind> for String {
    fn from(kind: LinkKind) -> Self {
        kind.to_string()
    }
}

fn read_bond(options: &str) -> Option<BondOptions> {
    let mut words = options.split(' ');
    let number = |names: &[&str], word: &str| {
        let known = names.iter().position(|name| *name == word);
        known.and_then(|at| at.try_into().ok()).or_else(|| word.parse().ok())
    };
    let mut bond = BondOptions { mode: 0, miimon: 0, hash_policy: 0 };
    while let Some(word) = words.next() {
        let argument = words.next()?;
        match word {
            "mode" => bond.mode = number(&BOND_MODES, argument)?,
            "miimon" => bond.miimon = argument.parse().ok()?,
            "xmit_hash_policy" => bond.hash_policy = number(&HASH_POLICIES, argument)?,
            _ => return None,
        }
    }
    Some(bond)
}

fn read_tunnel(kind: TunnelKind, options: &str) -> Option<Tunnel> {
    fn argument<T: FromStr>(words: &mut std::str::Split<'_, char>) -> Option<T> {
        words.next()?.parse().ok()
    }
    let mut words = options.split(' ');
    let mut tunnel = Tunnel::new(kind);
    while let Some(word) = words.next() {
        match word {
            "external" => tunnel.external = true,
            "mode" => {
                let name = words.next()?;
                tunnel.protocol = Some(modes(kind).iter().find(|(it, _)| *it == name)?.1);
            }
            "remote" => tunnel.remote = Some(argument(&mut words)?),
            "local" => tunnel.local = Some(argument(&mut words)?),
            "ikey" => tunnel.input_key = Some(argument(&mut words)?),
            "icsum" => tunnel.input_checksum = true,
            "ocsum" => tunnel.output_checksum = true,
            "encap-dport" => tunnel.encapsulation_port = Some(argument(&mut words)?),
            _ => return None,
        }
    }
    Some(tunnel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_kind_is_read_back_from_its_words() {
        for words in [
            "device",
            "ipip",
            "ip6tnl",
            "dummy",
            "gre local 192.0.2.2 icsum",
            "ip6gre local 2001:db8::2 icsum",
            "ip6tnl mode ipip6 local 2001:db8::2",
            "ip6tnl mode any local 2001:db8::2",
            "ipip mode any remote 192.0.2.1 local 192.0.2.2 encap-dport 5555",
            "gre external",
            "gre remote 192.0.2.1 ikey 7 icsum ocsum",
            "bond mode 802.3ad miimon 100 xmit_hash_policy layer3+4",
            "bond mode balance-rr miimon 0",
            "bond mode 9 miimon 0",
            "something new with words",
        ] {
            let kind = LinkKind::from(words.to_owned());
            assert_eq!(kind.to_string(), words);
        }
        let kind = LinkKind::from("ip6tnl mode any local 2001:db8::2".to_owned());
        assert!(matches!(kind, LinkKind::Tunnel(Tunnel { protocol: Some(0), .. })));
    }
}
