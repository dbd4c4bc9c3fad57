//! The doctor only looks, and says where it cannot.

use serde_json::Value as Json;

use crate::cluster::Cluster;
use crate::support::LVSCTL;

/// `strace` sees each file, and each message to the kernel.
pub(crate) fn at_files_and_asks_the_kernel(cluster: &Cluster) {
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
pub(crate) fn where_it_may(cluster: &Cluster) {
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
}
