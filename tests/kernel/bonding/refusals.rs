//! Ports that cannot be bonded, and bonds that cannot be reverted completely.

use std::collections::HashSet;

use programs::engine::Change;
use programs::host::{BondMode, Key, without_message};

use super::{Rack, bond, down, journal, up};
use crate::support::assert_same;
use crate::support::machine::Machine;

#[test]
fn existing_bond_without_ports_is_used_and_any_other_is_refused() {
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

        // The module adds a bond between the dump and the request.
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
                "eth3 is already a port of br0",
            ),
            (
                "ip link set eth3 nomaster; ip route add 10.30.0.0/16 nexthop via 192.0.2.9 dev eth2 \
                 nexthop via 192.0.2.8 dev eth2",
                "nexthop via 192.0.2.8 dev eth2 weight 1 has several next hops",
            ),
            ("ip route del 10.30.0.0/16; ip link del eth3", "interface eth3 does not exist"),
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
fn bond_down_reports_vanished_port_and_reverts_the_rest() {
    let rack = Rack::with_belongings();
    let director = &rack.director;
    director.inside(|| {
        let machine = &mut Machine::new();
        up(director, &bond(BondMode::BalanceRr), machine).unwrap();
        director.shell("ip link del eth3").success();
        let report = down(director, machine).unwrap();
        let notes: Vec<_> =
            report.notes.iter().map(|note| without_message(&note.to_string()).to_owned()).collect();
        assert_eq!(notes, ["address 203.0.113.1/24 dev eth3 was scope global brd 203.0.113.255"]);
        let keys: HashSet<_> = report.steps.iter().map(|step| step.key.to_string()).collect();
        assert!(keys.contains("address 192.0.2.1/24 dev eth2"), "{keys:?}");
        assert_eq!(journal(director).entries().count(), 0);
        assert_eq!(down(director, machine).unwrap().steps, []);
    });
}
