//! What `scripts/agreement` has found: machines that were dead, and called healthy.

use crate::cluster::{Breakage, Cluster, DR, DR_IPV6, NAT, examined, ids, is_healthy, run};

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
