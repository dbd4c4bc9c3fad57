//! `lvsctl doctor --fix` and `--undo`.

use crate::cluster::{Cluster, is_healthy};
use crate::support::{Host, LVSCTL};

pub(crate) fn are_made_and_reverted(cluster: &Cluster) {
    let (real, director) = (&cluster.real, &cluster.director);
    real.shell(
        "cd /proc/sys/net/ipv4/conf; ip address del 192.168.10.10/32 dev tunl0; \
         for it in all eth0; do echo 0 >$it/arp_ignore; echo 0 >$it/arp_announce; done; \
         echo 1 >tunl0/rp_filter",
    )
    .success();
    let broken = real.everything();
    let refused = real.lvsctl("doctor --fix");
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.errors.contains("add --yes"), "{refused:?}");
    let asked = |host: &Host, answer| {
        let state = host.state_directory().display();
        host.shell(&format!(
            "echo {answer} | script -qec '{LVSCTL} --state-dir {state} doctor --fix' /dev/null"
        ))
    };
    let declined = asked(real, "n");
    assert!(declined.output.contains("apply these repairs? [y/N] "), "{declined:?}");
    assert!(declined.output.contains("nothing was changed"), "{declined:?}");
    let shown = real.lvsctl("doctor --fix --dry-run");
    assert_eq!((shown.status, real.everything()), (1, broken), "{shown:?}");
    let shown = real.lvsctl("doctor --fix --dry-run --json");
    assert!(shown.output.contains("\"findings\":[{"), "{shown:?}");
    let done = real.lvsctl("doctor --fix --yes");
    assert_eq!(done.status, 0, "{done:?}");
    // ARP suppression first, the address last.
    let steps: Vec<&str> = done.output.lines().filter_map(|it| it.strip_prefix("+ ")).collect();
    let [.., last] = steps[..] else { panic!("{done:?}") };
    assert_eq!((steps.len(), last), (4, "ip address add 192.168.10.10/32 dev tunl0"), "{done:?}");
    assert!(done.output.contains("nothing wrong"), "{done:?}");
    cluster.is_well();
    // `down` reverts what lvsctl had set up, not --undo.
    let undone = real.lvsctl("doctor --undo").success();
    assert_eq!(
        undone,
        "+ echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_announce\n\
                        + echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_ignore\n"
    );
    real.lvsctl("real-server down --mode tun --vip 192.168.10.10").success();
    is_healthy(real, "none");

    director
        .shell("cd /proc/sys/net/ipv4; echo 3 >vs/drop_entry; ip address del 192.168.10.10/32 dev tunl0")
        .success();
    let broken = director.everything();
    let agreed = asked(director, "y");
    assert_eq!(agreed.status, 0, "{agreed:?}");
    is_healthy(director, "director");
    assert_eq!(director.shell("cat /proc/sys/net/ipv4/vs/drop_entry").success(), "0\n");
    director.lvsctl("doctor --undo").success();
    assert_eq!(director.shell("cat /proc/sys/net/ipv4/vs/drop_entry").success(), "3\n");
    assert_ne!(director.everything(), broken, "the address is lvsctl's own");
    assert_eq!(director.lvsctl("doctor --undo").success(), "no repairs to revert\n");
    director.shell("echo 0 >/proc/sys/net/ipv4/vs/drop_entry").success();
}
