//! The way of a packet through the chains of one hook.

use std::fmt;

use super::packet::Matched;
use super::{Base, Chain, ConnectionState, Hook, Nft, Packet, Peer, Rule, Table, Target, What};
use lvs::ipvs::AddressFamily;

/// A rule, or the policy of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) family: AddressFamily,
    pub(crate) nft: Option<Nft>,
    pub(crate) table: String,
    pub(crate) chain: String,
    /// `None` is the policy.
    pub(crate) rule: Option<u64>,
    /// What is not understood about the rule.
    pub(crate) why: Option<String>,
}

impl Place {
    /// `iptables`, `ip6tables` or `nft`; `suffix` is that of the programs for legacy rules.
    const fn program(&self) -> &'static str {
        match (self.nft, self.family) {
            (Some(_), _) => "nft",
            (None, AddressFamily::Ipv4) => "iptables",
            (None, AddressFamily::Ipv6) => "ip6tables",
        }
    }

    /// The command that lists the chain, with the suffix of the programs for legacy rules.
    pub(crate) fn listing(&self, suffix: &str) -> String {
        let Self { table, chain, .. } = self;
        match self.nft {
            Some(nft) => format!("nft -a list chain {} {table} {chain}", nft.name()),
            None => format!("{}{suffix} -t {table} -L {chain} -vn --line-numbers", self.program()),
        }
    }

    /// The commands that accept packets before the rule, and that revert it. `words` are those of
    /// iptables.
    pub(crate) fn accepting(
        &self,
        hook: Hook,
        suffix: &str,
        packet: &Packet,
        words: &str,
    ) -> (String, String) {
        let Self { table, chain, .. } = self;
        if let Some(nft) = self.nft {
            let place = format!("{} {table} {chain}", nft.name());
            let words = packet.nft_words();
            let mark = "lvsctl";
            return (
                format!("nft insert rule {place} {words} accept comment {mark}"),
                format!(
                    "nft delete rule {place} handle $(nft -a list chain {place} | \
                     sed -n 's/.*comment \"{mark}\" # handle //p' | head -n 1)"
                ),
            );
        }
        let (program, hook) = (self.program(), hook.name());
        let command =
            |action| format!("{program}{suffix} -t {table} -{action} {hook} {words} -j ACCEPT");
        (command('I'), command('D'))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, chain, rule, why, .. } = self;
        let family = self.nft.map(|nft| format!("{} ", nft.name())).unwrap_or_default();
        write!(f, "{} table {family}{table} chain {chain} ", self.program())?;
        match (rule, self.nft) {
            (Some(rule), None) => write!(f, "rule {rule}")?,
            (Some(rule), Some(_)) => write!(f, "handle {rule}")?,
            (None, _) => f.write_str("policy")?,
        }
        match why {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

/// What the chains of a hook do with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passes,
    Stops {
        at: Place,
        reject: bool,
    },
    /// Some clients are dropped.
    StopsSome {
        at: Place,
    },
    Unknown(Place),
}

/// The ends that a packet can have in a chain.
#[derive(Default)]
struct Ends {
    accepted: bool,
    dropped: Option<(Place, bool)>,
    /// It can reach the end of the chain.
    falls_through: bool,
    /// Rules of which it is not known whether they match, with an effect.
    doubts: Vec<Place>,
}

/// Jumps within jumps, and rules in all: rules of a kernel have no loops, those of a snapshot may.
const DEEPEST: u32 = 32;
const MOST_RULES: u32 = 1_000_000;

/// Walks the packet through a hook, up to IPVS or the end, and changes it as the rules do.
pub(crate) fn traverse(tables: &[Table], hook: Hook, below: i32, packet: &mut Packet) -> Outcome {
    let family = packet.family();
    let mut chains: Vec<(&Table, &Chain, &Base)> = Vec::new();
    for table in tables.iter().filter(|table| table.family == family) {
        chains.extend(table.chains.iter().filter_map(|chain| {
            let base = chain.base.as_ref().filter(|it| it.hook == hook && it.priority < below)?;
            let device = if hook == Hook::Postrouting { &packet.output } else { &packet.input };
            let sees = base.devices.is_empty()
                || device.as_ref().is_some_and(|device| base.devices.contains(device));
            sees.then_some((table, chain, base))
        }));
    }
    chains.sort_by_key(|(.., base)| base.priority);
    let mut uncertain = None;
    for (table, chain, base) in chains {
        let untracked =
            matches!(packet.state, ConnectionState::Untracked | ConnectionState::Invalid);
        if base.translates && (untracked || packet.state == ConnectionState::Established) {
            continue;
        }
        let mut walker = Walker { table, rules: 0 };
        let mut ends = walker.chain(chain, packet, 0);
        if ends.falls_through {
            match base.accepts {
                true => ends.accepted = true,
                false if ends.dropped.is_none() => {
                    ends.dropped = Some((walker.place(chain, None, None), false));
                }
                false => {}
            }
        }
        match (ends.dropped, ends.accepted, ends.doubts.into_iter().next()) {
            (Some((at, reject)), false, _) => return Outcome::Stops { at, reject },
            (Some(_), true, Some(doubt)) => uncertain = Some(Outcome::Unknown(doubt)),
            (Some((at, _)), true, None) => uncertain = Some(Outcome::StopsSome { at }),
            (None, _, Some(doubt)) if doubt.why.as_deref().is_some_and(is_effect) => {
                uncertain = Some(Outcome::Unknown(doubt));
            }
            (None, ..) => {}
        }
    }
    uncertain.unwrap_or(Outcome::Passes)
}

/// Whether a doubt is about what a rule does, and not about whether it matches.
fn is_effect(why: &str) -> bool {
    why.starts_with("target ")
}

struct Walker<'a> {
    table: &'a Table,
    rules: u32,
}

