//! What the doctor cannot judge, it lists, and does not call healthy.

use serde_json::json;

use crate::cluster::{Cluster, DR, examined, is_healthy};
use crate::support::Host;

/// Asserts that there is no finding, and that this stage alone is unknown.
#[track_caller]
fn cannot_judge(host: &Host, stage: &str, why: &str, look: &str) {
    let (status, findings, object) = examined(host, "");
    assert_eq!((status, &findings[..]), (3, &[][..]));
    let unknown = object["unknown"].as_array().unwrap();
    assert_eq!(unknown.len(), 1, "{unknown:#?}");
    assert_eq!((&unknown[0]["stage"], &unknown[0]["look"]), (&json!(stage), &json!(look)));
    assert!(unknown[0]["why"].as_str().unwrap().contains(why), "{unknown:#?}");
    let text = host.lvsctl_inside("doctor");
    assert_eq!(text.status, 3, "{text:?}");
    assert!(text.output.contains(&format!("cannot judge {stage} of ")), "{text:?}");
    assert!(!text.output.contains("nothing wrong"), "{text:?}");
}

#[test]
fn rules_that_are_not_understood_are_listed_as_unknown() {
    let cluster = Cluster::up(DR);
    let real = &cluster.real;
    let rule = "INPUT -p tcp -m length --length 1:2000 -j DROP";
    real.shell(&format!("iptables-legacy -A {rule}")).success();
    cluster.is_not_answered();
    let look = "iptables-legacy -t filter -L INPUT -vn --line-numbers";
    cannot_judge(real, "filter INPUT", "iptables table filter chain INPUT rule 1", look);
    real.shell(&format!("iptables-legacy -D {rule}")).success();
    is_healthy(real, "real-server");
    // A rule that cannot match these packets.
    real.shell("iptables-legacy -A INPUT -p udp -m length --length 1:2000 -j DROP").success();
    is_healthy(real, "real-server");
    cluster.is_answered();
}

/// The kernel of the guest has nftables for bridges only; the other families are tested in
/// `kernel_nftables`.
#[test]
fn rules_of_nftables_for_bridges_matter_on_a_bridge_alone() {
    let cluster = Cluster::up(DR);
    let host = &cluster.director;
    let chain = "type filter hook input priority 0; policy drop";
    host.shell(&format!("nft 'table bridge own {{ chain input {{ {chain}; }}; }}'")).success();
    cluster.is_answered();
    is_healthy(host, "director");
}
