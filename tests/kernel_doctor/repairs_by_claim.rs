//! `lvsctl doctor --fix` gives and takes no address that lvsctl's journal or a cluster file does not
//! claim.

use crate::cluster::{Cluster, DR, examined, ids, is_found, is_healthy};
use crate::support::{Host, Network, Outcome, root};

const VIP: &str = "192.168.10.10";

/// Asserts that `--fix` lists a step with its reason and leaves the machine as it is.
#[track_caller]
fn is_not_made(host: &Host, options: &str, reason: &str, step: &str) -> Outcome {
    let before = host.everything();
    let done = host.lvsctl(&format!("doctor --fix --yes {options}"));
    let expected = format!("\nnot made, since {reason}:\n  {step}\n");
    assert!(done.output.contains(&expected), "{expected}: {done:?}");
    assert_eq!((done.status, host.everything()), (1, before), "{done:?}");
    done
}

/// Two directors that another program switches: the table is on both, the address on one.
#[test]
fn standby_director_does_not_get_the_address_of_the_active_one() {
    root("modprobe -a ip_vs ip_vs_rr");
    let network = Network::new();
    let (active, standby) = (network.host("192.168.10.1/24"), network.host("192.168.10.3/24"));
    for host in [&active, &standby] {
        host.reference(&format!("-A -t {VIP}:80 -s rr")).success();
        host.reference(&format!("-a -t {VIP}:80 -r 192.168.10.2 -g")).success();
    }
    active.shell(&format!("ip address add {VIP}/32 dev eth0")).success();
    let unclaimed = format!("neither lvsctl's journal nor a cluster file claims {VIP} there");
    let add = format!("ip address add {VIP}/32 dev eth0");
    is_found(&standby, "A16");
    is_not_made(&standby, "", &unclaimed, &add);
    // The owner answers.
    let before = standby.everything();
    let done = standby.lvsctl("doctor --probe --fix --yes");
    assert_eq!((done.status, standby.everything()), (0, before), "{done:?}");
    assert!(!done.output.contains("address add"), "{done:?}");
    // lvsctl had the address here, and the other machine took it over.
    let service = "--service tcp:80 --scheduler rr --real 192.168.10.2";
    standby.lvsctl(&format!("director up --force --mode dr --vip {VIP} {service}")).success();
    standby.shell(&format!("ip address del {VIP}/32 dev eth0")).success();
    let done = standby.lvsctl("doctor --probe --fix --yes");
    assert!(!standby.shell("ip address").success().contains(VIP), "{done:?}");
    // The other machine has gone.
    active.shell(&format!("ip address del {VIP}/32 dev eth0")).success();
    let done = standby.lvsctl("doctor --probe --fix --yes");
    assert!(done.output.contains(&format!("+ {add}\n")), "{done:?}");
    assert!(standby.shell("ip address").success().contains(VIP), "{done:?}");
}

/// A proxy that binds the address always, and gets its packets when VRRP gives the address to `eth0`.
#[test]
fn proxy_keeps_the_address_that_lo_and_eth0_have() {
    let network = Network::new();
    let (client, mut proxy) = (network.host("192.168.10.100/24"), network.host("192.168.10.2/24"));
    proxy
        .shell(&format!(
            "ip address add {VIP}/32 dev lo; ip address add {VIP}/32 dev eth0; \
             cd /proc/sys/net/ipv4/conf; echo 1 >all/arp_ignore; echo 2 >all/arp_announce"
        ))
        .success();
    proxy.serve(80, "proxy");
    assert_eq!(client.ask(VIP, 80), "proxy");
    let unclaimed = format!("neither lvsctl's journal nor a cluster file claims {VIP} there");
    is_not_made(&proxy, "", &unclaimed, &format!("ip address del {VIP}/32 dev eth0"));
    assert_eq!(client.ask(VIP, 80), "proxy");
}

#[test]
fn address_is_left_to_keepalived() {
    let cluster = Cluster::up(DR);
    let real = &cluster.real;
    real.shell(&format!("ip address del {VIP}/32 dev lo")).success();
    root("cp /bin/sleep /run/keepalived");
    let process = real.shell("/run/keepalived 600 & echo $!").success();
    let process = process.trim();
    real.shell(&format!("until grep -q keepalived /proc/{process}/comm; do sleep 0.1; done"));
    let (_, findings, _) = examined(real, "");
    assert!(ids(&findings).contains(&"A1"), "{findings:#?}");
    let reason = format!("keepalived runs here, and may give and take {VIP} itself");
    is_not_made(real, "", &reason, &format!("ip address add {VIP}/32 dev lo"));
    real.shell(&format!("kill {process}")).success();
    let done = real.lvsctl("doctor --fix --yes");
    assert_eq!(done.status, 0, "{done:?}");
    is_healthy(real, "real-server");
    cluster.is_answered();
}
