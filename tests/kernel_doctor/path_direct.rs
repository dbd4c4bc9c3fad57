//! Direct routing set up in other ways than lvsctl does, and its outages.

use std::time::Duration;

use crate::cluster::{Cluster, DR, examined, ids, run};
use crate::path_base::{
    Outage, SUPPRESSED, VIP, cluster_file, cluster_file_of, is_not_alarmed, table,
};
use crate::support::{Host, Network};

/// A director with the address on `lo`, and a real server with it on a dummy interface.
fn by_hand() -> (Cluster, String) {
    let cluster = Cluster::down(DR);
    let file = cluster_file(&cluster, "dr", "192.168.10.10:80", "192.168.10.2");
    cluster.director.shell(&format!("ip address add {VIP}/32 dev lo")).success();
    table(&cluster, "-t 192.168.10.10:80", "192.168.10.2 -g");
    let real = format!(
        "ip link add dummy0 type dummy; ip link set dummy0 up; {SUPPRESSED}; \
         ip address add {VIP}/32 dev dummy0"
    );
    cluster.real.shell(&real).success();
    (cluster, file)
}

#[test]
fn direct_routing_set_up_by_hand_has_no_alarm() {
    let (cluster, file) = by_hand();
    is_not_alarmed(&cluster, &file);
    // What net-tools makes of `ifconfig lo:0 VIP`, and any prefix without its route.
    for prefix in ["0 noprefixroute", "24 noprefixroute", "32"] {
        let line =
            format!("ip address flush dev dummy0; ip address add {VIP}/{prefix} dev lo label lo:0");
        cluster.real.shell(&line).success();
        is_not_alarmed(&cluster, &file);
        cluster.real.shell(&format!("ip address del {VIP}/{} dev lo", &prefix[..2].trim()));
    }
}

#[test]
fn packet_filters_that_stop_packets_are_found_first() {
    let (cluster, file) = by_hand();
    let (director, real) = (&cluster.director, &cluster.real);
    let legacy = "iptables-legacy";
    for (host, by) in [
        (real, format!("{legacy} -A INPUT -d {VIP} -j DROP")),
        (real, format!("{legacy} -P INPUT DROP")),
        (real, format!("{legacy} -P OUTPUT DROP")),
        (real, format!("{legacy} -t raw -A PREROUTING -p tcp --dport 80 -j DROP")),
        (
            director,
            format!(
                "{legacy} -N web; {legacy} -A web -s 10.0.0.0/8 -j RETURN; \
                 {legacy} -A web -p tcp --dport 1:100 -j REJECT; {legacy} -A INPUT -j web"
            ),
        ),
    ] {
        cluster.stops(&Outage::new(host, &by, "F1"));
        host.shell(
            "iptables-legacy -P INPUT ACCEPT; iptables-legacy -P OUTPUT ACCEPT; \
             iptables-legacy -F; iptables-legacy -t raw -F; iptables-legacy -X",
        )
        .success();
    }
    is_not_alarmed(&cluster, &file);
}

#[test]
fn links_routes_and_neighbours_that_stop_packets_are_found_first() {
    let (cluster, file) = by_hand();
    let (director, real) = (&cluster.director, &cluster.real);
    for host in [director, real] {
        cluster.stops(&Outage::new(host, "ip link set eth0 down", "L1"));
    }
    let outage = Outage::new(director, "ip route add unreachable 192.168.10.2", "L2");
    let healed_by = Some("ip route del unreachable 192.168.10.2");
    cluster.stops(&Outage { healed_by, ..outage });
    let outage = Outage::new(director, "ip route add 192.168.10.2/32 via 192.168.10.100", "L3");
    cluster.stops(&Outage { healed_by: Some("ip route del 192.168.10.2/32"), ..outage });
    director.shell("ip neigh flush all").success();
    real.shell("ip link set eth0 arp off").success();
    cluster.is_not_answered();
    assert_eq!(ids(&examined(director, "").1).first(), Some(&"L4"));
    real.shell("ip link set eth0 arp on").success();
    director.shell("ip neigh flush all").success();
    // The program listens on another port than the file says.
    let other = cluster_file(&cluster, "dr", "192.168.10.10:81", "192.168.10.2");
    assert_eq!(ids(&examined(real, &other).1).first(), Some(&"A11"));
    is_not_alarmed(&cluster, &file);
}

