//! Checks on machines that are made up: what a guest cannot be made to show.

use std::net::IpAddr;

use super::*;
use crate::host::{AddressState, AssignedAddress, InterfaceName, KnownRoute, LinkState};
use lvs::ipvs::{
    Destination, DestinationEntry, Forwarding, Service, ServiceEntry, ServiceIdentity, Stats,
    Timeouts,
};

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 10, 10));

fn link(name: &str, kind: &str, arp: bool) -> LinkState {
    LinkState {
        name: name.parse().unwrap(),
        index: 1,
        hardware: None,
        kind: kind.to_owned(),
        up: true,
        carrier: true,
        arp,
        master: None,
        mtu: 1500,
        receive_dropped: 0,
        transmit_dropped: 0,
    }
}

fn address(address: &str, prefix: u8, device: &str) -> AddressState {
    let device = device.parse().unwrap();
    AddressState {
        assigned: AssignedAddress { address: address.parse().unwrap(), prefix, device },
        duplicate: false,
        host_scope: false,
    }
}

fn route(to: &str, prefix: u8, gateway: Option<&str>, device: &str) -> KnownRoute {
    KnownRoute {
        destination: to.parse().unwrap(),
        prefix,
        metric: 0,
        gateway: gateway.map(|gateway| gateway.parse().unwrap()),
        device: device.parse().unwrap(),
    }
}

/// A machine with one card.
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
        services: vec![Destinations { service, destinations: vec![destination] }],
        half_open: Vec::new(),
    }
}

fn journalled(owner: &str) -> Vec<Journalled> {
    let owners = vec![owner.to_owned()];
    vec![Journalled { owners, key: None, value: None, entry: None, found: None }]
}

fn diagnosed(facts: &Facts) -> Diagnosis {
    examine(facts, &Expectation::evident(facts), None)
}

fn found(facts: &Facts) -> Vec<&'static str> {
    diagnosed(facts).findings.iter().map(|finding| finding.id).collect()
}

#[test]
fn each_check_has_a_name_of_its_own() {
    let mut ids: Vec<&str> = CHECKS.iter().map(|check| check.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), CHECKS.len());
}

#[test]
fn a_director_whose_module_was_unloaded_is_found() {
    let mut facts = machine();
    facts.journal = journalled("director dr 192.168.10.10 tcp:80");
    let diagnosis = diagnosed(&facts);
    assert_eq!((diagnosis.role, found(&facts)), ("director", vec!["K1"]));
    assert_eq!(diagnosis.findings[0].fix(), ["modprobe ip_vs"]);
    facts.kernel.ipvs_loaded = true;
    assert!(found(&facts).is_empty());
}

