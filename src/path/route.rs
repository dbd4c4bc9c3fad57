//! The look-up of a route in the recorded tables, as the kernel makes it: policy rules in their
//! order, then the longest prefix, then the smallest metric.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::host::{
    InterfaceName, LOCAL_TABLE, MAIN_TABLE, NextHop, Prefix, Route, RouteKind, Rule, RuleAction,
    State, masked,
};
use lvs::ipvs::AddressFamily;

/// What is looked up.
#[derive(Clone, Debug)]
pub(crate) struct Query<'a> {
    pub(crate) destination: IpAddr,
    pub(crate) source: Option<IpAddr>,
    /// The incoming interface; `lo` for packets of this machine.
    pub(crate) input: &'a str,
    pub(crate) output: Option<&'a InterfaceName>,
    pub(crate) mark: u32,
    pub(crate) protocol: u8,
    pub(crate) source_port: Option<u16>,
    pub(crate) destination_port: Option<u16>,
}

impl Query<'_> {
    /// A packet of this machine.
    pub(crate) const fn to(destination: IpAddr) -> Self {
        Self {
            destination,
            source: None,
            input: "lo",
            output: None,
            mark: 0,
            protocol: 0,
            source_port: None,
            destination_port: None,
        }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    Local(&'a Route),
    /// Sent through one of these.
    Unicast {
        route: &'a Route,
        hops: Vec<&'a NextHop>,
    },
    Broadcast,
    /// Refused by a route or rule, such as `unreachable`.
    Refused(&'static str),
    NoRoute,
    /// A rule has a condition that is not understood.
    Unknown(String),
}

impl Answer<'_> {
    /// The first interface that it is sent by, and the next hop.
    pub(crate) fn hop(&self) -> Option<(&InterfaceName, Option<IpAddr>)> {
        match self {
            Self::Unicast { hops, .. } => {
                hops.iter().find_map(|hop| Some((&hop.interface.as_ref()?.name, hop.gateway)))
            }
            _ => None,
        }
    }

    pub(crate) fn leaves_by(&self, device: &InterfaceName) -> bool {
        match self {
            Self::Unicast { hops, .. } => {
                hops.iter().any(|hop| hop.interface.as_ref().is_some_and(|it| it == device))
            }
            _ => false,
        }
    }
}

/// The routes of a machine, found by prefix: a director may have one per virtual address.
pub(crate) struct Routes<'a> {
    network: &'a State,
    /// In the order of their priorities.
    rules: Vec<&'a Rule>,
    tables: HashMap<(AddressFamily, u32), Lengths<'a>>,
}

/// The routes of a table by the length of the prefix, the longest first, and by network; each list
/// in the order of metrics.
type Lengths<'a> = BTreeMap<Reverse<u8>, HashMap<IpAddr, Vec<&'a Route>>>;

impl<'a> Routes<'a> {
    pub(crate) fn new(network: &'a State) -> Self {
        let mut rules: Vec<&Rule> = network.rules.iter().collect();
        rules.sort_by_key(|rule| rule.priority);
        let mut tables: HashMap<_, Lengths<'a>> = HashMap::new();
        for route in network.routes.iter().filter(|route| !route.cached) {
            let prefix = route.to();
            let table = tables.entry((prefix.address.into(), route.table)).or_default();
            let network = masked(prefix.address, prefix.mask()).unwrap_or(prefix.address);
            let of_length = table.entry(Reverse(prefix.length)).or_default();
            of_length.entry(network).or_default().push(route);
        }
        for routes in
            tables.values_mut().flat_map(BTreeMap::values_mut).flat_map(HashMap::values_mut)
        {
            routes.sort_by_key(|route| route.metric);
        }
        Self { network, rules, tables }
    }

