//! Packets through a bond.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Barrier;

use programs::host::BondMode;

use super::{Rack, bond, up};
use crate::support::machine::Machine;
use crate::support::{Host, root};

/// Sends streams to a server that counts bytes; all stop half way until `between` has returned.
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
    let desired = STREAMS * HALF.len() * 2;
    assert_eq!(server.join().unwrap(), desired as u64);
    desired
}

#[test]
fn traffic_uses_every_port_of_a_bond_and_survives_loss_of_one() {
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
