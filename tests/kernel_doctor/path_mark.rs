//! A service of a firewall mark.

use crate::cluster::{Cluster, DR, examined, ids};
use crate::path_base::{Outage, SUPPRESSED, VIP, table};

#[test]
fn mark_that_nothing_sets_or_delivers_is_found_first() {
    let cluster = Cluster::down(DR);
    let (director, real) = (&cluster.director, &cluster.real);
    real.shell(&format!("{SUPPRESSED}; ip address add {VIP}/32 dev lo")).success();
    cluster.client.shell(&format!("ip route add {VIP}/32 via 192.168.10.1")).success();
    table(&cluster, "-f 7", "192.168.10.2 -g");
    let mark = |action| {
        format!(
            "iptables-legacy -t mangle -{action} PREROUTING -d {VIP} -p tcp --dport 80 -j MARK \
             --set-mark 7"
        )
    };
    cluster.stops(&Outage {
        healed_by: Some(&format!(
            "{}; ip rule add fwmark 7 lookup 100; ip route add local default dev lo table 100",
            mark('A')
        )),
        ..Outage::new(director, "true", "F2")
    });
    let healthy = || {
        let (status, findings, _) = examined(director, "");
        assert_eq!((status, ids(&findings)), (0, vec![]), "{findings:#?}");
        assert_eq!(director.lvsctl_inside("trace fwmark://7").status, 0);
    };
    healthy();
    // The rule leads to a table without the local route, or there is no rule.
    cluster.stops(&Outage::new(director, "ip route flush table 100", "A16"));
    healthy();
    cluster.stops(&Outage::new(director, "ip rule del fwmark 7; ip route flush table 100", "A16"));
    healthy();
    // The rule sets another mark.
    let by = format!("{}; {}", mark('D'), mark('A').replace("mark 7", "mark 8"));
    let healed_by = Some(mark('A'));
    cluster.stops(&Outage { healed_by: healed_by.as_deref(), ..Outage::new(director, &by, "F2") });
}
