//! `lvsctl --mode nat` with packets: a client outside, real servers inside, and a director with an
//! interface on each side.

use crate::killed;
use crate::support::cluster::Cluster;
use crate::support::cluster_file::ClusterFile;
use crate::support::{Host, Network, assert_same};

/// A cluster file with both families.
const FILE: &str = r#"
mode = "nat"
directors = ["192.168.20.254", "2001:db8:2::254"]

[[service]]
listen = "tcp://198.51.100.17:80"
scheduler = "rr"
real = ["192.168.20.1:80", "192.168.20.2:4002"]

[[service]]
listen = "tcp://[2001:db8:1::17]:80"
scheduler = "rr"
real = ["[2001:db8:2::1]:80"]
"#;

/// The addresses of one family.
struct Family {
    vip: &'static str,
    second: &'static str,
    gateway: &'static str,
    /// IPv6 addresses in brackets, for a port to follow.
    real: [&'static str; 4],
    /// The default route of each real server before `up`.
    old_route: &'static str,
}

const IPV4: Family = Family {
    vip: "198.51.100.17",
    second: "198.51.100.18",
    gateway: "192.168.20.254",
    real: ["192.168.20.1", "192.168.20.2", "192.168.20.3", "192.168.20.4"],
    old_route: "default via 192.168.20.253 dev eth0 proto static mtu 1400 advmss 1300",
};

const IPV6: Family = Family {
    vip: "2001:db8:1::17",
    second: "2001:db8:1::18",
    gateway: "2001:db8:2::254",
    real: ["[2001:db8:2::1]", "[2001:db8:2::2]", "[2001:db8:2::3]", "[2001:db8:2::4]"],
    old_route: "default via 2001:db8:2::253 dev eth0 proto static metric 1 mtu 1400",
};

/// The ports of the four nodes of the classic example, and their answers.
const NODES: [(u16, &str); 4] = [(80, "n1"), (4002, "n2"), (80, "n3"), (8080, "n4")];

/// The first `count` nodes inside, the client outside, and the director between them.
pub(crate) fn cluster(count: usize) -> Cluster {
    let (outside, inside) = (Network::new(), Network::new());
    let (client, director) = (Host::new(), Host::new());
    outside.attach(&client, "eth0", &["198.51.100.100/24", "2001:db8:1::100/64"]);
    outside.attach(&director, "eth0", &["198.51.100.1/24", "2001:db8:1::1/64"]);
    inside.attach(&director, "eth1", &["192.168.20.254/24", "2001:db8:2::254/64"]);
    let mut real_servers = Vec::new();
    for (number, (port, answer)) in (1..).zip(NODES).take(count) {
        let mut server = Host::new();
        let addresses = [format!("192.168.20.{number}/24"), format!("2001:db8:2::{number}/64")];
        inside.attach(&server, "eth0", &[&addresses[0], &addresses[1]]);
        for family in [IPV4, IPV6] {
            server.shell(&format!("ip route add {}", family.old_route)).success();
        }
        server.serve(port, answer);
        real_servers.push(server);
    }
    // The switches live as long as their ports.
    std::mem::forget((outside, inside));
    Cluster::new(client, director, real_servers)
}

fn director_up(cluster: &Cluster, family: &Family, vip: &str) -> String {
    let nodes = family.real.iter().zip(NODES).take(cluster.real_servers.len());
    let reals: String =
        nodes.map(|(address, (port, _))| format!(" --real {address}:{port}")).collect();
    format!("director up --mode nat --vip {vip} --service tcp:80 --scheduler rr{reals}")
}

fn bring_up(cluster: &Cluster, family: &Family, vip: &str) {
    cluster.director.lvsctl(&director_up(cluster, family, vip)).success();
    for server in &cluster.real_servers {
        let gateway = family.gateway;
        server
            .lvsctl(&format!("real-server up --mode nat --vip {vip} --gateway {gateway}"))
            .success();
    }
}

fn serves_and_reverts(family: &Family) {
    let cluster = cluster(2);
    // An unmanaged service stays.
    cluster.director.reference("-A -t 198.51.100.99:443 -s wlc -p 60").success();
    let before = cluster.everything();
    assert_eq!(cluster.answers(family.vip, 1), ["nobody"]);

    bring_up(&cluster, family, family.vip);
    assert_eq!(cluster.answers(family.vip, 8), [["n1"; 4], ["n2"; 4]].concat());
    // The kernel updates the counters every two seconds.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let counters = cluster.director.reference("-Ln --stats").success();
    for address in &family.real[..2] {
        let line = counters.lines().find(|line| line.contains(address)).expect("it is listed");
        let out: u32 = line.split_whitespace().nth(4).unwrap().parse().unwrap();
        assert!(out > 0, "the answers do not pass the director: {counters}");
    }

    let up = cluster.everything();
    bring_up(&cluster, family, family.vip);
    assert_same(&cluster.everything(), &up, "up twice is up once");

    bring_up(&cluster, family, family.second);
    assert_eq!(cluster.answers(family.second, 2), ["n1", "n2"]);
    cluster.down("nat", family.vip);
    assert_eq!(cluster.answers(family.vip, 1), ["nobody"]);
    assert_eq!(cluster.answers(family.second, 2), ["n1", "n2"]);

    cluster.down("nat", family.second);
    assert_same(&cluster.everything(), &before, "after down");
}

#[test]
fn nat_forwards_requests_and_replies_through_the_director() {
    serves_and_reverts(&IPV4);
}

#[test]
fn nat_over_ipv6_forwards_requests_and_replies_through_the_director() {
    serves_and_reverts(&IPV6);
}

#[test]
fn nat_up_sets_sysctls_address_route_and_table() {
    let cluster = cluster(1);
    bring_up(&cluster, &IPV4, IPV4.vip);
    let director = &cluster.director;
    let value = |path: &str| director.shell(&format!("cat /proc/sys/net/ipv4/{path}")).success();
    assert_eq!(value("ip_forward"), "1\n");
    for device in ["all", "eth0", "eth1"] {
        assert_eq!(value(&format!("conf/{device}/send_redirects")), "0\n", "{device}");
        assert_eq!(value(&format!("conf/{device}/rp_filter")), "1\n", "not ours to change");
    }
    let addresses = director.shell("ip -4 -oneline address show dev eth0").success();
    assert!(addresses.contains(" 198.51.100.17/32 "), "{addresses}");
    let routes = cluster.real_servers[0].shell("ip -4 route show default").success();
    assert_eq!(routes.trim(), "default via 192.168.20.254 dev eth0");
    let table = "-A -t 198.51.100.17:80 -s rr\n-a -t 198.51.100.17:80 -r 192.168.20.1:80 -m -w 1\n";
    assert_eq!(director.reference("-Sn").success(), table);
}

#[test]
fn nat_replies_come_from_the_vip_whatever_the_port_of_the_node() {
    let cluster = cluster(4);
    bring_up(&cluster, &IPV4, IPV4.vip);
    assert_eq!(cluster.answers(IPV4.vip, 8), [["n1"; 2], ["n2"; 2], ["n3"; 2], ["n4"; 2]].concat());
    // The client does not see the other port of a node.
    let seen = cluster
        .client
        .shell(&format!(
            "timeout 20 tcpdump -nni eth0 -c 4 'tcp[tcpflags] & (tcp-syn|tcp-ack) == 18' \
             >/run/seen-{name} & sleep 2; for i in 1 2 3 4; do timeout 2 bash -c \
             'exec 3<>/dev/tcp/198.51.100.17/80 && cat <&3'; done >/dev/null; wait; \
             cat /run/seen-{name}",
            name = cluster.client.name()
        ))
        .success();
    let from_vip = seen.lines().filter(|line| line.contains("IP 198.51.100.17.80 > ")).count();
    assert_eq!(from_vip, 4, "{seen}");
    let table = cluster.director.reference("-Sn").success();
    let expected = "-A -t 198.51.100.17:80 -s rr\n\
        -a -t 198.51.100.17:80 -r 192.168.20.1:80 -m -w 1\n\
        -a -t 198.51.100.17:80 -r 192.168.20.2:4002 -m -w 1\n\
        -a -t 198.51.100.17:80 -r 192.168.20.3:80 -m -w 1\n\
        -a -t 198.51.100.17:80 -r 192.168.20.4:8080 -m -w 1\n";
    assert_eq!(table, expected);
}

/// Writing 0 to `ip_forward` makes a hardened host accept redirects again, and stops forwarding on
/// interfaces that had it enabled separately.
#[test]
fn nat_director_down_reverts_side_effects_of_forwarding() {
    let cluster = cluster(1);
    let director = &cluster.director;
    director
        .shell(
            "cd /proc/sys/net; echo 0 >ipv4/conf/all/accept_redirects; \
             echo 1 >ipv4/conf/eth1/forwarding; echo 1 >ipv6/conf/eth1/forwarding",
        )
        .success();
    let before = director.everything();
    for family in [IPV4, IPV6] {
        let up = director_up(&cluster, &family, family.vip);
        director.lvsctl(&up).success();
        assert_ne!(director.everything(), before);
        let down = format!("director down --mode nat --vip {}", family.vip);
        director.lvsctl(&down).success();
        assert_same(&director.everything(), &before, &down);
        // A run that fails at its end rolls the same back.
        let refused = director.lvsctl(&up.replace("--scheduler rr", "--scheduler nosuch"));
        assert_eq!(refused.status, 1, "{refused:?}");
        assert_same(&director.everything(), &before, "after the refusal");
    }
}

#[test]
fn nat_real_server_keeps_default_route_of_larger_metric() {
    let cluster = cluster(1);
    let server = &cluster.real_servers[0];
    server
        .shell(
            "ip route del default; ip route add default via 192.168.20.253 dev eth0 proto dhcp \
             src 192.168.20.1 metric 100",
        )
        .success();
    let before = server.everything();
    server
        .lvsctl("real-server up --mode nat --vip 198.51.100.17 --gateway 192.168.20.254")
        .success();
    let taken = server.shell("ip route get 198.51.100.100").success();
    assert!(taken.contains("via 192.168.20.254"), "{taken}");
    let routes = server.shell("ip route show default").success();
    assert!(routes.contains("via 192.168.20.253 dev eth0 proto dhcp"), "{routes}");
    server.lvsctl("real-server down --mode nat --vip 198.51.100.17").success();
    assert_same(&server.everything(), &before, "after down");
}

#[test]
fn nat_dry_run_prints_commands_that_leave_nothing_to_do() {
    let cluster = cluster(2);
    for family in [IPV4, IPV6] {
        let server =
            format!("real-server up --mode nat --vip {} --gateway {}", family.vip, family.gateway);
        for (host, line) in [
            (&cluster.director, director_up(&cluster, &family, family.vip)),
            (&cluster.real_servers[0], server),
        ] {
            let before = host.everything();
            let script = host.lvsctl(&format!("--dry-run {line}")).success();
            assert_same(&host.everything(), &before, "a dry run changes nothing");
            host.shell(&format!("set -e\n{script}")).success();
            let by_hand = host.everything();
            assert_eq!(
                host.lvsctl(&format!("--dry-run {line}")).success(),
                "# no changes needed\n"
            );
            host.lvsctl(&line).success();
            assert_same(&host.everything(), &by_hand, "there was nothing left to do");
            assert_ne!(host.everything(), before);
        }
    }
}

#[test]
fn nat_director_apply_killed_at_any_step_is_completed_by_next_run() {
    let cluster = cluster(2);
    let file = ClusterFile::new("killed-nat", FILE);
    cluster
        .director
        .shell("cd /proc/sys/net/ipv4/conf; echo 0 >all/accept_redirects; echo 1 >eth1/forwarding")
        .success();
    // Probes for another owner of the address would take most of the time.
    killed::at_any_step(&cluster.director, &file.line("apply --force"), &file.line("down"));
}

#[test]
fn nat_real_server_apply_killed_at_any_step_is_completed_by_next_run() {
    let cluster = cluster(1);
    // The file has both families.
    let file = ClusterFile::new("killed-server", FILE);
    killed::at_any_step(&cluster.real_servers[0], &file.line("apply"), &file.line("down"));
}
