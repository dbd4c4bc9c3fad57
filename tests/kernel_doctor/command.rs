//! The command around the checks: repairs, snapshots, counters, and that it only looks.

use serde_json::Value as Json;

use crate::cluster::{Cluster, NAT, TUN, examined, is_found, is_healthy};
use crate::support::{Host, LVSCTL};

#[test]
fn repairs_are_made_and_taken_back() {
    let cluster = Cluster::up(TUN);
    let (real, director) = (&cluster.real, &cluster.director);
    real.shell(
        "cd /proc/sys/net/ipv4/conf; ip address del 192.168.10.10/32 dev tunl0; \
         echo 0 >all/arp_ignore; echo 0 >all/arp_announce; echo 1 >tunl0/rp_filter",
    )
    .success();
    let broken = real.everything();
    let refused = real.lvsctl("doctor --fix");
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.errors.contains("add --yes"), "{refused:?}");
    let shown = real.lvsctl("doctor --fix --dry-run");
    assert_eq!((shown.status, real.everything()), (1, broken), "{shown:?}");
    let done = real.lvsctl("doctor --fix --yes");
    assert_eq!(done.status, 0, "{done:?}");
    // Silence first, the address last.
    let steps: Vec<&str> = done.output.lines().filter_map(|it| it.strip_prefix("+ ")).collect();
    let [.., last] = steps[..] else { panic!("{done:?}") };
    assert_eq!((steps.len(), last), (4, "ip address add 192.168.10.10/32 dev tunl0"), "{done:?}");
    assert!(done.output.contains("nothing wrong"), "{done:?}");
    cluster.is_well();
    // What lvsctl wanted anyway goes with it, not with the doctor's repairs.
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
    director.lvsctl("doctor --fix --yes").success();
    is_healthy(director, "director");
    assert_eq!(director.shell("cat /proc/sys/net/ipv4/vs/drop_entry").success(), "0\n");
    director.lvsctl("doctor --undo").success();
    assert_eq!(director.shell("cat /proc/sys/net/ipv4/vs/drop_entry").success(), "3\n");
    assert_ne!(director.everything(), broken, "the address is lvsctl's own");
    assert_eq!(director.lvsctl("doctor --undo").success(), "there is no repair to take back\n");
}

#[test]
fn a_snapshot_is_read_elsewhere_and_counters_are_watched() {
    let cluster = Cluster::up(TUN);
    let (client, real) = (&cluster.client, &cluster.real);
    real.shell(
        "cd /proc/sys/net/ipv4/conf; echo 1 >tunl0/rp_filter; echo 0 >all/arp_ignore; \
         echo 0 >tunl0/arp_ignore",
    )
    .success();
    let here = examined(real, "");
    let ids = |findings: &[Json]| {
        findings.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&here.1), ["A4", "P1"]);
    let snapshot = format!("/run/snapshot-{}", real.name());
    assert_eq!(real.lvsctl(&format!("snapshot {snapshot}")).success(), "");
    assert_eq!(examined(client, &format!("--from {snapshot}")).2, here.2);
    // What explains the symptom comes first.
    let (status, findings, object) =
        examined(client, &format!("--from {snapshot} --symptom no-synack"));
    assert_eq!((status, ids(&findings)), (1, vec!["P1".to_owned(), "A4".to_owned()]));
    let looked: Vec<&str> =
        object["looked"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(looked[..4], ["P1", "P2", "A1", "A11"]);
    let told = client.lvsctl(&format!("doctor --from {snapshot} --symptom no-synack"));
    assert!(told.output.contains("looked at, in this order: P1 P2 A1 A11 "), "{told:?}");
    for text in ["", "{}", "{\"schema\":2}", "{\"schema\":1}", "[1]"] {
        client.shell(&format!("echo '{text}' >{snapshot}")).success();
        let refused = client.lvsctl(&format!("doctor --from {snapshot}"));
        assert_eq!((refused.status, refused.output.as_str()), (1, ""), "{text}");
        assert!(refused.errors.contains("is not what `lvsctl snapshot` wrote"), "{refused:?}");
    }

    // Else the client might find the real server by itself.
    real.shell("echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore").success();
    let watched = format!("/run/watched-{}", real.name());
    let state = real.state_directory().display();
    real.shell(&format!(
        "{LVSCTL} --state-dir {state} doctor --json --watch 4 >{watched} 2>&1 & echo $! >{watched}.pid"
    ))
    .success();
    std::thread::sleep(std::time::Duration::from_secs(1));
    cluster.is_not_answered();
    real.shell(&format!("while kill -0 $(cat {watched}.pid); do sleep 0.2; done"));
    let moved: Json = serde_json::from_str(&real.shell(&format!("cat {watched}")).output).unwrap();
    let moved = moved["moved"].as_array().unwrap();
    let filter = moved.iter().find(|it| it["counter"] == "TcpExt IPReversePathFilter");
    let filter = filter.unwrap_or_else(|| panic!("{moved:#?}"));
    assert!(
        filter["by"].as_u64().unwrap() > 0 && filter["meaning"].as_str().unwrap().contains("P1")
    );
}