#[test]
fn a_tunnel_that_went_with_its_module_is_found() {
    let mut facts = machine();
    facts.journal = journalled("real-server tun 192.168.10.10");
    let diagnosis = diagnosed(&facts);
    assert_eq!((diagnosis.role, found(&facts)), ("real-server", vec!["K3", "A1"]));
    let fix = diagnosis.findings[0].fix();
    assert_eq!(fix, ["modprobe ipip", "ip link set tunl0 up"]);
    // What lvsctl had set there went with it, and comes with it.
    let tunnel = crate::host::InterfaceName::tunl0();
    let filter = crate::host::Sysctl::of_interface(&tunnel, "rp_filter");
    let (address, prefix, device) = (VIP, 32, tunnel.clone());
    for (key, value) in [
        (crate::host::Key::Link(tunnel.clone()), "ipip"),
        (crate::host::Key::Sysctl(filter), "0"),
        (crate::host::Key::LinkUp(tunnel), crate::host::UP),
        (crate::host::Key::Address { address, prefix, device }, crate::host::PRESENT),
    ] {
        let owned = journalled("real-server tun 192.168.10.10").remove(0);
        let value = Some(value.to_owned());
        facts.journal.push(Journalled { key: Some(key), value, ..owned });
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
fn a_crowded_connection_table_is_found() {
    let mut facts = machine();
    facts.network.local = vec![crate::host::Prefix { address: VIP, length: 32 }];
    facts.table = Some(table(8192));
    assert!(found(&facts).is_empty(), "two a bucket are as many as may be");
    facts.table = Some(table(8193));
    assert_eq!(found(&facts), ["H10"]);
    let fix = diagnosed(&facts).findings[0].fix();
    assert_eq!(fix, ["echo options ip_vs conn_tab_bits=14 > /etc/modprobe.d/ip_vs.conf"]);
}

#[test]
fn a_standby_need_not_have_the_address() {
    let mut facts = machine();
    facts.table = Some(table(0));
    assert_eq!(found(&facts), ["A16"]);
    facts.controllers = vec!["keepalived".to_owned()];
    assert!(found(&facts).is_empty());
}

#[test]
fn an_address_on_the_loopback_counts_where_neighbours_would_ask_for_it() {
    let role = |state: AddressState| {
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
fn a_failure_counts_for_more_than_what_could_not_be_seen() {
    let mut facts = machine();
    assert_eq!(diagnosed(&facts).exit_code(), 0);
    facts.unread = vec![Unread { what: "x".to_owned(), why: "y".to_owned() }];
    assert_eq!(diagnosed(&facts).exit_code(), 3);
    facts.journal = journalled("director dr 192.168.10.10 tcp:80");
    assert_eq!(diagnosed(&facts).exit_code(), 1);
}

#[test]
fn facts_are_the_same_after_a_journey() {
    let mut facts = machine();
    facts.table = Some(table(3));
    facts.listeners =
        Some(vec![Listener { protocol: lvs::ipvs::Protocol::TCP, address: VIP, port: 80 }]);
    facts.journal = vec![Journalled {
        key: Some(crate::host::Key::LinkUp(InterfaceName::tunl0())),
        ..journalled("real-server tun 192.168.10.10").remove(0)
    }];
    facts.network.sources =
        vec![crate::host::Source { towards: VIP, source: VIP, device: InterfaceName::loopback() }];
    let text = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
}

#[test]
fn counters_that_stand_still_are_not_shown() {
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
    assert_eq!((movements[0].counter.as_str(), movements[0].by), ("TcpExt IPReversePathFilter", 2));
}

#[test]
fn a_service_that_went_with_the_module_comes_with_it() {
    let mut facts = machine();
    let web = ServiceIdentity::tcp(VIP, 80);
    let destination = Destination::new([192, 168, 10, 3], 80, Forwarding::DirectRouting);
    let entries = [
        (lvs::table::Key::Service(web), lvs::table::Value::from(Service::new(web, "rr"))),
        (lvs::table::Key::of(web, &destination), lvs::table::Value::Destination(destination)),
    ];
    for entry in entries {
        let owned = journalled("director dr 192.168.10.10 tcp:80").remove(0);
        facts.journal.push(Journalled { entry: Some(entry), ..owned });
    }
    let finding = diagnosed(&facts).findings.remove(0);
    let table = [
        "ipvsadm -A -t 192.168.10.10:80 -s rr",
        "ipvsadm -a -t 192.168.10.10:80 -r 192.168.10.3:80 -g -w 1",
    ];
    assert_eq!((finding.id, finding.fix()[0].as_str()), ("K1", "modprobe ip_vs"));
    assert_eq!(finding.fix()[1..], table);
    assert_eq!(finding.undo()[2], "modprobe -r ip_vs_rr ip_vs");
    // Loaded again, it is empty.
    facts.kernel.ipvs_loaded = true;
    assert!(found(&facts).is_empty(), "who may not read the table cannot tell");
    facts.table = Some(Table { services: Vec::new(), ..self::table(0) });
    assert_eq!(diagnosed(&facts).findings[0].fix(), table);
    assert_eq!(found(&facts), ["H21"]);
    facts.controllers = vec!["keepalived".to_owned()];
    assert_eq!(found(&facts), ["K12"]);
}
