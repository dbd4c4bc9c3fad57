//! The scripts for administrators, one per role and mode, with packets and over both families.

use std::path::Path;

use crate::nat;
use crate::support::cluster::Cluster;
use crate::support::{Host, LVSCTL, Outcome, assert_same};

/// The settings of the scripts of one mode.
struct Settings {
    mode: &'static str,
    vips: [&'static str; 2],
    director: &'static str,
    real_server: &'static str,
}

const TUN: Settings = Settings {
    mode: "tun",
    vips: ["192.168.10.10", "2001:db8:1::10"],
    director: "REAL_SERVERS='192.168.10.2 2001:db8:1::2,weight=3'",
    real_server: "",
};

const DR: Settings = Settings { mode: "dr", ..TUN };

const NAT: Settings = Settings {
    mode: "nat",
    vips: ["198.51.100.17", "2001:db8:1::17"],
    director: "REAL_SERVERS='192.168.20.1:80 [2001:db8:2::1]:80,weight=3'",
    real_server: "GATEWAYS='192.168.20.254 2001:db8:2::254'",
};

impl Settings {
    /// Runs the script of a role.
    fn script(&self, host: &Host, role: &str, verb: &str) -> Outcome {
        let programs = Path::new(LVSCTL).parent().unwrap().display();
        let settings = if role == "director" { self.director } else { self.real_server };
        host.shell(&format!(
            "PATH={programs}:$PATH VIPS='{}' {settings} scripts/{role}-{}.sh {verb}",
            self.vips.join(" "),
            self.mode
        ))
    }

    /// Runs those of both roles.
    fn both(&self, hosts: [&Host; 2], verb: &str) -> [Outcome; 2] {
        let [director, real_server] = hosts;
        [self.script(director, "director", verb), self.script(real_server, "real-server", verb)]
    }
}

/// One mode after the other: the scripts share one state directory.
#[test]
fn scripts_start_show_and_stop_each_mode() {
    for (cluster, answer, modes) in
        [(Cluster::on_one_switch(), "r1", &[TUN, DR][..]), (nat::cluster(1), "n1", &[NAT])]
    {
        let hosts = [&cluster.director, &cluster.real_servers[0]];
        let everything = || hosts.map(Host::everything).concat();
        let before = everything();
        for settings in modes {
            start_look_and_stop(settings, &cluster, hosts, answer);
            assert_same(&everything(), &before, settings.mode);
        }
        let stopped = modes[0].script(hosts[1], "real-server", "status");
        assert_eq!(stopped.status, 2, "{stopped:?}");
        let misused = modes[0].script(hosts[0], "director", "restart");
        assert_eq!(misused.status, 1);
        assert!(misused.errors.contains("start|stop|status"), "{misused:?}");
    }
}

fn start_look_and_stop(settings: &Settings, cluster: &Cluster, hosts: [&Host; 2], answer: &str) {
    let mode = settings.mode;
    for outcome in settings.both(hosts, "start") {
        let output = outcome.success();
        assert!(output.contains(&format!("({mode}) is up: ")), "{output}");
    }
    for vip in settings.vips {
        assert_eq!(cluster.answers(vip, 1), [answer], "{mode} {vip}");
    }
    let [director, real_server] = settings.both(hosts, "status").map(Outcome::success);
    for text in [settings.vips[0], settings.vips[1], "  -> ", "items in sync"] {
        assert!(director.contains(text), "{director}");
    }
    assert!(real_server.contains("items in sync"), "{real_server}");
    for outcome in settings.both(hosts, "stop") {
        outcome.success();
    }
}
