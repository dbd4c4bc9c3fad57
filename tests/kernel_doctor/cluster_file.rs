//! `lvsctl doctor FILE`: differences from the cluster file.

use std::fs;

use serde_json::{Value as Json, json};

use crate::cluster::{
    Breakage, Cluster, NAT, TUN, Way, examined, ids, is_found_by, is_healthy_by, run,
};
use crate::only_looks;
use crate::support::{Host, IPVSADM, root};

/// Two virtual addresses, one of them with GUE, and every setting of a director.
const TUNNELS: &str = r#"
mode = "tun"
directors = ["192.168.10.1"]

[director]
timeouts = { tcp = "10m" }

[[director.sync]]
state = "master"
interface = "eth0"
id = 7

[[director.bond]]
name = "bond7"
mode = "active-backup"
ports = ["eth2", "eth3"]

[[service]]
listen = "tcp://192.168.10.10:80"
scheduler = "rr"
real = ["192.168.10.2"]

[[service]]
listen = "tcp://192.168.10.11:80"
scheduler = "rr"
real = [{ address = "192.168.10.2", tunnel = { type = "gue", port = 6080, checksum = "none" } }]
"#;

const TRANSLATION: &str = r#"
mode = "nat"
directors = ["192.168.10.1"]

[[service]]
listen = "tcp://198.51.100.17:80"
scheduler = "rr"
real = ["192.168.10.2:8080"]
"#;

/// A cluster that its file has set up.
struct Filed {
    cluster: Cluster,
    file: String,
}

impl Filed {
    fn up(way: Way, text: &str, before: &str) -> Self {
        let cluster = Cluster::down(way);
        let file = format!("/run/{}.toml", cluster.director.name());
        fs::write(&file, text).unwrap();
        cluster.director.shell(before).success();
        for host in [&cluster.director, &cluster.real] {
            host.lvsctl(&format!("apply {file}")).success();
        }
        let filed = Self { cluster, file };
        filed.is_well();
        filed
    }

    #[track_caller]
    fn is_well(&self) {
        is_healthy_by(&self.cluster.director, &self.file, "director");
        is_healthy_by(&self.cluster.real, &self.file, "real-server");
        self.cluster.is_answered();
    }

    /// Breaks one thing, expects the finding, fixes it by the file, reverts that by the undo of the
    /// finding, and fixes it without the file.
    #[track_caller]
    fn breaks(&self, host: &Host, id: &str, felt: bool, by: &str) -> Json {
        host.shell(by).success();
        if felt {
            self.cluster.is_not_answered();
        }
        let finding = is_found_by(host, &self.file, id);
        let state = host.state_directory().display();
        let apply = format!("lvsctl --state-dir {state} apply {}", self.file);
        assert_eq!(finding["fix"], json!([apply]), "{finding:#}");
        run(host, &finding, "fix");
        let (status, findings, _) = examined(host, &self.file);
        assert!(findings.is_empty() && status == 0, "{id} is fixed: {findings:#?}");
        if felt {
            self.cluster.is_answered();
        }
        run(host, &finding, "undo");
        let again = is_found_by(host, &self.file, id);
        assert_eq!(again, finding);
        run(host, &finding, "instead");
        if felt {
            self.cluster.is_answered();
        }
        finding
    }
}

