//! Faults of NAT.

use crate::cluster::{Breakage, Cluster, NAT, NAT_IPV6, is_found};
use crate::only_looks;

#[test]
fn broken_nat_is_found_and_fixed() {
    let cluster = Cluster::up(NAT);
    let (director, real) = (&cluster.director, &cluster.real);
    cluster.is_well();
    only_looks::reads_files_and_queries_the_kernel(&cluster);
    let sysctls = "cd /proc/sys/net/ipv4;";
    for (id, host, felt, by) in [
        ("N1", director, true, "echo 0 >ip_forward"),
        ("N1", director, true, "echo 0 >conf/eth0/forwarding"),
        ("A16", director, true, "ip address del 198.51.100.17/32 dev eth1"),
        ("N2", real, true, "ip route replace default via 192.168.10.254 dev eth0"),
        ("N2", real, true, "ip route del default"),
        ("N4", real, false, "echo 1 >conf/all/accept_redirects"),
        (
            "N4",
            director,
            false,
            "ip route add default via 192.168.10.254 dev eth0; echo 1 >conf/eth0/send_redirects",
        ),
    ] {
        cluster.breaks(&Breakage { id, host, by: &format!("{sysctls} {by}"), felt });
    }
    director.shell("ip route del default").success();
    // Replies to a client in the subnet of the real server bypass the director.
    cluster.is_answered();
    cluster.inside.attach(&cluster.client, "eth1", &["192.168.10.100/24"]);
    cluster.client.shell("ip route add 198.51.100.17/32 via 192.168.10.1 dev eth1").success();
    cluster.is_not_answered();
    let finding = is_found(director, "N3");
    assert!(finding["title"].as_str().unwrap().contains("192.168.10.100"), "{finding:#}");
}

#[test]
fn broken_ipv6_nat_is_found_and_fixed() {
    let cluster = Cluster::up(NAT_IPV6);
    let (director, real) = (&cluster.director, &cluster.real);
    cluster.is_well();
    let by = "echo 0 >/proc/sys/net/ipv6/conf/all/forwarding";
    cluster.breaks(&Breakage { id: "V5", host: director, by, felt: true });
    let by = "ip -6 route del default metric 1";
    cluster.breaks(&Breakage { id: "N2", host: real, by, felt: true });
}
