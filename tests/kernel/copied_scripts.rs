//! Mistakes of the set-up scripts that people copy, each tested here or where the table says.
//!
//! | | What must hold | Test |
//! |---|---|---|
//! | S1 | ARP suppression is set before the address and reverted after it | here; a unit test of `lvsctl` |
//! | S2 | values are reverted with the last address only, and only if nobody changed them | here; `tunnelling::down_of_one_vip_keeps_the_other` |
//! | S3, S10 | lvsctl starts no other program | here |
//! | S4, S6 | `status` reads the kernel, and reports overwritten values | here |
//! | S5 | `down` reverts what `up` did | the tests of every mode compare the state before and after |
//! | S7 | any number of addresses | `tunnelling`, `nat` and `direct_routing`, each with two addresses |
//! | S8 | `lo` is never set down | here |
//! | S9 | nothing is flushed: unmanaged services stay | `cluster_file::one_file_sets_up_and_reverts_every_machine` |
//! | S12 | host prefixes, no strict rp_filter on `tunl0`, the tunnel device first | `tunnelling::tun_up_serves_requests_and_down_leaves_nothing` |
//! | S13 | a real server does not forward | `direct_routing::dr_real_server_up_sets_arp_suppression_and_no_forwarding` |
//! | S15 | no route is deleted but the one that was added | here |
//!
//! S11 (at boot) and S14 (firewall rules) do not concern `up` and `down`.

use crate::support::{Host, LVSCTL, assert_same};

const VIP: &str = "192.0.2.10";

fn line(verb: &str, mode: &str) -> String {
    format!("real-server {verb} --mode {mode} --vip {VIP}")
}

#[test]
fn arp_sysctls_are_set_before_the_vip_and_reverted_after_it() {
    let host = Host::with_addresses();
    for mode in ["dr", "tun"] {
        let up = host.lvsctl(&line("up", mode)).success();
        let down = host.lvsctl(&line("down", mode)).success();
        let places = |text: &str, words: &str| -> Vec<usize> {
            let lines = text.lines().enumerate();
            lines.filter(|(_, step)| step.contains(words)).map(|(place, _)| place).collect()
        };
        let given = places(&up, "ip address add")[0];
        assert!(places(&up, "/arp_").iter().all(|place| *place < given), "{up}");
        let taken = places(&down, "ip address del")[0];
        assert!(places(&down, "/arp_").iter().all(|place| *place > taken), "{down}");
        assert_eq!(places(&up, "/arp_").len(), 4, "{up}");
        assert_eq!(places(&down, "/arp_").len(), 4, "{down}");
    }
}

#[test]
fn sysctl_changed_by_others_is_reported_and_kept_by_down() {
    let host = Host::with_addresses();
    host.lvsctl(&line("up", "dr")).success();
    assert_eq!(host.lvsctl(&line("status", "dr")).status, 0);
    host.shell("echo 0 >/proc/sys/net/ipv4/conf/all/arp_announce").success();
    host.shell("ip address del 192.0.2.10/32 dev lo").success();
    let status = host.lvsctl(&line("status", "dr"));
    assert_eq!(status.status, 2, "{status:?}");
    for word in ["all/arp_announce", "is 0, should be 2", "missing", "2 of 5 items differ"] {
        assert!(status.output.contains(word), "{word}: {status:?}");
    }
    // Neither the previous value nor ours.
    host.shell("echo 1 >/proc/sys/net/ipv4/conf/all/arp_announce").success();
    host.lvsctl(&line("down", "dr")).success();
    let left = host.shell("cat /proc/sys/net/ipv4/conf/all/arp_announce").success();
    assert_eq!(left, "1\n");
}

#[test]
fn up_and_down_keep_lo_up_and_unmanaged_routes() {
    let host = Host::with_addresses();
    host.shell(
        "ip address add 127.0.0.9/8 dev lo; ip route add 192.0.2.10/32 via 198.51.100.2 metric 5; \
         ip route add 192.0.2.0/25 via 198.51.100.2",
    )
    .success();
    let before = host.everything();
    let name = host.name().to_owned();
    host.shell(&format!(
        "ip -oneline monitor link >/run/monitor-{name} & echo $! >/run/monitor-{name}.pid; sleep 0.5"
    ))
    .success();
    for mode in ["dr", "tun"] {
        host.lvsctl(&line("up", mode)).success();
        host.lvsctl(&line("down", mode)).success();
        assert_same(&host.everything(), &before, mode);
    }
    let seen = host
        .shell(&format!("kill $(cat /run/monitor-{name}.pid); sleep 0.1; cat /run/monitor-{name}"))
        .success();
    assert!(seen.contains("tunl0"), "the monitor saw nothing: {seen}");
    assert!(!seen.contains(" lo:"), "{seen}");
}

#[test]
fn lvsctl_with_empty_path_works() {
    let host = Host::with_addresses();
    let state = host.state_directory().display();
    for verb in ["up", "status", "down"] {
        let line = line(verb, "tun");
        host.shell(&format!("exec env -i PATH=/nonexistent {LVSCTL} --state-dir {state} {line}"))
            .success();
    }
}
