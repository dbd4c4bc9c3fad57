//! A client, a director and a real server, and the findings of the doctor on them.

use std::path::Path;
use std::time::Duration;

use serde_json::Value as Json;

use crate::support::{Host, LVSCTL, Network, root};

pub(crate) struct Cluster {
    pub(crate) client: Host,
    pub(crate) director: Host,
    pub(crate) real: Host,
    /// The switch of the director and the real server.
    pub(crate) inside: Network,
    _outside: Option<Network>,
    pub(crate) vip: &'static str,
}

/// A reply takes milliseconds, and the first packet is retransmitted after a second.
const PATIENCE: Duration = Duration::from_millis(800);

/// The forwarding method, and the addresses of one family.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) mode: &'static str,
    pub(crate) vip: &'static str,
    real: &'static str,
    gateway: Option<&'static str>,
}

pub(crate) const DR: Way =
    Way { mode: "dr", vip: "192.168.10.10", real: "192.168.10.2", gateway: None };
pub(crate) const TUN: Way = Way { mode: "tun", ..DR };
pub(crate) const NAT: Way = Way {
    mode: "nat",
    vip: "198.51.100.17",
    real: "192.168.10.2:8080",
    gateway: Some("192.168.10.1"),
};
pub(crate) const DR_IPV6: Way =
    Way { mode: "dr", vip: "2001:db8:1::10", real: "2001:db8:1::2", gateway: None };
pub(crate) const TUN_IPV6: Way = Way { mode: "tun", ..DR_IPV6 };
pub(crate) const NAT_IPV6: Way = Way {
    mode: "nat",
    vip: "2001:db8:2::17",
    real: "[2001:db8:1::2]:8080",
    gateway: Some("2001:db8:1::1"),
};

impl Cluster {
    /// Hosts set up by lvsctl, with strict reverse path filters.
    pub(crate) fn up(way: Way) -> Self {
        let cluster = Self::down(way);
        cluster.set_up(way);
        cluster
    }

    /// The same hosts before lvsctl sets up anything.
    pub(crate) fn down(way: Way) -> Self {
        root("modprobe -a ip_vs ip_vs_rr");
        let inside = Network::new();
        let nat = way.gateway.is_some();
        let ipv6 = way.vip.contains(':');
        let address = |ipv4, of_ipv6| if ipv6 { [of_ipv6] } else { [ipv4] };
        let (client, director, mut real) = (Host::new(), Host::new(), Host::new());
        inside.attach(&director, "eth0", &address("192.168.10.1/24", "2001:db8:1::1/64"));
        inside.attach(&real, "eth0", &address("192.168.10.2/24", "2001:db8:1::2/64"));
        let outside = nat.then(Network::new);
        if let Some(outside) = &outside {
            outside.attach(&client, "eth0", &address("198.51.100.100/24", "2001:db8:2::100/64"));
            outside.attach(&director, "eth1", &address("198.51.100.1/24", "2001:db8:2::1/64"));
        } else {
            inside.attach(&client, "eth0", &address("192.168.10.100/24", "2001:db8:1::100/64"));
        }
        for host in [&director, &real] {
            host.shell("for it in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 >$it; done")
                .success();
        }
        real.serve(if nat { 8080 } else { 80 }, "real");
        Self { client, director, real, inside, _outside: outside, vip: way.vip }
    }

    fn set_up(&self, way: Way) {
        let Way { mode, vip, real, gateway } = way;
        self.director
            .lvsctl(&format!(
                "director up --mode {mode} --vip {vip} --service tcp:80 --scheduler rr --real {real}"
            ))
            .success();
        let gateway = gateway.map(|it| format!(" --gateway {it}")).unwrap_or_default();
        self.real.lvsctl(&format!("real-server up --mode {mode} --vip {vip}{gateway}")).success();
    }

    /// Asserts that the client gets an answer, and that no host has a finding.
    #[track_caller]
    pub(crate) fn is_well(&self) {
        self.is_answered();
        is_healthy(&self.director, "director");
        is_healthy(&self.real, "real-server");
        is_healthy(&self.client, "none");
    }

    /// Asserts that the client gets an answer.
    #[track_caller]
    pub(crate) fn is_answered(&self) {
        self.flush_neighbours();
        assert_eq!(self.client.ask(self.vip, 80), "real");
    }

    /// Asserts that the client gets no answer.
    #[track_caller]
    pub(crate) fn is_not_answered(&self) {
        self.flush_neighbours();
        assert_eq!(self.client.ask_within(self.vip, 80, PATIENCE), "nobody");
    }

