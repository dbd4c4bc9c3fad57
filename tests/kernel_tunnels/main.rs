//! Every tunnel type of IPVS with packets, and the keys of `host` that a real server needs for it.
//! They run in a separate guest, since the modules of the tunnels add interfaces to every host:
//! `scripts/test kernel`.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::time::Duration;

use lvs::ipvs::{AddressFamily, Checksum, Tunnel};
use programs::engine::{Desired, Engine, Journal, JournalFile};
use programs::host::{Key, PRESENT, Sysctl, UP};
use programs::policy::{Requirement, TunnelEndpoint};

use support::cluster_file::ClusterFile;
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

fn want(key: Key, value: &str) -> Requirement {
    Requirement { key, value: Some(value.to_owned()), acceptable: Vec::new() }
}

/// The tunnel device and the keys that the real server needs.
fn desired(vip: &str, real: &str, tunnel: Tunnel) -> (TunnelEndpoint, Vec<Requirement>) {
    let ipv4 = !vip.contains(':');
    let family = if ipv4 { AddressFamily::Ipv4 } else { AddressFamily::Ipv6 };
    let end = TunnelEndpoint::new(family, real.parse().unwrap(), tunnel).unwrap();
    let device = end.device.clone();
    let mut desired = end.requirements();
    if ipv4 {
        let own = |name| Key::Sysctl(Sysctl::of_interface(&device, name));
        let all = |name| Key::Sysctl(Sysctl::of_all_interfaces(name));
        desired.extend([
            want(own("rp_filter"), "2"),
            want(all("arp_ignore"), "1"),
            want(all("arp_announce"), "2"),
        ]);
    }
    let prefix = if ipv4 { 32 } else { 128 };
    desired.extend([
        want(Key::LinkUp(device.clone()), UP),
        want(Key::Address { address: vip.parse().unwrap(), prefix, device }, PRESENT),
    ]);
    (end, desired)
}

fn journal(host: &Host) -> Journal<Key, String, String> {
    std::fs::create_dir_all(host.state_directory()).unwrap();
    JournalFile::load(host.state_directory().join("end.json"), "now".to_owned()).unwrap()
}

fn up(host: &Host, desired: Vec<Requirement>) {
    let owner = || "end".to_owned();
    let desired = desired.into_iter().map(|want| Desired {
        key: want.key,
        value: want.value,
        acceptable: want.acceptable,
        owner: owner(),
    });
    let desired: Vec<_> = desired.collect();
    host.inside(|| {
        Engine::new(&mut Machine::new(), &mut journal(host)).apply(&[owner()], &desired).unwrap();
    });
}

fn down(host: &Host) {
    host.inside(|| {
        Engine::new(&mut Machine::new(), &mut journal(host)).revert(&["end".to_owned()]).unwrap();
    });
}

/// The state of a real server, with the FOU ports of both families.
fn everything(host: &Host) -> String {
    host.everything() + &host.shell("ip fou show; ip -d link | grep -A2 lvs-").output
}

const VIPS: [&str; 2] = ["192.0.2.10", "2001:db8::10"];
const REALS: [&str; 2] = ["192.0.2.2", "2001:db8::2"];

/// The answer that the client receives through that tunnel.
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

/// A client, a director and a real server on one switch; the last two have strict reverse path
/// filters.
fn hosts() -> (Host, Host, Host) {
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
    // The switch lives as long as its ports.
    std::mem::forget(network);
    (client, director, server)
}

