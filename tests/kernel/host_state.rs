//! The network of a machine that others change too: what is odd does not disappear, and what is put
//! back is exactly what was there.

use crate::support::cluster_file::ClusterFile;
use crate::support::{Host, assert_same};

/// A host with a network on `dummy0` and one on `eth0`.
fn two_legs() -> Host {
    let host = Host::with_addresses();
    host.shell("ip address add 203.0.113.1/24 dev eth0").success();
    host
}

/// The default route goes through `eth0`.
const UP: &str = "real-server up --mode nat --vip 192.0.2.10 --gateway 203.0.113.254";
const DOWN: &str = "real-server down --mode nat --vip 192.0.2.10";

fn default_route(host: &Host) -> String {
    host.shell("ip route show default").success().trim().to_owned()
}

/// Puts the default route of NAT in place of this one, and back.
#[track_caller]
fn is_put_back(host: &Host, default: &str) {
    host.shell(&format!("ip route add {default}")).success();
    let before = host.everything();
    host.lvsctl(UP).success();
    assert!(default_route(host).starts_with("default via 203.0.113.254 dev eth0"), "{default}");
    host.lvsctl(DOWN).success();
    assert_same(&host.everything(), &before, default);
    host.shell(&format!("ip route del {default}")).success();
}

#[test]
fn default_route_of_any_kind_is_put_back_exactly() {
    let host = two_legs();
    host.shell("ip nexthop add id 7 via 192.0.2.254 dev dummy0").success();
    for default in [
        "default nhid 7",
        "unreachable default",
        "blackhole default",
        "prohibit default proto static",
        "default via 192.0.2.254 dev dummy0 proto dhcp src 192.0.2.1 mtu 1400 advmss 1300",
        "default via 10.9.9.9 dev dummy0 onlink proto 99",
        "default proto static nexthop via 192.0.2.253 dev dummy0 weight 3 \
         nexthop via 203.0.113.9 dev eth0",
        "default encap ip id 7 dst 10.9.9.9 via 192.0.2.254 dev dummy0",
    ] {
        is_put_back(&host, default);
    }
}

/// An interface that was created again has another index, and its index may have gone to another.
#[test]
fn default_route_is_put_back_on_an_interface_that_was_created_again() {
    let host = two_legs();
    let default = "default via 192.0.2.254 dev dummy0 proto dhcp";
    host.shell(&format!("ip route add {default}")).success();
    host.lvsctl(UP).success();
    host.shell(
        "index=$(cat /sys/class/net/dummy0/ifindex); ip link del dummy0; \
         ip link add decoy index $index type dummy; ip link set decoy up; \
         ip link add dummy0 type dummy; ip address add 192.0.2.1/24 dev dummy0; \
         ip link set dummy0 up",
    )
    .success();
    host.lvsctl(DOWN).success();
    assert_eq!(default_route(&host), default);
}

#[test]
fn interface_with_odd_attributes_is_used_and_judged() {
    let host = Host::with_addresses();
    host.shell(
        "ip link set dummy0 arp on alias \"$(printf '\\327\\334')\"; \
         ip route add 10.8.0.0/24 encap ip id 7 dst 10.9.9.9 dev dummy0",
    )
    .success();
    let before = host.everything();
    let line = "director up --mode dr --vip 192.0.2.10 --service tcp:80 --real 192.0.2.2";
    host.lvsctl(line).success();
    assert!(host.shell("ip address show dev dummy0").success().contains("192.0.2.10/32"));
    let said = host.lvsctl("doctor --json").success();
    assert!(said.contains("\"role\":\"director\""), "{said}");
    host.lvsctl("director down --mode dr --vip 192.0.2.10").success();
    assert_same(&host.everything(), &before, "after down");
}

