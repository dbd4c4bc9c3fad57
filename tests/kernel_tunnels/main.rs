//! Every tunnel that IPVS can send packets through, with packets: what has to stand at a real server
//! for each, by the keys of `node`. In a guest of their own, since the modules of the tunnels make
//! interfaces on every host: `scripts/test kernel`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

#[path = "../support/mod.rs"]
mod support;

use lvs::ipvs::{AddressFamily, Checksum, Tunnel};
use lvs::node::{Key, PRESENT, Sysctl, TunnelEnd, UP, Want};
use lvs::plan::{Engine, Journal, JournalFile, Wanted};

use support::machine::Machine;
use support::{Host, Network, assert_same, root};

const TUNNELS: [Tunnel; 6] = [
    Tunnel::Ipip,
    Tunnel::Gue { port: 6080, checksum: Checksum::None },
    Tunnel::Gue { port: 6080, checksum: Checksum::Full },
    Tunnel::Gue { port: 6080, checksum: Checksum::Remote },
    Tunnel::Gre { checksum: Checksum::None },
    Tunnel::Gre { checksum: Checksum::Full },
];

fn options(tunnel: Tunnel) -> &'static str {
    match tunnel {
        Tunnel::Gue { checksum: Checksum::None, .. } => {
            "--tun-type gue --tun-port 6080 --tun-nocsum"
        }
        Tunnel::Gue { checksum: Checksum::Full, .. } => "--tun-type gue --tun-port 6080 --tun-csum",
        Tunnel::Gue { .. } => "--tun-type gue --tun-port 6080 --tun-remcsum",
        Tunnel::Gre { checksum: Checksum::None } => "--tun-type gre --tun-nocsum",
        Tunnel::Gre { .. } => "--tun-type gre --tun-csum",
        _ => "--tun-type ipip",
    }
}