    pub(crate) fn look_up(&self, query: &Query<'_>) -> Answer<'a> {
        let family = AddressFamily::from(query.destination);
        let mut rules = self.rules.iter().filter(|it| it.family == family).peekable();
        // A kernel without policy routing, or a snapshot that has unusual rules alone.
        let has_usual = rules.peek().is_some() && self.network.partial.is_none();
        if !has_usual {
            if let Some(answer) = self.in_table(LOCAL_TABLE, None, query) {
                return answer;
            }
        }
        let mut from = 0;
        for rule in rules {
            if rule.priority < from || !matches(rule, query) {
                continue;
            }
            if rule.has_other_condition || rule.l3mdev || rule.users.is_some() || rule.tos != 0 {
                return Answer::Unknown(format!(
                    "the policy rule of priority {} has a condition that is not followed",
                    rule.priority
                ));
            }
            match rule.action {
                RuleAction::Lookup => {
                    if let Some(answer) = self.in_table(rule.table, rule.suppress_prefix, query) {
                        return answer;
                    }
                }
                RuleAction::Goto(priority) => from = priority,
                RuleAction::Unreachable => return Answer::Refused("unreachable"),
                RuleAction::Blackhole => return Answer::Refused("blackhole"),
                RuleAction::Prohibit => return Answer::Refused("prohibit"),
                RuleAction::Nop | RuleAction::Other(_) => {}
            }
        }
        let main = (!has_usual).then(|| self.in_table(MAIN_TABLE, None, query)).flatten();
        main.unwrap_or(Answer::NoRoute)
    }

    /// `None` where the next rule decides.
    fn in_table(
        &self,
        table: u32,
        suppressed: Option<u32>,
        query: &Query<'_>,
    ) -> Option<Answer<'a>> {
        let usable = |route: &Route, hop: &NextHop| {
            let by = query
                .output
                .is_none_or(|output| hop.interface.as_ref().is_some_and(|it| it == output));
            !hop.dead && (by || route.kind != RouteKind::Unicast)
        };
        let is_usable = |route: &&&Route| {
            route.hops.is_empty() || route.hops.iter().any(|hop| usable(route, hop))
        };
        let lengths = self.tables.get(&(query.destination.into(), table))?;
        let (found, best) = lengths.iter().find_map(|(Reverse(length), networks)| {
            let prefix = Prefix { address: query.destination, length: *length };
            let found = networks.get(&masked(prefix.address, prefix.mask())?)?;
            Some((found, *found.iter().find(is_usable)?))
        })?;
        if suppressed.is_some_and(|length| u32::from(best.prefix) <= length) {
            return None;
        }
        Some(match best.kind {
            RouteKind::Local | RouteKind::Anycast => Answer::Local(best),
            RouteKind::Unicast => {
                // IPv6 reports the next hops of one route as routes.
                let same = found.iter().filter(|route| {
                    route.metric == best.metric
                        && route.kind == best.kind
                        && (query.destination.is_ipv6() || std::ptr::eq(**route, best))
                });
                let hops = same.flat_map(|route| &route.hops).filter(|hop| usable(best, hop));
                Answer::Unicast { route: best, hops: hops.collect() }
            }
            RouteKind::Broadcast => Answer::Broadcast,
            RouteKind::Unreachable => Answer::Refused("unreachable"),
            RouteKind::Blackhole => Answer::Refused("blackhole"),
            RouteKind::Prohibit => Answer::Refused("prohibit"),
            RouteKind::Throw => return None,
            RouteKind::Multicast | RouteKind::Nat | RouteKind::Other(_) => {
                Answer::Unknown("a route of an unusual kind".to_owned())
            }
        })
    }
}

