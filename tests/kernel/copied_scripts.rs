//! What the set-up scripts that people copy get wrong, each held here or where the table says.
//!
//! | | What must hold | Test |
//! |---|---|---|
//! | S1 | silent before the address on the way up, after it on the way down | here; `a_real_server_is_silent_before_it_has_the_address` (unit) |
//! | S2 | values come back with the last address only, and only if they are still ours | here; `tunnelling::one_vip_goes_and_the_other_stays` |
//! | S3, S10 | no other program is needed | here |
//! | S4, S6 | `status` reads the kernel, and notices who overwrote a value | here |
//! | S5 | down takes what up gave | every test of a mode: everything is as before |
//! | S7 | any number of addresses | `tunnelling`, `nat` and `direct_routing`, each with a second one |
//! | S8 | `lo` is never taken down | here |
//! | S9 | no flush: a foreign service stays | `cluster_file::one_file_makes_every_machine_what_it_is_and_takes_it_back` |
//! | S12 | whole addresses, no strict filter on `tunl0`, its device first | `tunnelling::requests_are_answered_in_turn_and_nothing_is_left_afterwards` |
//! | S13 | a real server does not forward | `direct_routing::a_real_server_of_direct_routing_is_as_wanted` |
//! | S15 | no route goes but the very one that was made | here |
//!
//! S11 (at boot) and S14 (rules of the firewall) are not about up and down.

use crate::support::{Host, LVSCTL, assert_same};

const VIP: &str = "192.0.2.10";

fn line(verb: &str, mode: &str) -> String {
    format!("real-server {verb} --mode {mode} --vip {VIP}")
}

#[test]
fn sysctls_come_before_the_address_and_go_after_it() {
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
fn what_somebody_overwrote_is_noticed_and_stays_theirs() {
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
    // Neither the value from before nor ours.
    host.shell("echo 1 >/proc/sys/net/ipv4/conf/all/arp_announce").success();
    host.lvsctl(&line("down", "dr")).success();
    let left = host.shell("cat /proc/sys/net/ipv4/conf/all/arp_announce").success();
    assert_eq!(left, "1\n");
}

#[test]
fn lo_stays_up_and_a_foreign_route_stays_where_it_is() {
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
fn no_other_program_is_needed() {
    let host = Host::with_addresses();
    let state = host.state_directory().display();
    for verb in ["up", "status", "down"] {
        let line = line(verb, "tun");
        host.shell(&format!("exec env -i PATH=/nonexistent {LVSCTL} --state-dir {state} {line}"))
            .success();
    }
}