#[test]
fn every_tunnel_is_decapsulated_by_its_interface() {
    let (client, director, server) = hosts();
    // A tunnel has IPv6 sysctls from the first time that it is up.
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
                let (end, desired) = desired(vip, real, tunnel);
                up(&server, desired);
                assert_eq!(answer(&client, &director, vip, real, tunnel), "r1", "{name}");
                let checked = director.lvsctl_inside("check --timeout 1");
                assert!(checked.status == 0, "{name}: {checked:?}");
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

/// Sends a megabyte and receives one; returns the MSS that the client received, and the number of
/// packets that the director rejected as too long for the tunnel.
fn exchange(client: &Host, director: &Host, vip: &str) -> (String, u64) {
    let too_long = || -> u64 {
        let counters = director.shell("cat /proc/net/snmp /proc/net/snmp6").success();
        let rejected = |line: &str| line.strip_prefix("Icmp6OutPktTooBigs")?.trim().parse().ok();
        let ipv6: u64 = counters.lines().find_map(rejected).unwrap();
        let mut icmp = counters.lines().filter(|line| line.starts_with("Icmp:"));
        let (names, values) = (icmp.next().unwrap(), icmp.next().unwrap());
        let mut columns = names.split(' ').zip(values.split(' '));
        let unreachable = columns.find(|(name, _)| *name == "OutDestUnreachs").unwrap().1;
        ipv6 + unreachable.parse::<u64>().unwrap()
    };
    let before = too_long();
    // The file of the previous exchange still says "listening", and the server may still send packets
    // of that connection. In IPv6 the TCP flags follow a header of 40 bytes.
    let line = format!(
        "rm -f /run/seen-{0} /run/ready-{0}; timeout 60 tcpdump -lnni eth0 -c 1 'src port 81 and \
         (tcp[tcpflags] & tcp-syn != 0 or ip6[53] & tcp-syn != 0)' >/run/seen-{0} 2>/run/ready-{0} & \
         until grep -qs listening /run/ready-{0}; do sleep 0.1; done; \
         timeout 60 bash -c 'exec 3<>/dev/tcp/{vip}/81; head -c 1000000 /dev/zero >&3; \
         cat <&3 | wc -c'; wait; grep -o 'mss [0-9]*' /run/seen-{0}",
        client.name()
    );
    let heard = client.shell(&line);
    let errors = heard.errors.clone();
    let heard = heard.success();
    let (count, mss) = heard.split_once('\n').unwrap();
    assert_eq!(count, "1000008", "{vip}: {errors}");
    (mss.trim().to_owned(), too_long() - before)
}

#[test]
fn clients_receive_mss_that_fits_the_tunnel() {
    let (client, director, mut server) = hosts();
    server.serve_by(81, |connection| {
        let mut heard = vec![1; 1_000_000];
        connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        if connection.read_exact(&mut heard).is_ok() {
            let _ = connection.write_all(b"1000000\n").and_then(|()| connection.write_all(&heard));
        }
    });
    // The client sends each packet separately, as on a real link. It is behind the default gateway.
    client.shell("ip link set eth0 gso_max_segs 1").success();
    client
        .shell(
            "ip address add 198.51.100.100/32 dev lo; ip address add 2001:db8:9::100/128 dev lo; \
             for route in 192.0.2.10 '-6 2001:db8::10'; do set -- $route; \
             case $1 in -6) ip -6 route add $2 dev eth0 src 2001:db8:9::100;; \
             *) ip route add $1 dev eth0 src 198.51.100.100;; esac; done",
        )
        .success();
    for host in [&director, &server] {
        host.shell(
            "ip route add default via 192.0.2.100; ip -6 route add default via 2001:db8::100",
        )
        .success();
    }
    let file = ClusterFile::new("segments", "");
    for (vip, real, tunnel, usual, fitting) in [
        (VIPS[0], REALS[0], TUNNELS[0], "mss 1460", "mss 1440"),
        (VIPS[0], REALS[0], TUNNELS[3], "mss 1460", "mss 1420"),
        (VIPS[1], REALS[1], TUNNELS[0], "mss 1440", "mss 1400"),
        (VIPS[1], REALS[1], TUNNELS[5], "mss 1440", "mss 1392"),
    ] {
        let name = format!("{vip} by {real}, {}", options(tunnel));
        let service = bracketed(vip);
        director.ipvsadm("-C").success();
        director.ipvsadm(&format!("-A -t {service}:81 -s rr")).success();
        let destination = format!("-r {}:81 -i {}", bracketed(real), options(tunnel));
        director.ipvsadm(&format!("-a -t {service}:81 {destination}")).success();

        if tunnel == Tunnel::Ipip {
            up(&server, desired(vip, real, tunnel).1);
            let (mss, too_long) = exchange(&client, &director, vip);
            assert_eq!(mss, usual, "{name}");
            assert_ne!(too_long, 0, "{name}: nothing was too long");
            down(&server);
            // Drops what the client has learnt from the director.
            client.shell("ip route flush cache; ip -6 route flush cache").success();
        }

        // Plain tunnels are set up by flags, the others by a file.
        let (there, back) = match key(tunnel) {
            None => ["up", "down"]
                .map(|verb| format!("real-server {verb} --mode tun --vip {vip}"))
                .into(),
            Some(key) => {
                let text = format!(
                    "mode = \"tun\"\n[[service]]\nlisten = \"tcp://{service}:81\"\n\
                     real = [{{ address = \"{real}\", tunnel = {key} }}]\n"
                );
                file.write(&text);
                (file.line("apply"), file.line("down"))
            }
        };
        let before = everything(&server);
        server.lvsctl(&there).success();
        assert_eq!(exchange(&client, &director, vip), (fitting.to_owned(), 0), "{name}");
        let complete = everything(&server);
        server.lvsctl(&there).success();
        assert_same(&everything(&server), &complete, "up twice");
        server.lvsctl(&back).success();
        let after = everything(&server);
        assert_same(&without_ipv6_parameters(&after), &without_ipv6_parameters(&before), &name);
    }
}

/// The tunnel in a cluster file; `None` for the default.
fn key(tunnel: Tunnel) -> Option<&'static str> {
    match tunnel {
        Tunnel::Gue { .. } => Some("{ type = \"gue\", port = 6080, checksum = \"remote\" }"),
        Tunnel::Gre { .. } => Some("{ type = \"gre\", checksum = \"full\" }"),
        _ => None,
    }
}

