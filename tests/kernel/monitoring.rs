//! `lvsctl monitor`: what it reports, made again, is the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::cluster_file::ClusterFile;
use crate::support::{Host, LVSCTL};

/// Random numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A table that random commands change.
#[derive(Default)]
struct Table(BTreeMap<u64, Vec<u64>>);

impl Table {
    /// A command that the kernel accepts.
    fn change(&mut self, random: &mut Random) -> String {
        const SCHEDULERS: [&str; 3] = ["rr", "wlc", "sh"];
        let (port, server, weight) = (random.below(6) + 80, random.below(8) + 2, random.below(9));
        let scheduler = SCHEDULERS[random.below(3) as usize];
        let service = match port {
            83 => "-u 192.0.2.10:83".to_owned(),
            84 => "-f 84".to_owned(),
            85 => "-t [2001:db8::1]:85".to_owned(),
            port => format!("-t 192.0.2.10:{port}"),
        };
        let real = match port {
            85 => format!("[2001:db8::{server}]:85"),
            _ => format!("198.51.100.{server}:80"),
        };
        let Some(servers) = self.0.get_mut(&port) else {
            self.0.insert(port, Vec::new());
            return format!("-A {service} -s {scheduler}");
        };
        let known = servers.iter().position(|it| *it == server);
        match (random.below(10), known) {
            (0, _) => {
                self.0.remove(&port);
                format!("-D {service}")
            }
            (1, _) => format!("-E {service} -s {scheduler} -p {}", 60 * (weight + 1)),
            (2..=4, Some(at)) => {
                servers.remove(at);
                format!("-d {service} -r {real}")
            }
            (_, Some(_)) => format!("-e {service} -r {real} -m -w {weight} -x {server}"),
            (_, None) => {
                servers.push(server);
                format!("-a {service} -r {real} -m -w {weight}")
            }
        }
    }
}

fn wait_for(path: &Path, words: &str) -> String {
    let started = Instant::now();
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.contains(words) {
            return text;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "no {words}: {text}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn resident(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.trim())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn monitor_reports_each_of_a_thousand_changes_once_in_flat_memory() {
    let (mut director, replica) = (Host::with_addresses(), Host::with_addresses());
    director.restore("-A -t 192.0.2.1:1 -s rr\n").success();
    let path = director.state_directory().join("reported");
    let pid = director.state_directory().join("pid");
    director.start(&format!(
        "echo $$ >{}; exec {LVSCTL} monitor --initial --interval 0.1 >{}",
        pid.display(),
        path.display()
    ));
    wait_for(&path, " ipvsadm -A -t 192.0.2.1:1 -s rr\n");
    let (mut random, mut table) = (Random(18), Table::default());
    let mut early = 0;
    for batch in 0..50 {
        let mut rules = String::new();
        for _ in 0..20 {
            writeln!(rules, "{}", table.change(&mut random)).unwrap();
        }
        director.restore(&rules).success();
        if batch == 10 {
            early = resident(&fs::read_to_string(&pid).unwrap());
        }
    }
    director.reference("--start-daemon backup --mcast-interface eth0 --syncid 7").success();
    director.restore("-A -t 192.0.2.1:2 -s rr\n").success();
    let reported = wait_for(&path, " ipvsadm -A -t 192.0.2.1:2 -s rr\n");
    assert!(reported.lines().count() > 100, "too slow to see much: {reported}");
    let grown = resident(&fs::read_to_string(&pid).unwrap()).saturating_sub(early);
    assert!(grown < 1024, "{grown} KiB more");
    // What is reported twice is refused here.
    let replay: String = reported
        .lines()
        .map(|line| format!("{}\n", line.split_once(" ipvsadm ").unwrap().1))
        .collect();
    replica.restore(&replay).success();
    let sorted = |host: &Host| {
        let mut lines: Vec<String> =
            host.reference("-Sn").success().lines().map(str::to_owned).collect();
        lines.sort();
        lines.push(host.reference("-L --daemon").success());
        lines
    };
    assert_eq!(sorted(&replica), sorted(&director));
}

#[test]
fn monitor_ends_quietly_with_its_reader_or_by_a_signal() {
    let director = Host::with_addresses();
    director.restore("-A -t 192.0.2.1:1 -s rr\n").success();
    let file = ClusterFile::new("monitored", "# name: front\n-A -t 192.0.2.1:1 -s rr\n");
    let status = director.state_directory().join("status").display().to_string();
    let command = file.line(&format!("{LVSCTL} --json monitor --initial"));
    let line = format!("timeout 10 sh -c '{{ {command}; echo $? >{status}; }} | head -n 1'");
    let first = director.shell(&line).success();
    assert!(first.contains(r#""command":"ipvsadm -A -t 192.0.2.1:1 -s rr""#), "{first}");
    assert!(first.contains(r#""name":"front""#) && first.contains(r#""from":null"#), "{first}");
    assert_eq!(fs::read_to_string(status).unwrap(), "0\n");
    let ended = director.shell(&format!("timeout --preserve-status -s INT 1 {LVSCTL} monitor"));
    assert_eq!(ended.visible(), (0, "", ""));
}
