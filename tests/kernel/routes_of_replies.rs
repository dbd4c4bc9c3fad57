//! Replies of real servers of IP tunnelling follow the main table, whatever happens to it later, with
//! an MSS that fits the tunnel as long as nobody replaces the default route.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use crate::support::cluster::Cluster;
use crate::support::{Host, Network, assert_same};

const VIP: &str = "192.168.10.10";
const UP: &str = "real-server up --mode tun --vip 192.168.10.10";
const DOWN: &str = "real-server down --mode tun --vip 192.168.10.10";

/// A client behind two routers, a director and a real server behind both; the requests come through
/// the first router.
fn behind_two_routers() -> (Cluster, [Host; 2]) {
    let (outside, inside) = (Network::new(), Network::new());
    let client = outside.host("198.51.100.100/24");
    let router = |last: u8| {
        let router = outside.host(&format!("198.51.100.{last}/24"));
        inside.attach(&router, "eth1", &[&format!("192.168.10.{last}/24")]);
        router.shell("sysctl -qw net.ipv4.ip_forward=1").success();
        router
    };
    let routers = [router(253), router(254)];
    let (director, mut server) = (inside.host("192.168.10.1/24"), inside.host("192.168.10.2/24"));
    client.shell("ip route add 192.168.10.0/24 via 198.51.100.253").success();
    routers[0].shell("ip route add 192.168.10.10 via 192.168.10.1").success();
    for host in [&director, &server] {
        host.shell("ip route add default via 192.168.10.253 proto static").success();
    }
    server.serve(80, "r1");
    let cluster = Cluster::new(client, director, vec![server]);
    // Requests for the address of a tunnel come through another interface.
    cluster
        .director
        .lvsctl(
            "director up --mode tun --vip 192.168.10.10 --service tcp:80 --scheduler rr \
             --real 192.168.10.2",
        )
        .success();
    std::mem::forget((outside, inside));
    (cluster, routers)
}

fn default_route(host: &Host) -> String {
    host.shell("ip route show default").success().trim().to_owned()
}

#[test]
fn replies_of_tun_real_server_follow_a_changed_gateway_and_later_routes() {
    let (cluster, [first, second]) = behind_two_routers();
    let server = &cluster.real_servers[0];
    let ask = || cluster.client.ask_within(VIP, 80, Duration::from_secs(2));
    let with_mss = "default via 192.168.10.253 dev eth0 proto static advmss 1440";
    server.lvsctl(UP).success();
    assert_eq!(default_route(server), with_mss);
    assert_eq!(ask(), "r1");

    // The old gateway stops forwarding replies.
    let stop = "ip rule add from 192.168.10.10 prohibit";
    server.shell("ip route replace default via 192.168.10.254").success();
    first.shell(stop).success();
    assert_eq!([(); 5].map(|()| ask()), ["r1"; 5], "by the new gateway");
    // Without the MSS, nothing but that is lost.
    let status = server.lvsctl("status");
    assert_eq!(status.status, 2, "{status:?}");
    assert!(status.output.contains("advmss of default route"), "{status:?}");
    assert!(status.output.contains("1 of "), "{status:?}");

    first.shell("ip rule del from 192.168.10.10 prohibit").success();
    second.shell(stop).success();
    server.shell("ip route add 198.51.100.0/24 via 192.168.10.253").success();
    assert_eq!([(); 5].map(|()| ask()), ["r1"; 5], "by the new route");

    server.lvsctl(UP).success();
    assert_eq!(default_route(server), "default via 192.168.10.254 dev eth0 advmss 1440");
    assert_eq!(ask(), "r1");
    server.shell("ip route replace default via 192.168.10.253").success();
    server.lvsctl(DOWN).success();
    assert_eq!(default_route(server), "default via 192.168.10.253 dev eth0", "as somebody set it");
}

