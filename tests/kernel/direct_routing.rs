//! `lvsctl --mode dr` with packets, and `--mode tun` over IPv6: a client, a director and two real
//! servers on one switch.

use crate::support::cluster::Cluster;
use crate::support::{Host, Network, assert_same};

/// The addresses of one family, and the forwarding method.
struct Way {
    mode: &'static str,
    vip: &'static str,
    second: &'static str,
    reals: [&'static str; 2],
    /// The interface of a real server that has the virtual address.
    device: &'static str,
    table: &'static str,
}

const DR: Way = Way {
    mode: "dr",
    vip: "192.168.10.10",
    second: "192.168.10.11",
    reals: ["192.168.10.2", "192.168.10.3"],
    device: "lo",
    table: "-A -t 192.168.10.10:80 -s rr\n\
            -a -t 192.168.10.10:80 -r 192.168.10.2:80 -g -w 1\n\
            -a -t 192.168.10.10:80 -r 192.168.10.3:80 -g -w 1\n",
};

const DR_IPV6: Way = Way {
    mode: "dr",
    vip: "2001:db8:1::10",
    second: "2001:db8:1::11",
    reals: ["2001:db8:1::2", "2001:db8:1::3"],
    device: "lo",
    table: "-A -t [2001:db8:1::10]:80 -s rr\n\
            -a -t [2001:db8:1::10]:80 -r [2001:db8:1::2]:80 -g -w 1\n\
            -a -t [2001:db8:1::10]:80 -r [2001:db8:1::3]:80 -g -w 1\n",
};

const TUN_IPV6: Way = Way {
    mode: "tun",
    device: "ip6tnl0",
    table: "-A -t [2001:db8:1::10]:80 -s rr\n\
            -a -t [2001:db8:1::10]:80 -r [2001:db8:1::2]:80 -i -w 1 --tun-type ipip\n\
            -a -t [2001:db8:1::10]:80 -r [2001:db8:1::3]:80 -i -w 1 --tun-type ipip\n",
    ..DR_IPV6
};

fn real_servers_up(cluster: &Cluster, way: &Way, vip: &str) {
    for server in &cluster.real_servers {
        server.lvsctl(&format!("real-server up --mode {} --vip {vip}", way.mode)).success();
    }
}

fn bring_up(cluster: &Cluster, way: &Way, vip: &str) {
    let (mode, [first, second]) = (way.mode, way.reals);
    cluster
        .director
        .lvsctl(&format!(
            "director up --mode {mode} --vip {vip} --service tcp:80 --scheduler rr \
             --real {first} --real {second}"
        ))
        .success();
    real_servers_up(cluster, way, vip);
}

/// The neighbour entry of the client for the address.
fn owner_of(cluster: &Cluster, vip: &str) -> String {
    cluster.client.shell(&format!("ip neigh show {vip} dev eth0")).success()
}

fn serves_and_reverts(way: &Way) {
    let cluster = Cluster::on_one_switch();
    cluster.director.reference("-A -t 192.168.10.99:443 -s wlc -p 60").success();
    let before = cluster.everything();
    assert_eq!(cluster.answers(way.vip, 1), ["nobody"]);

    real_servers_up(&cluster, way, way.vip);
    assert_eq!(cluster.answers(way.vip, 2), ["nobody", "nobody"]);
    let owner = owner_of(&cluster, way.vip);
    assert!(!owner.contains("lladdr"), "a real server says that it has the address: {owner}");
    bring_up(&cluster, way, way.vip);
    let link = cluster.director.shell("ip link show eth0").success();
    let mut words = link.split_whitespace().skip_while(|word| *word != "link/ether");
    let hardware = words.nth(1).expect("an interface has an address");
    for _ in 0..4 {
        assert_eq!(cluster.answers(way.vip, 2), ["r1", "r2"]);
        let owner = owner_of(&cluster, way.vip);
        assert!(owner.contains(hardware), "not the director: {owner}");
    }
    // The kernel updates the counters every two seconds.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let counters = cluster.director.reference("-Ln --stats").success();
    for address in way.reals {
        let line = counters.lines().find(|line| line.contains(address)).expect("it is listed");
        let words: Vec<&str> = line.split_whitespace().collect();
        // An earlier attempt without an answer may arrive late.
        assert!(words[2].parse::<u32>().unwrap() >= 4, "{counters}");
        assert_eq!(words[4], "0", "the answers go straight: {counters}");
    }
    for server in &cluster.real_servers {
        let addresses = format!("ip -oneline address show dev {}", way.device);
        let addresses = server.shell(&addresses).success();
        let whole = if way.vip.contains(':') { 128 } else { 32 };
        assert!(addresses.contains(&format!(" {}/{whole} ", way.vip)), "{addresses}");
    }
    let table = cluster.director.reference("-Sn").success();
    assert!(table.contains(way.table), "{table}");

    let up = cluster.everything();
    bring_up(&cluster, way, way.vip);
    assert_same(&cluster.everything(), &up, "up twice is up once");

    bring_up(&cluster, way, way.second);
    assert_eq!(cluster.answers(way.second, 2), ["r1", "r2"]);
    cluster.down(way.mode, way.vip);
    assert_eq!(cluster.answers(way.vip, 1), ["nobody"]);
    assert_eq!(cluster.answers(way.second, 2), ["r1", "r2"]);
    cluster.down(way.mode, way.second);
    assert_same(&cluster.everything(), &before, "after down");
}

#[test]
fn dr_serves_requests_and_only_the_director_answers_arp() {
    serves_and_reverts(&DR);
}

/// Real servers do not answer neighbour solicitations for it only because the address is on `lo`.
#[test]
fn dr_over_ipv6_serves_requests_and_only_the_director_is_a_neighbour() {
    serves_and_reverts(&DR_IPV6);
}

#[test]
fn tun_over_ipv6_serves_requests() {
    serves_and_reverts(&TUN_IPV6);
}

#[test]
fn dr_real_server_up_sets_arp_suppression_and_no_forwarding() {
    let cluster = Cluster::on_one_switch();
    let server = &cluster.real_servers[0];
    let lo = server.shell("ip link show lo").success();
    server.lvsctl("real-server up --mode dr --vip 192.168.10.10").success();
    let value = |key: &str| {
        server.shell(&format!("cat /proc/sys/net/ipv4/conf/{key}")).success().trim().to_owned()
    };
    for device in ["all", "eth0"] {
        assert_eq!(value(&format!("{device}/arp_ignore")), "1");
        assert_eq!(value(&format!("{device}/arp_announce")), "2");
        assert_eq!(value(&format!("{device}/rp_filter")), "1", "not ours to change");
    }
    assert_eq!(server.shell("cat /proc/sys/net/ipv4/ip_forward").success(), "0\n");
    assert_eq!(server.shell("ip link show lo").success(), lo);
}

/// The request arrives on one interface, the reply leaves by another.
#[test]
fn dr_real_server_with_asymmetric_route_replies_despite_strict_rp_filter() {
    let cluster = Cluster::on_one_switch();
    let (outside, elsewhere) = (Network::new(), Network::new());
    let server = &cluster.real_servers[0];
    let far = Host::new();
    outside.attach(&far, "eth0", &["203.0.113.9/24"]);
    outside.attach(&cluster.director, "eth1", &["203.0.113.1/24"]);
    outside.attach(server, "eth1", &["203.0.113.2/24"]);
    elsewhere.attach(server, "eth2", &["198.51.100.2/24"]);
    server.shell("ip route add default via 198.51.100.1 dev eth2").success();
    far.shell("ip route add 192.168.10.10 via 203.0.113.1").success();
    let before = server.everything();
    cluster
        .director
        .lvsctl(
            "director up --mode dr --vip 192.168.10.10 --service tcp:80 --scheduler rr \
             --real 192.168.10.2",
        )
        .success();
    server.lvsctl("real-server up --mode dr --vip 192.168.10.10").success();
    assert_eq!(far.ask("192.168.10.10", 80), "r1");
    server.lvsctl("real-server down --mode dr --vip 192.168.10.10").success();
    assert_same(&server.everything(), &before, "after down");
}

#[test]
fn director_runs_three_modes_side_by_side() {
    let cluster = Cluster::on_one_switch();
    let director = &cluster.director;
    let before = director.everything();
    let modes = ["nat", "dr", "tun"];
    let line = |verb: &str, mode: &str, number: usize| {
        format!(
            "director {verb} --mode {mode} --vip 192.168.10.1{number} --service tcp:80 \
             --scheduler rr --real 192.168.10.2"
        )
    };
    let mut states = vec![before.clone()];
    for (number, mode) in modes.iter().enumerate() {
        director.lvsctl(&line("up", mode, number)).success();
        states.push(director.everything());
    }
    for (number, mode) in modes.iter().enumerate() {
        let status = director.lvsctl(&line("status", mode, number));
        assert_eq!(status.status, 0, "{status:?}");
    }
    // Reverted in reverse order, each leaves the state from before it.
    for (number, mode) in modes.iter().enumerate().rev() {
        states.pop();
        director.lvsctl(&line("down", mode, number)).success();
        assert_same(&director.everything(), states.last().unwrap(), mode);
    }
}