/// While 900 addresses go, the kernel interrupts dumps of addresses.
#[test]
fn down_removes_the_address_while_others_change_addresses() {
    let host = Host::with_addresses();
    let lines = |verb: &str| {
        let all = (0..900)
            .map(|at| format!("address {verb} 10.{}.{}.1/32 dev eth0\n", at / 250, at % 250));
        all.collect::<String>()
    };
    let (add, delete) = (format!("/run/add-{}", host.name()), format!("/run/del-{}", host.name()));
    let busy = format!("/run/busy-{}", host.name());
    std::fs::write(&add, lines("add")).unwrap();
    std::fs::write(&delete, lines("del")).unwrap();
    for _ in 0..3 {
        host.lvsctl("real-server up --mode dr --vip 192.0.2.10").success();
        host.shell(&format!("ip -batch {add}")).success();
        host.shell(&format!("(touch {busy}; ip -batch {delete}; rm {busy}) >/dev/null 2>&1 &"))
            .success();
        host.lvsctl("real-server down --mode dr --vip 192.0.2.10").success();
        let left = host.shell("ip address show dev lo").success();
        assert!(!left.contains("192.0.2.10"), "{left}");
        host.shell(&format!(
            "for try in $(seq 500); do [ -e {busy} ] || exit 0; sleep 0.02; done; exit 1"
        ))
        .success();
    }
}

/// A run dumps each kind of object a few times, however many routes there are.
#[test]
fn up_costs_the_same_with_many_routes() {
    let host = Host::with_addresses();
    let dumps = |name: &str| {
        let log = format!("/run/strace-{}-{name}", host.name());
        let state = host.state_directory().display();
        let line = "real-server up --mode tun --vip 192.0.2.10";
        let lvsctl = crate::support::LVSCTL;
        host.shell(&format!(
            "ip route add default via 192.0.2.254; \
             strace -f -e trace=sendto -o {log} {lvsctl} --state-dir {state} {line}; \
             {lvsctl} --state-dir {state} real-server down --mode tun --vip 192.0.2.10"
        ))
        .success();
        let calls = std::fs::read_to_string(&log).unwrap();
        calls.lines().filter(|call| call.contains("NLM_F_DUMP") || call.contains("0x300")).count()
    };
    let few = dumps("few");
    let routes: String = (0..1000)
        .map(|at| format!("route add 10.{}.{}.0/24 via 192.0.2.9\n", at / 250, at % 250))
        .collect();
    let file = format!("/run/routes-{}", host.name());
    std::fs::write(&file, routes).unwrap();
    host.shell(&format!("ip -batch {file}")).success();
    let many = dumps("many");
    assert_eq!(few, many);
}

/// The kernel removes routes of an interface that goes down, and nobody puts them back.
#[test]
fn down_puts_the_previous_default_route_into_an_empty_place() {
    let host = two_legs();
    let default = "default via 192.0.2.254 dev dummy0 proto dhcp";
    host.shell(&format!("ip route add {default}")).success();
    let before = host.everything();
    host.lvsctl(UP).success();
    host.shell("ip link set eth0 down; ip link set eth0 up").success();
    assert_eq!(default_route(&host), "");
    host.lvsctl(DOWN).success();
    assert_same(&host.everything(), &before, "after down");

    // Where it cannot be put back now, it stays in the journal.
    host.lvsctl(UP).success();
    host.shell("ip link set eth0 down; ip link set eth0 up; ip link set dummy0 down").success();
    let failed = host.lvsctl(DOWN);
    assert_eq!(failed.status, 1, "{failed:?}");
    assert!(failed.errors.contains("default route"), "{failed:?}");
    host.shell("ip link set dummy0 up").success();
    host.lvsctl(DOWN).success();
    assert_eq!(default_route(&host), default);

    // What it led through is gone for ever.
    host.lvsctl(UP).success();
    host.shell("ip link del dummy0").success();
    let said = host.lvsctl(DOWN);
    assert!(said.status == 0 && format!("{said:?}").contains("cannot be put back"), "{said:?}");
}

/// Linux 6.1 renames an interface that is down only, and removes its routes before.
fn rename(host: &Host, from: &str, to: &str) {
    let line =
        format!("ip link set {from} down; ip link set {from} name {to}; ip link set {to} up");
    host.shell(&line).success();
}

