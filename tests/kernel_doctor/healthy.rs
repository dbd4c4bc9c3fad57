//! No false alarm. That set-ups of lvsctl are well is seen before they are broken.

use crate::cluster::is_healthy;
use crate::support::Host;

/// Addresses and tunnels that have nothing to do with LVS: a router's own address and an announced
/// one, a node of a container network.
#[test]
fn a_machine_without_lvs_is_well() {
    let host = Host::new();
    is_healthy(&host, "none");
    let text = host.lvsctl("doctor").success();
    assert!(text.starts_with("neither director nor real server: "), "{text}");
    assert!(text.ends_with(" checks, nothing wrong\n"), "{text}");
    assert_eq!(host.lvsctl("doctor --watch 1").success(), "nothing moved in 1 s\n");
    host.shell(
        "ip link add eth0 type dummy; ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0; \
         ip route add default via 192.0.2.254; \
         echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter; echo 1 >/proc/sys/net/ipv4/ip_forward; \
         ip address add 10.255.0.1/32 dev lo; ip address add 2001:db8:ffff::1/128 dev lo; \
         ip link set tunl0 up; ip address add 10.244.1.0/32 dev tunl0; \
         ip route add 10.244.2.0/26 via 192.0.2.9 dev tunl0 onlink",
    )
    .success();
    is_healthy(&host, "none");
}
