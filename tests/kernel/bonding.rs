//! A bond made of cables, with packets, and taken apart again.

use std::collections::HashSet;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::thread::sleep;
use std::time::Duration;

use lvs::node::{Bond, BondMode, InterfaceName, Key, typed};
use lvs::plan::{Change, Engine, Journal, JournalFile, Report, Wanted};

use crate::support::cluster_file::ClusterFile;
use crate::support::machine::{Death, Machine};
use crate::support::{Host, assert_same, root};

const MODES: [BondMode; 4] =
    [BondMode::BalanceRr, BondMode::ActiveBackup, BondMode::BalanceXor, BondMode::Lacp];

type Outcome = Result<Report<Key, String>, String>;

fn journal(host: &Host) -> Journal<Key, String> {
    std::fs::create_dir_all(host.state_directory()).unwrap();
    JournalFile::load(host.state_directory().join("bond.json"), "now".to_owned()).unwrap()
}

fn up(host: &Host, bond: &Bond, machine: &mut Machine) -> Outcome {
    let mut journal = journal(host);
    let mut belongings = Vec::new();
    for port in &bond.ports {
        belongings.extend(machine.host.belongings(port).map_err(|error| error.to_string())?);
    }
    let journalled = journal.entries();
    let journalled: Vec<_> =
        journalled.map(|entry| (entry.key.clone(), entry.previous.clone())).collect();
    let wanted = bond.wanted(&belongings, &journalled).into_iter().map(|want| Wanted {
        key: want.key,
        value: want.value,
        tolerated: want.tolerated,
        claim: "bond".to_owned(),
    });
    let wanted: Vec<_> = wanted.collect();
    Engine::new(machine, &mut journal)
        .up(&["bond".to_owned()], &wanted)
        .map_err(|failure| format!("{} {:?} {:?}", failure.cause, failure.at, failure.stuck))
}

fn down(host: &Host, machine: &mut Machine) -> Outcome {
    Engine::new(machine, &mut journal(host))
        .down(&["bond".to_owned()])
        .map_err(|failure| format!("{} {:?}", failure.cause, failure.stuck))
}

fn bond(mode: BondMode) -> Bond {
    let name = |name: &str| name.parse::<InterfaceName>().unwrap();
    Bond { name: name("bond0"), mode, ports: vec![name("eth2"), name("eth3")] }
}

/// A director with two cables to a switch, and a card of its own besides.
struct Rack {
    director: Host,
    switch: Host,
}

