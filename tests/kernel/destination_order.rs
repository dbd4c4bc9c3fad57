//! The order of destinations, where the scheduler depends on it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};

use crate::support::Host;
use crate::support::cluster::Cluster;
use crate::support::cluster_file::ClusterFile;
use crate::support::open_connections::{Fate, OpenConnections, echo_on};

const FILE: &str = r#"
mode = "nat"
directors = ["192.0.2.1"]
[director]
assign-vips = false
[[service]]
listen = "udp://192.0.2.10:53"
scheduler = "sh"
real = ["198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5"]
"#;

const CLIENTS: u8 = 200;

/// A director that is its own client, under many addresses.
fn director() -> Host {
    let director = Host::with_addresses();
    director
        .shell("ip address add 192.0.2.10/32 dev lo && ip route add local 10.64.0.0/24 dev lo")
        .success();
    director
}

/// The real server of each client.
fn real_servers(director: &Host, port: u16) -> BTreeMap<Ipv4Addr, String> {
    director.inside(|| {
        for last in 1..=CLIENTS {
            let client = UdpSocket::bind((Ipv4Addr::new(10, 64, 0, last), port)).unwrap();
            client.send_to(b"?", "192.0.2.10:53").unwrap();
        }
        let table = fs::read_to_string("/proc/thread-self/net/ip_vs_conn").unwrap();
        let rows = table.lines().skip(1).filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let client = Ipv4Addr::from(u32::from_str_radix(fields[1], 16).unwrap());
            let is_new = fields[2] == format!("{port:04X}");
            is_new.then(|| (client, fields[5].to_owned()))
        });
        rows.collect()
    })
}

fn differing(one: &BTreeMap<Ipv4Addr, String>, other: &BTreeMap<Ipv4Addr, String>) -> usize {
    assert_eq!((one.len(), other.len()), (CLIENTS.into(), CLIENTS.into()));
    one.iter().filter(|(client, server)| other.get(client) != Some(server)).count()
}

#[test]
fn directors_with_different_histories_agree_after_reorder() {
    let (fresh, grown) = (director(), director());
    let file = ClusterFile::new("order", FILE);
    fresh.lvsctl_inside(&file.line("apply")).success();
    assert_eq!(fresh.lvsctl_inside(&file.line("diff")).visible(), (0, "", ""));
    file.write(&FILE.replace("\"198.51.100.3\", ", ""));
    grown.lvsctl_inside(&file.line("apply")).success();
    file.write(FILE);

    let note = "has its destinations in another order than the file: a director with that order \
                sends 192 of 256 hash buckets (about 75 % of the clients) to another real server";
    let planned = grown.lvsctl_inside(&file.line("diff"));
    assert_eq!(planned.status, 2, "{planned:?}");
    assert!(planned.output.contains("ipvsadm -a") && planned.output.contains(note), "{planned:?}");
    let applied = grown.lvsctl_inside(&file.line("apply")).success();
    assert!(applied.contains(note), "{applied}");
    for command in ["diff", "status", "--json status"] {
        let differs = grown.lvsctl_inside(&file.line(command));
        assert!(differs.status == 2 && differs.output.contains(note), "{command}: {differs:?}");
    }
    let expected = real_servers(&fresh, 1001);
    let moved = differing(&expected, &real_servers(&grown, 1001));
    assert!((130..=170).contains(&moved), "75 % of 200 clients, but {moved} differ");

    let snapshot = ClusterFile::new("order-snapshot", &fresh.lvsctl_inside("snapshot -").output);
    let compared = grown.lvsctl_inside(&snapshot.line("compare"));
    let line = "order of destinations of service udp 192.0.2.10:53 (sh), by which 192 of 256";
    assert!(compared.status == 2 && compared.output.starts_with(line), "{compared:?}");
    assert!(compared.output.ends_with("this machine differ in 1 item\n"), "{compared:?}");

    // Nothing is changed by looking.
    let planned = grown.lvsctl_inside(&file.line("diff --reorder"));
    assert_eq!((planned.status, planned.output.matches("ipvsadm -d").count()), (2, 3));
    assert_eq!(grown.lvsctl_inside(&file.line("status")).status, 2);
    let moved = grown.lvsctl_inside(&file.line("apply --reorder")).success();
    assert!(moved.contains("in the order of the file now"), "{moved}");
    assert_eq!(differing(&expected, &real_servers(&grown, 1002)), 0);
    assert_eq!(grown.lvsctl_inside(&file.line("diff --reorder")).visible(), (0, "", ""));
    assert_eq!(grown.lvsctl_inside(&file.line("status")).status, 0);
    grown.lvsctl_inside(&snapshot.line("compare")).success();
    for director in [fresh, grown] {
        director.lvsctl_inside(&file.line("down")).success();
        assert_eq!(director.reference("-Sn").success(), "");
        assert_eq!(director.left_in_state_directory(), ["log"]);
    }
}

#[test]
fn order_is_not_compared_for_schedulers_that_do_not_depend_on_it() {
    let director = director();
    let text = FILE.replace("\"sh\"", "\"wlc\"");
    let file = ClusterFile::new("order-wlc", &text.replace("\"198.51.100.3\", ", ""));
    director.lvsctl_inside(&file.line("apply")).success();
    file.write(&text);
    director.lvsctl_inside(&file.line("apply")).success();
    assert_eq!(director.lvsctl_inside(&file.line("diff")).visible(), (0, "", ""));
}

#[test]
fn reorder_keeps_open_connections() {
    let mut cluster = Cluster::on_one_switch();
    for (server, name) in cluster.real_servers.iter_mut().zip([b'1', b'2']) {
        server.stop_serving(80);
        echo_on(server, name);
    }
    let text = "mode = \"dr\"\ndirectors = [\"192.168.10.1\"]\n[[service]]\n\
                listen = \"tcp://192.168.10.10:80\"\nscheduler = \"sh\"\nflags = [\"sh-port\"]\n\
                real = [\"192.168.10.2\", \"192.168.10.3\"]\n";
    let file = ClusterFile::new("order-open", text);
    for host in cluster.servers() {
        host.lvsctl_inside(&file.line("apply")).success();
    }
    // The worst case: it makes the kernel reset connections without a destination.
    let director = &cluster.director;
    director.shell("echo 1 >/proc/sys/net/ipv4/vs/expire_nodest_conn").success();
    director.reference("-d -t 192.168.10.10:80 -r 192.168.10.2").success();
    director.lvsctl_inside(&file.line("apply")).success();
    let mut open = OpenConnections::open(&cluster.client, "192.168.10.10", 20);
    let before = open.fates();
    assert!(before.contains(&Fate::Alive(b'1')) && before.contains(&Fate::Alive(b'2')));
    let moved = director.lvsctl_inside(&file.line("apply --reorder")).success();
    assert!(moved.contains("open connections stay"), "{moved}");
    assert_eq!(open.fates(), before);
    let setting = director.shell("cat /proc/sys/net/ipv4/vs/expire_nodest_conn").success();
    assert_eq!(setting, "1\n");
    let counted = director.reference("-Ln").success();
    assert!(!counted.contains(" 0          0"), "the kernel counts them still: {counted}");
}
