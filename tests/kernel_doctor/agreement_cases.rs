//! What `scripts/agreement` has found: machines that were dead, and called healthy.

use crate::cluster::{
    Breakage, Cluster, DR, DR_IPV6, NAT, TUN, TUN_IPV6, examined, ids, is_found, is_healthy, run,
};
use crate::path_base::cluster_file;

#[test]
fn neighbours_that_an_address_on_lo_captures_are_found_on_a_director() {
    let cluster = Cluster::up(DR);
    let host = &cluster.director;
    host.shell("ip address add 192.168.10.10/24 dev lo").success();
    cluster.is_not_answered();
    let (_, findings, _) = examined(host, "");
    assert_eq!(ids(&findings)[0], "A2", "{findings:#?}");
    run(host, &findings[0], "fix");
    cluster.is_answered();
}

#[test]
fn ipv6_address_on_another_interface_of_the_director_is_found() {
    let cluster = Cluster::up(DR_IPV6);
    let host = &cluster.director;
    // The address is local still, and a client would learn it.
    host.announced();
    let by = "ip address del 2001:db8:1::10/128 dev eth0; \
              ip address add 2001:db8:1::10/128 dev lo preferred_lft 0";
    cluster.breaks(&Breakage { id: "A21", host, by, felt: true });
}

#[test]
fn client_without_a_route_back_is_warned_of() {
    let cluster = Cluster::up(NAT);
    let host = &cluster.director;
    // A strict filter drops the requests too.
    host.shell("cd /proc/sys/net/ipv4/conf; echo 0 >all/rp_filter; echo 0 >eth1/rp_filter")
        .success();
    host.shell("ip route add prohibit 198.51.100.100/32").success();
    cluster.is_not_answered();
    let (status, findings, _) = examined(host, "");
    assert_eq!((status, ids(&findings)), (2, vec!["L5"]), "{findings:#?}");
    host.shell("ip route del prohibit 198.51.100.100/32").success();
    is_healthy(host, "director");
    // Nobody is there.
    host.shell("ip route add blackhole 10.9.0.0/16").success();
    cluster.is_answered();
}

#[test]
fn virtual_address_as_the_source_of_a_tunnel_is_found() {
    let cluster = Cluster::up(TUN_IPV6);
    let host = &cluster.director;
    // Of two addresses, the one that is more like the real server's is selected.
    let by = "ip -6 address change 2001:db8:1::10/128 dev eth0 preferred_lft forever";
    cluster.breaks(&Breakage { id: "M8", host, by, felt: true });
}

#[test]
fn director_of_tunnels_without_a_route_to_clients_is_warned_of() {
    let cluster = Cluster::up(TUN);
    let host = &cluster.director;
    host.shell(
        "cd /proc/sys/net/ipv4/conf; echo 0 >all/rp_filter; echo 0 >eth0/rp_filter; \
         ip route add 192.168.10.2 dev eth0; ip route del 192.168.10.0/24 dev eth0",
    )
    .success();
    // Small requests need no ICMP.
    cluster.is_answered();
    assert_eq!(is_found(host, "L5")["severity"], "warning");
}

#[test]
fn director_that_has_lost_what_its_file_builds_on_is_diagnosed() {
    let cluster = Cluster::up(NAT);
    let host = &cluster.director;
    let file = cluster_file(&cluster, "nat", "198.51.100.17:80", "192.168.10.2:8080");
    host.shell("ip address flush dev eth1").success();
    cluster.is_not_answered();
    let (status, findings, object) = examined(host, &file);
    assert_eq!((status, ids(&findings)[0]), (1, "A16"), "{findings:#?}");
    let unread = object["unread"][0]["what"].as_str().unwrap();
    assert!(unread.contains("file"), "{object:#}");
}

#[test]
fn fixed_neighbour_entry_is_unknown() {
    let cluster = Cluster::up(NAT);
    let host = &cluster.director;
    let entry = "198.51.100.100 lladdr 02:00:00:00:00:77 dev eth1 nud permanent";
    host.shell(&format!("ip neigh replace {entry}")).success();
    cluster.is_not_answered();
    let (status, findings, object) = examined(host, "");
    assert_eq!((status, &findings[..]), (3, &[][..]));
    assert_eq!(object["unknown"][0]["stage"], "neighbour", "{object:#}");
}