/// A tunnel has IPv6 sysctls from the first time that it is up.
fn without_ipv6_parameters(all: &str) -> String {
    let kept = all.lines().filter(|line| !line.starts_with("/proc/sys/net/ipv6/"));
    kept.map(|line| format!("{line}\n")).collect()
}

#[test]
fn fou_port_in_use_is_refused_by_name() {
    let mut host = Host::new();
    host.start("exec ncat -lu 6080");
    host.shell("until ss -lunH 'sport = :6080' | grep -q .; do sleep 0.1; done").success();
    let key = Key::FouPort { port: 6080, family: AddressFamily::Ipv4 };
    host.inside(|| {
        let mut machine = Machine::new();
        assert_eq!(machine.host.read(&key).unwrap(), None);
        let change =
            programs::engine::Change { key: key.clone(), from: None, to: Some("gue".to_owned()) };
        let refused = machine.host.write(&change).unwrap_err().to_string();
        assert!(refused.contains("ip fou add port 6080 gue: "), "{refused}");
        assert!(refused.contains("ss -ulnp"), "{refused}");
    });
}

/// Two tunnel types for one virtual address, and one family encapsulated in the other.
const FILE: &str = r#"
mode = "tun"
directors = ["192.168.10.1"]

[[service]]
listen = "tcp://192.168.10.10:80"
scheduler = "rr"
real = [
  { address = "192.168.10.2", tunnel = { type = "gue", port = 6080, checksum = "full" } },
  { address = "192.168.10.3", tunnel = { type = "gre" } },
]

[[service]]
listen = "tcp://[2001:db8:1::10]:80"
scheduler = "rr"
real = ["192.168.10.2", "2001:db8:1::3"]

[[service]]
listen = "tcp://192.168.10.11:80"
scheduler = "rr"
real = [{ address = "192.168.10.2", tunnel = { type = "gre", checksum = "full" } }, "2001:db8:1::3"]
"#;

#[test]
fn cluster_file_sets_up_every_kind_of_tunnel() {
    let cluster = support::cluster::Cluster::on_one_switch();
    root("modprobe -a sit ip_gre ip6_gre fou");
    let file = ClusterFile::new("tunnels", FILE);
    let before = cluster.everything();
    for host in cluster.servers() {
        host.lvsctl(&file.line("apply")).success();
    }
    for vip in ["192.168.10.10", "2001:db8:1::10", "192.168.10.11"] {
        assert_eq!(cluster.answers(vip, 4), ["r1", "r1", "r2", "r2"], "{vip}");
    }
    for host in cluster.servers() {
        assert_eq!(host.lvsctl(&file.line("diff")).visible(), (0, "", ""));
        host.lvsctl(&file.line("down")).success();
    }
    assert_same(&cluster.everything(), &before, "after down");
}
