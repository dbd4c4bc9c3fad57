//! `lvsctl --mode tun` with packets: a client, a director and two real servers on one switch.

use crate::killed;
use crate::support::cluster::Cluster;
use crate::support::cluster_file::ClusterFile;
use crate::support::{Host, assert_same};

const VIP: &str = "192.168.10.10";
const DIRECTOR_UP: &str = "director up --mode tun --vip 192.168.10.10 --service tcp:80 \
     --scheduler rr --real 192.168.10.2 --real 192.168.10.3";

fn bring_up(cluster: &Cluster, vip: &str) {
    cluster.director.lvsctl(&DIRECTOR_UP.replace(VIP, vip)).success();
    for server in &cluster.real_servers {
        server.lvsctl(&format!("real-server up --mode tun --vip {vip}")).success();
    }
}

fn value(host: &Host, key: &str) -> String {
    host.shell(&format!("cat /proc/sys/net/ipv4/conf/{key}")).success().trim().to_owned()
}

#[test]
fn tun_up_serves_requests_and_down_leaves_nothing() {
    let cluster = Cluster::on_one_switch();
    let before = cluster.everything();
    assert_eq!(cluster.answers(VIP, 1), ["nobody"]);

    bring_up(&cluster, VIP);
    assert_eq!(cluster.answers(VIP, 8), [["r1"; 4], ["r2"; 4]].concat());
    for host in cluster.servers() {
        let addresses = host.shell("ip -4 -oneline address show dev tunl0").success();
        assert!(addresses.contains("192.168.10.10/32"), "{addresses}");
        let route = host.shell("ip route show 192.168.10.10 dev tunl0").success();
        assert!(route.contains("scope link"), "{route}");
    }
    for server in &cluster.real_servers {
        for device in ["all", "tunl0"] {
            assert_eq!(value(server, &format!("{device}/arp_ignore")), "1");
            assert_eq!(value(server, &format!("{device}/arp_announce")), "2");
        }
        assert_eq!(value(server, "all/rp_filter"), "1", "not ours to change");
    }
    let table = "-A -t 192.168.10.10:80 -s rr\n\
         -a -t 192.168.10.10:80 -r 192.168.10.2:80 -i -w 1 --tun-type ipip\n\
         -a -t 192.168.10.10:80 -r 192.168.10.3:80 -i -w 1 --tun-type ipip\n";
    assert_eq!(cluster.director.reference("-Sn").success(), table);

    let up = cluster.everything();
    bring_up(&cluster, VIP);
    assert_same(&cluster.everything(), &up, "up twice is up once");

    cluster.down("tun", VIP);
    assert_same(&cluster.everything(), &before, "after down");
    assert_eq!(cluster.answers(VIP, 1), ["nobody"]);
    for host in cluster.servers() {
        assert!(!host.state_directory().join("journal").exists());
    }
}

#[test]
fn down_of_one_vip_keeps_the_other() {
    let cluster = Cluster::on_one_switch();
    let before = cluster.everything();
    let second = "192.168.10.11";
    bring_up(&cluster, VIP);
    let one = cluster.everything();
    bring_up(&cluster, second);
    assert_eq!(cluster.answers(second, 2), ["r1", "r2"]);
    cluster.down("tun", VIP);
    assert_eq!(cluster.answers(VIP, 1), ["nobody"]);
    assert_eq!(cluster.answers(second, 2), ["r1", "r2"]);
    bring_up(&cluster, VIP);
    cluster.down("tun", second);
    assert_eq!(cluster.answers(VIP, 2), ["r1", "r2"]);
    assert_same(&cluster.everything(), &one, "after down of the second");
    cluster.down("tun", VIP);
    assert_same(&cluster.everything(), &before, "after down");
}

#[test]
fn up_and_down_keep_unmanaged_entries() {
    let cluster = Cluster::on_one_switch();
    let director = &cluster.director;
    for line in [
        "-A -t 192.168.10.20:443 -s wlc -p 60",
        "-a -t 192.168.10.20:443 -r 192.168.10.2 -i -w 5",
        "-A -t 192.168.10.10:80 -s lc",
        "-a -t 192.168.10.10:80 -r 192.168.10.3 -i -w 9",
        "-a -t 192.168.10.10:80 -r 192.168.10.4 -i -w 2",
    ] {
        director.reference(line).success();
    }
    let server = &cluster.real_servers[0];
    // One address and one sysctl have the desired value already.
    server
        .shell(
            "ip link set tunl0 up; ip address add 192.168.10.10/32 dev tunl0; \
             echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore",
        )
        .success();
    let before = cluster.everything();

    bring_up(&cluster, VIP);
    let table = director.reference("-Sn").success();
    assert!(table.contains("-A -t 192.168.10.10:80 -s rr\n"), "{table}");
    assert!(table.contains("-r 192.168.10.3:80 -i -w 1 "), "{table}");
    assert!(table.contains("-r 192.168.10.4:80 -i -w 2 "), "{table}");
    cluster.down("tun", VIP);
    assert_same(&cluster.everything(), &before, "after down");
}

#[test]
fn tun_dry_run_prints_commands_that_leave_nothing_to_do() {
    let cluster = Cluster::on_one_switch();
    for (host, line) in [
        (&cluster.director, DIRECTOR_UP),
        (&cluster.real_servers[0], "real-server up --mode tun --vip 192.168.10.10"),
    ] {
        let before = cluster.everything();
        let script = host.lvsctl(&format!("--dry-run {line}")).success();
        assert_same(&cluster.everything(), &before, "a dry run changes nothing");
        host.shell(&format!("set -e\n{script}")).success();
        let by_hand = host.everything();
        assert_eq!(host.lvsctl(&format!("--dry-run {line}")).success(), "# no changes needed\n");
        host.lvsctl(line).success();
        assert_same(&host.everything(), &by_hand, "there was nothing left to do");
        assert_ne!(cluster.everything(), before);
    }
}

#[test]
fn tun_real_server_apply_killed_at_any_step_is_completed_by_next_run() {
    let cluster = Cluster::on_one_switch();
    let file = ClusterFile::new("killed-tun", include_str!("../../scripts/examples/tun.toml"));
    killed::at_any_step(&cluster.real_servers[0], &file.line("apply"), &file.line("down"));
}
