//! `lvsctl check`: every forwarding method, what it tells apart, and that it leaves nothing.

use serde_json::Value as Json;

use crate::support::Host;
use crate::support::cluster::Cluster;

/// A cluster whose director tracks connections.
fn cluster() -> Cluster {
    let cluster = Cluster::on_one_switch();
    for family in ["iptables-legacy", "ip6tables-legacy"] {
        let track = "-A INPUT -m conntrack --ctstate INVALID,NEW,ESTABLISHED,RELATED -j ACCEPT";
        cluster.director.shell(&format!("{family} {track}")).success();
    }
    cluster
}

/// Brings every server of a service up.
fn up(cluster: &Cluster, mode: &str, vip: &str) {
    let [one, two, gateway] = match vip.contains(':') {
        true => ["2001:db8:1::2", "2001:db8:1::3", "2001:db8:1::1"],
        false => ["192.168.10.2", "192.168.10.3", "192.168.10.1"],
    };
    let services = "--service tcp:80 --service udp:53";
    let director = format!("--vip {vip} {services} --scheduler rr --real {one} --real {two}");
    cluster.director.lvsctl_inside(&format!("director up --mode {mode} {director}")).success();
    let gateway = if mode == "nat" { format!("--gateway {gateway}") } else { String::new() };
    for server in &cluster.real_servers {
        server
            .lvsctl_inside(&format!("real-server up --mode {mode} --vip {vip} {gateway}"))
            .success();
    }
}

/// The tables of connections.
fn tables(director: &Host) -> String {
    // Without the seconds that entries have left.
    let list = "sed -E 's/^([^ ]+ +[0-9]+ [^ ]+ +[0-9]+) [0-9]+/\\1/' /proc/net/nf_conntrack";
    director.shell(&format!("{list}; cat /proc/net/ip_vs_conn")).success()
}

/// Real server, result and explanation of each check, in order.
#[track_caller]
fn check(director: &Host, line: &str) -> (i32, Vec<[String; 3]>) {
    let outcome = director.lvsctl_inside(&format!("check --json --timeout 1 {line}"));
    let Ok(object) = serde_json::from_str::<Json>(&outcome.output) else { panic!("{outcome:?}") };
    let words =
        |it: &Json| ["real", "result", "detail"].map(|key| it[key].as_str().unwrap().into());
    (outcome.status, object["checks"].as_array().unwrap().iter().map(words).collect())
}

#[track_caller]
fn finds(director: &Host, line: &str, result: &str, words: &str) {
    let (status, found) = check(director, line);
    let [[_, name, detail]] = found.as_slice() else { panic!("{found:?}") };
    assert!(name == result && detail.contains(words), "{line}: {name}: {detail}");
    assert_eq!(status, i32::from(!["answers", "open"].contains(&result)));
}

/// A UDP server on every address, which answers from another one than the VIP, or never.
fn serve_datagrams(host: &mut Host, answer: &str) {
    let program = format!(
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         s.bind(('', 53))\nwhile True:\n  data, peer = s.recvfrom(99)\n  {answer}\n"
    );
    let file = format!("{}-udp.py", host.state_directory().display());
    std::fs::write(&file, program).unwrap();
    host.start(&format!("exec python3 {file}"));
    host.shell("until ss -lunH 'sport = :53' | grep -q .; do sleep 0.1; done").success();
}

#[test]
fn check_finds_every_real_server_of_every_method_and_leaves_no_entry() {
    let cluster = cluster();
    let director = &cluster.director;
    for (mode, last) in [("dr", 10), ("tun", 11), ("nat", 12)] {
        for vip in [format!("192.168.10.{last}"), format!("2001:db8:1::{last}")] {
            up(&cluster, mode, &vip);
        }
    }
    let before = tables(director);
    let (status, found) = check(director, "");
    let answers = found.iter().filter(|[_, result, _]| result == "answers").count();
    // No real server serves UDP: each refuses it.
    let refused = found.iter().filter(|[_, result, _]| result == "refused").count();
    assert_eq!((status, answers, refused, found.len()), (1, 12, 12, 24), "{found:?}");
    let text = director.lvsctl_inside("check tcp://192.168.10.10:80").success();
    assert!(text.contains("192.168.10.2:80 (dr): answers after "), "{text}");
    assert!(text.ends_with("2 of 2 real servers answer\n"), "{text}");
    assert_eq!(tables(director), before);
    for server in &cluster.real_servers {
        assert_eq!(server.shell("ss -tanH state syn-recv").success(), "");
    }
}

