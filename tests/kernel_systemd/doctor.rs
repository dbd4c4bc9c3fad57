//! The doctor on the machine itself: its modules and its boot. All hosts of a guest share its
//! modules, so these tests may not run beside others.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use serde_json::{Value as Json, json};

use super::Machine;
use crate::cluster::{Breakage, Cluster, DR, TUN, TUN_IPV6, ids, is_found, is_healthy, run};
use crate::support::{LVSCTL, Outcome, root};

const UNLOAD: &str = "ipvsadm -C; modprobe -r ip_vs_rr ip_vs";

#[test]
fn unloaded_modules_are_found_and_loaded() {
    let machine = Machine::new();
    without_ipvs();
    let cluster = Cluster::up(DR);
    cluster.is_well();
    let director = &cluster.director;
    let outcome = machine.doctor("");
    assert_eq!((outcome.status, ids_of(&outcome)), (0, vec!["K8".to_owned()]));
    assert!(outcome.output.contains(&format!("/run/netns/{}", director.name())), "{outcome:?}");
    cluster.breaks(&Breakage { id: "K1", host: director, by: UNLOAD, felt: true });
    small_connection_table_is_found(&cluster);
    drop(cluster);

    // The director has no tunnel interface.
    let cluster = Cluster::up(TUN_IPV6);
    let (id, host, by) = ("K3", &cluster.real, "modprobe -r ip6_tunnel");
    cluster.breaks(&Breakage { id, host, by, felt: true });
    drop(cluster);
    let cluster = Cluster::up(TUN);
    root("modprobe -r ipip");
    cluster.is_not_answered();
    for (host, id) in [(&cluster.director, "A16"), (&cluster.real, "K3")] {
        run(host, &is_found(host, id), "fix");
    }
    cluster.is_well();
}

/// With the minimum number of buckets.
fn small_connection_table_is_found(cluster: &Cluster) {
    let (director, client) = (&cluster.director, &cluster.client);
    let crowd = |options: &str| {
        director.shell(&format!("{UNLOAD}; modprobe ip_vs {options}")).success();
        run(director, &is_found(director, "H21"), "fix");
        director
            .shell("ipvsadm -A -u 192.168.10.10:53 -s rr && ipvsadm -a -u 192.168.10.10:53 -r 192.168.10.2 -g")
            .success();
        client.inside(|| {
            for _ in 0..700 {
                let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                socket.send_to(b"?", "192.168.10.10:53").unwrap();
            }
        });
        let known = director.shell("wc -l </proc/net/ip_vs_conn").success();
        assert!(known.trim().parse::<u32>().unwrap() > 520, "{known}");
    };
    crowd("conn_tab_bits=8");
    let finding = is_found(director, "H10");
    run(director, &finding, "fix");
    crowd("");
    is_healthy(director, "director");
    run(director, &finding, "undo");
    assert!(!Path::new("/etc/modprobe.d/ip_vs.conf").exists());
    director.shell(UNLOAD).success();
}

/// Waits until deleted hosts have released it.
fn without_ipvs() {
    root("until modprobe -r ip_vs_rr ip_vs_wlc ip_vs; do sleep 0.1; done");
}

const POOL: &str = r#"
name = "pool"
mode = "dr"
directors = ["192.168.30.9"]
[[service]]
listen = "tcp://192.168.30.10:80"
real = ["192.168.30.1"]
"#;

#[test]
fn boot_that_reverts_or_restores_settings_is_reported() {
    let machine = Machine::new();
    let file = "/run/pool.toml";
    fs::write(file, POOL).unwrap();
    root(
        "ip link add eth8 type dummy; ip link set eth8 arp on up; ip address add 192.168.30.1/24 dev eth8",
    );
    let _listener = TcpListener::bind("0.0.0.0:80").unwrap();
    machine.run(&format!("lvsctl apply {file}")).success();
    machine.is_well("");
    machine.is_well(file);

    // Another file overwrites the value at the next boot, and when systemd-sysctl restarts.
    root("echo net.ipv4.conf.all.arp_ignore = 0 >/etc/sysctl.d/60-own.conf");
    let finding = machine.finds("", "A6");
    let found = "net/ipv4/conf/all/arp_ignore = 0 in /etc/sysctl.d/60-own.conf";
    assert_eq!(finding["found"], json!(found));
    let ignore = Path::new("/proc/sys/net/ipv4/conf/all/arp_ignore");
    let boots = || {
        root("systemctl restart systemd-sysctl");
        fs::read_to_string(ignore).unwrap()
    };
    assert_eq!(boots(), "0\n");
    fs::write(ignore, "1\n").unwrap();
    machine.runs(&finding, "fix");
    assert_eq!(boots(), "1\n");
    machine.is_well("");
    machine.runs(&finding, "undo");
    machine.finds("", "A6");

    // An installed cluster is restored, and its sysctls are applied last.
    let boot = "--symptom after-reboot";
    root("rm /etc/sysctl.d/60-own.conf");
    let finding = machine.finds(boot, "H20");
    assert_eq!(finding["fix"], json!([]), "{finding:#}");
    let asked = format!("{boot} {file}");
    let finding = machine.finds(&asked, "H20");
    machine.runs(&finding, "fix");
    root("echo net.ipv4.conf.all.arp_ignore = 0 >/etc/sysctl.d/60-own.conf");
    machine.is_well(boot);
    machine.is_well(&asked);
    assert_eq!(boots(), "1\n");
    machine.is_well("");
    machine.runs(&finding, "undo");
    root("rm /etc/sysctl.d/60-own.conf");
    machine.finds(&asked, "H20");
    machine.run(&format!("lvsctl down {file} && lvsctl uninstall pool")).success();
    root("ip link delete eth8");
}

impl Machine {
    fn doctor(&self, options: &str) -> Outcome {
        self.run(&format!("{LVSCTL} doctor --json {options}"))
    }

    #[track_caller]
    fn is_well(&self, options: &str) {
        let outcome = self.doctor(options);
        assert_eq!((outcome.status, ids_of(&outcome)), (0, vec![]), "{outcome:?}");
    }

    #[track_caller]
    fn finds(&self, options: &str, id: &str) -> Json {
        let outcome = self.doctor(options);
        assert_eq!(ids_of(&outcome), [id], "{outcome:?}");
        findings(&outcome).remove(0)
    }

    #[track_caller]
    fn runs(&self, finding: &Json, which: &str) {
        for command in finding[which].as_array().unwrap() {
            self.run(command.as_str().unwrap()).success();
        }
    }
}

fn findings(outcome: &Outcome) -> Vec<Json> {
    let object: Json =
        serde_json::from_str(&outcome.output).unwrap_or_else(|_| panic!("{outcome:?}"));
    object["findings"].as_array().unwrap().clone()
}

fn ids_of(outcome: &Outcome) -> Vec<String> {
    ids(&findings(outcome)).into_iter().map(str::to_owned).collect()
}
