//! Names, kernel parameters and metrics of a cluster file.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::support::cluster::Cluster;
use crate::support::cluster_file::ClusterFile;
use crate::support::{Host, LVSCTL};

const FILE: &str = r#"
name = "shop"
comment = "front end"
mode = "dr"
directors = ["192.168.10.1"]
[director.parameters]
sync_threshold = [1, 10]
expire_nodest_conn = 1
conntrack = 0
[[service]]
listen = "tcp://192.168.10.10:80"
name = "web"
scheduler = "rr"
real = [{ address = "192.168.10.2", name = "red", comment = "rack 1" }, "192.168.10.3"]
[[service]]
listen = "fwmark://7"
vips = ["192.168.10.11"]
real = [{ address = "192.168.10.2", weight = 5 }]
"#;

const PARAMETERS: &str =
    "cd /proc/sys/net/ipv4/vs && cat sync_threshold expire_nodest_conn conntrack";

#[test]
fn parameters_are_set_and_reverted() {
    let director = Host::with_addresses();
    director.shell("ip address add 192.168.10.1/24 dev eth0").success();
    let before = director.shell(PARAMETERS).success();
    let file = ClusterFile::new("parameters", FILE);
    director.lvsctl_inside(&file.line("apply")).success();
    assert_eq!(director.shell(PARAMETERS).success(), "1\t10\n1\n0\n");
    assert_eq!(director.lvsctl_inside(&file.line("diff")).visible(), (0, "", ""));
    let status = director.lvsctl_inside(&file.line("status")).success();
    assert!(status.contains("net/ipv4/vs/sync_threshold"), "{status}");
    director.lvsctl_inside(&file.line("down")).success();
    assert_eq!(director.shell(PARAMETERS).success(), before);
}

