//! `lvsctl trace`.

use serde_json::Value as Json;

use crate::cluster::{Cluster, DR, DR_IPV6, TUN};

#[test]
fn trace_shows_where_packets_stop() {
    let cluster = Cluster::up(DR);
    let (director, real) = (&cluster.director, &cluster.real);
    let passes = director.lvsctl("trace --from 192.168.10.100 192.168.10.10:80").success();
    let lines: Vec<&str> = passes.lines().collect();
    assert_eq!(lines[0], "192.168.10.100 to tcp 192.168.10.10:80", "{passes}");
    assert!(lines[1].starts_with("  passes    link  "), "{passes}");
    assert!(lines.contains(&"tcp 192.168.10.10:80 to 192.168.10.2"), "{passes}");
    // Colours are for a terminal.
    let state = director.state_directory().display();
    let on_terminal =
        format!("script -qec '{} --state-dir {state} trace' /dev/null", crate::support::LVSCTL);
    let coloured = "\u{1b}[32mpasses  \u{1b}[0m";
    assert!(director.shell(&on_terminal).output.contains(coloured) && !passes.contains('\u{1b}'));
    let plain = director.shell(&format!("NO_COLOR=1 {on_terminal}")).output;
    assert!(!plain.contains(coloured), "{plain}");
    // Some clients.
    director.shell("iptables-legacy -A INPUT -s 192.168.10.100 -j DROP").success();
    cluster.is_not_answered();
    let stops = director.lvsctl("trace --from 192.168.10.100 192.168.10.10:80");
    assert_eq!(stops.status, 1, "{stops:?}");
    assert!(stops.output.contains("  stops     filter INPUT"), "{stops:?}");
    assert!(stops.output.contains("packet-filter-drops (F1): "), "{stops:?}");
    assert_eq!(director.lvsctl("trace --from 192.168.10.3 192.168.10.10:80").status, 0);
    // What is not understood.
    director
        .shell("iptables-legacy -F; iptables-legacy -A INPUT -m length --length 0:9 -j DROP")
        .success();
    let unknown = director.lvsctl("trace --json tcp://192.168.10.10:80");
    let object: Json = serde_json::from_str(&unknown.output).unwrap();
    assert_eq!((unknown.status, &object["result"]), (3, &"unknown".into()), "{unknown:?}");
    let stages = object["walks"][0]["stages"].as_array().unwrap();
    let stage = stages.iter().find(|it| it["stage"] == "filter INPUT").unwrap();
    assert!(stage["why"].as_str().unwrap().contains("chain INPUT rule 1"), "{stage:#}");
    // Mistakes.
    for (words, expected) in [
        ("trace 192.168.10.10:81", "no such service here"),
        ("trace --from 192.168.10.1 192.168.10.10:80", "is an address of this machine"),
        ("trace --role real-server", "neither a director nor a real server"),
    ] {
        let outcome = director.lvsctl(words);
        assert!(outcome.status == 1 && outcome.errors.contains(expected), "{words}: {outcome:?}");
    }
    // A real server, and its port without a file.
    let served = real.lvsctl("trace").success();
    assert!(served.starts_with("192.168.10.254 to tcp 192.168.10.10:80\n"), "{served}");
    real.lvsctl("trace --role real-server 192.168.10.10:80").success();
    let other = real.lvsctl("trace --role real-server 192.168.10.10:81");
    assert!(other.status == 1 && other.output.contains("nobody-listens (A11)"), "{other:?}");
    let client = &cluster.client;
    let missing = client.lvsctl("trace --role real-server 192.168.10.10:80");
    assert!(missing.status == 1 && missing.output.contains("(A1): "), "{missing:?}");
}

#[test]
fn trace_follows_ipv6_and_tunnels() {
    for way in [DR_IPV6, TUN] {
        let cluster = Cluster::up(way);
        cluster.is_answered();
        for host in [&cluster.director, &cluster.real] {
            let vip = match way.vip.contains(':') {
                true => format!("[{}]:80", way.vip),
                false => format!("{}:80", way.vip),
            };
            let traced = host.lvsctl(&format!("trace {vip}"));
            assert_eq!(traced.status, 0, "{traced:?}");
            let stopped = host.shell("ip link set eth0 down").status;
            let traced = host.lvsctl(&format!("trace {vip}"));
            assert!(traced.status == 1 && stopped == 0, "{traced:?}");
            host.shell("ip link set eth0 up").success();
            if way.mode == "dr" {
                // Its address of IPv6 went with the link.
                break;
            }
        }
    }
}
