//! Policy rules, which choose the routing table.

use std::fmt;
use std::net::IpAddr;

use netlink_packet_core::DecodeError;
use serde::{Deserialize, Serialize};

use super::attributes::{address, attributes, text, u8, u16, u32};
use super::route::table_name;
use super::{Prefix, Protocol};
use crate::host::InterfaceName;
use lvs::ipvs::AddressFamily;

/// A policy rule. What is `None` matches everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) family: AddressFamily,
    /// Smaller is matched first.
    pub(crate) priority: u32,
    /// It applies to packets that do not match.
    #[serde(default)]
    pub(crate) inverted: bool,
    #[serde(default)]
    pub(crate) from: Option<Prefix>,
    #[serde(default)]
    pub(crate) to: Option<Prefix>,
    /// Type of service; 0 for all.
    #[serde(default)]
    pub(crate) tos: u8,
    #[serde(default)]
    pub(crate) mark: Option<Mark>,
    /// The interface that a packet arrives on; `lo` for the machine's own.
    #[serde(default)]
    pub(crate) iif: Option<InterfaceName>,
    #[serde(default)]
    pub(crate) oif: Option<InterfaceName>,
    /// User IDs, first and last.
    #[serde(default)]
    pub(crate) users: Option<(u32, u32)>,
    /// A protocol, such as 6 for TCP.
    #[serde(default)]
    pub(crate) ip_protocol: Option<u8>,
    /// Ports, first and last.
    #[serde(default)]
    pub(crate) source_ports: Option<(u16, u16)>,
    #[serde(default)]
    pub(crate) destination_ports: Option<(u16, u16)>,
    /// It applies to packets of interfaces in a VRF, whose table it takes.
    #[serde(default)]
    pub(crate) l3mdev: bool,
    /// It has another condition, which this release does not know.
    #[serde(default)]
    pub(crate) has_other_condition: bool,
    /// Routes of shorter or equally long prefixes do not count.
    #[serde(default)]
    pub(crate) suppress_prefix: Option<u32>,
    pub(crate) table: u32,
    pub(crate) action: RuleAction,
    #[serde(default)]
    pub(crate) protocol: Protocol,
}

/// `fwmark MARK/MASK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) mark: u32,
    pub(crate) mask: u32,
}

impl Mark {
    pub(crate) const fn matches(self, mark: u32) -> bool {
        (self.mark ^ mark) & self.mask == 0
    }
}

/// What a rule does (`FR_ACT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RuleAction {
    /// Look up the table; the next rule counts where it has no route.
    Lookup,
    /// Continue with the rule of that priority.
    Goto(u32),
    Nop,
    Blackhole,
    Unreachable,
    Prohibit,
    Other(u8),
}

/// Length of `struct fib_rule_hdr`.
const HEADER: usize = 12;

/// `FIB_RULE_INVERT`.
const INVERTED: u32 = 2;

// FRA_*.
const TO: u16 = 1;
const FROM: u16 = 2;
const IIF: u16 = 3;
const GOTO: u16 = 4;
const PRIORITY: u16 = 6;
const MARK: u16 = 10;
const TUNNEL_ID: u16 = 12;
const SUPPRESS_PREFIX: u16 = 14;
const TABLE: u16 = 15;
const MASK: u16 = 16;
const OIF: u16 = 17;
const L3MDEV: u16 = 19;
const USERS: u16 = 20;
const PROTOCOL: u16 = 21;
const IP_PROTOCOL: u16 = 22;
const SOURCE_PORTS: u16 = 23;
const DESTINATION_PORTS: u16 = 24;
/// Later ones are conditions of newer kernels.
const LAST: u16 = DESTINATION_PORTS;

impl Rule {
    /// A rule that looks up a table for every packet.
    pub(crate) const fn new(family: AddressFamily, priority: u32, table: u32) -> Self {
        Self {
            family,
            priority,
            inverted: false,
            from: None,
            to: None,
            tos: 0,
            mark: None,
            iif: None,
            oif: None,
            users: None,
            ip_protocol: None,
            source_ports: None,
            destination_ports: None,
            l3mdev: false,
            has_other_condition: false,
            suppress_prefix: None,
            table,
            action: RuleAction::Lookup,
            protocol: Protocol::BOOT,
        }
    }

