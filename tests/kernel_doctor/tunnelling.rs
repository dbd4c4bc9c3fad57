//! Faults of tunnels.

use crate::cluster::{Breakage, Cluster, TUN, TUN_IPV6, is_found, run};
use crate::{probes, repairs, snapshot};

#[test]
fn broken_tunnel_real_server_is_found_and_fixed() {
    let cluster = Cluster::up(TUN);
    cluster.is_well();
    let host = &cluster.real;
    for (id, felt, by) in [
        ("P1", true, "echo 1 >tunl0/rp_filter"),
        // The larger value is effective: a 0 does not override a 1 for all.
        ("P1", true, "echo 0 >tunl0/rp_filter"),
        ("P1", true, "echo 0 >all/rp_filter; echo 1 >tunl0/rp_filter"),
        ("A4", false, "echo 0 >all/arp_ignore"),
        ("A5", false, "echo 0 >all/arp_announce"),
        ("A1", true, "ip address del 192.168.10.10/32 dev tunl0"),
        ("K3", true, "ip link set tunl0 down"),
        ("P2", true, "echo 0 >default/rp_filter; echo 1 >tunl0/rp_filter"),
    ] {
        let by = format!("cd /proc/sys/net/ipv4/conf; {by}");
        cluster.breaks(&Breakage { id, host, by: &by, felt });
    }
    host.shell("ip route add default via 192.168.10.1").success();
    host.lvsctl("real-server up --mode tun --vip 192.168.10.10").success();
    let by = "ip route change default via 192.168.10.1";
    cluster.breaks(&Breakage { id: "M7", host, by, felt: false });
    cluster.inside.attach(host, "eth1", &["192.168.10.22/24"]);
    cluster.breaks_until(
        &Breakage { id: "I1", host, by: "true", felt: false },
        "ip address flush dev eth1",
    );
    host.shell("ip link delete eth1").success();
    let host = &cluster.director;
    for (id, felt, by) in [
        ("M2", false, "echo 0 >/proc/sys/net/ipv4/vs/pmtu_disc"),
        ("A16", true, "ip address del 192.168.10.10/32 dev tunl0"),
    ] {
        cluster.breaks(&Breakage { id, host, by, felt });
    }
    probes::find_a_small_path_mtu(&cluster);
    let strict =
        "for it in all default eth0; do echo 1 >$it/rp_filter; done; echo 2 >tunl0/rp_filter";
    cluster.real.shell(&format!("cd /proc/sys/net/ipv4/conf; {strict}")).success();
    cluster.is_well();
    snapshot::of_another_namespace_name_it(&cluster);
    snapshot::are_read_elsewhere(&cluster);
    snapshot::of_counters_show_what_moved(&cluster);
    repairs::are_made_and_reverted(&cluster);
    by_hand(&cluster);
}

/// Set up by hand, as in many tutorials.
#[test]
fn ipv6_address_on_ipv4_tunnel_is_found_and_fixed() {
    let cluster = Cluster::up(TUN_IPV6);
    cluster.is_well();
    let host = &cluster.real;
    host.lvsctl("real-server down --mode tun --vip 2001:db8:1::10").success();
    let by =
        "ip link set tunl0 up; ip address add 2001:db8:1::10/128 dev tunl0 nodad preferred_lft 0";
    cluster.breaks(&Breakage { id: "V4", host, by, felt: true });
}

/// The filter for all interfaces that distributions set, with the commands of the tutorials.
fn by_hand(cluster: &Cluster) {
    let host = &cluster.real;
    host.lvsctl("real-server down --mode tun --vip 192.168.10.10").success();
    host.shell("cd /proc/sys/net/ipv4/conf; echo 1 >all/rp_filter").success();
    host.shell("ip link set tunl0 up; ip address add 192.168.10.10/32 dev tunl0").success();
    host.shell("cd /proc/sys/net/ipv4/conf; echo 1 >all/arp_ignore; echo 2 >all/arp_announce")
        .success();
    cluster.is_not_answered();
    run(host, &is_found(host, "P1"), "fix");
    cluster.is_well();
}