#[test]
fn differences_from_tunnel_cluster_file_are_found_and_fixed() {
    root("modprobe -a bonding fou");
    let ports = "ip link add eth2 type dummy && ip link add eth3 type dummy";
    let filed = Filed::up(TUN, TUNNELS, ports);
    let (director, real) = (&filed.cluster.director, &filed.cluster.real);
    let web = "-t 192.168.10.10:80";
    let server = "-r 192.168.10.2 -i";
    for (host, id, felt, by) in [
        (director, "H21", true, format!("ipvsadm -D {web}")),
        (director, "H12", false, format!("ipvsadm -e {web} {server} -w 0")),
        (director, "H22", false, format!("ipvsadm -e {web} {server} -w 1 -x 100")),
        (director, "H23", false, format!("ipvsadm -e {web} {server} -w 5")),
        (director, "H24", false, "ipvsadm --set 300 0 0".to_owned()),
        (director, "H4", false, "ipvsadm --stop-daemon master".to_owned()),
        (director, "I2", false, "ip link set eth2 nomaster".to_owned()),
        (director, "A16", false, "ip address del 192.168.10.10/32 dev tunl0".to_owned()),
        (director, "A20", false, "ip route del 192.168.10.10/32 dev tunl0".to_owned()),
        (real, "A4", false, "echo 0 >/proc/sys/net/ipv4/conf/all/arp_ignore".to_owned()),
        (real, "M6", false, "ip fou del port 6080".to_owned()),
        (real, "K3", false, "ip link set tunl0 down".to_owned()),
        (real, "P1", true, "echo 1 >/proc/sys/net/ipv4/conf/tunl0/rp_filter".to_owned()),
    ] {
        filed.breaks(host, id, felt, &by);
    }
    filed.is_well();
    // The file owns a repair that is part of it.
    real.lvsctl(&format!("doctor --fix --yes {}", filed.file)).success();
    filed.is_well();
    assert!(real.lvsctl("doctor --undo").output.contains("no repair"));
    // Without the file, lvsctl knows from its journal what it has set.
    filed.cluster.breaks(&Breakage {
        id: "M6",
        host: real,
        by: "ip fou del port 6080",
        felt: false,
    });
    filed.snapshot_is_compared_with_the_file();
    filed.unavailable_scheduler_is_found();
}

impl Filed {
    fn snapshot_is_compared_with_the_file(&self) {
        let (director, file) = (&self.cluster.director, &self.file);
        director.reference("-D -t 192.168.10.10:80").success();
        director.shell("ip link set eth2 nomaster").success();
        let snapshot = format!("/run/snapshot-{}", director.name());
        director.lvsctl(&format!("snapshot {snapshot}")).success();
        let (status, findings, object) =
            examined(&self.cluster.client, &format!("--from {snapshot} {file}"));
        let outcome = (status, ids(&findings), &object["unread"]);
        assert_eq!(outcome, (1, vec!["H21", "I2"], &json!([])));
        let real = &self.cluster.real;
        real.shell("ip route add default via 192.168.10.1").success();
        real.lvsctl(&format!("apply {file}")).success();
        real.shell("ip route change default via 192.168.10.1 && ip fou del port 6080").success();
        let here = examined(real, file);
        assert_eq!(ids(&here.1), ["M6", "M7"]);
        real.lvsctl(&format!("snapshot {snapshot}")).success();
        let there = examined(&self.cluster.client, &format!("--from {snapshot} {file}"));
        assert_eq!((ids(&there.1), &there.2["unread"]), (ids(&here.1), &json!([])));
        real.lvsctl(&format!("apply {file}")).success();
        director.lvsctl(&format!("apply {file}")).success();
        self.is_well();
    }

    fn unavailable_scheduler_is_found(&self) {
        let director = &self.cluster.director;
        let other = format!("/run/{}-twos.toml", director.name());
        fs::write(&other, TUNNELS.replace("\"rr\"", "\"twos\"")).unwrap();
        let (status, findings, _) = examined(director, &other);
        assert_eq!((status, ids(&findings)), (1, vec!["K2", "K2"]), "{findings:#?}");
        assert!(findings[0]["title"].as_str().unwrap().contains("ip_vs_twos"), "{findings:#?}");
        director.reference("-D -t 192.168.10.10:80").success();
        assert_eq!(director.lvsctl(&format!("apply {other}")).status, 1);
        self.cluster.is_not_answered();
        let (status, findings, _) = examined(director, &other);
        assert_eq!((status, ids(&findings)), (1, vec!["K2", "K2"]), "{findings:#?}");
        director.lvsctl(&format!("apply {}", self.file)).success();
        self.is_well();
    }
}