fn bracketed(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

fn want(key: Key, value: &str) -> Want {
    Want { key, value: Some(value.to_owned()), tolerated: Vec::new() }
}

/// All that the real server needs.
fn wanted(vip: &str, real: &str, tunnel: Tunnel) -> (TunnelEnd, Vec<Want>) {
    let ipv4 = !vip.contains(':');
    let family = if ipv4 { AddressFamily::Ipv4 } else { AddressFamily::Ipv6 };
    let end = TunnelEnd::new(family, real.parse().unwrap(), tunnel).unwrap();
    let device = end.device.clone();
    let mut wanted = end.wanted();
    if ipv4 {
        let own = |name| Key::Sysctl(Sysctl::of_interface(&device, name));
        let all = |name| Key::Sysctl(Sysctl::of_all_interfaces(name));
        wanted.extend([
            want(own("rp_filter"), "2"),
            want(all("arp_ignore"), "1"),
            want(all("arp_announce"), "2"),
        ]);
    }
    let prefix = if ipv4 { 32 } else { 128 };
    wanted.extend([
        want(Key::LinkUp(device.clone()), UP),
        want(Key::Address { address: vip.parse().unwrap(), prefix, device }, PRESENT),
    ]);
    (end, wanted)
}

fn journal(host: &Host) -> Journal<Key, String> {
    std::fs::create_dir_all(host.state_directory()).unwrap();
    JournalFile::load(host.state_directory().join("end.json"), "now".to_owned()).unwrap()
}

fn up(host: &Host, wanted: Vec<Want>) {
    let claim = || "end".to_owned();
    let wanted = wanted.into_iter().map(|want| Wanted {
        key: want.key,
        value: want.value,
        tolerated: want.tolerated,
        claim: claim(),
    });
    let wanted: Vec<_> = wanted.collect();
    host.inside(|| {
        Engine::new(&mut Machine::new(), &mut journal(host)).up(&[claim()], &wanted).unwrap();
    });
}

fn down(host: &Host) {
    host.inside(|| {
        Engine::new(&mut Machine::new(), &mut journal(host)).down(&["end".to_owned()]).unwrap();
    });
}

/// The state of a real server; `ip fou` lists the ports of both families.
fn everything(host: &Host) -> String {
    host.everything() + &host.shell("ip fou show; ip -d link | grep -A2 lvs-").output
}

const VIPS: [&str; 2] = ["192.0.2.10", "2001:db8::10"];
const REALS: [&str; 2] = ["192.0.2.2", "2001:db8::2"];

/// Who answers the client through that tunnel.
fn answer(client: &Host, director: &Host, vip: &str, real: &str, tunnel: Tunnel) -> String {
    let (service, server) = (format!("{}:80", bracketed(vip)), bracketed(real));
    director.ipvsadm("-C").success();
    director.ipvsadm(&format!("-A -t {service} -s rr")).success();
    director.ipvsadm(&format!("-a -t {service} -r {server}:80 -i {}", options(tunnel))).success();
    client
        .shell(&format!("timeout 2 bash -c 'exec 3<>/dev/tcp/{vip}/80 && cat <&3' || echo nobody"))
        .output
        .trim()
        .to_owned()
}

#[test]
fn every_tunnel_comes_out_where_it_is_said_to() {
    root("modprobe -a ip_vs ip_vs_rr sit ip_gre ip6_gre");
    let network = Network::new();
    let host = |last: u8| {
        let host = network.host(&format!("192.0.2.{last}/24"));
        host.shell(&format!("ip address add 2001:db8::{last}/64 dev eth0 nodad")).success();
        host
    };
    let (client, director, mut server) = (host(100), host(1), host(2));
    server.serve(80, "r1");
    director
        .shell(
            "ip address add 192.0.2.10/32 dev eth0; \
             ip address add 2001:db8::10/128 dev eth0 nodad preferred_lft 0",
        )
        .success();
    for host in [&director, &server] {
        host.shell(
            "for device in all default eth0; do \
             echo 1 >/proc/sys/net/ipv4/conf/$device/rp_filter; done",
        )
        .success();
    }
    // From the first time that it is up, a tunnel has parameters for IPv6.
    server
        .shell(
            "for device in tunl0 sit0 gre0 ip6gre0 ip6tnl0; do ip link set $device up; \
             ip link set $device down; done",
        )
        .success();
    let before = everything(&server);
    for vip in VIPS {
        for real in REALS {
            for tunnel in TUNNELS {
                let name = format!("{vip} by {real}, {}", options(tunnel));
                if tunnel == TUNNELS[0] {
                    assert_eq!(answer(&client, &director, vip, real, tunnel), "nobody", "{name}");
                }
                let (end, wanted) = wanted(vip, real, tunnel);
                up(&server, wanted);
                assert_eq!(answer(&client, &director, vip, real, tunnel), "r1", "{name}");
                let received = format!("cat /proc/net/dev | grep {}:", end.device);
                let counters = server.shell(&received).success();
                let packets = counters.split_whitespace().nth(2).unwrap();
                assert_ne!(packets, "0", "{name}: they came another way: {counters}");
                down(&server);
            }
            let after = everything(&server);
            assert_same(&after, &before, &format!("{vip} by {real}, after down"));
        }
    }
}

#[test]
fn a_port_that_someone_uses_is_named() {
    let mut host = Host::new();
    host.start("exec ncat -lu 6080");
    host.shell("until ss -lunH 'sport = :6080' | grep -q .; do sleep 0.1; done").success();
    let key = Key::FouPort { port: 6080, family: AddressFamily::Ipv4 };
    host.inside(|| {
        let machine = Machine::new();
        assert_eq!(machine.host.read(&key).unwrap(), None);
        let change = lvs::plan::Change { key: key.clone(), from: None, to: Some("gue".to_owned()) };
        let refused = machine.host.write(&change).unwrap_err().to_string();
        assert!(refused.contains("ip fou add port 6080 gue: "), "{refused}");
        assert!(refused.contains("ss -ulnp"), "{refused}");
    });
}
