//! NAT set up in other ways than lvsctl does, and its outages.

use crate::cluster::{Cluster, NAT};
use crate::path_base::{Outage, cluster_file, is_not_alarmed, table};

#[test]
fn nat_set_up_by_hand_has_no_alarm_and_its_outages_are_found() {
    let cluster = Cluster::down(NAT);
    let file = cluster_file(&cluster, "nat", "198.51.100.17:80", "192.168.10.2:8080");
    let (director, real) = (&cluster.director, &cluster.real);
    director
        .shell("ip address add 198.51.100.17/32 dev eth1; echo 1 >/proc/sys/net/ipv4/ip_forward")
        .success();
    table(&cluster, "-t 198.51.100.17:80", "192.168.10.2:8080 -m");
    // Policy routing leads back through the director.
    real.shell(
        "ip route add default via 192.168.10.254; ip rule add from 192.168.10.2 lookup 100; \
         ip route add default via 192.168.10.1 table 100",
    )
    .success();
    cluster.is_answered();
    is_not_alarmed(&cluster, &file);
    // What Docker sets.
    cluster.stops(&Outage::new(director, "iptables-legacy -P FORWARD DROP", "F1"));
    director.shell("iptables-legacy -P FORWARD ACCEPT; iptables-legacy -F FORWARD").success();
    // Replies are not known to connection tracking.
    let by = "iptables-legacy -P FORWARD DROP; iptables-legacy -A FORWARD -m conntrack \
              --ctstate ESTABLISHED,RELATED -j ACCEPT";
    let healed_by = Some("echo 1 >/proc/sys/net/ipv4/vs/conntrack");
    cluster.stops(&Outage { healed_by, ..Outage::new(director, by, "F1") });
    is_not_alarmed(&cluster, &file);
    director
        .shell(
            "iptables-legacy -P FORWARD ACCEPT; iptables-legacy -F FORWARD; \
             echo 0 >/proc/sys/net/ipv4/vs/conntrack",
        )
        .success();
    // Of many tutorials: IPVS takes its connections from connection tracking, so all packets are new.
    let by = "iptables-legacy -A INPUT -p tcp ! --syn -m state --state NEW -j DROP";
    cluster.stops(&Outage::new(director, by, "F1"));
    let by = "iptables-legacy -A INPUT -m conntrack --ctstate ESTABLISHED -j DROP";
    cluster.stops(&Outage { file: &file, ..Outage::new(real, by, "F1") });
    cluster.stops(&Outage::new(director, "echo 0 >/proc/sys/net/ipv4/ip_forward", "N1"));
    let by = "ip rule del from 192.168.10.2 lookup 100";
    cluster.stops(&Outage { file: &file, ..Outage::new(real, by, "N2") });
}