#[test]
fn check_names_what_a_direct_routing_real_server_lacks() {
    let mut cluster = cluster();
    up(&cluster, "dr", "192.168.10.10");
    let service = "tcp://192.168.10.10:80 --real 192.168.10.2";

    cluster.real_servers[0].stop_serving(80);
    finds(&cluster.director, service, "refused", "RST");
    cluster.real_servers[0].serve(80, "r1");
    finds(&cluster.director, service, "answers", "answers after");

    let server = &cluster.real_servers[0];
    server.shell("iptables-legacy -A INPUT -d 192.168.10.10 -j DROP").success();
    finds(&cluster.director, service, "silent", "no answer");
    server
        .shell("iptables-legacy -F && iptables-legacy -A INPUT -d 192.168.10.10 -j REJECT")
        .success();
    finds(
        &cluster.director,
        service,
        "unreachable",
        "ICMP port unreachable: a packet filter rejects",
    );
    server.shell("iptables-legacy -F").success();

    server
        .shell("ip address del 192.168.10.10/32 dev lo; sysctl -qw net.ipv4.ip_forward=1")
        .success();
    finds(&cluster.director, service, "returned", "does not have the address 192.168.10.10");
    server.shell("sysctl -qw net.ipv4.ip_forward=0").success();
    finds(&cluster.director, service, "silent", "the virtual address is missing");

    server.shell("ip link set eth0 down").success();
    finds(&cluster.director, service, "no-neighbour", "192.168.10.2 does not answer ARP on eth0");
    cluster.director.shell("ip route add 192.168.10.2 via 192.168.10.3").success();
    finds(&cluster.director, service, "behind-router", "behind the router 192.168.10.3");
    cluster.director.shell("ip route replace unreachable 192.168.10.2").success();
    finds(&cluster.director, service, "no-route", "no route to 192.168.10.2");
    // The other real server is not affected.
    finds(
        &cluster.director,
        "tcp://192.168.10.10:80 --real 192.168.10.3",
        "answers",
        "answers after",
    );
}

#[test]
fn check_names_what_a_tunnelling_real_server_lacks() {
    let cluster = cluster();
    up(&cluster, "tun", "192.168.10.10");
    let (director, server) = (&cluster.director, &cluster.real_servers[0]);
    let service = "tcp://192.168.10.10:80 --real 192.168.10.2";
    finds(director, service, "answers", "answers after");
    server.shell("echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter").success();
    server.shell("echo 1 >/proc/sys/net/ipv4/conf/tunl0/rp_filter").success();
    finds(director, service, "silent", "reverse path filter");
    server.shell("ip link set tunl0 down").success();
    finds(director, service, "unreachable", "no interface decapsulates the tunnel there");
}

#[test]
fn check_proves_datagram_services() {
    let mut cluster = cluster();
    up(&cluster, "dr", "192.168.10.10");
    up(&cluster, "nat", "192.168.10.11");
    let service = "udp://192.168.10.10:53 --real 192.168.10.2";
    // A server that never answers.
    serve_datagrams(&mut cluster.real_servers[0], "pass");
    finds(&cluster.director, service, "open", "the port is open");
    cluster.real_servers[0].shell("iptables-legacy -A INPUT -p udp -j DROP").success();
    finds(&cluster.director, service, "silent", "no answer");
    // A server for every address answers from its own, which clients of the VIP do not accept.
    serve_datagrams(&mut cluster.real_servers[1], "s.sendto(data, peer)");
    let other = "udp://192.168.10.10:53 --real 192.168.10.3";
    finds(&cluster.director, other, "other-source", "answers from 192.168.10.3:53");

    let before = tables(&cluster.director);
    let translated = "udp://192.168.10.11:53 --real 192.168.10.3";
    finds(&cluster.director, translated, "answers", "answers after");
    assert_eq!(tables(&cluster.director), before);
}

#[test]
fn check_works_without_the_table_and_refuses_what_it_cannot_know() {
    let cluster = cluster();
    up(&cluster, "dr", "192.168.10.10");
    let director = &cluster.director;
    director.reference("-C").success();
    let line = "check tcp://192.168.10.10:80 --real 192.168.10.2";
    let refused = director.lvsctl_inside(line);
    assert_eq!(refused.status, 1);
    assert!(refused.errors.contains("--mode"), "{refused:?}");
    director.lvsctl_inside(&format!("{line} --mode dr")).success();
    assert_eq!(director.lvsctl_inside("check").status, 1);

    director.reference("-A -f 7 -s rr").success();
    director.reference("-a -f 7 -r 192.168.10.2 -g").success();
    let unknown = director.lvsctl_inside("check fwmark://7");
    assert_eq!(unknown.status, 1);
    assert!(unknown.output.contains("--to"), "{unknown:?}");
    director.lvsctl_inside("check fwmark://7 --to tcp://192.168.10.10:80").success();
    let file = format!("{}/table", director.state_directory().display());
    let rules = "-A -t 192.168.10.10:80 -s rr\n-a -t 192.168.10.10:80 -r 192.168.10.2:80 -g\n";
    std::fs::write(&file, rules).unwrap();
    director.lvsctl_inside(&format!("check {file}")).success();
    // Its own address: no packet can prove it.
    director.reference("-A -t 192.168.10.10:81 -s rr").success();
    director.reference("-a -t 192.168.10.10:81 -r 192.168.10.1 -m").success();
    finds(director, "tcp://192.168.10.10:81", "refused", "this machine itself");
}
