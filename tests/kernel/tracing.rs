//! `LVS_LOG` and `lvsctl --verbose`: what is sent and received appears on standard error, and
//! nothing else changes.

use crate::support::{Host, IPVSADM, LVSCTL, Outcome};

fn traced(host: &Host, level: &str, line: &str) -> Outcome {
    host.shell(&format!("LVS_LOG={level} exec {IPVSADM} {line}"))
}

#[test]
fn ipvsadm_traces_requests_and_their_errno() {
    let host = Host::with_addresses();
    let added = traced(&host, "trace", "-A -t 192.0.2.1:80 -s rr");
    assert_eq!((added.status, added.output.as_str()), (0, ""));
    assert!(added.errors.contains(": NEW_SERVICE {Service {"), "{added:?}");
    assert!(added.errors.contains("Address 192.0.2.1, Port 80, "), "{added:?}");
    assert!(added.errors.contains(": ACK\n"), "{added:?}");

    let listed = traced(&host, "trace", "-Ln");
    assert_eq!((listed.status, &listed.output), (0, &host.reference("-Ln").success()));
    assert!(listed.errors.contains(" request,dump: GET_SERVICE"), "{listed:?}");
    assert!(listed.errors.contains(": DONE\n"), "{listed:?}");
    let requests = traced(&host, "debug", "-Ln");
    assert!(requests.errors.contains("GET_SERVICE"), "{requests:?}");
    assert!(!requests.errors.contains("recv"), "{requests:?}");

    let refused = traced(&host, "trace", "-A -t 192.0.2.1:80 -s rr");
    let reference = host.reference("-A -t 192.0.2.1:80 -s rr");
    assert_eq!((refused.status, &refused.output), (reference.status, &reference.output));
    assert!(refused.errors.contains("ERROR File exists"), "{refused:?}");
    assert!(refused.errors.ends_with(&reference.errors), "{refused:?}");
    assert_eq!(host.ipvsadm("-Ln").errors, "");
}

#[test]
fn lvsctl_traces_netlink_and_sysctls() {
    let host = Host::with_addresses();
    let server = "real-server up --mode tun --vip 192.0.2.77";
    let quiet = host.lvsctl(server);
    assert_eq!(quiet.errors, "");
    host.lvsctl("real-server down --mode tun --vip 192.0.2.77").success();
    let traced = host.lvsctl(&format!("-v {server}"));
    assert_eq!((traced.status, &traced.output), (0, &quiet.output));
    for line in [
        "sysctl: write \"1\" to /proc/sys/net/ipv4/conf/tunl0/arp_ignore\n",
        ": NEWADDR 192.0.2.77/32 scope global ",
        "netlink: recv seq ",
    ] {
        assert!(traced.errors.contains(line), "{line} in {traced:?}");
    }

    let director = "director up --mode tun --vip 192.0.2.77 --service tcp:80 --real 198.51.100.9";
    let traced = host.lvsctl(&format!("-v {director}"));
    assert!(traced.errors.contains(": NEW_SERVICE {Service {"), "{traced:?}");
    let state = host.state_directory().display();
    let again = host.shell(&format!("LVS_LOG=debug exec {LVSCTL} --state-dir {state} status"));
    assert!(again.errors.contains("netlink: send ") && !again.errors.contains("recv"), "{again:?}");
}
