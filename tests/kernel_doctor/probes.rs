//! `lvsctl doctor --probe`.

use serde_json::json;

use crate::cluster::{Cluster, examined, is_found_by, is_healthy, is_healthy_by, run};
use crate::support::Host;

/// Two machines answer for the virtual address after `by` breaks the real server.
pub(crate) fn find_another_owner(cluster: &Cluster, by: &str, fixed_by: &str) {
    let (director, real) = (&cluster.director, &cluster.real);
    is_healthy_by(director, "--probe", "director");
    is_healthy_by(real, "--probe", "real-server");
    real.shell(by).success();
    // Without probes, the director has no finding.
    is_healthy(director, "director");
    let finding = is_found_by(director, "--probe", "A9");
    let found = finding["found"].as_str().unwrap();
    for host in [director, real] {
        let hardware = host.shell("ip -br link show eth0").success();
        let hardware = hardware.split_whitespace().nth(2).unwrap();
        assert!(found.contains(hardware), "{hardware}: {finding:#}");
    }
    let (_, _, object) = examined(director, "--probe");
    assert!(object["sent"][0].as_str().unwrap().contains(cluster.vip), "{object:#}");
    real.shell(fixed_by).success();
    is_healthy_by(director, "--probe", "director");
    // In the network of the real server, only the director may have it.
    let client = &cluster.client;
    let prefix = if cluster.vip.contains(':') { "128 nodad" } else { "32" };
    client.shell(&format!("ip address add {}/{prefix} dev eth0", cluster.vip)).success();
    let finding = is_found_by(real, "--probe", "A9");
    assert!(finding["found"].as_str().unwrap().contains(" and "), "{finding:#}");
    client.shell(&format!("ip address del {}/{prefix} dev eth0", cluster.vip)).success();
    is_healthy_by(real, "--probe", "real-server");
    let refused = director.lvsctl("doctor --probe --from /dev/null");
    assert_eq!((refused.status, refused.output.as_str()), (1, ""));
}

/// Large packets are dropped on the path, without an ICMP error.
pub(crate) fn find_a_small_path_mtu(cluster: &Cluster) {
    let (director, real, client) = (&cluster.director, &cluster.real, &cluster.client);
    // Packets leave one by one, as from a NIC.
    client.shell("ip link set eth0 gso_max_segs 1").success();
    let arrives = |host: &Host| {
        let exchange = "exec 3<>/dev/tcp/192.168.10.10/81; head -c 100000 /dev/zero >&3; cat <&3";
        host.shell(&format!("timeout 2 bash -c '{exchange}'")).output == "100000\n"
    };
    director.reference("-A -t 192.168.10.10:81 -s rr").success();
    director.reference("-a -t 192.168.10.10:81 -r 192.168.10.2 -i").success();
    let server = real
        .shell("ncat -lk 81 --sh-exec 'head -c 100000 | wc -c' >/dev/null 2>&1 & echo $!")
        .success();
    real.shell("until ss -ltnH 'sport = :81' | grep -q .; do sleep 0.1; done").success();
    is_healthy_by(director, "--probe", "director");
    assert!(arrives(client));
    real.shell("ip link set eth0 mtu 1400").success();
    is_healthy(director, "director");
    assert!(!arrives(client));
    let finding = is_found_by(director, "--probe", "M1");
    assert_eq!(finding["found"], json!("packets of 1400 bytes arrive, of 1500 they do not"));
    run(director, &finding, "fix");
    is_healthy_by(director, "--probe", "director");
    assert!(arrives(client));
    run(director, &finding, "undo");
    is_found_by(director, "--probe", "M1");
    real.shell("ip link set eth0 mtu 1500").success();
    director.reference("-D -t 192.168.10.10:81").success();
    real.shell(&format!("kill {server}")).success();
}