#[test]
fn mss_is_set_on_each_default_route_and_removed_exactly() {
    let network = Network::new();
    let host = network.host("192.168.10.2/24");
    host.shell(
        "ip address add 2001:db8:1::2/64 dev eth0 nodad && \
         ip nexthop add id 7 via 192.168.10.252 dev eth0 && \
         ip route add default via 192.168.10.253 proto dhcp src 192.168.10.2 metric 100 mtu 1400 && \
         ip route add default via 192.168.10.254 metric 200 advmss 1300 && \
         ip route add default nhid 7 metric 300 advmss 1460 && \
         ip -6 route add default via 2001:db8:1::fe metric 10 && \
         ip -6 route add default via 2001:db8:1::fd metric 20 proto ra",
    )
    .success();
    let up = format!("{UP} --vip 2001:db8:1::10");
    let before = host.everything();
    host.lvsctl(&format!("{up} --no-advmss")).success();
    assert!(!host.shell("ip route").output.contains("advmss 1440"));
    host.lvsctl(&up).success();
    let routes = host.shell("ip route show default; ip -6 route show default").success();
    for line in [
        "default via 192.168.10.253 dev eth0 proto dhcp src 192.168.10.2 metric 100 mtu 1400 advmss 1440",
        "default via 192.168.10.254 dev eth0 metric 200 advmss 1300",
        "default nhid 7 via 192.168.10.252 dev eth0 metric 300 advmss 1440",
        "default via 2001:db8:1::fe dev eth0 metric 10 advmss 1400 pref medium",
        "default via 2001:db8:1::fd dev eth0 proto ra metric 20 pref medium",
    ] {
        assert!(routes.lines().any(|it| it.trim() == line), "{line} in\n{routes}");
    }
    let complete = host.everything();
    host.lvsctl(&up).success();
    assert_same(&host.everything(), &complete, "up twice");
    host.lvsctl(&format!("{DOWN} --vip 2001:db8:1::10")).success();
    assert_same(&host.everything(), &before, "after down");
}

#[test]
fn up_has_as_many_steps_with_a_thousand_routes_as_with_ten() {
    let network = Network::new();
    let host = network.host("192.168.10.2/24");
    let steps = || host.lvsctl(&format!("--dry-run {UP}")).success().lines().count();
    host.shell("ip route add default via 192.168.10.253").success();
    let few = steps();
    let mut routes = String::new();
    for number in 0..1000 {
        let (high, low) = (number / 250, number % 250);
        writeln!(routes, "route add 10.{high}.{low}.0/24 via 192.168.10.253").unwrap();
    }
    host.shell(&format!("ip -batch - <<END\n{routes}END")).success();
    assert_eq!(steps(), few);
}

/// What lvsctl 0.1 has set up, with a routing table of its own for the replies, is replaced by `up`.
#[test]
fn up_removes_the_copied_routes_of_an_older_release() {
    let network = Network::new();
    let host = network.host("192.168.10.2/24");
    host.shell(
        "ip route add default via 192.168.10.253; cd /proc/sys/net/ipv4/conf; for it in all tunl0; do echo 1 >$it/rp_filter; done",
    )
    .success();
    let before = host.everything();
    host.lvsctl(UP).success();
    let new = host.everything();
    let journal = fs::read_dir(host.state_directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "journal"))
        .unwrap();
    let new_journal = fs::read_to_string(&journal).unwrap();
    let header = new_journal.lines().next().unwrap().replace("\"version\":3", "\"version\":2");
    let old = include_str!("../fixtures/0.1/tun.journal").lines().skip(1);
    let old: Vec<&str> =
        old.filter(|line| !line.contains("2001:db8") && !line.contains("ip6tnl")).collect();
    host.shell(
        "ip route replace default via 192.168.10.253 && \
         ip route add 192.168.10.0/24 dev eth0 table 1440 proto static scope link \
         src 192.168.10.2 advmss 1440 && ip rule add from 192.168.10.10 lookup 1440 priority 32000",
    )
    .success();
    fs::write(&journal, format!("{header}\n{}\n", old.join("\n"))).unwrap();

    let up = host.lvsctl(UP).success();
    assert!(up.contains("ip rule del from 192.168.10.10 lookup 1440"), "{up}");
    assert_same(&host.everything(), &new, "as if the new release had set it up");
    host.lvsctl(DOWN).success();
    assert_same(&host.everything(), &before, "after down");
}
