//! A director with two links to a switch, and its state.

use std::thread::sleep;
use std::time::Duration;

use crate::support::{Host, root};

/// A director with two links to a switch, and one interface besides.
pub(super) struct Rack {
    pub(super) director: Host,
    pub(super) switch: Host,
}

impl Rack {
    pub(super) fn new() -> Self {
        root("modprobe bonding max_bonds=0");
        let (director, switch) = (Host::new(), Host::new());
        let (name, peer) = (director.name(), switch.name());
        for port in [2, 3] {
            root(&format!(
                "ip link add eth{port} netns {name} type veth peer name port{port} netns {peer} && \
                 ip -n {peer} link set port{port} up"
            ));
        }
        director.shell("ip link add eth1 type dummy && ip link set eth1 up").success();
        Self { director, switch }
    }

    /// One port in use, with every property that an address and a route can have; the other is down.
    pub(super) fn with_belongings() -> Self {
        let rack = Self::new();
        rack.director
            .shell(
                "set -e; ip link set eth2 up; \
                 ip address add 192.0.2.1/24 brd + dev eth2 label eth2:lan; \
                 ip address add 192.0.2.2/24 dev eth2; \
                 ip address add 198.51.100.1/30 dev eth2 metric 50 valid_lft 5000 preferred_lft 4000; \
                 ip address add 10.1.0.1 peer 10.1.0.2/32 dev eth2 scope link; \
                 ip address add 2001:db8:2::1/64 dev eth2; \
                 ip address add 2001:db8:2::2/64 dev eth2 preferred_lft 0; \
                 ip address add fe80::1/64 dev eth2; \
                 ip address add 203.0.113.1/24 brd + dev eth3; \
                 ip route add default via 192.0.2.254 dev eth2 proto static metric 100 mtu 1400; \
                 ip route add 10.9.0.0/16 via 192.0.2.253 dev eth2 src 192.0.2.2; \
                 ip route add 10.10.0.0/16 dev eth2 scope link; \
                 ip route add 10.11.0.0/16 via 10.10.0.1 dev eth2 tos 0x10; \
                 ip route add default via 192.0.2.252 dev eth2 table 100 advmss 1200; \
                 ip route add 10.12.0.0/16 via 172.31.0.1 dev eth2 onlink; \
                 ip -6 route add default via fe80::99 dev eth2 proto static metric 7; \
                 ip -6 route add 2001:db8:9::/48 via 2001:db8:2::9 dev eth2 src 2001:db8:2::1; \
                 ip -6 route add 2001:db8:a::/48 dev eth2 table 1000; \
                 ip route add 10.20.0.0/16 dev eth1",
            )
            .success();
        rack
    }

    /// Addresses and routes, without what the kernel adds later: within a second it detects the carrier,
    /// adds a link-local address and probes for duplicates. Lifetimes are left out.
    pub(super) fn network(&self) -> String {
        let dump = self.director.shell(
            "{ ip -d address; ip route show table all; ip -6 route show table all | sort; } | \
             sed 's/[0-9]*sec/some time/g; s/qdisc [^ ]* //; s/ ad_.*//; s/state [A-Z]*//; \
             s/NO-CARRIER,//; s/,LOWER_UP//; s/ tentative//; s/ linkdown//; \
             /inet6 fe80::.*ff:fe/,+1d; /fe80::.*proto kernel/d'",
        );
        dump.success().lines().map(uncounted).collect()
    }

    /// The complete state, once the kernel has done that. Interfaces are sorted by index here, and IPv6
    /// routes by age.
    pub(super) fn everything(&self) -> String {
        let look = "printf 'link show\naddress show\n' | ip -oneline -batch -";
        while !is_settled(&self.director.shell(look).success()) {
            sleep(Duration::from_millis(100));
        }
        let all = self.director.everything();
        let mut lines: Vec<_> = all.lines().map(uncounted).collect();
        lines.sort();
        self.network() + &lines.concat()
    }
}

/// Whether the kernel has detected every carrier, and has added the link-local address of every
/// interface that is up and no port.
fn is_settled(shown: &str) -> bool {
    let waits = |line: &str| {
        line.contains("NO-CARRIER")
            || line.contains("LOWER_UP") && line.contains("state DOWN")
            || line.contains(" inet6 ") && line.contains(" tentative")
    };
    let lacks_address = |device: &&str| {
        let named =
            |line: &&str| ["@", ": "].iter().any(|end| line.contains(&format!(": {device}{end}")));
        let flags = shown.lines().find(named).and_then(|line| line.split(['<', '>']).nth(1));
        let has = |flag| flags.is_some_and(|flags| flags.split(',').any(|found| found == flag));
        let of_device = format!(": {device} ");
        let local = |line: &str| {
            [of_device.as_str(), " fe80::", "ff:fe"].iter().all(|word| line.contains(word))
        };
        has("UP") && !has("SLAVE") && !shown.lines().any(local)
    };
    !shown.lines().any(waits) && !["eth2", "bond0"].iter().any(lacks_address)
}

fn uncounted(line: &str) -> String {
    match line.split_once(": bond0: ").or_else(|| line.split_once(": bond0    ")) {
        Some((_, rest)) => format!("bond0 {}\n", rest.replace("state UNKNOWN", "state UP")),
        None => format!("{line}\n"),
    }
}