#[test]
fn watch_says_that_packets_end_at_a_filter() {
    let (cluster, _) = by_hand();
    let (director, client) = (&cluster.director, &cluster.client);
    director.shell("iptables-legacy -A INPUT -p tcp --dport 80 -j DROP").success();
    let watched = std::thread::scope(|scope| {
        let watch = scope.spawn(|| director.lvsctl("doctor --watch 2").success());
        while !watch.is_finished() {
            client.ask_within(VIP, 80, Duration::from_millis(100));
        }
        watch.join().unwrap()
    });
    assert!(watched.contains("\npackets end here: IPv4 lost (+"), "{watched}");
    director.shell("iptables-legacy -F").success();
}

#[test]
fn destination_that_the_file_does_not_have_is_the_cause() {
    let (cluster, file) = by_hand();
    let (director, client) = (&cluster.director, &cluster.client);
    let before = director.lvsctl(&format!("diff {file}"));
    director.reference(&format!("-a -t {VIP}:80 -r 192.168.10.77 -g")).success();
    let lost = || {
        let ask = |_| client.ask_within(VIP, 80, Duration::from_millis(800));
        (0..2).map(ask).filter(|answer| answer == "nobody").count()
    };
    assert_eq!(lost(), 1);
    let line = "in the table, but not in the file: destination 192.168.10.77:80 of tcp";
    for command in ["diff", "status"] {
        let outcome = director.lvsctl(&format!("{command} {file}"));
        assert!(outcome.output.contains(line), "{outcome:?}");
        assert_eq!(outcome.status, before.status, "{outcome:?}");
    }
    // Its neighbour entry needs three seconds until it has failed.
    director
        .shell("until ip neigh show 192.168.10.77 | grep -q FAILED; do sleep 0.1; done")
        .success();
    let (status, findings, _) = examined(director, &file);
    assert_eq!((status, ids(&findings)[..2].to_vec()), (1, vec!["H26", "L4"]), "{findings:#?}");
    assert_eq!(findings[1]["follows"], "H26");
    run(director, &findings[0], "fix");
    assert_eq!(lost(), 0);
    is_not_alarmed(&cluster, &file);
}

#[test]
fn wrong_forwarding_method_is_the_cause_and_comes_first() {
    let (cluster, file) = by_hand();
    let director = &cluster.director;
    director.reference(&format!("-e -t {VIP}:80 -r 192.168.10.2 -m")).success();
    cluster.is_not_answered();
    let (status, findings, _) = examined(director, &file);
    assert_eq!((status, ids(&findings).first()), (1, Some(&"H22")), "{findings:#?}");
    assert!(findings.iter().any(|it| it["id"] == "N1" && it["follows"] == "H22"), "{findings:#?}");
    let text = director.lvsctl(&format!("doctor {file}")).output;
    assert!(text.contains("\n  therefore forwarding-off (N1): "), "{text}");
    run(director, &findings[0], "fix");
    cluster.is_answered();
}

