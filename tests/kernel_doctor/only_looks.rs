//! The doctor only looks, and says where it cannot.

use std::fs;

use serde_json::{Value as Json, json};

use crate::cluster::Cluster;
use crate::support::{Host, LVSCTL};

/// As a director, as a real server, and by a snapshot.
pub(crate) fn at_files_and_asks_the_kernel(cluster: &Cluster) {
    let before = cluster.director.everything();
    is_all_it_does(&cluster.director, "doctor --symptom after-reboot", "");
    is_all_it_does(&cluster.real, "doctor", "");
    is_all_it_does(&cluster.director, "snapshot /run/x", "/run/x");
    assert_eq!(cluster.director.everything(), before);
}

/// `strace` sees each file, and each message to the kernel; but for one file it is only read.
pub(crate) fn is_all_it_does(host: &Host, command: &str, written: &str) {
    let log = format!("/run/strace-{}", host.name());
    let state = host.state_directory().display();
    let traced = format!("strace -f -s 64 -o {log} {LVSCTL} --state-dir {state} {command}");
    host.shell(&traced).success();
    let calls = fs::read_to_string(&log).unwrap();
    for seen in ["nlmsg_type=RTM_GETROUTE", "/thread-self/net/tcp6", "/thread-self/net/ip_vs_conn"]
    {
        assert!(calls.contains(seen), "{seen}");
    }
    let (mut route, mut writable) = (String::new(), vec!["1".to_owned()]);
    for call in calls.lines() {
        let call = call.trim_start_matches(|it: char| it.is_ascii_digit()).trim_start();
        if let Some((_, descriptor)) = call.split_once("NETLINK_ROUTE) = ") {
            route = format!("sendto({descriptor}, ");
        }
        // The runtime wakes itself by one of these.
        let wakes = call.starts_with("eventfd2(");
        if wakes || !written.is_empty() && call.contains(&format!("\"{written}\", O_WRONLY")) {
            writable.extend(call.rsplit(" = ").next().map(str::to_owned));
        }
        only_looks(call, &route, written);
        if let Some((_, rest)) = call.split_once("write").filter(|_| !call.starts_with("open")) {
            let rest = rest.trim_start_matches(|it: char| it.is_ascii_alphanumeric());
            let descriptor = rest.strip_prefix('(').and_then(|rest| rest.split(',').next());
            assert!(descriptor.is_none_or(|it| writable.iter().any(|ours| ours == it)), "{call}");
        }
    }
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
    if name == "openat" && (written.is_empty() || !call.contains(&format!("\"{written}\""))) {
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
            // Of the UDP ports that unpack what comes to them (`linux/fou.h`) the same number asks.
            None if kind == "fou" => says(GET_FAMILY),
            None if kind == "IPVS" => QUESTIONS.iter().any(|question| says(question)),
            None => kind.starts_with("RTM_GET"),
        };
        assert!(asks, "{call}");
    }
}

/// An ordinary user sees the network, sends nothing, and is told what he does not see.
pub(crate) fn where_it_may(cluster: &Cluster) {
    let (director, real) = (&cluster.director, &cluster.real);
    let owner = format!("who has {}", cluster.vip);
    let table = ("the IPVS table", "CAP_NET_ADMIN");
    for (host, options, missing) in [
        (director, "", vec![table]),
        (director, "--probe", vec![table]),
        (real, "--probe", vec![table, (owner.as_str(), "CAP_NET_RAW")]),
    ] {
        let program = host.shell(&format!(
            "cp {LVSCTL} /run/{0}; chmod 755 /run/{0}; \
             exec setpriv --reuid 65534 --regid 65534 --clear-groups /run/{0} doctor --json \
             --state-dir /run/nowhere {options}",
            host.name()
        ));
        assert_eq!((program.status, program.errors.as_str()), (3, ""), "{program:?}");
        let object: Json = serde_json::from_str(&program.output).unwrap();
        assert_eq!((&object["findings"], &object["sent"]), (&json!([]), &json!([])));
        let unread = object["unread"].as_array().unwrap();
        assert_eq!(unread.len(), missing.len(), "{unread:#?}");
        for (unread, (what, why)) in unread.iter().zip(missing) {
            assert_eq!(unread["what"], what);
            assert!(unread["why"].as_str().unwrap().contains(why), "{unread:#?}");
        }
    }
}
