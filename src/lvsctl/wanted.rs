//! What a machine must have, by role: IP tunnelling.
//!
//! The order is that in which it is set up. Sysctls come before the address, since a single ARP
//! answer for the virtual address, sent too early, is remembered by the router for minutes.

use std::net::IpAddr;

use super::{Key, Listener, Role, Task, Value};
use crate::node::{self, InterfaceName, PRESENT, Sysctl, UP};
use crate::plan::Wanted;
use crate::table;

/// One thing that one claim wants.
pub(super) type Want = Wanted<Key, Value>;

/// The sysctl whose value decides what the tunnel's own must be.
pub(super) fn reverse_path_filter_of_all() -> Key {
    Key::Host(node::Key::Sysctl(Sysctl::of_all_interfaces("rp_filter")))
}

/// Every claim of a task.
pub(super) fn claims(task: &Task) -> Vec<String> {
    let of_vip = |vip: &IpAddr| {
        let listeners = task.listeners.iter().map(|listener| Some(*listener));
        let none = task.listeners.is_empty().then_some(None);
        let claims = listeners.chain(none).map(|listener| task.claim(*vip, listener));
        claims.collect::<Vec<String>>()
    };
    task.vips.iter().flat_map(of_vip).collect()
}

/// What the task wants, in order. `of_all` is the present value of
/// [`reverse_path_filter_of_all`].
pub(super) fn wanted(task: &Task, of_all: Option<&str>) -> Vec<Want> {
    let tunnel = InterfaceName::tunl0();
    let mut wanted = Vec::new();
    for vip in &task.vips {
        match task.role {
            Role::RealServer => {
                let claim = task.claim(*vip, None);
                wanted.push(link(&tunnel, &claim));
                wanted.extend(silence(&tunnel, &claim));
                wanted.push(loose_reverse_path_filter(&tunnel, of_all, &claim));
                wanted.extend(address(&tunnel, *vip, &claim));
            }
            Role::Director if task.listeners.is_empty() => {
                wanted.extend(director_address(&tunnel, *vip, &task.claim(*vip, None)));
            }
            Role::Director => {
                for listener in &task.listeners {
                    let claim = task.claim(*vip, Some(*listener));
                    wanted.extend(director_address(&tunnel, *vip, &claim));
                    wanted.extend(service(task, *vip, *listener, &claim));
                }
            }
        }
    }
    wanted
}

fn want(key: node::Key, value: &str, tolerated: &[&str], claim: &str) -> Want {
    let value_of = |text: &str| Value::Host(text.to_owned());
    Wanted {
        key: Key::Host(key),
        value: value_of(value),
        tolerated: tolerated.iter().map(|text| value_of(text)).collect(),
        claim: claim.to_owned(),
    }
}

fn link(tunnel: &InterfaceName, claim: &str) -> Want {
    want(node::Key::Link(tunnel.clone()), "ipip", &[], claim)
}

/// The real server must not answer or announce the virtual address, which is the director's. The
/// kernel takes the larger of the tunnel's value and that of all interfaces
/// (`ip-sysctl`, `arp_ignore` and `arp_announce`). What is stricter already stays.
fn silence(tunnel: &InterfaceName, claim: &str) -> Vec<Want> {
    let own = |name| node::Key::Sysctl(Sysctl::of_interface(tunnel, name));
    let all = |name| node::Key::Sysctl(Sysctl::of_all_interfaces(name));
    vec![
        want(own("arp_ignore"), "1", &["2", "8"], claim),
        want(own("arp_announce"), "2", &[], claim),
        want(all("arp_ignore"), "1", &["2", "8"], claim),
        want(all("arp_announce"), "2", &[], claim),
    ]
}

/// The inner packet comes from a client whom the machine reaches through another interface, and a
/// strict filter (1) drops it without a word. The larger of both values counts, so that 2 on the
/// tunnel makes up for a strict `all`, which is not ours to loosen.
fn loose_reverse_path_filter(tunnel: &InterfaceName, of_all: Option<&str>, claim: &str) -> Want {
    let key = node::Key::Sysctl(Sysctl::of_interface(tunnel, "rp_filter"));
    match of_all {
        Some("1") => want(key, "2", &[], claim),
        Some("2") => want(key, "2", &["0", "1"], claim),
        _ => want(key, "0", &["2"], claim),
    }
}