/// Real servers have the address, and do not answer ARP requests from it.
#[test]
fn director_that_connects_to_its_own_address_is_found() {
    let (cluster, _) = by_hand();
    let (director, client) = (&cluster.director, &cluster.client);
    let connect = || {
        director.shell("ip neigh flush all").success();
        director.ask_within(VIP, 80, Duration::from_millis(200));
    };
    cluster.is_answered();
    // The next ARP request is sent for the latest packet, that of the client.
    director.shell("echo 9000 >/proc/sys/net/ipv4/neigh/eth0/retrans_time_ms").success();
    connect();
    assert_eq!(client.ask_within(VIP, 80, Duration::from_millis(800)), "nobody");
    let (status, findings, _) = examined(director, "");
    assert_eq!((status, ids(&findings).first()), (1, Some(&"A22")), "{findings:#?}");
    run(director, &findings[0], "fix");
    connect();
    assert_eq!(client.ask_within(VIP, 80, Duration::from_millis(800)), "real");
    let (status, findings, _) = examined(director, "");
    assert_eq!((status, ids(&findings)), (0, vec![]), "{findings:#?}");
}

#[test]
fn real_server_with_two_interfaces_is_judged_on_both() {
    let cluster = Cluster::up(DR);
    let real = &cluster.real;
    let conf = "/proc/sys/net/ipv4/conf";
    let only_eth0 = format!(
        "cd {conf}; echo 0 >all/arp_ignore; echo 0 >all/arp_announce; echo 1 >eth0/arp_ignore; \
         echo 2 >eth0/arp_announce"
    );
    real.shell(&only_eth0).success();
    assert_eq!(ids(&examined(real, "").1), [""; 0]);
    cluster.inside.attach(real, "eth1", &["192.168.10.22/24"]);
    let (status, findings, _) = examined(real, "");
    assert_eq!((status, ids(&findings)), (1, vec!["A4", "A5", "I1"]), "{findings:#?}");
    assert!(findings[0]["title"].as_str().unwrap().starts_with("eth1 "), "{findings:#?}");
    for finding in &findings[..2] {
        run(real, finding, "fix");
    }
    assert_eq!(ids(&examined(real, "").1), ["I1"]);
    real.shell("ip link del eth1").success();
    // A dummy interface hides nothing: the real server steals the address.
    let file = cluster_file(&cluster, "dr", "192.168.10.10:80", "192.168.10.2");
    real.shell(&format!(
        "ip link add dummy0 type dummy; ip link set dummy0 up; echo 0 >{conf}/eth0/arp_ignore; \
         ip address del {VIP}/32 dev lo; ip address add {VIP}/32 dev dummy0"
    ))
    .success();
    let (_, findings, _) = examined(real, &file);
    assert_eq!(ids(&findings).first(), Some(&"A4"), "{findings:#?}");
}

/// The topology of the kernel's own test: one interface leads to the director, another to the clients.
#[test]
fn two_legged_real_server_with_strict_filters_is_found_first() {
    let (inside, outside) = (Network::new(), Network::new());
    let mut cluster = Cluster::down(DR);
    (cluster.client, cluster.director, cluster.real) = (Host::new(), Host::new(), Host::new());
    cluster.real.serve(80, "real");
    outside.attach(&cluster.client, "eth0", &["10.0.0.100/24"]);
    outside.attach(&cluster.director, "eth1", &["10.0.0.1/24"]);
    outside.attach(&cluster.real, "eth1", &["10.0.0.2/24"]);
    inside.attach(&cluster.director, "eth0", &["192.168.20.1/24"]);
    inside.attach(&cluster.real, "eth0", &["192.168.20.2/24"]);
    cluster.client.shell(&format!("ip route add {VIP}/32 via 10.0.0.1")).success();
    cluster.director.shell(&format!("ip address add {VIP}/32 dev lo")).success();
    table(&cluster, "-t 192.168.10.10:80", "192.168.20.2 -g");
    let real = format!(
        "{SUPPRESSED}; ip address add {VIP}/32 dev lo; \
         for it in all eth0 eth1; do echo 0 >$it/rp_filter; done"
    );
    cluster.real.shell(&real).success();
    let file = cluster_file_of(&cluster, "dr", "192.168.20.1", "192.168.10.10:80", "192.168.20.2");
    cluster.is_answered();
    let by = "for it in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 >$it; done";
    cluster.stops(&Outage { file: &file, ..Outage::new(&cluster.real, by, "P3") });
}