#[test]
fn names_are_shown_where_the_file_has_them() {
    let director = Host::with_addresses();
    director.shell("ip address add 192.168.10.1/24 dev eth0").success();
    let file = ClusterFile::new("names", FILE);
    let planned = director.lvsctl_inside(&file.line("diff")).output;
    let add = "ipvsadm -a -t 192.168.10.10:80 -r 192.168.10.2:80 -g -w 1  # red: rack 1\n";
    assert!(planned.contains(add), "{planned}");
    assert!(planned.contains("ipvsadm -A -t 192.168.10.10:80 -s rr  # web\n"), "{planned}");
    director.lvsctl_inside(&file.line("apply")).success();
    let status = director.lvsctl_inside(&file.line("status")).success();
    assert!(status.contains("(set by lvsctl)  # red: rack 1\n"), "{status}");
    let json = director.lvsctl_inside(&file.line("--json status")).success();
    assert!(json.contains(r#""name":"red""#) && json.contains(r#""comment":"front end""#));
}

#[test]
fn parameter_that_the_kernel_lacks_is_refused_with_its_first_kernel() {
    let director = Host::with_addresses();
    director.shell("ip address add 192.168.10.1/24 dev eth0").success();
    let before = director.everything();
    let text = FILE.replace("conntrack = 0", "est_nice = 5");
    let file = ClusterFile::new("lacking", &text);
    let words = "lvsctl: this kernel has no parameter net/ipv4/vs/est_nice in this network namespace: \
                 Linux 6.2 and later have it. Nothing was changed";
    for verb in ["diff", "apply"] {
        assert_eq!(director.lvsctl_inside(&file.line(verb)).visible(), (1, "", words));
    }
    assert_eq!(director.everything(), before);
}

#[test]
fn names_in_comments_of_a_ruleset_are_shown() {
    let director = Host::with_addresses();
    let rules = "# rules of the shop\n# name: web\n-A -t 192.0.2.10:80 -s rr\n\n#name:  red \n\
                 -a -t 192.0.2.10:80 -r 198.51.100.2:80 -m -w 1\n\
                 -a -t 192.0.2.10:80 -r 198.51.100.3:80 -m -w 1\n";
    let file = ClusterFile::new("names-of-rules", rules);
    assert_eq!(
        director.lvsctl_inside(&file.line("diff")).output,
        "ipvsadm -A -t 192.0.2.10:80 -s rr  # web\n\
         ipvsadm -a -t 192.0.2.10:80 -r 198.51.100.2:80 -m -w 1  # red\n\
         ipvsadm -a -t 192.0.2.10:80 -r 198.51.100.3:80 -m -w 1\n"
    );
    director.restore(rules).success();
    assert!(!director.reference("-Sn").success().contains('#'));
    let status = director.lvsctl_inside(&file.line("status")).success();
    assert!(status.contains("  ok  # web\n"), "{status}");
    let json = director.lvsctl_inside(&file.line("--json status")).success();
    assert_eq!(json.matches(r#""name":"red""#).count(), 1, "{json}");
    let metrics = director.lvsctl_inside(&file.line("metrics")).success();
    assert!(metrics.contains("local_mark=\"\",name=\"web\"} 0\n"), "{metrics}");
}

/// What the server says to a request.
fn asked(director: &Host, request: &str) -> String {
    let address: SocketAddr = "127.0.0.1:9735".parse().unwrap();
    director.inside(|| {
        let started = Instant::now();
        let mut connection = loop {
            match TcpStream::connect(address) {
                Ok(connection) => break connection,
                Err(error) => assert!(started.elapsed() < Duration::from_secs(20), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        connection.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        connection.read_to_string(&mut reply).unwrap();
        reply
    })
}

#[test]
fn metrics_have_counters_and_connections_of_the_kernel() {
    let mut cluster = Cluster::on_one_switch();
    let file = ClusterFile::new("metrics", FILE);
    for host in cluster.servers() {
        host.lvsctl_inside(&file.line("apply")).success();
    }
    assert_eq!(cluster.answers("192.168.10.10", 4), ["r1", "r1", "r2", "r2"]);
    // The kernel adds its per-processor counters up every two seconds.
    std::thread::sleep(Duration::from_millis(2500));
    let director = &mut cluster.director;
    let text = director.lvsctl_inside(&file.line("metrics --per destination")).success();
    let web = "local_address=\"192.168.10.10\",local_port=\"80\",proto=\"TCP\",local_mark=\"\"";
    let red = format!("{web},remote_address=\"192.168.10.2\",remote_port=\"80\"");
    let mark = "local_address=\"\",local_port=\"0\",proto=\"FWM\",local_mark=\"00000007\"";
    for line in [
        "node_ipvs_connections_total 4".to_owned(),
        "# TYPE node_ipvs_incoming_bytes_total counter".to_owned(),
        format!("lvs_service_connections_total{{{web},name=\"web\"}} 4"),
        format!("lvs_service_destinations{{{web},name=\"web\"}} 2"),
        format!("lvs_service_destinations{{{mark},family=\"ipv4\"}} 1"),
        format!("node_ipvs_backend_weight{{{red}}} 1"),
        format!("node_ipvs_backend_connections_inactive{{{red}}} 2"),
        format!("lvs_destination_connections_total{{{red},name=\"red\"}} 2"),
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    let counted = director.ipvsadm("-Ln --stats --exact").success();
    let bytes = counted.lines().find(|it| it.contains("192.168.10.10:80")).unwrap();
    let bytes = bytes.split_whitespace().nth(5).unwrap();
    let line = format!("lvs_service_incoming_bytes_total{{{web},name=\"web\"}} {bytes}");
    assert!(text.contains(&line), "{line}\n{text}");
    assert!(!director.lvsctl_inside("metrics --per total").success().contains("lvs_service"));
    director.reference("-e -t 192.168.10.10:80 -r 192.168.10.3 -g -w 0").success();
    let health = director.lvsctl_inside(&file.line("metrics --findings")).success();
    assert!(health.contains("\nlvs_drift_items 1\n"), "{health}");
    let doctor = director.lvsctl_inside(&file.line("--json doctor")).output;
    for severity in ["failure", "warning", "advice"] {
        let count = doctor.matches(&format!("\"severity\":\"{severity}\"")).count();
        let line = format!("\nlvs_findings{{severity=\"{severity}\"}} {count}\n");
        assert!(health.contains(&line), "{line}\n{health}\n{doctor}");
    }
    director.reference("-e -t 192.168.10.10:80 -r 192.168.10.3 -g -w 1").success();

    // The same as a file, and over HTTP.
    let path = format!("/run/metrics-{}.prom", director.name());
    director.lvsctl_inside(&file.line(&format!("metrics --output {path}"))).success();
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written, director.lvsctl_inside(&file.line("metrics")).success());
    director.start(&format!("exec {LVSCTL} metrics --listen 127.0.0.1:9735 >/dev/null"));
    let reply = asked(director, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"));
    assert!(body.contains("node_ipvs_connections_total 4\n"), "{body}");
    let accept = "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n";
    let reply = asked(director, accept);
    assert!(reply.contains("# TYPE node_ipvs_connections counter\n"), "{reply}");
    assert!(reply.ends_with("\n# EOF\n"), "{reply}");
    assert!(asked(director, "GET /x HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(asked(director, "rubbish\r\n\r\n").starts_with("HTTP/1.1 400 "));
}