fn address(tunnel: &InterfaceName, vip: IpAddr, claim: &str) -> [Want; 3] {
    let prefix = if vip.is_ipv4() { 32 } else { 128 };
    let address = node::Key::Address { address: vip, prefix, device: tunnel.clone() };
    let route = node::Key::Route { destination: vip, prefix, device: tunnel.clone() };
    [
        want(node::Key::LinkUp(tunnel.clone()), UP, &[], claim),
        want(address, PRESENT, &[], claim),
        want(route, PRESENT, &[], claim),
    ]
}

fn director_address(tunnel: &InterfaceName, vip: IpAddr, claim: &str) -> Vec<Want> {
    let mut wanted = vec![link(tunnel, claim)];
    wanted.extend(address(tunnel, vip, claim));
    wanted
}

fn service(task: &Task, vip: IpAddr, listener: Listener, claim: &str) -> Vec<Want> {
    let entry = |key, value| Wanted {
        key: Key::Table(key),
        value: Value::Table(value),
        tolerated: Vec::new(),
        claim: claim.to_owned(),
    };
    let (service, destinations) = task.service(vip, listener);
    let identity = service.identity;
    let mut wanted = vec![entry(table::Key::Service(identity), table::Value::Service(service))];
    wanted.extend(destinations.into_iter().map(|destination| {
        let key = table::Key::of(identity, &destination);
        entry(key, table::Value::Destination(destination))
    }));
    wanted
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::arguments::Arguments;
    use super::super::commands::task_of;
    use super::super::report;
    use super::*;
    use crate::plan::Change;

    fn task(line: &str) -> Task {
        let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
        task_of(arguments.command).unwrap().1
    }

    /// The shell commands that lead from nothing to what is wanted, each once.
    fn script(task: &Task, of_all: Option<&str>) -> Vec<String> {
        let mut steps: Vec<Change<Key, Value>> = Vec::new();
        for item in wanted(task, of_all) {
            if !steps.iter().any(|step| step.key == item.key) {
                steps.push(Change { key: item.key, from: None, to: Some(item.value) });
            }
        }
        report::commands(&steps)
    }

    #[test]
    fn a_real_server_is_silent_before_it_has_the_address() {
        let task = task("lvsctl real-server up --mode tun --vip 192.168.10.10");
        assert_eq!(
            script(&task, Some("0")),
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
    fn a_director_has_the_address_and_the_services() {
        let task = task(
            "lvsctl director up --mode tun --vip 192.168.10.10 --service tcp:80 --scheduler rr \
             --real 192.168.10.2 --real 192.168.10.3,weight=2",
        );
        assert_eq!(
            script(&task, Some("1")),
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
    fn the_reverse_path_filter_ends_up_loose() {
        let tunnel = InterfaceName::tunl0();
        for all in 0..=2_u8 {
            let item = loose_reverse_path_filter(&tunnel, Some(&all.to_string()), "claim");
            for own in 0..=2_u8 {
                let met = item.is_met_by(Some(&Value::Host(own.to_string())));
                assert_eq!(met, all.max(own) != 1, "all {all}, own {own}");
            }
            let Value::Host(written) = item.value else { panic!("a sysctl is text") };
            assert_ne!(all.max(written.parse().unwrap()), 1, "all {all}");
        }
    }

    #[test]
    fn what_is_stricter_than_needed_stays() {
        let items = silence(&InterfaceName::tunl0(), "claim");
        let met = |at: usize, text: &str| items[at].is_met_by(Some(&Value::Host(text.to_owned())));
        for at in [0, 2] {
            assert!(met(at, "1") && met(at, "2") && met(at, "8"));
            assert!(!met(at, "0") && !met(at, "3"));
        }
        for at in [1, 3] {
            assert!(met(at, "2") && !met(at, "1") && !met(at, "0"));
        }
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
        assert_eq!(claims(&task), expected);
        let mut wanting: Vec<String> =
            wanted(&task, None).into_iter().map(|item| item.claim).collect();
        wanting.dedup();
        assert_eq!(wanting, expected);
    }
}
