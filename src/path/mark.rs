//! A request of a service of a firewall mark: the rule that sets the mark, and the route that delivers
//! the packet to this machine.

use std::net::IpAddr;

use super::arrival::{Expected, IPVS, WHOLE, arrive, filtered, request};
use super::filter::{Condition, Field, Hook, Match, Packet, Rule, Target, What};
use super::machine::Machine;
use super::service::{Directed, NotLocal};
use super::{Check, Fault, Flow, Stage, Walk, service_name};
use crate::host::{Prefix, masked};
use lvs::ipvs::{Protocol, ServiceIdentity};

/// What a rule that sets a mark says of its packets.
struct Marked {
    /// `None` if it names no address.
    to: Option<Prefix>,
    protocol: Protocol,
    port: Option<u16>,
}

/// The requests that rules mark for a service.
pub(super) fn walks(
    directed: &Directed<'_>,
    machine: &Machine<'_>,
    not_local: &NotLocal<'_>,
) -> Vec<Walk> {
    let service = directed.service.identity;
    let ServiceIdentity::Mark { mark, family } = service else { return Vec::new() };
    let mut walk = Walk::new(Flow::Request { client: None, service }, true);
    let Some(filters) = machine.filters else {
        walk.unknown(Stage::Mark, "the packet filters were not read", "iptables -t mangle -S");
        return vec![walk];
    };
    let chains = filters.tables.iter().filter(|table| table.family == family);
    let rules = || chains.clone().flat_map(|table| &table.chains).flat_map(|chain| &chain.rules);
    let flows: Vec<Marked> =
        rules().filter(|it| sets(it, mark)).map(|rule| Marked::by(&rule.matches)).collect();
    if flows.is_empty() {
        let may_set = |rule: &Rule| {
            rule.target.each().iter().any(|it| matches!(it, Target::Other(_) | Target::LoseMark))
        };
        match rules().any(may_set) {
            true => walk.unknown(
                Stage::Mark,
                format!("no rule that is understood sets the mark {mark}"),
                "nft list ruleset; iptables -t mangle -S",
            ),
            false => walk.stops(Stage::Mark, Check::F2, nobody_sets(service, mark)),
        }
        return vec![walk];
    }
    flows.iter().flat_map(|it| it.walks(directed, machine, mark, not_local)).collect()
}

fn nobody_sets(service: ServiceIdentity, mark: u32) -> Fault {
    Fault {
        title: format!(
            "no rule sets the mark {mark}: no packet belongs to {}",
            service_name(service)
        ),
        found: "no target MARK with that value (iptables -t mangle -S)".to_owned(),
        expected: format!("a rule in PREROUTING that sets the mark {mark} on requests of clients"),
        repair: Vec::new(),
    }
}

fn sets(rule: &Rule, mark: u32) -> bool {
    rule.target.each().iter().any(|target| match target {
        Target::SetMark { value, mask } => *mask != 0 && value & mask == mark & mask,
        _ => false,
    })
}

impl Marked {
    fn by(matches: &[Match]) -> Self {
        let mut found = Self { to: None, protocol: Protocol::TCP, port: None };
        for Match { what, .. } in matches.iter().filter(|it| !it.negated) {
            match what {
                What::Destination { address, mask } => {
                    let bits = match mask {
                        IpAddr::V4(mask) => mask.to_bits().count_ones(),
                        IpAddr::V6(mask) => mask.to_bits().count_ones(),
                    };
                    let length = u8::try_from(bits).unwrap_or_default();
                    found.to = Some(Prefix { address: *address, length });
                }
                What::DestinationRange(first, _) => {
                    let length = crate::host::host_prefix(*first);
                    found.to = Some(Prefix { address: *first, length });
                }
                What::Protocol(number) => found.protocol = Protocol(u16::from(*number)),
                What::DestinationPort(ranges) | What::AnyPort(ranges) => {
                    found.port = ranges.first().map(|(low, _)| *low);
                }
                What::Bytes(condition) => found.add(condition),
                _ => {}
            }
        }
        found
    }

    /// What a rule of nftables compares.
    fn add(&mut self, condition: &Condition) {
        let is = |start| condition.value(Field::Network, start);
        let ipv4 = is(16).and_then(|it| Some(IpAddr::from(<[u8; 4]>::try_from(it).ok()?)));
        let ipv6 = || is(24).and_then(|it| Some(IpAddr::from(<[u8; 16]>::try_from(it).ok()?)));
        if let Some(address) = ipv4.or_else(ipv6) {
            self.to = Some(Prefix { address, length: crate::host::host_prefix(address) });
        }
        if let Some([protocol]) = condition.value(Field::Protocol, 0) {
            self.protocol = Protocol(u16::from(*protocol));
        }
        if let Some([high, low]) = condition.value(Field::Transport, 2) {
            self.port = Some(u16::from_be_bytes([*high, *low]));
        }
    }

    /// An address that the rule marks packets to: of this machine, if it has one.
    fn address(&self, machine: &Machine<'_>) -> Option<IpAddr> {
        let to = self.to?;
        let network = masked(to.address, to.mask()).unwrap_or(to.address);
        let mut own = machine.network.addresses.iter().map(|it| it.address);
        Some(own.find(|it| to.contains(*it)).unwrap_or(network))
    }

    fn walks(
        &self,
        directed: &Directed<'_>,
        machine: &Machine<'_>,
        mark: u32,
        not_local: &NotLocal<'_>,
    ) -> Vec<Walk> {
        let service = directed.service.identity;
        let Some(address) = self.address(machine) else {
            let mut walk = Walk::new(Flow::Request { client: None, service }, true);
            walk.passes(Stage::Mark, format!("a rule sets {mark} on packets to any address"));
            directed.balanced(&mut walk);
            return vec![walk];
        };
        let clients = machine.clients(address, None);
        let walks = clients.iter().map(|client| {
            let flow = Flow::Request { client: Some(client.address), service };
            let mut walk = Walk::new(flow, client.sure);
            let mut packet = request(client, address, self.protocol, self.port);
            packet.local = machine.is_own(address);
            packet.later = directed.later(machine);
            // The marks come before the route.
            let mut marked: Packet = packet.clone();
            let mut before = Walk::new(flow, client.sure);
            filtered(machine, &mut before, Hook::Prerouting, WHOLE, &mut marked);
            match marked.mark {
                Some(found) if found == mark => {
                    walk.passes(Stage::Mark, format!("{mark} on packets to {address}"));
                }
                // The rule is for other clients.
                Some(0) => return None,
                _ => {
                    let why = format!("packets to {address} may have another mark than {mark}");
                    walk.unknown(Stage::Mark, why, "iptables -t mangle -L PREROUTING -vn");
                }
            }
            let not_local: &dyn Fn() -> Fault = &|| not_local(address);
            let expected = Expected {
                below: IPVS,
                reverse_path: Check::P4,
                not_local: (Check::A16, not_local),
            };
            if arrive(machine, &mut walk, &mut packet, client, expected) {
                directed.balanced(&mut walk);
            }
            Some(walk)
        });
        walks.flatten().collect()
    }
}
