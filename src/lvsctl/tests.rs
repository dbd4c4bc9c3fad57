//! Each mode as the script that it comes to.

use clap::Parser;

use crate::engine::Change;
use crate::host::machine::{Key, Value};
use crate::host::{AssignedAddress, KnownRoute};
use crate::lvsctl::arguments::{Arguments, Command};
use crate::lvsctl::role::task_of;
use crate::lvsctl::{Task, report};
use crate::policy::*;

fn task(line: &str) -> Task {
    let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
    let Command::Setup(command) = arguments.command else { panic!("{line} sets nothing up") };
    task_of(command).unwrap().1
}

/// A machine whose `all/rp_filter` is that.
fn filtering(of_all: &str) -> ActualState {
    ActualState { reverse_path_filter: Some(of_all.to_owned()), ..ActualState::default() }
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

/// A machine with an outside and an inside leg, for both families; the way out is outside.
fn two_legs() -> ActualState {
    let mut found = filtering("0");
    found.topology.routes = vec![
        route("0.0.0.0", 0, Some("198.51.100.1"), "outside"),
        route("198.51.100.0", 24, None, "outside"),
        route("192.168.20.0", 24, None, "inside"),
        route("::", 0, Some("fe80::1"), "outside"),
        route("2001:db8:1::", 64, None, "outside"),
        route("2001:db8:2::", 64, None, "inside"),
    ];
    found
}

/// The shell commands that lead from nothing to what is desired, each once.
fn script(task: &Task, found: &ActualState) -> Vec<String> {
    let mut steps: Vec<Change<Key, Value>> = Vec::new();
    for item in desired(&task.duties(), found).unwrap() {
        if !steps.iter().any(|step| step.key == item.key) {
            steps.push(Change { key: item.key, from: None, to: item.value });
        }
    }
    report::commands(&steps)
}

#[test]
fn a_real_server_is_silent_before_it_has_the_address() {
    let task = task("lvsctl real-server up --mode tun --vip 192.168.10.10");
    assert_eq!(
        script(&task, &filtering("0")),
        [
            "modprobe ipip",
            "echo 1 > /proc/sys/net/ipv4/conf/tunl0/arp_ignore",
            "echo 2 > /proc/sys/net/ipv4/conf/tunl0/arp_announce",
            "echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore",
            "echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce",
            "echo 0 > /proc/sys/net/ipv4/conf/tunl0/rp_filter",
            "ip link set tunl0 up",
            "ip address add 192.168.10.10/32 dev tunl0",
            "ip route add 192.168.10.10/32 dev tunl0 scope link",
        ]
    );
}

#[test]
fn clients_of_a_tunnel_are_told_smaller_segments_before_the_address_is_there() {
    let mut found = two_legs();
    found.mtus = [("inside", 9000), ("outside", 1500)]
        .map(|(name, mtu)| (name.parse().unwrap(), mtu))
        .into();
    for (vip, rule) in [
        ("192.168.20.10", "ip rule add from 192.168.20.10 lookup 8940 priority 32000"),
        ("198.51.100.10", "ip rule add from 198.51.100.10 lookup 1440 priority 32000"),
        ("203.0.113.10", "ip rule add from 203.0.113.10 lookup 1440 priority 32000"),
        ("2001:db8:2::10", "ip -6 rule add from 2001:db8:2::10 lookup 8900 priority 32000"),
    ] {
        let script =
            script(&task(&format!("lvsctl real-server up --mode tun --vip {vip}")), &found);
        let place = |line: &str| script.iter().position(|step| step.starts_with(line));
        assert!(place(rule).unwrap() < place("ip address add").unwrap(), "{script:?}");
    }
}

#[test]
fn a_director_has_the_address_and_the_services() {
    let task = task(
        "lvsctl director up --mode tun --vip 192.168.10.10 --service tcp:80 --scheduler rr \
         --real 192.168.10.2 --real 192.168.10.3,weight=2",
    );
    assert_eq!(
        script(&task, &filtering("1")),
        [
            "modprobe ipip",
            "ip link set tunl0 up",
            "ip address add 192.168.10.10/32 dev tunl0",
            "ip route add 192.168.10.10/32 dev tunl0 scope link",
            "ipvsadm -A -t 192.168.10.10:80 -s rr",
            "ipvsadm -a -t 192.168.10.10:80 -r 192.168.10.2:80 -i -w 1",
            "ipvsadm -a -t 192.168.10.10:80 -r 192.168.10.3:80 -i -w 2",
        ]
    );
}

#[test]
fn each_address_and_service_is_a_claim_of_its_own() {
    let line = "lvsctl director up --mode tun --vip 192.0.2.1 --vip 192.0.2.2 \
                --service tcp:80 --service udp:53 --real 192.0.2.9";
    let task = task(line);
    let expected = [
        "director tun 192.0.2.1 tcp:80",
        "director tun 192.0.2.1 udp:53",
        "director tun 192.0.2.2 tcp:80",
        "director tun 192.0.2.2 udp:53",
    ];
    let mut wanting: Vec<String> = desired(&task.duties(), &ActualState::default())
        .unwrap()
        .into_iter()
        .map(|item| item.owner)
        .collect();
    wanting.dedup();
    assert_eq!(wanting, expected);
}

#[test]
fn a_nat_director_forwards_before_all_else() {
    let line = "lvsctl director up --mode nat --vip 198.51.100.17 --service tcp:80 --scheduler rr \
                --real 192.168.20.1 --real 192.168.20.2:4002";
    assert_eq!(
        script(&task(line), &two_legs()),
        [
            "echo 1 > /proc/sys/net/ipv4/ip_forward",
            "echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects",
            "echo 0 > /proc/sys/net/ipv4/conf/outside/send_redirects",
            "echo 0 > /proc/sys/net/ipv4/conf/inside/send_redirects",
            "ip address add 198.51.100.17/32 dev outside",
            "ipvsadm -A -t 198.51.100.17:80 -s rr",
            "ipvsadm -a -t 198.51.100.17:80 -r 192.168.20.1:80 -m -w 1",
            "ipvsadm -a -t 198.51.100.17:80 -r 192.168.20.2:4002 -m -w 1",
        ]
    );
}

#[test]
fn a_nat_director_of_ipv6_keeps_its_own_way_out() {
    let line = "lvsctl director up --mode nat --vip 2001:db8:1::17 --service tcp:80 --scheduler rr \
                --real [2001:db8:2::1]:8080";
    assert_eq!(
        script(&task(line), &two_legs()),
        [
            "echo 2 > /proc/sys/net/ipv6/conf/outside/accept_ra",
            "echo 2 > /proc/sys/net/ipv6/conf/inside/accept_ra",
            "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding",
            "ip address add 2001:db8:1::17/128 dev outside preferred_lft 0 nodad",
            "ipvsadm -A -t [2001:db8:1::17]:80 -s rr",
            "ipvsadm -a -t [2001:db8:1::17]:80 -r [2001:db8:2::1]:8080 -m -w 1",
        ]
    );
}

#[test]
fn a_nat_real_server_answers_through_the_director() {
    let line = "lvsctl real-server up --mode nat --vip 198.51.100.17 --vip 2001:db8:1::17 \
                --gateway 192.168.20.254 --gateway 2001:db8:2::fe";
    assert_eq!(
        script(&task(line), &two_legs()),
        [
            "echo 0 > /proc/sys/net/ipv4/conf/all/accept_redirects",
            "echo 0 > /proc/sys/net/ipv4/conf/inside/accept_redirects",
            "ip route replace default via 192.168.20.254 dev inside",
            "echo 0 > /proc/sys/net/ipv6/conf/inside/accept_redirects",
            "ip -6 route replace default via 2001:db8:2::fe dev inside metric 1",
        ]
    );
}

#[test]
fn direct_routing_hides_the_address_on_lo() {
    let line = "lvsctl real-server up --mode dr --vip 192.168.20.10 --vip 2001:db8:2::10";
    assert_eq!(
        script(&task(line), &two_legs()),
        [
            "echo 1 > /proc/sys/net/ipv4/conf/inside/arp_ignore",
            "echo 2 > /proc/sys/net/ipv4/conf/inside/arp_announce",
            "echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore",
            "echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce",
            // The way out is another interface. Where no filter is set, 0 does as well.
            "echo 2 > /proc/sys/net/ipv4/conf/inside/rp_filter",
            "ip address add 192.168.20.10/32 dev lo",
            "ip address add 2001:db8:2::10/128 dev lo preferred_lft 0 nodad",
        ]
    );
}

#[test]
fn a_director_has_the_address_where_clients_find_it() {
    let up = |more: &str| {
        task(&format!(
            "lvsctl director up --mode dr --vip 198.51.100.17 --service tcp:80 --real \
             198.51.100.2 {more}"
        ))
    };
    let place = |task: &Task, found: &ActualState| {
        let steps = script(task, found).into_iter();
        steps.filter(|step| step.starts_with("ip address")).collect::<Vec<_>>()
    };
    let mut found = two_legs();
    assert_eq!(place(&up(""), &found), ["ip address add 198.51.100.17/32 dev outside"]);
    let named = up("--device dummy0");
    assert_eq!(place(&named, &found), ["ip address add 198.51.100.17/32 dev dummy0"]);
    // Where somebody gave it to the machine already, that will do.
    for (device, prefix) in [("lo", 32), ("bond0", 24)] {
        let address = "198.51.100.17".parse().unwrap();
        let device = device.parse().unwrap();
        found.topology.addresses.push(AssignedAddress { address, prefix, device });
    }
    assert_eq!(place(&up(""), &found), ["ip address add 198.51.100.17/24 dev bond0"]);
    let error = desired(&up("").duties(), &ActualState::default()).unwrap_err().to_string();
    assert!(error.contains("--device"), "{error}");
}

#[test]
fn tunnels_of_ipv6_need_no_silence() {
    let server = task("lvsctl real-server up --mode tun --vip 2001:db8:2::10");
    assert_eq!(
        script(&server, &two_legs()),
        [
            "modprobe ip6_tunnel",
            "ip link set ip6tnl0 up",
            "ip address add 2001:db8:2::10/128 dev ip6tnl0 preferred_lft 0 nodad",
        ]
    );
    let line = "lvsctl director up --mode tun --vip 2001:db8:2::10 --service tcp:80 --scheduler rr \
                --real 2001:db8:2::2";
    assert_eq!(
        script(&task(line), &two_legs()),
        [
            "ip address add 2001:db8:2::10/128 dev inside preferred_lft 0 nodad",
            "ipvsadm -A -t [2001:db8:2::10]:80 -s rr",
            "ipvsadm -a -t [2001:db8:2::10]:80 -r [2001:db8:2::2]:80 -i -w 1",
        ]
    );
}
