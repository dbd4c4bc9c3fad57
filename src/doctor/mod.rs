//! What is wrong with this machine as a director or a real server, why, and what fixes it.
//!
//! [`Facts`] are read once, and can be written to a file and read elsewhere. What the machine
//! evidently is makes an [`Expectation`], to which a cluster file adds the [`DesiredState`]. Each
//! [`Check`] is a pure function of the two, and returns a [`Finding`] where something is wrong.
//! Nothing here changes the machine or loads a module, and only [`Facts::probe`] sends packets.

mod cause;
mod check;
mod context;
mod drift;
mod expectation;
mod facts;
mod finding;
mod gather;
mod probe;
mod symptom;

use std::net::IpAddr;

pub(crate) use expectation::{DesiredEntry, DesiredState, Expectation};
pub use facts::Facts;
pub(crate) use facts::{JournalEntry, ServiceState, Table, Unread};
pub(crate) use finding::{Finding, Step};
pub(crate) use gather::listeners;
pub(crate) use symptom::{Cause, Movement, Symptom, moved};

pub use crate::path::{Check, Severity};
use crate::path::{Flow, Passage, Stage, Verdict, Walk};
use context::Context;
use lvs::ipvs::ServiceIdentity;

/// The findings on one machine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Diagnosis {
    /// See [`Expectation::role`].
    pub(crate) role: &'static str,
    /// The worst first; with a symptom, the most likely cause first.
    pub(crate) findings: Vec<Finding>,
    /// What probes sent.
    pub(crate) sent: Vec<String>,
    pub(crate) unread: Vec<Unread>,
    /// Stages of the way of a packet that cannot be judged.
    pub(crate) unknown: Vec<Unknown>,
    /// With a symptom: the likely causes, the most likely first.
    pub(crate) causes: Vec<Cause>,
    /// The checks, in their order.
    pub(crate) looked: Vec<Check>,
}

/// A stage that cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unknown {
    pub(crate) flow: Flow,
    pub(crate) stage: Stage,
    pub(crate) why: String,
    /// The command that shows it.
    pub(crate) ask: String,
}

/// The stages that cannot be judged, each reason once.
fn unknown(walks: &[Walk]) -> Vec<Unknown> {
    let mut found: Vec<Unknown> = Vec::new();
    for walk in walks {
        for Passage { stage, verdict } in &walk.passages {
            let Verdict::Unknown { why, ask } = verdict else { continue };
            if !found.iter().any(|it| it.stage == *stage && it.why == *why) {
                let (flow, stage, why, ask) = (walk.flow, *stage, why.clone(), ask.clone());
                found.push(Unknown { flow, stage, why, ask });
            }
        }
    }
    found
}

impl Diagnosis {
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Whether everything could be read and judged.
    pub(crate) fn is_complete(&self) -> bool {
        self.unread.is_empty() && self.unknown.is_empty()
    }

    /// 0 healthy, 1 a failure, 2 warnings, 3 something could not be read or judged.
    pub(crate) fn exit_code(&self) -> u8 {
        match () {
            () if self.count(Severity::Failure) > 0 => 1,
            () if !self.is_complete() => 3,
            () if self.count(Severity::Warning) > 0 => 2,
            () => 0,
        }
    }
}

/// The walks of the services that are wanted, and of what is served here; of one client or of each
/// kind of clients.
pub(crate) fn walks(
    facts: &Facts,
    expectation: &Expectation,
    from: Option<IpAddr>,
    wanted: &dyn Fn(ServiceIdentity) -> bool,
) -> Vec<Walk> {
    let mut context = Context::new(facts, expectation, None);
    context.machine.from = from;
    check::path::walks(&context, Some(wanted))
}

/// Makes every check. A symptom puts those that explain it first.
pub(crate) fn examine(
    facts: &Facts,
    expectation: &Expectation,
    symptom: Option<Symptom>,
) -> Diagnosis {
    let context = Context::new(facts, expectation, symptom);
    let walks = check::path::walks(&context, None);
    let mut findings: Vec<Finding> =
        Check::ALL.iter().flat_map(|it| check::findings(*it, &context, &walks)).collect();
    if let Some(desired) = &expectation.desired {
        drift::add(&context, desired, &mut findings);
    }
    let likely = symptom.map(|symptom| symptom.causes(expectation, facts)).unwrap_or_default();
    let rank = |it: Check| {
        likely.iter().position(|cause| cause.check() == Some(it)).unwrap_or(likely.len())
    };
    let mut looked = Check::ALL.to_vec();
    looked.sort_by_key(|check| rank(*check));
    let findings = cause::fold(&context, findings, rank);
    Diagnosis {
        role: expectation.role(),
        findings,
        sent: facts.probes.as_ref().map(|probes| probes.sent.clone()).unwrap_or_default(),
        unread: facts.unread.clone(),
        unknown: unknown(&walks),
        causes: likely,
        looked,
    }
}