    /// Makes the client resolve the address again.
    fn flush_neighbours(&self) {
        self.client.shell("ip neigh flush all").success();
    }
}

/// Runs the doctor, and returns its exit code, its findings, and the whole object.
pub(crate) fn examined(host: &Host, options: &str) -> (i32, Vec<Json>, Json) {
    let outcome = host.lvsctl_inside(&format!("doctor --json {options}"));
    let object: Json = serde_json::from_str(&outcome.output)
        .unwrap_or_else(|error| panic!("{error}: doctor {options}: {outcome:?}"));
    assert_eq!(object["schema"], 1);
    (outcome.status, object["findings"].as_array().unwrap().clone(), object)
}

/// The IDs of findings.
pub(crate) fn ids(findings: &[Json]) -> Vec<&str> {
    findings.iter().map(|it| it["id"].as_str().unwrap()).collect()
}

/// Asserts that the host has this role and no findings.
#[track_caller]
pub(crate) fn is_healthy(host: &Host, role: &str) {
    is_healthy_by(host, "", role);
}

/// The same with options, such as a cluster file.
#[track_caller]
pub(crate) fn is_healthy_by(host: &Host, options: &str, role: &str) {
    let (status, findings, object) = examined(host, options);
    assert!(findings.is_empty() && status == 0, "exit status {status}: {findings:#?}");
    assert_eq!(object["unread"], serde_json::json!([]));
    assert_eq!(object["role"], role);
}

/// Asserts that this is the only finding.
#[track_caller]
pub(crate) fn is_found(host: &Host, id: &str) -> Json {
    is_found_by(host, "", id)
}

/// The same with options, such as a cluster file.
#[track_caller]
pub(crate) fn is_found_by(host: &Host, options: &str, id: &str) -> Json {
    let (status, findings, _) = examined(host, options);
    assert_eq!(ids(&findings), [id], "{findings:#?}");
    let expected = match findings[0]["severity"].as_str().unwrap() {
        "failure" => 1,
        "warning" => 2,
        _ => 0,
    };
    assert_eq!(status, expected, "{findings:#?}");
    findings[0].clone()
}

/// Runs the commands of a finding, unchanged.
#[track_caller]
pub(crate) fn run(host: &Host, finding: &Json, which: &str) {
    let commands = finding[which].as_array().unwrap();
    assert!(!commands.is_empty(), "no {which}: {finding:#}");
    for command in commands {
        let programs = Path::new(LVSCTL).parent().unwrap().display();
        let outcome = host.shell(&format!("PATH={programs}:$PATH\n{}", command.as_str().unwrap()));
        assert_eq!(outcome.status, 0, "{command}: {outcome:?}");
    }
}

/// A line of shell that breaks one thing.
pub(crate) struct Breakage<'a> {
    pub(crate) id: &'a str,
    pub(crate) host: &'a Host,
    pub(crate) by: &'a str,
    /// Clients get no answer.
    pub(crate) felt: bool,
}

impl Cluster {
    /// Breaks it, expects the finding, runs its fix, its undo, and its fix again. Checks the client
    /// each time, if it is affected.
    #[track_caller]
    pub(crate) fn breaks(&self, breakage: &Breakage<'_>) {
        let Breakage { id, host, by, felt } = *breakage;
        host.shell(by).success();
        if felt {
            self.is_not_answered();
        }
        let finding = is_found(host, id);
        run(host, &finding, "fix");
        let (status, findings, _) = examined(host, "");
        assert!(findings.is_empty() && status == 0, "{id} is fixed: {findings:#?}");
        self.is_answered();
        run(host, &finding, "undo");
        run(host, &is_found(host, id), "fix");
    }

    /// Breaks what no command fixes, expects the finding, and fixes it by another line of shell.
    #[track_caller]
    pub(crate) fn breaks_until(&self, breakage: &Breakage<'_>, fixed_by: &str) {
        let Breakage { id, host, by, felt } = *breakage;
        host.shell(by).success();
        if felt {
            self.is_not_answered();
        }
        let finding = is_found(host, id);
        assert_eq!(finding["fix"], serde_json::json!([]), "{finding:#}");
        host.shell(fixed_by).success();
        let (status, findings, _) = examined(host, "");
        assert!(findings.is_empty() && status == 0, "{id} is fixed: {findings:#?}");
        if felt {
            self.is_answered();
        }
    }
}