#[test]
fn differences_from_nat_cluster_file_are_found_and_fixed() {
    let filed = Filed::up(NAT, TRANSLATION, "true");
    let (director, real) = (&filed.cluster.director, &filed.cluster.real);
    let sysctls = "cd /proc/sys/net/ipv4;";
    for (host, id, felt, by) in [
        (director, "N1", true, "echo 0 >ip_forward"),
        (director, "N4", false, "echo 1 >conf/eth1/send_redirects"),
        (real, "N2", false, "ip route del default"),
        (real, "N4", false, "echo 1 >conf/all/accept_redirects"),
    ] {
        filed.breaks(host, id, felt, &format!("{sysctls} {by}"));
    }
    filed.is_well();
    only_looks::is_all_it_does(director, &format!("doctor {}", filed.file), "");
    // Outside of the namespace, the command names it.
    real.shell("ip route del default").success();
    let (client, state) = (&filed.cluster.client, real.state_directory().display());
    let elsewhere = format!("--netns {} --state-dir {state} {}", real.name(), filed.file);
    run(client, &is_found_by(client, &elsewhere, "N2"), "fix");
    filed.is_well();
    // A ruleset covers the table, not the machine.
    let rules = format!("/run/{}.rules", director.name());
    director.shell(&format!("{IPVSADM} -Sn >{rules}")).success();
    is_healthy_by(director, &rules, "director");
    director.reference("-D -t 198.51.100.17:80").success();
    run(director, &is_found_by(director, &rules, "H21"), "fix");
    is_healthy_by(director, &rules, "director");
    // On a host that was never set up.
    let file = &filed.file;
    let (status, findings, object) = examined(client, &format!("{file} --role director"));
    assert_eq!((status, &object["role"]), (1, &json!("director")));
    assert!(findings.iter().all(|it| it["fix"][0].as_str().unwrap().ends_with("--role director")));
    let refused = client.lvsctl(&format!("doctor {file}"));
    assert_eq!((refused.status, refused.output.as_str()), (1, ""));
    assert!(refused.errors.contains("--role"), "{refused:?}");
    for line in ["--undo", "--watch 1"] {
        assert_eq!(client.lvsctl(&format!("doctor {line} {file}")).status, 1);
    }
    assert_eq!(client.lvsctl("doctor --role director").status, 1);
}

/// The file sets more than one finding asks for.
#[test]
fn undo_of_apply_reverts_all_that_it_did() {
    let cluster = Cluster::down(TUN);
    let file = format!("/run/{}.toml", cluster.director.name());
    let text = "mode = \"tun\"\ndirectors = [\"192.168.10.1\"]\n[[service]]\n\
                listen = \"tcp://192.168.10.10:80\"\nreal = [\"192.168.10.2\"]\n";
    fs::write(&file, text).unwrap();
    let real = &cluster.real;
    // As people make it, without ARP suppression.
    real.shell("ip address add 192.168.10.10/32 dev tunl0; ip link set tunl0 up").success();
    let before = real.everything();
    let (_, findings, _) = examined(real, &file);
    let state = real.state_directory().display();
    let [apply, down] =
        ["apply", "down"].map(|verb| format!("lvsctl --state-dir {state} {verb} {file}"));
    let by_file: Vec<_> = findings.iter().filter(|it| it["fix"] == json!([apply])).collect();
    assert!(by_file.len() > 1, "{findings:#?}");
    for finding in &by_file {
        assert_eq!(finding["undo"], json!([down]), "{finding:#}");
    }
    run(real, by_file[0], "fix");
    assert_ne!(real.everything(), before);
    run(real, by_file[0], "undo");
    assert_eq!(real.everything(), before);
    // Repairs that the engine makes belong to the file.
    real.lvsctl(&format!("doctor --fix --yes {file}"));
    assert_ne!(real.everything(), before);
    run(real, by_file[0], "undo");
    assert_eq!(real.everything(), before);
}
