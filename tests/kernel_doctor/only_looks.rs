//! The doctor changes nothing, reports what it cannot read, and has no findings without LVS.

use std::fs;

use serde_json::{Value as Json, json};

use crate::cluster::{Cluster, is_healthy};
use crate::support::{Host, LVSCTL, root};

/// On a director, on a real server, and for a snapshot.
pub(crate) fn reads_files_and_queries_the_kernel(cluster: &Cluster) {
    let before = cluster.director.everything();
    is_all_it_does(&cluster.director, "doctor --symptom after-reboot", "");
    is_all_it_does(&cluster.real, "doctor", "");
    is_all_it_does(&cluster.director, "snapshot /run/x", "/run/x");
    assert_eq!(cluster.director.everything(), before);
}

/// `strace` sees each file and each message to the kernel: only `written` may be written.
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
    let (mut route, mut writable) = (Vec::new(), vec!["1".to_owned()]);
    for call in calls.lines() {
        let call = call.trim_start_matches(|it: char| it.is_ascii_digit()).trim_start();
        if let Some((_, descriptor)) = call.split_once("NETLINK_ROUTE) = ") {
            route.push(format!("sendto({descriptor}, "));
        }
        // The runtime wakes itself through it.
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

/// The get commands of IPVS (`linux/ip_vs.h`): service, destination, daemon, settings, info.
const QUERIES: [&str; 5] = ["\\x04\\x01", "\\x08\\x01", "\\x0b\\x01", "\\x0d\\x01", "\\x0f\\x01"];

/// `CTRL_CMD_GETFAMILY` (`linux/genetlink.h`).
const GET_FAMILY: &str = "\\x03";

#[track_caller]
fn only_looks(call: &str, route: &[String], written: &str) {
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
        // Raw ones read the packet filters. The last one is for the cookie of the network namespace.
        // They send nothing.
        let known = [
            "NETLINK_ROUTE",
            "NETLINK_GENERIC",
            "NETLINK_NETFILTER",
            "AF_INET, SOCK_RAW",
            "AF_INET6, SOCK_RAW",
            "AF_INET, SOCK_DGRAM",
        ];
        assert!(known.iter().any(|kind| call.contains(kind)), "{call}");
    }
    if name.starts_with("send") {
        let (_, rest) = call.split_once("nlmsg_type=").unwrap_or_else(|| panic!("{call}"));
        let kind = rest.split([' ', ',']).next().unwrap();
        let says = |command: &str| call.contains(&format!("\"{command}"));
        // In route netlink, every fourth type is a get: RTM_GETLINK is 0x12 (`linux/rtnetlink.h`).
        let asks = match kind.strip_prefix("0x") {
            Some(number) => {
                route.iter().any(|socket| call.starts_with(socket))
                    && u16::from_str_radix(number, 16).unwrap() % 4 == 2
            }
            None if kind == "nlctrl" => says(GET_FAMILY),
            // FOU_CMD_GET of FOU/GUE receive ports (`linux/fou.h`) has the same number.
            None if kind == "fou" => says(GET_FAMILY),
            None if kind == "IPVS" => QUERIES.iter().any(|query| says(query)),
            None => kind.starts_with("RTM_GET") || kind.contains("NFT_MSG_GET"),
        };
        assert!(asks, "{call}");
    }
}

/// An unprivileged user reads the network, sends nothing, and gets a report of what is unread.
pub(crate) fn reports_what_a_user_may_not_read(cluster: &Cluster) {
    let (director, real) = (&cluster.director, &cluster.real);
    let owner = format!("who has {}", cluster.vip);
    root("modprobe nf_tables");
    let filters = ("the packet filters", "CAP_NET_ADMIN");
    let table = ("the IPVS table", "CAP_NET_ADMIN");
    for (host, options, missing) in [
        (director, "", vec![filters, table]),
        (director, "--probe", vec![filters, table]),
        (real, "--probe", vec![filters, table, (owner.as_str(), "CAP_NET_RAW")]),
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

/// Addresses and tunnels that have nothing to do with LVS: a router ID and an anycast address, a node
/// of a container network. Other tests check hosts with LVS before they break them.
#[test]
fn machine_without_lvs_has_no_findings() {
    let host = Host::new();
    is_healthy(&host, "none");
    let text = host.lvsctl("doctor").success();
    assert!(text.starts_with("neither director nor real server: "), "{text}");
    assert!(text.ends_with(" checks, nothing wrong\n"), "{text}");
    assert_eq!(host.lvsctl("doctor --watch 1").success(), "nothing moved in 1 s\n");
    host.shell(
        "ip link add eth0 type dummy; ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0; \
         ip route add default via 192.0.2.254; \
         echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter; echo 1 >/proc/sys/net/ipv4/ip_forward; \
         ip address add 10.255.0.1/32 dev lo; ip address add 2001:db8:ffff::1/128 dev lo; \
         ip link set tunl0 up; ip address add 10.244.1.0/32 dev tunl0; \
         ip route add 10.244.2.0/26 via 192.0.2.9 dev tunl0 onlink",
    )
    .success();
    is_healthy(&host, "none");
}
