//! The way of a packet through the chains of one hook.

use std::fmt;

use super::packet::Matched;
use super::{Chain, ConnectionState, Hook, Packet, Peer, Rule, Table, Target};
use lvs::ipvs::AddressFamily;

/// A rule, or the policy of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) family: AddressFamily,
    pub(crate) table: String,
    pub(crate) chain: String,
    /// `None` is the policy.
    pub(crate) rule: Option<u32>,
    /// What is not understood about the rule.
    pub(crate) why: Option<String>,
}

impl Place {
    /// `iptables` or `ip6tables`.
    pub(crate) const fn program(&self) -> &'static str {
        match self.family {
            AddressFamily::Ipv4 => "iptables",
            AddressFamily::Ipv6 => "ip6tables",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, chain, rule, why, .. } = self;
        write!(f, "{} table {table} chain {chain} ", self.program())?;
        match rule {
            Some(rule) => write!(f, "rule {rule}")?,
            None => f.write_str("policy")?,
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
    let mut chains: Vec<(&Table, &Chain, i32, bool, bool)> = Vec::new();
    for table in tables.iter().filter(|table| table.family == family) {
        chains.extend(table.chains.iter().filter_map(|chain| {
            let base = chain.base.as_ref().filter(|it| it.hook == hook && it.priority < below)?;
            Some((table, chain, base.priority, base.accepts, base.translates))
        }));
    }
    chains.sort_by_key(|(_, _, priority, ..)| *priority);
    let mut uncertain = None;
    for (table, chain, _, accepts, translates) in chains {
        let untracked =
            matches!(packet.state, ConnectionState::Untracked | ConnectionState::Invalid);
        if translates && (untracked || packet.state == ConnectionState::Established) {
            continue;
        }
        let mut walker = Walker { table, rules: 0 };
        let mut ends = walker.chain(chain, packet, 0);
        if ends.falls_through {
            match accepts {
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
    fn place(&self, chain: &Chain, rule: Option<u32>, why: Option<String>) -> Place {
        let (table, chain) = (self.table.name.clone(), chain.name.clone());
        Place { family: self.table.family, table, chain, rule, why }
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
        let certain = matched == Matched::Yes;
        if matches!(rule.target, Target::Continue) {
            return false;
        }
        match matched {
            Matched::Perhaps => {
                let why = rule.matches.iter().find_map(|it| match &it.what {
                    super::What::Some(name) => Some(format!("match {name}")),
                    super::What::Mark { .. } if packet.mark.is_none() => {
                        Some("match mark".to_owned())
                    }
                    _ => None,
                });
                ends.doubts.push(self.place(chain, Some(rule.number), why));
            }
            Matched::SomeClients | Matched::Yes | Matched::No => {}
        }
        match &rule.target {
            Target::Accept => ends.accepted = true,
            Target::Drop | Target::Reject => {
                let place = self.place(chain, Some(rule.number), None);
                ends.dropped.get_or_insert((place, rule.target == Target::Reject));
            }
            Target::Return => ends.falls_through = true,
            Target::Jump(name) | Target::Goto(name) => {
                let Some(next) = self.table.chains.iter().find(|it| it.name == *name) else {
                    let why = Some(format!("target {name}"));
                    ends.doubts.push(self.place(chain, Some(rule.number), why));
                    return false;
                };
                let inner = self.chain(next, packet, depth + 1);
                ends.accepted |= inner.accepted;
                ends.doubts.extend(inner.doubts);
                if let Some(dropped) = inner.dropped {
                    ends.dropped.get_or_insert(dropped);
                }
                if matches!(rule.target, Target::Goto(_)) {
                    ends.falls_through |= inner.falls_through;
                } else if inner.falls_through {
                    return false;
                }
            }
            Target::Continue => {}
            Target::SetMark { value, mask } => {
                packet.mark = match (certain, packet.mark) {
                    (true, Some(mark)) => Some((mark & !mask) ^ value),
                    (true, None) if *mask == u32::MAX => Some(*value),
                    _ => None,
                };
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
                    let why = Some("target DNAT".to_owned());
                    ends.doubts.push(self.place(chain, Some(rule.number), why));
                }
                ends.accepted = true;
            }
            Target::Redirect { port } => {
                if certain {
                    packet.redirected = true;
                    packet.destination_port = port.or(packet.destination_port);
                } else {
                    let why = Some("target REDIRECT".to_owned());
                    ends.doubts.push(self.place(chain, Some(rule.number), why));
                }
                ends.accepted = true;
            }
            Target::Other(name) => {
                let why = Some(format!("target {name}"));
                ends.doubts.push(self.place(chain, Some(rule.number), why));
                ends.accepted = true;
                return false;
            }
        }
        certain
    }
}