/// On made-up machines: what a guest cannot show.
#[cfg(test)]
mod tests {
    use super::facts::{Listener, ServiceState, Table};
    use super::*;
    use crate::host::{self, Address, Interface, InterfaceName, Link, NextHop, Route};
    use lvs::ipvs::{
        Destination, DestinationEntry, Forwarding, Service, ServiceEntry, ServiceIdentity, Stats,
        Timeouts,
    };

    const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 10, 10));

    fn link(name: &str, kind: &str, arp: bool) -> Link {
        Link {
            kind: kind.to_owned().into(),
            up: true,
            carrier: true,
            arp,
            mtu: 1500,
            ..Link::new(interface(name).index, name.parse().unwrap())
        }
    }

    fn interface(name: &str) -> Interface {
        let index = ["", "lo", "eth0"].iter().position(|known| *known == name);
        Interface { index: index.unwrap_or_default() as u32, name: name.parse().unwrap() }
    }

    fn address(address: &str, prefix: u8, device: &str) -> Address {
        Address::new(address.parse().unwrap(), prefix, interface(device))
    }

    fn route(to: &str, prefix: u8, gateway: Option<&str>, device: &str) -> Route {
        let interface = Some(interface(device));
        let gateway = gateway.map(|gateway| gateway.parse().unwrap());
        let hop = NextHop { gateway, interface, weight: 1, ..NextHop::default() };
        Route::new(to.parse().unwrap(), prefix, hop)
    }

    /// A machine with one network interface.
    fn machine() -> Facts {
        let mut facts = Facts::default();
        facts.network.links = vec![link("lo", "device", false), link("eth0", "device", true)];
        facts.network.addresses = vec![address("192.168.10.2", 24, "eth0")];
        facts.network.routes = vec![route("192.168.10.0", 24, None, "eth0")];
        facts
    }

    /// A table with one service and one destination.
    fn table(connections: u32) -> Table {
        let web = ServiceIdentity::tcp(VIP, 80);
        let service = ServiceEntry::new(Service::new(web, "rr"), Stats::default());
        let real_server = Destination::new([192, 168, 10, 3], 80, Forwarding::DirectRouting);
        let mut destination = DestinationEntry::new(real_server);
        destination.active_connections = connections;
        Table {
            connection_buckets: 4096,
            timeouts: Timeouts::new(900, 120, 300),
            daemons: Vec::new(),
            services: vec![ServiceState { service, destinations: vec![destination] }],
            ..Table::default()
        }
    }

    fn journalled(owner: &str) -> Vec<JournalEntry> {
        let owners = vec![owner.to_owned().into()];
        vec![JournalEntry { owners, key: None, value: None, entry: None, found: None }]
    }

    fn diagnosed(facts: &Facts) -> Diagnosis {
        examine(facts, &Expectation::evident(facts), None)
    }

    fn found(facts: &Facts) -> Vec<&'static str> {
        diagnosed(facts).findings.iter().map(|finding| finding.check.id()).collect()
    }

    #[test]
    fn names_of_checks_are_unique() {
        let mut names: Vec<&str> = Check::ALL.iter().map(|check| check.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Check::ALL.len());
    }

    #[test]
    fn director_without_ipvs_module_is_found() {
        let mut facts = machine();
        facts.journal = journalled("director dr 192.168.10.10 tcp:80");
        let diagnosis = diagnosed(&facts);
        assert_eq!((diagnosis.role, found(&facts)), ("director", vec!["K1"]));
        assert_eq!(diagnosis.findings[0].fix(), ["modprobe ip_vs"]);
        facts.kernel.ipvs_loaded = true;
        assert!(found(&facts).is_empty());
    }

    #[test]
    fn tunnel_without_its_module_is_found_and_restored() {
        let mut facts = machine();
        facts.journal = journalled("real-server tun 192.168.10.10");
        let diagnosis = diagnosed(&facts);
        assert_eq!((diagnosis.role, found(&facts)), ("real-server", vec!["K3", "A1"]));
        let fix = diagnosis.findings[0].fix();
        assert_eq!(fix, ["modprobe ipip", "ip link set tunl0 up"]);
        // The repair restores what lvsctl had set there.
        let tunnel = InterfaceName::tunl0();
        let filter = host::Sysctl::of_interface(&tunnel, "rp_filter");
        let (address, prefix, device) = (VIP, 32, tunnel.clone());
        for (key, value) in [
            (host::Key::Link(tunnel.clone()), "ipip"),
            (host::Key::Sysctl(filter), "0"),
            (host::Key::LinkUp(tunnel), host::UP),
            (host::Key::Address { address, prefix, device }, host::PRESENT),
        ] {
            let owned = journalled("real-server tun 192.168.10.10").remove(0);
            let value = Some(value.to_owned());
            facts.journal.push(JournalEntry { key: Some(key), value, ..owned });
        }
        let diagnosis = diagnosed(&facts);
        assert_eq!(found(&facts), ["K3"]);
        let (fix, undo) = (diagnosis.findings[0].fix(), diagnosis.findings[0].undo());
        let filter = "echo 0 > /proc/sys/net/ipv4/conf/tunl0/rp_filter";
        let address = "ip address add 192.168.10.10/32 dev tunl0";
        assert_eq!(fix, ["modprobe ipip", filter, "ip link set tunl0 up", address]);
        let address = "ip address del 192.168.10.10/32 dev tunl0";
        assert_eq!(undo, [address, "ip link set tunl0 down", "ip link del tunl0"]);
    }

    #[test]
    fn crowded_connection_table_is_found() {
        let mut facts = machine();
        facts.network.routes.push(Route::local(host::Prefix { address: VIP, length: 32 }));
        facts.table = Some(table(8192));
        assert!(found(&facts).is_empty(), "two per bucket are allowed");
        facts.table = Some(table(8193));
        assert_eq!(found(&facts), ["H10"]);
        let fix = diagnosed(&facts).findings[0].fix();
        assert_eq!(fix, ["echo options ip_vs conn_tab_bits=14 > /etc/modprobe.d/ip_vs.conf"]);
    }

    /// A director that accepts packets for the address of its service.
    fn director(connections: u32) -> Facts {
        let mut facts = machine();
        facts.network.routes.push(Route::local(host::Prefix { address: VIP, length: 32 }));
        facts.table = Some(table(connections));
        facts
    }

    fn set(facts: &mut Facts, sysctl: host::Sysctl, value: u32) {
        facts.network.sysctls.insert(sysctl.to_string(), value.to_string());
    }

    #[test]
    fn limit_of_connections_is_found_where_the_kernel_has_one() {
        let mut facts = director(8193);
        facts.kernel.resizes_tables = true;
        assert!(found(&facts).is_empty(), "the table grows");
        set(&mut facts, host::Sysctl::of_ipvs("conn_max"), 8193);
        assert_eq!(found(&facts), ["H27"]);
        set(&mut facts, host::Sysctl::of_ipvs("conn_max"), 0);
        assert!(found(&facts).is_empty(), "0 is no limit");
    }

    #[test]
    fn full_table_of_connection_tracking_is_found_once_it_drops() {
        let mut facts = director(1);
        for name in ["count", "max"] {
            set(&mut facts, host::Sysctl::of_conntrack(name), 100);
        }
        facts.counters.insert(facts::CONNTRACK_DROPPED.to_owned(), 0);
        assert!(found(&facts).is_empty(), "old connections without replies make room");
        facts.counters.insert(facts::CONNTRACK_DROPPED.to_owned(), 1);
        assert_eq!(found(&facts), ["N8"]);
    }

    #[test]
    fn several_directors_without_synchronization_are_advised() {
        let mut facts = director(1);
        set(&mut facts, host::Sysctl::of_ipvs("sloppy_tcp"), 0);
        let desired = |directors| {
            let desired = DesiredState { directors, ..DesiredState::default() };
            Expectation::evident(&machine()).with(desired, true, Vec::new())
        };
        let of = |facts: &Facts, directors| examine(facts, &desired(directors), None).findings;
        assert!(of(&facts, 1).is_empty());
        let found = of(&facts, 2);
        assert_eq!((found.len(), found[0].check, found[0].fix().len()), (1, Check::H28, 0));
        if let Some(table) = &mut facts.table {
            table.services[0].service.service.scheduler = "mh".to_owned();
        }
        assert_eq!(of(&facts, 2)[0].fix(), ["echo 1 > /proc/sys/net/ipv4/vs/sloppy_tcp"]);
    }

    #[test]
    fn standby_without_the_address_is_healthy() {
        let mut facts = machine();
        facts.table = Some(table(0));
        assert_eq!(found(&facts), ["A16"]);
        facts.controllers = vec!["keepalived".to_owned()];
        assert!(found(&facts).is_empty());
    }

    #[test]
    fn address_on_loopback_makes_a_real_server_in_a_subnet_of_another_interface() {
        let role = |state: Address| {
            let mut facts = machine();
            facts.network.addresses.push(state);
            Expectation::evident(&facts).role()
        };
        assert_eq!(role(address("192.168.10.10", 32, "lo")), "real-server");
        assert_eq!(role(address("192.168.10.10", 24, "lo")), "real-server");
        assert_eq!(role(address("10.255.0.1", 32, "lo")), "none");
        assert_eq!(role(address("192.168.10.10", 32, "eth0")), "none");
        assert_eq!(role(address("203.0.113.1", 32, "tunl0")), "real-server");
        let mut facts = machine();
        facts.network.addresses.push(address("192.168.10.10", 32, "lo"));
        facts.table = Some(table(0));
        assert_eq!(Expectation::evident(&facts).role(), "director", "it directs that address");
    }

    #[test]
    fn exit_code_of_failure_precedes_that_of_unread_facts() {
        let mut facts = machine();
        assert_eq!(diagnosed(&facts).exit_code(), 0);
        facts.unread = vec![Unread { what: "x".to_owned(), why: "y".to_owned() }];
        assert_eq!(diagnosed(&facts).exit_code(), 3);
        facts.journal = journalled("director dr 192.168.10.10 tcp:80");
        assert_eq!(diagnosed(&facts).exit_code(), 1);
    }

    #[test]
    fn facts_survive_serialization() {
        let mut facts = machine();
        facts.table = Some(table(3));
        facts.listeners =
            Some(vec![Listener { protocol: lvs::ipvs::Protocol::TCP, address: VIP, port: 80 }]);
        facts.journal = vec![JournalEntry {
            key: Some(host::Key::LinkUp(InterfaceName::tunl0())),
            ..journalled("real-server tun 192.168.10.10").remove(0)
        }];
        facts.network.sources = vec![host::SourceAddress {
            towards: VIP,
            source: VIP,
            device: InterfaceName::loopback(),
        }];
        let text = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
    }

    #[test]
    fn only_counters_that_increased_are_shown() {
        let mut before = machine();
        before.counters.insert("TcpExt IPReversePathFilter".to_owned(), 7);
        before.counters.insert("Ip InReceives".to_owned(), 1);
        let mut after = before.clone();
        assert!(moved(&before, &after).is_empty());
        for counter in after.counters.values_mut() {
            *counter += 2;
        }
        let movements = moved(&before, &after);
        assert_eq!(movements.len(), 1, "{movements:?}");
        assert_eq!(
            (movements[0].counter.as_str(), movements[0].by),
            ("TcpExt IPReversePathFilter", 2)
        );
    }

    #[test]
    fn service_without_ipvs_module_is_restored_with_it() {
        let mut facts = machine();
        let web = ServiceIdentity::tcp(VIP, 80);
        let destination = Destination::new([192, 168, 10, 3], 80, Forwarding::DirectRouting);
        let entries = [
            (lvs::table::Key::Service(web), lvs::table::Value::from(Service::new(web, "rr"))),
            (lvs::table::Key::of(web, &destination), lvs::table::Value::Destination(destination)),
        ];
        for entry in entries {
            let owned = journalled("director dr 192.168.10.10 tcp:80").remove(0);
            facts.journal.push(JournalEntry { entry: Some(entry), ..owned });
        }
        let finding = diagnosed(&facts).findings.remove(0);
        let table = [
            "ipvsadm -A -t 192.168.10.10:80 -s rr",
            "ipvsadm -a -t 192.168.10.10:80 -r 192.168.10.3:80 -g -w 1",
        ];
        assert_eq!((finding.check.id(), finding.fix()[0].as_str()), ("K1", "modprobe ip_vs"));
        assert_eq!(finding.fix()[1..], table);
        assert_eq!(finding.undo()[2], "modprobe -r ip_vs_rr ip_vs");
        // After loading the module the table is empty.
        facts.kernel.ipvs_loaded = true;
        assert!(found(&facts).is_empty(), "an unreadable table proves nothing");
        facts.table = Some(Table { services: Vec::new(), ..self::table(0) });
        assert_eq!(diagnosed(&facts).findings[0].fix(), table);
        assert_eq!(found(&facts), ["H21"]);
        facts.controllers = vec!["keepalived".to_owned()];
        assert_eq!(found(&facts), ["K12"]);
    }
}