/// `strace` sees each file, and each message to the kernel.
#[test]
fn it_only_looks() {
    let cluster = Cluster::up(NAT);
    let before = cluster.director.everything();
    let log = format!("/run/strace-{}", cluster.director.name());
    for (host, snapshot) in [(&cluster.director, ""), (&cluster.real, ""), (&cluster.director, "x")]
    {
        let state = host.state_directory().display();
        let command = match snapshot {
            "" => "doctor --symptom no-syn".to_owned(),
            file => format!("snapshot /run/{file}"),
        };
        host.shell(&format!("strace -f -s 64 -o {log} {LVSCTL} --state-dir {state} {command}"))
            .success();
        let calls = host.shell(&format!("cat {log}")).success();
        for seen in
            ["nlmsg_type=RTM_GETROUTE", "/thread-self/net/tcp6", "/thread-self/net/ip_vs_conn"]
        {
            assert!(calls.contains(seen), "{seen}");
        }
        let mut route = String::new();
        for call in calls.lines() {
            let call = call.trim_start_matches(|it: char| it.is_ascii_digit()).trim_start();
            if let Some((_, descriptor)) = call.split_once("NETLINK_ROUTE) = ") {
                route = format!("sendto({descriptor}, ");
            }
            only_looks(call, &route, snapshot);
        }
    }
    assert_eq!(cluster.director.everything(), before);
}

/// Commands of IPVS that ask (`linux/ip_vs.h`): service, destination, daemon, settings, info.
const QUESTIONS: [&str; 5] = ["\\x04\\x01", "\\x08\\x01", "\\x0b\\x01", "\\x0d\\x01", "\\x0f\\x01"];

/// `CTRL_CMD_GETFAMILY` (`linux/genetlink.h`).
const GET_FAMILY: &str = "\\x03";

#[track_caller]
fn only_looks(call: &str, route: &str, written: &str) {
    let name = call.split('(').next().unwrap();
    let changes = [
        "open",
        "creat",
        "mkdir",
        "mkdirat",
        "unlink",
        "unlinkat",
        "rename",
        "renameat",
        "truncate",
        "ftruncate",
        "symlink",
        "link",
        "init_module",
        "finit_module",
        "delete_module",
        "mount",
        "fork",
        "vfork",
        "kill",
    ];
    assert!(!changes.contains(&name), "{call}");
    if name == "openat" && !call.contains(&format!("\"/run/{written}\"")) {
        let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"];
        assert!(!writes.iter().any(|flag| call.contains(flag)), "{call}");
    }
    if name == "socket" {
        // The last is asked for the number of the network namespace, and never sent by.
        let known = ["NETLINK_ROUTE", "NETLINK_GENERIC", "AF_INET, SOCK_DGRAM"];
        assert!(known.iter().any(|kind| call.contains(kind)), "{call}");
    }
    if name.starts_with("send") {
        let (_, rest) = call.split_once("nlmsg_type=").unwrap_or_else(|| panic!("{call}"));
        let kind = rest.split([' ', ',']).next().unwrap();
        let says = |command: &str| call.contains(&format!("\"{command}"));
        // Of route netlink, one number of each four asks: RTM_GETLINK is 0x12 (`linux/rtnetlink.h`).
        let asks = match kind.strip_prefix("0x") {
            Some(number) => {
                call.starts_with(route) && u16::from_str_radix(number, 16).unwrap() % 4 == 2
            }
            None if kind == "nlctrl" => says(GET_FAMILY),
            None if kind == "IPVS" => QUESTIONS.iter().any(|question| says(question)),
            None => kind.starts_with("RTM_GET"),
        };
        assert!(asks, "{call}");
    }
}

/// An ordinary user sees the network, and is told what he does not see.
#[test]
fn what_cannot_be_looked_at_is_said() {
    let cluster = Cluster::up(NAT);
    let director = &cluster.director;
    let program = director.shell(&format!(
        "cp {LVSCTL} /run/lvsctl-for-all; chmod 755 /run/lvsctl-for-all; \
         setpriv --reuid 65534 --regid 65534 --clear-groups /run/lvsctl-for-all doctor --json \
         --state-dir /run/nowhere"
    ));
    assert_eq!(program.status, 3, "{program:?}");
    let object: Json = serde_json::from_str(&program.output).unwrap();
    let unread = object["unread"].as_array().unwrap();
    assert_eq!(unread.len(), 1, "{unread:#?}");
    assert_eq!(unread[0]["what"], "the IPVS table");
    assert!(unread[0]["why"].as_str().unwrap().contains("CAP_NET_ADMIN"), "{unread:#?}");
    // A failure counts for more than what could not be seen.
    let journal = director.state_directory().join("net-1.json");
    assert!(!journal.exists());
    is_healthy(director, "director");
    director.shell("echo 0 >/proc/sys/net/ipv4/ip_forward").success();
    is_found(director, "N1");
}

/// A host without a kernel of IPVS' own is none of its business.
#[test]
fn text_and_json_say_the_same() {
    let host = Host::new();
    let text = host.lvsctl("doctor").success();
    assert!(text.starts_with("neither director nor real server: "), "{text}");
    assert!(text.ends_with(" checks, nothing wrong\n"), "{text}");
    assert_eq!(host.lvsctl("doctor --watch 1 --json").status, 0);
}
