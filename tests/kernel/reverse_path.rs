//! The reverse path filter is strict everywhere (`rp_filter` 1) before `lvsctl` runs: packets of the
//! directors pass it afterwards, whichever interface they come in by.

use crate::support::cluster::Cluster;
use crate::support::cluster_file::ClusterFile;
use crate::support::{Host, Network, assert_same};

const VIP: &str = "198.51.100.10";

fn cluster_file(name: &str, mode: &str) -> ClusterFile {
    ClusterFile::new(
        name,
        &format!(
            "mode = \"{mode}\"\ndirectors = [\"192.168.10.1\"]\n[[service]]\n\
             listen = \"tcp://{VIP}:80\"\nscheduler = \"rr\"\nreal = [\"192.168.10.2\"]\n"
        ),
    )
}

/// A client, a director and a real server in the network of the clients; director and real server
/// are in a second network, by which the director reaches the real server.
fn two_legs() -> Cluster {
    let (outside, inside) = (Network::new(), Network::new());
    let client = outside.host("198.51.100.100/24");
    let (director, mut server) = (inside.host("192.168.10.1/24"), inside.host("192.168.10.2/24"));
    outside.attach(&director, "eth1", &["198.51.100.1/24"]);
    outside.attach(&server, "eth1", &["198.51.100.2/24"]);
    server.serve(80, "r1");
    // The switches live as long as their ports.
    std::mem::forget((outside, inside));
    Cluster::new(client, director, vec![server])
}

fn filter(host: &Host, device: &str) -> String {
    let file = format!("/proc/sys/net/ipv4/conf/{device}/rp_filter");
    host.shell(&format!("cat {file}")).success().trim().to_owned()
}

/// By a file on both, `apply` carries traffic and `down` leaves nothing.
fn serves_and_reverts(cluster: &Cluster, file: &ClusterFile) {
    let before = cluster.everything();
    for host in cluster.servers() {
        host.lvsctl(&file.line("apply")).success();
    }
    assert_eq!(cluster.answers(VIP, 2), ["r1"; 2]);
    let up = cluster.everything();
    for host in cluster.servers() {
        host.lvsctl(&file.line("apply")).success();
    }
    assert_same(&cluster.everything(), &up, "apply twice is apply once");
    for host in cluster.servers() {
        host.lvsctl(&file.line("down")).success();
    }
    assert_same(&cluster.everything(), &before, "after down");
}

/// The requests come in by one leg, the clients are behind the other.
#[test]
fn dr_real_server_with_two_legs_serves_clients_behind_the_other_leg() {
    let cluster = two_legs();
    serves_and_reverts(&cluster, &cluster_file("two-legs-dr", "dr"));

    // A real server that knows no director.
    let server = &cluster.real_servers[0];
    let file = cluster_file("two-legs-director", "dr");
    cluster.director.lvsctl(&file.line("apply")).success();
    let before = server.everything();
    server.lvsctl(&format!("real-server up --mode dr --vip {VIP}")).success();
    assert_eq!(cluster.answers(VIP, 1), ["r1"]);
    server.lvsctl(&format!("real-server down --mode dr --vip {VIP}")).success();
    assert_same(&server.everything(), &before, "after down");
}

/// Replies to any client leave by the leg that the requests come in by.
#[test]
fn dr_real_server_keeps_strict_filter_where_a_bridge_is_the_only_other_network() {
    let network = Network::new();
    let server = network.host("192.168.10.2/24");
    server
        .shell(
            "ip route add default via 192.168.10.1 && ip link add docker0 type bridge && \
             ip address add 172.17.0.1/16 dev docker0 && ip link set docker0 up && \
             echo 1 >/proc/sys/net/ipv4/conf/eth0/rp_filter && \
             echo 1 >/proc/sys/net/ipv4/conf/docker0/rp_filter",
        )
        .success();
    server.lvsctl(&format!("real-server up --mode dr --vip {VIP}")).success();
    assert_eq!([filter(&server, "eth0"), filter(&server, "docker0")], ["1", "1"]);
}

#[test]
fn tun_real_server_with_two_legs_serves_despite_strict_filter() {
    serves_and_reverts(&two_legs(), &cluster_file("two-legs-tun", "tun"));
}

/// The kernel gives the packets to the tunnel that has the address of the real server or of the
/// director, and not to `tunl0`. It has no IPv4 address, so that its filter drops them by 1 and 2.
#[test]
fn tun_real_server_serves_where_tunnels_of_other_names_take_the_packets() {
    let cluster = two_legs();
    let (server, file) = (&cluster.real_servers[0], cluster_file("other-tunnel", "tun"));
    cluster.director.lvsctl(&file.line("apply")).success();
    for (name, ends) in [
        ("local", "local 192.168.10.2"),
        ("peer", "remote 192.168.10.1"),
        ("both", "local 192.168.10.2 remote 192.168.10.1"),
        ("any", "external"),
    ] {
        server
            .shell(&format!(
                "ip link add {name} type ipip {ends} && ip link set {name} up && \
                 echo 1 >/proc/sys/net/ipv4/conf/{name}/rp_filter"
            ))
            .success();
        let before = server.everything();
        server.lvsctl(&file.line("apply")).success();
        assert_eq!(cluster.answers(VIP, 1), ["r1"], "{name}");
        server.lvsctl(&file.line("down")).success();
        assert_same(&server.everything(), &before, name);
        server.shell(&format!("ip link del {name}")).success();
    }
    // Those that take no packet of a director are left alone.
    server
        .shell(
            "ip link add to-office type ipip local 192.168.10.2 remote 198.51.100.77 && \
             ip link add idle type ipip local 192.168.10.2 && ip link set to-office up && \
             echo 1 >/proc/sys/net/ipv4/conf/to-office/rp_filter",
        )
        .success();
    server.lvsctl(&file.line("apply")).success();
    for name in ["to-office", "idle"] {
        let addresses = server.shell(&format!("ip -4 -oneline address show dev {name}")).success();
        assert_eq!(addresses, "");
    }
    assert_eq!(filter(server, "to-office"), "1");
    server.lvsctl(&file.line("down")).success();

    // Without a file, neither the directors nor the own address are known.
    server.shell("ip link set idle up").success();
    server.lvsctl(&format!("real-server up --mode tun --vip {VIP}")).success();
    assert_eq!(cluster.answers(VIP, 1), ["r1"]);
    // What went with its interface cannot be put back.
    server.shell("ip link del idle").success();
    server.lvsctl(&format!("real-server down --mode tun --vip {VIP}"));
    assert!(!server.everything().contains(VIP));
}
