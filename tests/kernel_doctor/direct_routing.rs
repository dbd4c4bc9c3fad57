//! Faults of direct routing.

use crate::cluster::{Breakage, Cluster, DR, DR_IPV6, is_found, is_healthy, run};
use crate::support::Network;
use crate::{only_looks, probes};

const LO: &str = "ip address del 192.168.10.10/32 dev lo";

#[test]
fn broken_dr_real_server_is_found_and_fixed() {
    let mut cluster = Cluster::up(DR);
    cluster.is_well();
    only_looks::reports_what_a_user_may_not_read(&cluster);
    let host = &cluster.real;
    let conf = "/proc/sys/net/ipv4/conf";
    let set = |value| format!("for it in all eth0; do echo {value} >{conf}/$it/arp_ignore; done");
    probes::find_another_owner(&cluster, &set(0), &set(1));
    for (id, felt, by) in [
        ("A4", false, format!("echo 0 >{conf}/all/arp_ignore; echo 0 >{conf}/eth0/arp_ignore")),
        // The larger value is effective, and 3 hides addresses of scope host only.
        ("A4", false, format!("echo 3 >{conf}/all/arp_ignore")),
        ("A5", false, format!("echo 1 >{conf}/all/arp_announce; echo 0 >{conf}/eth0/arp_announce")),
        ("A2", true, format!("{LO}; ip address add 192.168.10.10/24 dev lo")),
        ("A1", true, LO.to_owned()),
        ("A3", false, "ip address add 192.168.10.10/24 dev eth0".to_owned()),
        (
            "A10",
            false,
            "ip route add default via 192.168.10.1 dev eth0 src 192.168.10.10".to_owned(),
        ),
        (
            "A8",
            false,
            format!(
                "echo 1 >{conf}/all/arp_ignore; ip link add pod type veth peer name inner; \
                 ip link set pod up; ip link set inner up; \
                 ip address flush dev pod; ip route add 10.9.9.9/32 dev pod"
            ),
        ),
    ] {
        assert!(id != "A4" || !answers_for_the_director(&cluster));
        if id == "A4" {
            host.shell(&by).success();
            assert!(answers_for_the_director(&cluster), "{by}");
        }
        cluster.breaks(&Breakage { id, host, by: &by, felt });
    }
    host.shell("ip route del default; ip link del pod").success();
    cluster.inside.attach(host, "eth1", &["192.168.10.22/24"]);
    cluster.breaks_until(
        &Breakage {
            id: "I1",
            host,
            by: &format!("echo 1 >{conf}/eth1/arp_ignore; echo 2 >{conf}/eth1/arp_announce"),
            felt: false,
        },
        "ip address flush dev eth1",
    );
    // A program that listens on the machine's own address only.
    cluster.real.stop_serving(80);
    cluster.real.start("exec ncat -lk 192.168.10.2 8080 --sh-exec 'echo real'");
    while cluster.real.shell("ss -ltnH").success().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    cluster.is_not_answered();
    let finding = is_found(&cluster.real, "A11");
    assert!(finding["found"].as_str().unwrap().contains("192.168.10.2:8080"), "{finding:#}");
    cluster.real.serve(80, "real");
    cluster.is_well();
    strict_filters_that_drop_packets_are_found(&cluster);
}

/// Whether anybody answers ARP for the address while the director does not.
fn answers_for_the_director(cluster: &Cluster) -> bool {
    cluster.director.shell("ip link set eth0 arp off").success();
    let client = &cluster.client;
    client.shell(
        "ip neigh flush all; timeout 1 bash -c 'exec 3<>/dev/tcp/192.168.10.10/80'; \
         ip neigh show 192.168.10.10 >/run/known",
    );
    cluster.director.shell("ip link set eth0 arp on").success();
    client.shell("cat /run/known").success().contains("lladdr")
}

/// Requests of a remote client arrive on one interface, and replies leave by another.
fn strict_filters_that_drop_packets_are_found(cluster: &Cluster) {
    let (client, director, real) = (&cluster.client, &cluster.director, &cluster.real);
    let elsewhere = Network::new();
    elsewhere.attach(client, "eth2", &["198.51.100.100/24"]);
    elsewhere.attach(real, "eth2", &["198.51.100.2/24"]);
    elsewhere.attach(director, "eth2", &["198.51.100.1/24"]);
    client
        .shell(
            "echo 2 >/proc/sys/net/ipv4/conf/eth0/arp_announce; \
             ip address add 203.0.113.5/32 dev lo; \
             ip route add 192.168.10.10/32 dev eth0 src 203.0.113.5",
        )
        .success();
    director.shell("ip route add 203.0.113.5/32 via 192.168.10.100 dev eth0").success();
    let by = "ip route add default via 198.51.100.100 dev eth2";
    is_healthy(real, "real-server");
    cluster.breaks(&Breakage { id: "P3", host: real, by, felt: true });
    let by = format!("ip route del 203.0.113.5/32; {by}");
    cluster.breaks(&Breakage { id: "P4", host: director, by: &by, felt: true });
}

#[test]
fn broken_ipv6_addresses_are_found_and_fixed() {
    let cluster = Cluster::up(DR_IPV6);
    cluster.is_well();
    let (client, director, real) = (&cluster.client, &cluster.director, &cluster.real);
    let by = |verb| format!("ip address {verb} 2001:db8:1::10/128 dev eth0");
    probes::find_another_owner(&cluster, &(by("add") + " nodad preferred_lft 0"), &by("del"));
    cluster.breaks(&Breakage {
        id: "A1",
        host: real,
        by: "ip address del 2001:db8:1::10/128 dev lo",
        felt: true,
    });
    let (change, address) = ("ip -6 address change", "2001:db8:1::2/64 dev eth0");
    let by = format!(
        "ip -6 route add default via 2001:db8:1::1 dev eth0; {change} {address} preferred_lft 0; \
         {change} 2001:db8:1::10/128 dev lo preferred_lft forever"
    );
    cluster.breaks(&Breakage { id: "V2", host: real, by: &by, felt: false });
    // Another machine has the address when the director gets it.
    client.shell("ip address add 2001:db8:1::10/128 dev eth0 nodad").success();
    director
        .shell(
            "echo 1 >/proc/sys/net/ipv6/conf/eth0/accept_dad; \
             ip address del 2001:db8:1::10/128 dev eth0; ip address add 2001:db8:1::10/128 dev eth0; \
             until ip address show dev eth0 | grep -q dadfailed; do sleep 0.1; done",
        )
        .success();
    let finding = is_found(director, "V1");
    client.shell("ip address del 2001:db8:1::10/128 dev eth0").success();
    cluster.is_not_answered();
    run(director, &finding, "fix");
    is_healthy(director, "director");
    cluster.is_answered();
    client.shell("ip address add 2001:db8:1::10/128 dev eth0 nodad").success();
    run(director, &finding, "undo");
    director.shell("until ip address show dev eth0 | grep -q dadfailed; do sleep 0.1; done");
    client.shell("ip address del 2001:db8:1::10/128 dev eth0").success();
    run(director, &is_found(director, "V1"), "fix");
    // Version 0 of the synchronization protocol has no IPv6.
    let by = "echo 0 >/proc/sys/net/ipv4/vs/sync_version; \
              ipvsadm --start-daemon master --mcast-interface eth0";
    cluster.breaks(&Breakage { id: "V6", host: director, by, felt: false });
}
