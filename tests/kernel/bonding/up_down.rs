//! Addresses and routes of ports move to the bond, and `down` reverts that.

use std::panic::{AssertUnwindSafe, catch_unwind};

use programs::host::{BondMode, Key};

use super::{MODES, Outcome, Rack, bond, down, up};
use crate::support::assert_same;
use crate::support::cluster_file::ClusterFile;
use crate::support::machine::{Death, Machine};

#[test]
fn bond_takes_over_addresses_and_routes_of_its_ports_and_down_reverts_them() {
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
fn commands_of_a_bond_typed_by_hand_have_the_same_result() {
    let rack = Rack::with_belongings();
    let director = &rack.director;
    // The command that deletes an address with a peer does not know the peer.
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
fn bond_run_killed_at_any_step_is_completed_by_next_run() {
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
    let desired = bond(BondMode::BalanceXor);
    let before = rack.network();
    director.inside(|| {
        up(director, &desired, &mut Machine::new()).unwrap();
        let complete = rack.network();
        for upward in [true, false] {
            let perform = |upward: bool, machine: &mut Machine| {
                if upward { up(director, &desired, machine) } else { down(director, machine) }
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

#[test]
fn cluster_file_sets_up_and_reverts_bond() {
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
    assert!(again.contains("no changes needed"), "{again}");
    // What was moved is shown in words, by the file and by the journal.
    for line in [&file.line("status --role director"), "status", "--json status"] {
        let status = director.lvsctl(line);
        assert_eq!(status.status, 0, "{line}: {status:?}");
        assert!(!status.output.contains("message") && status.output.contains("scope global"));
    }
    assert_same(&rack.network(), &complete, "apply twice is apply once");
    director.lvsctl(&file.line("down")).success();
    assert_same(&rack.everything(), &before, "after down");
}