#[test]
fn down_reverts_on_an_interface_that_was_renamed() {
    let host = two_legs();
    let before = host.everything();
    let director = "director up --mode nat --vip 203.0.113.10 --service tcp:80 --real 192.0.2.2";
    host.lvsctl(director).success();
    rename(&host, "eth0", "lan0");
    host.lvsctl("director down --mode nat --vip 203.0.113.10").success();
    rename(&host, "lan0", "eth0");
    assert_same(&host.everything(), &before, "director");

    host.shell("ip route add default via 203.0.113.9 dev eth0").success();
    host.lvsctl(UP).success();
    rename(&host, "eth0", "lan0");
    host.lvsctl(DOWN).success();
    assert_eq!(default_route(&host), "default via 203.0.113.9 dev lan0");
    rename(&host, "lan0", "eth0");
    assert_same(&host.everything(), &before, "real server");
}

/// Another program, or the next router advertisement, would add it again.
#[test]
fn default_route_that_cannot_be_put_back_is_not_replaced() {
    let host = two_legs();
    let ipv6 = "real-server up --mode nat --vip 2001:db8::10 --gateway 2001:db8::fe";
    for (add, up, reason, del) in [
        (
            "ip -6 route add default via 2001:db8::fd dev dummy0 metric 1 proto ra",
            ipv6,
            "it comes from router advertisements",
            "ip -6 route del default",
        ),
        (
            "ip -6 route add default via 2001:db8::fd dev dummy0 metric 1 expires 600",
            ipv6,
            "it expires",
            "ip -6 route del default",
        ),
        (
            "ip route add default nexthop via 192.0.2.253 dev dummy0 nexthop via 203.0.113.9 dev eth0; \
             ip link set dummy0 down",
            UP,
            "one of its next hops is down",
            "ip route del default",
        ),
    ] {
        host.shell(add).success();
        let before = host.everything();
        for line in [up.to_owned(), format!("--dry-run {up}")] {
            let refused = host.lvsctl_inside(&line);
            assert_eq!(refused.status, 1, "{refused:?}");
            for words in [reason, "put back exactly", "Nothing was changed"] {
                assert!(refused.errors.contains(words), "{words}: {refused:?}");
            }
        }
        assert_same(&host.everything(), &before, add);
        host.shell(del).success();
    }
    host.shell("ip link set dummy0 up").success();
    // One of a larger metric stays, and nothing needs to be put back.
    host.shell("ip -6 address add 2001:db8::1/64 dev dummy0 nodad; \
                ip -6 route add default via 2001:db8::fd dev dummy0 metric 1024 proto ra expires 600");
    host.lvsctl_inside(ipv6).success();
    host.lvsctl_inside("real-server down --mode nat --vip 2001:db8::10").success();
}

#[test]
fn interface_may_be_given_by_an_alternative_name() {
    let host = Host::with_addresses();
    let name = "alternative-name-of-eth0-0123456789";
    host.shell(&format!("ip link property add dev eth0 altname {name}; ip link set dummy0 down"))
        .success();
    let before = host.everything();
    let up = |device: &str| {
        format!(
            "director up --mode dr --vip 192.0.2.10 --device {device} --service tcp:80 --real 192.0.2.2"
        )
    };
    let done = host.lvsctl_inside(&up(name)).success();
    assert!(done.contains("ip address add 192.0.2.10/32 dev eth0"), "{done}");
    assert!(host.lvsctl_inside(&up("eth0")).success().contains("no changes needed"));
    host.lvsctl_inside("director down --mode dr --vip 192.0.2.10").success();
    assert_same(&host.everything(), &before, "after down");

    let file = ClusterFile::new(
        "alternative-name",
        &format!(
            "mode = \"dr\"\ndirectors = [\"192.0.2.1\"]\n[director]\nvip-device = \"{name}\"\n\
             [[director.sync]]\nstate = \"master\"\ninterface = \"{name}\"\n\
             [[service]]\nlisten = \"tcp://192.0.2.10:80\"\nreal = [\"192.0.2.2\"]\n"
        ),
    );
    host.lvsctl_inside(&file.line("apply --role director")).success();
    assert!(host.reference("-L --daemon").success().contains("mcast=eth0"));
    assert!(host.shell("ip address show dev eth0").success().contains("192.0.2.10/32"));
    host.lvsctl_inside(&file.line("status --role director")).success();
    host.lvsctl_inside(&file.line("down")).success();
    assert_same(&host.everything(), &before, "after down by the file");
    for device in ["all", "default", "no-such-interface"] {
        assert_eq!(host.lvsctl_inside(&up(device)).status, 1, "{device}");
    }
}