    /// Reads what follows the header of an `RTM_NEWRULE`. `None` for multicast routing.
    pub(super) fn parse(message: &[u8]) -> Result<Option<Self>, DecodeError> {
        let (header, rest) = message
            .split_first_chunk::<HEADER>()
            .ok_or_else(|| DecodeError::from("a policy rule without its header"))?;
        let [family, to, from, tos, table, _, _, action, a, b, c, d] = *header;
        let family = match i32::from(family) {
            libc::AF_INET => AddressFamily::Ipv4,
            libc::AF_INET6 => AddressFamily::Ipv6,
            _ => return Ok(None),
        };
        let mut rule = Self::new(family, 0, table.into());
        (rule.tos, rule.protocol) = (tos, Protocol::default());
        rule.inverted = u32::from_ne_bytes([a, b, c, d]) & INVERTED != 0;
        let (mut mark, mut mask, mut target) = (0, 0, 0);
        for (kind, value) in attributes(rest) {
            let prefix = |length| address(value).map(|address| Prefix { address, length });
            let name = || InterfaceName::from_kernel(text(value));
            let ports = || Some((u16(value)?, value.get(2..).and_then(u16)?));
            match kind {
                TO => rule.to = prefix(to),
                FROM => rule.from = prefix(from),
                IIF => rule.iif = Some(name()),
                OIF => rule.oif = Some(name()),
                GOTO => target = u32(value).unwrap_or_default(),
                PRIORITY => rule.priority = u32(value).unwrap_or_default(),
                MARK => mark = u32(value).unwrap_or_default(),
                MASK => mask = u32(value).unwrap_or_default(),
                SUPPRESS_PREFIX => rule.suppress_prefix = u32(value).filter(|it| *it != u32::MAX),
                TABLE => rule.table = u32(value).unwrap_or(rule.table),
                L3MDEV => rule.l3mdev = u8(value) == Some(1),
                USERS => {
                    rule.users = u32(value).zip(value.get(4..).and_then(u32));
                }
                PROTOCOL => rule.protocol = Protocol(u8(value).unwrap_or_default()),
                IP_PROTOCOL => rule.ip_protocol = u8(value),
                SOURCE_PORTS => rule.source_ports = ports(),
                DESTINATION_PORTS => rule.destination_ports = ports(),
                TUNNEL_ID => rule.has_other_condition = true,
                other => rule.has_other_condition |= other > LAST,
            }
        }
        rule.mark = (mask != 0).then_some(Mark { mark, mask });
        rule.action = match action {
            1 => RuleAction::Lookup,
            2 => RuleAction::Goto(target),
            3 => RuleAction::Nop,
            6 => RuleAction::Blackhole,
            7 => RuleAction::Unreachable,
            8 => RuleAction::Prohibit,
            other => RuleAction::Other(other),
        };
        Ok(Some(rule))
    }

    /// Whether it applies to every packet.
    pub(crate) fn is_unconditional(&self) -> bool {
        let any = Self {
            table: self.table,
            action: self.action,
            protocol: self.protocol,
            suppress_prefix: self.suppress_prefix,
            ..Self::new(self.family, self.priority, self.table)
        };
        *self == any
    }

    /// Whether every machine has it (`fib_default_rules_init`, and `fib6_rules_net_init`).
    pub(crate) fn is_usual(&self) -> bool {
        matches!(self.priority, 0 | 32_766 | 32_767)
    }
}

/// As a line of `ip rule`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.priority)?;
        if self.inverted {
            f.write_str(" not")?;
        }
        match self.from {
            Some(from) => write!(f, " from {from}")?,
            None => f.write_str(" from all")?,
        }
        if let Some(to) = self.to {
            write!(f, " to {to}")?;
        }
        if self.tos != 0 {
            write!(f, " tos {:#x}", self.tos)?;
        }
        if let Some(Mark { mark, mask }) = self.mark {
            write!(f, " fwmark {mark:#x}")?;
            if mask != u32::MAX {
                write!(f, "/{mask:#x}")?;
            }
        }
        if let Some(name) = &self.iif {
            write!(f, " iif {name}")?;
        }
        if let Some(name) = &self.oif {
            write!(f, " oif {name}")?;
        }
        if self.l3mdev {
            f.write_str(" lookup [l3mdev-table]")?;
        }
        if let Some((first, last)) = self.users {
            write!(f, " uidrange {first}-{last}")?;
        }
        if let Some(protocol) = self.ip_protocol {
            write!(f, " ipproto {protocol}")?;
        }
        for (name, ports) in [("sport", self.source_ports), ("dport", self.destination_ports)] {
            match ports {
                Some((first, last)) if first == last => write!(f, " {name} {first}")?,
                Some((first, last)) => write!(f, " {name} {first}-{last}")?,
                None => {}
            }
        }
        match self.action {
            RuleAction::Lookup if self.l3mdev => {}
            RuleAction::Lookup => write!(f, " lookup {}", table_name(self.table))?,
            RuleAction::Goto(priority) => write!(f, " goto {priority}")?,
            RuleAction::Nop => f.write_str(" nop")?,
            RuleAction::Blackhole => f.write_str(" blackhole")?,
            RuleAction::Unreachable => f.write_str(" unreachable")?,
            RuleAction::Prohibit => f.write_str(" prohibit")?,
            RuleAction::Other(number) => write!(f, " action {number}")?,
        }
        match self.suppress_prefix {
            Some(length) => write!(f, " suppress_prefixlength {length}"),
            None => Ok(()),
        }
    }
}

impl Rule {
    /// `from SOURCE` of a host, if that is its only condition.
    pub(crate) fn only_source(&self) -> Option<IpAddr> {
        let source = self.from.filter(Prefix::is_host)?;
        let plain = Self { from: None, ..self.clone() };
        (plain.is_unconditional() && self.action == RuleAction::Lookup).then_some(source.address)
    }
}