impl Rack {
    fn new() -> Self {
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

    /// One cable in use with whatever an address and a route can have, the other one down.
    fn with_belongings() -> Self {
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

    /// Addresses and routes, without what the kernel does later: it finds a carrier within a second,
    /// makes a link-local address upon it, and looks for duplicates. Lifetimes pass.
    fn network(&self) -> String {
        let dump = self.director.shell(
            "{ ip -d address; ip route show table all; ip -6 route show table all | sort; } | \
             sed 's/[0-9]*sec/some time/g; s/qdisc [^ ]* //; s/ ad_.*//; s/state [A-Z]*//; \
             s/NO-CARRIER,//; s/,LOWER_UP//; s/ tentative//; s/ linkdown//; \
             /inet6 fe80::.*ff:fe/,+1d; /fe80::.*proto kernel/d'",
        );
        dump.success().lines().map(uncounted).collect()
    }

    /// All, once the kernel has done that. Interfaces are listed by number here, and routes of IPv6
    /// as they came.
    fn everything(&self) -> String {
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

/// Whether the kernel has found every carrier, and given every card that is up by itself its
/// link-local address.
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

#[test]
fn a_bond_takes_what_its_ports_have_and_gives_it_back_byte_for_byte() {
    let rack = Rack::with_belongings();
    let director = &rack.director;
    let before = rack.everything();
    for mode in MODES {
        director.inside(|| {
            let mut machine = Machine::new();
            up(director, &bond(mode), &mut machine).unwrap();
            let link = director.shell("ip -d link show bond0").success();
            assert!(link.contains(&format!("mode {mode} ")), "{link}");
            assert!(link.contains(" miimon 100 "), "{link}");
            let hashes = matches!(mode, BondMode::BalanceXor | BondMode::Lacp);
            assert_eq!(link.contains("xmit_hash_policy layer3+4"), hashes, "{link}");
            for port in ["eth2", "eth3"] {
                let state = director.shell(&format!("ip link show {port}")).success();
                assert!(state.contains("SLAVE,UP") && state.contains("master bond0"), "{state}");
                let left = director.shell(&format!(
                    "ip address show dev {port} | grep inet; ip route show table all dev {port}; \
                     ip -6 route show table all dev {port} | grep -v ^multicast"
                ));
                assert_eq!(left.output, "", "{port}");
            }
            let addresses = director.shell("ip address show dev bond0").success();
            for address in [
                "inet 192.0.2.1/24 brd 192.0.2.255 scope global bond0:lan",
                "inet 10.1.0.1 peer 10.1.0.2/32 scope link bond0",
                "inet 192.0.2.2/24 scope global secondary bond0",
                "inet 203.0.113.1/24 brd 203.0.113.255 scope global bond0",
                "inet6 2001:db8:2::1/64 scope global",
                "inet6 2001:db8:2::2/64 scope global deprecated",
                "inet6 fe80::1/64 scope link",
            ] {
                assert!(addresses.contains(address), "{address}\n{addresses}");
            }
            let routes =
                director.shell("ip route show table all; ip -6 route show table all").success();
            for route in [
                "default via 192.0.2.254 dev bond0 proto static metric 100 mtu 1400",
                "10.9.0.0/16 via 192.0.2.253 dev bond0 src 192.0.2.2",
                "10.11.0.0/16 tos 0x10 via 10.10.0.1 dev bond0",
                "default via 192.0.2.252 dev bond0 table 100 advmss 1200",
                "10.12.0.0/16 via 172.31.0.1 dev bond0 onlink",
                "default via fe80::99 dev bond0 proto static metric 7",
                "2001:db8:9::/48 via 2001:db8:2::9 dev bond0 src 2001:db8:2::1",
                "2001:db8:a::/48 dev bond0 table 1000",
                "10.20.0.0/16 dev eth1",
            ] {
                assert!(routes.contains(route), "{route}\n{routes}");
            }

            let complete = rack.network();
            let again = up(director, &bond(mode), &mut machine).unwrap();
            assert_eq!(again.steps, [], "up twice is up once");
            assert_same(&rack.network(), &complete, "up twice is up once");

            let report = down(director, &mut machine).unwrap();
            assert_eq!(report.notes, []);
            assert_same(&rack.everything(), &before, "after down");
            let lifetime =
                director.shell("ip address show dev eth2 | grep -o 'valid_lft [0-9]*sec'");
            let seconds: u32 =
                lifetime.output.replace(|c: char| !c.is_ascii_digit(), "").parse().unwrap();
            assert!((4000..=5000).contains(&seconds), "{seconds}");
        });
    }
}

#[test]
fn the_commands_of_a_bond_do_the_same_by_hand() {
    let rack = Rack::with_belongings();
    let director = &rack.director;
    // Of an address with a peer, the way back does not know the peer.
    director.shell("ip address del 10.1.0.1 peer 10.1.0.2/32 dev eth2").success();
    let before = rack.everything();
    let commands = |outcome: Outcome| {
        let lines = outcome.unwrap().steps;
        lines.iter().map(|step| Key::command(step) + "\n").collect::<String>()
    };
    director.inside(|| {
        let mut machine = Machine::new();
        let there = commands(up(director, &bond(BondMode::BalanceRr), &mut machine));
        let complete = rack.everything();
        let back = commands(down(director, &mut machine));
        director.shell(&format!("set -e\n{there}")).success();
        let by_hand =
            director.shell("ip address show dev bond0; ip route show table all").success();
        assert_eq!(by_hand.contains("dev bond0"), complete.contains("dev bond0"));
        assert_same(&rack.everything(), &complete, &there);
        director.shell(&format!("set -e\n{back}")).success();
        assert_same(&rack.everything(), &before, &back);
    });
}

#[test]
fn a_bond_that_is_killed_anywhere_is_finished_by_the_next_run() {
    let rack = Rack::new();
    let director = &rack.director;
    director
        .shell(
            "set -e; echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad; ip link set eth2 up; \
             ip address add 192.0.2.1/24 brd + dev eth2; \
             ip address add 2001:db8:2::1/64 dev eth2; ip address add 203.0.113.1/24 dev eth3; \
             ip route add default via 192.0.2.254 dev eth2",
        )
        .success();
    let wish = bond(BondMode::BalanceXor);
    let before = rack.network();
    director.inside(|| {
        up(director, &wish, &mut Machine::new()).unwrap();
        let complete = rack.network();
        for upward in [true, false] {
            let perform = |upward: bool, machine: &mut Machine| {
                if upward { up(director, &wish, machine) } else { down(director, machine) }
            };
            let mut deaths = 0;
            loop {
                perform(!upward, &mut Machine::new()).unwrap();
                let mut machine = Machine::new();
                machine.dies_at = Some(deaths);
                let run = catch_unwind(AssertUnwindSafe(|| perform(upward, &mut machine)));
                match run {
                    Ok(outcome) => {
                        outcome.unwrap();
                        break;
                    }
                    Err(payload) => assert!(payload.is::<Death>()),
                }
                let next = if deaths % 2 == 0 { upward } else { !upward };
                perform(next, &mut Machine::new()).unwrap();
                let goal = if next { &complete } else { &before };
                let when = format!("up: {upward}, killed at moment {deaths}, then up: {next}");
                assert_same(&rack.network(), goal, &when);
                deaths += 1;
            }
            assert!(deaths > 20, "{deaths}");
            println!("up: {upward}, killed at {deaths} moments, finished each time");
        }
    });
}

/// Streams to a server that counts; all stop half way until `between` is done.
fn stream(from: &Host, to: &Host, address: &str, between: impl FnOnce() + Send) -> usize {
    const STREAMS: usize = 16;
    static HALF: [u8; 128 << 10] = [7; 128 << 10];
    let listener = to.inside(|| TcpListener::bind(address).unwrap());
    let server = std::thread::spawn(move || {
        let count = |stream: TcpStream| {
            std::thread::spawn(move || std::io::copy(&mut &stream, &mut std::io::sink()).unwrap())
        };
        let streams: Vec<_> = (0..STREAMS).map(|_| count(listener.accept().unwrap().0)).collect();
        streams.into_iter().map(|stream| stream.join().unwrap()).sum::<u64>()
    });
    let (half, go_on) = (Barrier::new(STREAMS + 1), Barrier::new(STREAMS + 1));
    from.inside(|| {
        std::thread::scope(|scope| {
            for _ in 0..STREAMS {
                scope.spawn(|| {
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.write_all(&HALF).unwrap();
                    half.wait();
                    go_on.wait();
                    stream.write_all(&HALF).unwrap();
                });
            }
            half.wait();
            between();
            go_on.wait();
        });
    });
    let wanted = STREAMS * HALF.len() * 2;
    assert_eq!(server.join().unwrap(), wanted as u64);
    wanted
}

#[test]
fn traffic_uses_every_cable_and_survives_the_cut_of_one() {
    for mode in [BondMode::BalanceRr, BondMode::BalanceXor, BondMode::Lacp] {
        let rack = Rack::new();
        let (director, switch) = (&rack.director, &rack.switch);
        switch
            .shell(&format!(
                "set -e; ip link add bond0 type {}; for port in port2 port3; do \
                 ip link set $port down; ip link set $port master bond0; done; \
                 ip link set bond0 up; ip address add 192.0.2.254/24 dev bond0",
                mode.value()
            ))
            .success();
        director
            .shell("ip link set eth2 up; ip link set eth3 up; ip address add 192.0.2.1/24 dev eth2")
            .success();
        director.inside(|| up(director, &bond(mode), &mut Machine::new()).unwrap());
        if mode == BondMode::Lacp {
            let line = "until [ $(ip -d link show master bond0 | \
                 grep -c 'distributing.*distributing') = 2 ]; do sleep 0.2; done";
            for host in [director, switch] {
                host.shell(line).success();
            }
        }

        let received = || {
            ["port2", "port3"].map(|port| -> usize {
                let line = format!("ip netns exec {0} ip -s link show {port} | awk '/RX:/ {{ getline; print $1 }}'", switch.name());
                director.shell(&line).success().trim().parse().unwrap()
            })
        };
        let before = received();
        let mut half = before;
        let sent = stream(director, switch, "192.0.2.254:8080", || {
            half = received();
            root(&format!("ip -n {} link set port3 down", switch.name()));
        });
        let after = received();
        for port in 0..2 {
            assert!(half[port] - before[port] > sent / 40, "{mode}: {before:?} to {half:?}");
        }
        assert!(after[0] - half[0] > sent / 4, "{mode}: {half:?} to {after:?}");
        let state = director.shell("grep 'MII Status' /proc/net/bonding/bond0").success();
        assert_eq!(state.matches("down").count(), 1, "{mode}: {state}");
    }
}

#[test]
fn a_bond_without_ports_is_used_and_another_one_is_refused() {
    let rack = Rack::with_belongings();
    let director = &rack.director;
    director.shell("ip link add bond0 type bond").success();
    let before = rack.everything();
    director.inside(|| {
        let machine = &mut Machine::new();
        up(director, &bond(BondMode::Lacp), machine).unwrap();
        let link = director.shell("ip -d link show bond0").success();
        assert!(link.contains("mode 802.3ad miimon 100"), "{link}");
        down(director, machine).unwrap();
        let plain = |all: String| {
            let lines = all.lines().filter(|line| !line.contains("tso_max_size"));
            let lines = lines.map(|line| line.split("link/ether").next().unwrap_or_default());
            lines.collect::<Vec<_>>().join("\n")
        };
        assert_same(&plain(rack.everything()), &plain(before), "after down");
        let link = director.shell("ip -d link show bond0").success();
        assert!(link.contains("mode balance-rr miimon 0"), "{link}");

        // The module makes a bond of its own between the look and the request.
        let key = Key::Link("bond0".parse().unwrap());
        let value = BondMode::BalanceXor.value();
        machine.host.write(&Change { key: key.clone(), from: None, to: Some(value.clone()) }).unwrap();
        assert_eq!(machine.host.read(&key).unwrap(), Some(value));

        director.shell("ip link add eth9 type dummy && ip link set eth9 master bond0").success();
        for (line, words) in [
            ("true", "it has ports, and is in another mode"),
            (
                "ip link set eth9 nomaster && ip link set bond0 up",
                "it is up, and in another mode",
            ),
            (
                "ip link del bond0 && ip link add br0 type bridge && ip link set eth3 master br0",
                "eth3 is a port of br0 already",
            ),
            (
                "ip link set eth3 nomaster; ip route add 10.30.0.0/16 nexthop via 192.0.2.9 dev eth2 \
                 nexthop via 192.0.2.8 dev eth2",
                "10.30.0.0/16 dev eth2 has several ways",
            ),
            ("ip route del 10.30.0.0/16; ip link del eth3", "there is no interface eth3"),
            ("ip link add bond0 type dummy", "bond0 is of kind dummy"),
        ] {
            director.shell(line).success();
            let before = rack.network();
            let refused = up(director, &bond(BondMode::BalanceRr), machine).unwrap_err();
            assert!(refused.contains(words), "{line}: {refused}");
            assert_same(&rack.network(), &before, words);
        }
    });
}

#[test]
fn a_port_that_vanished_is_told_and_the_rest_is_given_back() {
    let rack = Rack::with_belongings();
    let director = &rack.director;
    director.inside(|| {
        let machine = &mut Machine::new();
        up(director, &bond(BondMode::BalanceRr), machine).unwrap();
        director.shell("ip link del eth3").success();
        let report = down(director, machine).unwrap();
        let notes: Vec<_> =
            report.notes.iter().map(|note| typed(&note.to_string()).to_owned()).collect();
        assert_eq!(notes, ["address 203.0.113.1/24 dev eth3 was scope global brd 203.0.113.255"]);
        let keys: HashSet<_> = report.steps.iter().map(|step| step.key.to_string()).collect();
        assert!(keys.contains("address 192.0.2.1/24 dev eth2"), "{keys:?}");
        assert_eq!(journal(director).entries().count(), 0);
        assert_eq!(down(director, machine).unwrap().steps, []);
    });
}

#[test]
fn a_cluster_file_makes_the_bond_and_takes_it_back() {
    let rack = Rack::with_belongings();
    let director = &rack.director;
    let file = ClusterFile::new(
        "bond",
        "mode = \"dr\"\n[[director.bond]]\nname = \"bond0\"\nmode = \"balance-xor\"\n\
         ports = [\"eth2\", \"eth3\"]\n[[service]]\nlisten = \"tcp://192.0.2.10:80\"\n\
         real = [\"192.0.2.20\"]\n",
    );
    let before = rack.everything();
    director.lvsctl(&file.line("apply --role director")).success();
    let vip = director.shell("ip address show dev bond0").success();
    assert!(vip.contains("inet 192.0.2.10/32") && vip.contains("inet 192.0.2.1/24"), "{vip}");
    let complete = rack.network();
    let again = director.lvsctl(&file.line("apply --role director")).success();
    assert!(again.contains("nothing to do"), "{again}");
    // What was moved is told in words, of the file and of the journal alike.
    for line in [&file.line("status --role director"), "status", "--json status"] {
        let status = director.lvsctl(line);
        assert_eq!(status.status, 0, "{line}: {status:?}");
        assert!(!status.output.contains("message") && status.output.contains("scope global"));
    }
    assert_same(&rack.network(), &complete, "apply twice is apply once");
    director.lvsctl(&file.line("down")).success();
    assert_same(&rack.everything(), &before, "after down");
}