impl Walker<'_> {
    fn place(&self, chain: &Chain, rule: Option<u64>, why: Option<String>) -> Place {
        let (table, chain) = (self.table.name.clone(), chain.name.clone());
        Place { family: self.table.family, nft: self.table.nft, table, chain, rule, why }
    }

    fn chain(&mut self, chain: &Chain, packet: &mut Packet, depth: u32) -> Ends {
        let mut ends = Ends::default();
        for rule in &chain.rules {
            self.rules += 1;
            if depth > DEEPEST || self.rules > MOST_RULES {
                ends.doubts.push(self.place(chain, Some(rule.number), Some("target loop".into())));
                ends.accepted = true;
                return ends;
            }
            let matched = packet.matches(&rule.matches);
            if matched == Matched::No {
                continue;
            }
            if self.rule(chain, rule, matched, packet, depth, &mut ends) {
                return ends;
            }
        }
        ends.falls_through = true;
        ends
    }

    /// Applies a rule that matches, or may; whether no packet goes on to the next one.
    fn rule(
        &mut self,
        chain: &Chain,
        rule: &Rule,
        matched: Matched,
        packet: &mut Packet,
        depth: u32,
        ends: &mut Ends,
    ) -> bool {
        if rule.target == Target::Continue {
            return false;
        }
        if matched == Matched::Perhaps {
            let why = rule.matches.iter().find_map(|it| packet.doubt(&it.what));
            ends.doubts.push(self.place(chain, Some(rule.number), why));
        }
        let at = At { chain, number: rule.number, is_certain: matched == Matched::Yes, depth };
        rule.target.each().iter().any(|target| self.target(&at, target, packet, ends))
    }

    /// What one target does; whether no packet goes on.
    fn target(
        &mut self,
        at: &At<'_>,
        target: &Target,
        packet: &mut Packet,
        ends: &mut Ends,
    ) -> bool {
        let certain = at.is_certain;
        let doubt = |walker: &Self, name: &str| {
            walker.place(at.chain, Some(at.number), Some(format!("target {name}")))
        };
        match target {
            Target::Accept => ends.accepted = true,
            Target::Drop | Target::Reject => {
                let place = self.place(at.chain, Some(at.number), None);
                ends.dropped.get_or_insert((place, *target == Target::Reject));
            }
            Target::Return => ends.falls_through = true,
            Target::Jump(name) | Target::Goto(name) => {
                let Some(next) = self.table.chains.iter().find(|it| it.name == *name) else {
                    ends.doubts.push(doubt(self, name));
                    return false;
                };
                let inner = self.chain(next, packet, at.depth + 1);
                ends.accepted |= inner.accepted;
                ends.doubts.extend(inner.doubts);
                if let Some(dropped) = inner.dropped {
                    ends.dropped.get_or_insert(dropped);
                }
                if matches!(target, Target::Goto(_)) {
                    ends.falls_through |= inner.falls_through;
                } else if inner.falls_through {
                    return false;
                }
            }
            Target::Continue | Target::All(_) => return false,
            Target::SetMark { value, mask } => {
                packet.mark = match (certain, packet.mark) {
                    (true, Some(mark)) => Some((mark & !mask) ^ value),
                    (true, None) if *mask == u32::MAX => Some(*value),
                    _ => None,
                };
                return false;
            }
            Target::LoseMark => {
                packet.mark = None;
                return false;
            }
            Target::NoTrack => {
                if certain {
                    packet.state = ConnectionState::Untracked;
                }
                return false;
            }
            Target::Destination { address, port } => {
                if certain {
                    packet.destination = address.map_or(packet.destination, Peer::Host);
                    packet.destination_port = port.or(packet.destination_port);
                } else {
                    ends.doubts.push(doubt(self, "DNAT"));
                }
                ends.accepted = true;
            }
            Target::Redirect { port } => {
                if certain {
                    packet.redirected = true;
                    packet.destination_port = port.or(packet.destination_port);
                } else {
                    ends.doubts.push(doubt(self, "REDIRECT"));
                }
                ends.accepted = true;
            }
            Target::Other(name) => {
                ends.doubts.push(doubt(self, name));
                ends.accepted = true;
                return false;
            }
        }
        certain
    }
}

/// The rule whose targets are applied.
struct At<'a> {
    chain: &'a Chain,
    number: u64,
    is_certain: bool,
    depth: u32,
}

impl Packet {
    /// What is not known of a condition.
    fn doubt(&self, what: &What) -> Option<String> {
        match what {
            What::Some(name) => Some(format!("match {name}")),
            What::Mark { .. } if self.mark.is_none() => Some("match mark".to_owned()),
            What::Bytes(condition) if self.satisfies(condition) == Matched::Perhaps => {
                Some(format!("match {}", condition.name))
            }
            _ => None,
        }
    }

    /// The packet in the words of nft.
    fn nft_words(&self) -> String {
        let mut words = Vec::new();
        for (word, peer) in [("saddr", self.source), ("daddr", self.destination)] {
            if let Peer::Host(address) = peer {
                let family = if address.is_ipv4() { "ip" } else { "ip6" };
                words.push(format!("{family} {word} {address}"));
            }
        }
        let protocol = match self.protocol {
            6 => "tcp",
            17 => "udp",
            132 => "sctp",
            number => {
                words.push(format!("meta l4proto {number}"));
                return words.join(" ");
            }
        };
        let before = words.len();
        for (word, port) in [("sport", self.source_port), ("dport", self.destination_port)] {
            let port = port.filter(|port| *port != 0);
            words.extend(port.map(|port| format!("{protocol} {word} {port}")));
        }
        if words.len() == before {
            words.push(format!("meta l4proto {protocol}"));
        }
        words.join(" ")
    }
}
