//! A director takes a virtual address: not from a machine that still has it, and so that every
//! neighbour learns it at once.

use std::time::Duration;

use crate::support::cluster::Cluster;
use crate::support::cluster_file::ClusterFile;
use crate::support::{Host, Network, assert_same};

const UP: &str = "director up --mode dr --vip 192.168.10.10 --vip 2001:db8:1::10 --service tcp:80 \
                  --scheduler rr --real 192.168.10.2 --real 2001:db8:1::2";
const VIPS: [&str; 2] = ["192.168.10.10", "2001:db8:1::10"];

/// A machine that has the virtual addresses, and the cluster that takes them. The client knows it.
fn cluster_and_owner() -> (Cluster, Host) {
    let network = Network::new();
    let host = |number| network.dual_stack_host(number);
    let (client, director, mut owner, mut server) = (host(100), host(1), host(9), host(2));
    owner
        .shell(
            "ip address add 192.168.10.10/32 dev eth0; \
             ip address add 2001:db8:1::10/128 dev eth0 nodad",
        )
        .success();
    owner.serve(80, "owner");
    server.serve(80, "r1");
    std::mem::forget(network);
    let cluster = Cluster::new(client, director, vec![server]);
    let up = "real-server up --mode dr --vip 192.168.10.10 --vip 2001:db8:1::10";
    cluster.real_servers[0].lvsctl(up).success();
    (cluster, owner)
}

fn hardware(host: &Host) -> String {
    let link = host.shell("ip -o link show eth0").success();
    link.split("link/ether ").nth(1).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn director_up_is_refused_while_another_machine_has_the_vip() {
    let (cluster, owner) = cluster_and_owner();
    let director = &cluster.director;
    let before = director.everything();
    for (line, vip) in [
        (UP.to_owned(), VIPS[0]),
        (UP.replace("--vip 192.168.10.10 ", "").replace("--real 192.168.10.2 ", ""), VIPS[1]),
    ] {
        let refused = director.lvsctl(&line);
        let reason = format!("{vip} is in use: the machine with the hardware address ");
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.errors.contains(&reason), "{refused:?}");
        assert!(refused.errors.contains(&hardware(&owner)), "{refused:?}");
        assert!(refused.errors.contains("--force"), "{refused:?}");
        assert_same(&director.everything(), &before, "nothing was changed");
    }
    director.lvsctl(&format!("{UP} --force")).success();
    // What it has already, it does not ask for.
    director.lvsctl(UP).success();
}

#[test]
fn clients_reach_a_director_at_once_that_takes_the_vip_over() {
    let (cluster, owner) = cluster_and_owner();
    let ask = |vip| cluster.client.ask_within(vip, 80, Duration::from_millis(900));
    assert_eq!(VIPS.map(ask), ["owner"; 2]);
    // It dies, and the client does not notice.
    owner.shell("ip link set eth0 down").success();
    cluster.director.lvsctl(UP).success();
    assert_eq!(VIPS.map(ask), ["r1"; 2]);
}

#[test]
fn director_announces_its_vip_twice_and_a_real_server_never() {
    let cluster = Cluster::on_one_switch();
    let client = &cluster.client;
    client
        .shell(
            "tcpdump -elnni eth0 'arp[14:4] = 0xc0a80a0a or (icmp6 and ip6[40] = 136 and \
             ip6 src 2001:db8:1::10)' >/run/announced 2>/run/announced-ready & \
             until grep -qs listening /run/announced-ready; do sleep 0.1; done",
        )
        .success();
    for server in &cluster.real_servers {
        server
            .lvsctl("real-server up --mode dr --vip 192.168.10.10 --vip 2001:db8:1::10")
            .success();
    }
    cluster.director.lvsctl(UP).success();
    let heard = client
        .shell(
            "for try in $(seq 50); do [ $(wc -l </run/announced) -ge 4 ] && break; sleep 0.1; done; \
             pkill -f 'tcpdump.*0xc0a80a0a'; cat /run/announced",
        )
        .success();
    let of = |what: &str| heard.lines().filter(|line| line.contains(what)).count();
    assert_eq!(
        (of("Request who-has 192.168.10.10"), of("neighbor advertisement")),
        (2, 2),
        "{heard}"
    );
    assert_eq!(
        (of(&hardware(&cluster.director)), of("192.168.10.10 tell"), of(" > ")),
        (4, 2, 4),
        "{heard}"
    );
}

/// Another machine may have it by then.
#[test]
fn director_that_goes_down_at_once_does_not_announce_its_vip_again() {
    let (cluster, owner) = cluster_and_owner();
    let (client, director) = (&cluster.client, &cluster.director);
    director.lvsctl(&format!("{UP} --force")).success();
    let down = "director down --mode dr --vip 192.168.10.10 --vip 2001:db8:1::10";
    director.lvsctl(down).success();
    let resolve = "ip neigh flush all; ping -c1 -W2 192.168.10.10 && ping -c1 -W2 2001:db8:1::10";
    client.shell(resolve).success();
    director.announced();
    for vip in VIPS {
        let entry = client.shell(&format!("ip neigh show {vip}")).success();
        assert!(entry.contains(&hardware(&owner)), "{entry}");
    }
}

#[test]
fn vip_comes_after_the_table_and_goes_before_it() {
    let cluster = Cluster::on_one_switch();
    let director = &cluster.director;
    let table = |ports: &[u16]| {
        let service = |port: &u16| {
            format!(
                "[[service]]\nlisten = \"tcp://192.168.10.10:{port}\"\nreal = [\"192.168.10.2\"]\n"
            )
        };
        let services: String = ports.iter().map(service).collect();
        format!("mode = \"dr\"\ndirectors = [\"192.168.10.1\"]\n{services}")
    };
    let file = ClusterFile::new("order", &table(&[80]));
    let steps = |output: String| -> Vec<String> {
        output.lines().filter_map(|line| line.strip_prefix("+ ").map(str::to_owned)).collect()
    };
    let up = steps(director.lvsctl(&file.line("apply")).success());
    assert_eq!(up.last().unwrap(), "ip address add 192.168.10.10/32 dev eth0", "{up:?}");
    // A service that is added later goes after the address, too.
    file.write(&table(&[80, 81]));
    director.lvsctl(&file.line("apply")).success();
    let down = steps(director.lvsctl(&file.line("down")).success());
    assert_eq!(down[0], "ip address del 192.168.10.10/32 dev eth0", "{down:?}");
    assert_eq!(down.len(), up.len() + 2, "{down:?}");
}
