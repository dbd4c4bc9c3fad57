//! Tunnelling set up in other ways than lvsctl does: what works has no alarm, what stops packets is
//! found first.

use crate::cluster::{Cluster, TUN};
use crate::path_base::{Outage, SUPPRESSED, VIP, cluster_file, is_not_alarmed, table};

#[test]
fn tunnel_set_up_by_hand_has_no_alarm_and_its_outages_are_found() {
    let cluster = Cluster::down(TUN);
    let file = cluster_file(&cluster, "tun", "192.168.10.10:80", "192.168.10.2");
    let (director, real) = (&cluster.director, &cluster.real);
    // The director has its address on the NIC, the real server is set up by the well-known script.
    director.shell(&format!("ip address add {VIP}/32 dev eth0")).success();
    table(&cluster, "-t 192.168.10.10:80", "192.168.10.2 -i");
    real.shell(&format!(
        "{SUPPRESSED}; ip address add {VIP}/32 dev tunl0; ip link set tunl0 up; \
         ip route add {VIP}/32 dev tunl0; echo 0 >tunl0/rp_filter; echo 0 >all/rp_filter"
    ))
    .success();
    is_not_alarmed(&cluster, &file);
    // The address on lo, and a bare tunnel without a filter.
    real.shell(&format!("ip address flush dev tunl0; ip address add {VIP}/32 dev lo")).success();
    is_not_alarmed(&cluster, &file);
    // On a tunnel without an address, even a loose filter drops.
    for value in [1, 2] {
        let by = format!("echo {value} >/proc/sys/net/ipv4/conf/tunl0/rp_filter");
        cluster.stops(&Outage { file: &file, ..Outage::new(real, &by, "P1") });
    }
    // The most specific tunnel takes the packets, with its own filter.
    let by = "ip link add mine type ipip local 192.168.10.2 && ip link set mine up && \
              echo 1 >/proc/sys/net/ipv4/conf/mine/rp_filter";
    cluster.stops(&Outage { file: &file, ..Outage::new(real, by, "P1") });
    real.shell("ip link del mine").success();
    let by = "ip link set tunl0 down";
    cluster.stops(&Outage { file: &file, ..Outage::new(real, by, "K3") });
    let by = "iptables-legacy -A INPUT -p 4 -j DROP";
    cluster.stops(&Outage { file: &file, ..Outage::new(real, by, "F1") });
    real.shell("iptables-legacy -F INPUT").success();
    is_not_alarmed(&cluster, &file);
}