fn matches(rule: &Rule, query: &Query<'_>) -> bool {
    let within = |prefix: &Option<Prefix>, address: Option<IpAddr>| match prefix {
        None => true,
        Some(prefix) => address.is_some_and(|address| prefix.contains(address)),
    };
    let port = |range: Option<(u16, u16)>, port: Option<u16>| match range {
        None => true,
        Some((low, high)) => port.is_some_and(|port| (low..=high).contains(&port)),
    };
    let all = within(&rule.from, query.source)
        && within(&rule.to, Some(query.destination))
        && rule.iif.as_ref().is_none_or(|name| name.as_str() == query.input)
        && rule.oif.as_ref().is_none_or(|name| query.output == Some(name))
        && rule.mark.is_none_or(|mark| mark.matches(query.mark))
        && rule.ip_protocol.is_none_or(|protocol| protocol == query.protocol)
        && port(rule.source_ports, query.source_port)
        && port(rule.destination_ports, query.destination_port);
    all != rule.inverted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Interface, Mark};

    fn prefix(text: &str) -> Prefix {
        let (address, length) = text.split_once('/').unwrap();
        Prefix { address: address.parse().unwrap(), length: length.parse().unwrap() }
    }

    fn route(table: u32, kind: RouteKind, to: &str, device: &str, metric: u32) -> Route {
        let interface = device.parse::<InterfaceName>().ok().map(Interface::from);
        let to = prefix(to);
        let hop = NextHop { interface, ..NextHop::default() };
        Route { table, kind, metric, ..Route::new(to.address, to.length, hop) }
    }

    fn rule(priority: u32, table: u32) -> Rule {
        Rule::new(AddressFamily::Ipv4, priority, table)
    }

    fn network() -> State {
        State {
            routes: vec![
                route(255, RouteKind::Local, "192.168.10.1/32", "eth0", 0),
                route(254, RouteKind::Unicast, "192.168.10.0/24", "eth0", 0),
                route(254, RouteKind::Unicast, "0.0.0.0/0", "eth1", 100),
                route(254, RouteKind::Unicast, "0.0.0.0/0", "eth2", 50),
                route(100, RouteKind::Local, "0.0.0.0/0", "lo", 0),
                route(101, RouteKind::Throw, "10.0.0.0/8", "", 0),
                route(101, RouteKind::Unreachable, "0.0.0.0/0", "", 0),
            ],
            rules: [(0, 255), (32766, 254), (32767, 253)]
                .map(|(priority, table)| rule(priority, table))
                .into(),
            ..State::default()
        }
    }

    fn by(network: &State, query: &Query<'_>) -> String {
        match Routes::new(network).look_up(query) {
            Answer::Local(_) => "local".to_owned(),
            Answer::Refused(how) => how.to_owned(),
            answer => answer.hop().map_or("none".to_owned(), |(device, _)| device.to_string()),
        }
    }

    fn to(address: &str) -> Query<'static> {
        Query::to(address.parse().unwrap())
    }

    #[test]
    fn longest_prefix_wins_then_smallest_metric() {
        let network = network();
        assert_eq!(by(&network, &to("192.168.10.1")), "local");
        assert_eq!(by(&network, &to("192.168.10.9")), "eth0");
        assert_eq!(by(&network, &to("198.51.100.1")), "eth2");
        let out = "eth1".parse().unwrap();
        assert_eq!(by(&network, &Query { output: Some(&out), ..to("198.51.100.1") }), "eth1");
    }

    #[test]
    fn dead_next_hop_is_not_used() {
        let mut network = network();
        network.routes[3].hops[0].dead = true;
        assert_eq!(by(&network, &to("198.51.100.1")), "eth1");
    }

    #[test]
    fn policy_rule_for_a_mark_selects_its_table() {
        let mut network = network();
        let mark = Some(Mark { mark: 7, mask: 0xff });
        network.rules.push(Rule { mark, ..rule(100, 100) });
        assert_eq!(by(&network, &to("198.51.100.1")), "eth2");
        assert_eq!(by(&network, &Query { mark: 0x107, ..to("198.51.100.1") }), "local");
    }

    #[test]
    fn throw_goes_on_with_the_next_rule() {
        let mut network = network();
        let from = Some(prefix("192.168.10.10/32"));
        network.rules.push(Rule { from, ..rule(100, 101) });
        let source = "192.168.10.10".parse().ok();
        assert_eq!(by(&network, &Query { source, ..to("10.1.1.1") }), "eth2");
        assert_eq!(by(&network, &Query { source, ..to("198.51.100.1") }), "unreachable");
    }

    #[test]
    fn rule_with_unknown_condition_makes_the_answer_unknown() {
        let mut network = network();
        network.rules.push(Rule { users: Some((0, 99)), ..rule(100, 100) });
        assert!(matches!(Routes::new(&network).look_up(&to("192.168.10.9")), Answer::Unknown(_)));
        assert_eq!(by(&network, &to("192.168.10.1")), "local", "an earlier rule decides");
    }
}
