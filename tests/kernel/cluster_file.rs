//! `lvsctl apply`, `diff`, `down` and `status` of one file on every machine, with packets.

use crate::killed;
use crate::support::cluster::Cluster;
use crate::support::cluster_file::ClusterFile;
use crate::support::{Host, assert_same};

/// Two modes and both families side by side, with one director and two real servers.
const FILE: &str = r#"
mode = "tun"
directors = ["192.168.10.1"]

[director]
timeouts = { tcp = "10m", udp = 200 }

[[director.sync]]
state = "master"
interface = "eth0"
id = 7

[[service]]
listen = "tcp://192.168.10.10:80"
scheduler = "rr"
real = ["192.168.10.2", "192.168.10.3"]

[[service]]
listen = "tcp://192.168.10.11:80"
mode = "dr"
scheduler = "rr"
real = ["192.168.10.2", { address = "192.168.10.3", weight = 1 }]

[[service]]
listen = "tcp://[2001:db8:1::10]:80"
mode = "dr"
scheduler = "rr"
real = ["2001:db8:1::2", "2001:db8:1::3"]
"#;

const VIPS: [&str; 3] = ["192.168.10.10", "192.168.10.11", "2001:db8:1::10"];

/// Timeouts and daemons, which `everything` leaves out.
fn settings(host: &Host) -> String {
    host.reference("-L --timeout").success() + &host.reference("-L --daemon").success()
}

#[test]
fn one_file_sets_up_and_reverts_every_machine() {
    let cluster = Cluster::on_one_switch();
    let file = ClusterFile::new("whole", FILE);
    cluster.director.reference("-A -t 192.0.2.99:443 -s wlc").success();
    let (before, set) = (cluster.everything(), settings(&cluster.director));

    for host in cluster.servers() {
        assert_eq!(host.lvsctl(&file.line("diff")).status, 2);
    }
    assert_same(&cluster.everything(), &before, "diff only looks");
    for host in cluster.servers() {
        host.lvsctl(&file.line("apply")).success();
    }
    for vip in VIPS {
        assert_eq!(cluster.answers(vip, 4), ["r1", "r1", "r2", "r2"], "{vip}");
    }
    let now = settings(&cluster.director);
    assert!(now.contains("600 120 200"), "{now}");
    assert!(now.contains("master sync daemon (mcast=eth0, syncid=7"), "{now}");
    let table = cluster.director.reference("-Sn").success();
    assert!(table.contains("-A -t 192.0.2.99:443 -s wlc"), "a foreign service stays: {table}");

    let up = cluster.everything();
    for host in cluster.servers() {
        let again = host.lvsctl(&file.line("apply")).success();
        assert!(again.ends_with("is up: no changes needed\n"), "{again}");
        let diff = host.lvsctl(&file.line("diff"));
        assert_eq!((diff.status, diff.errors.as_str()), (0, ""));
        let foreign = "# in the table, but not in the file: service tcp 192.0.2.99:443; it stays; ";
        assert!(diff.output.lines().all(|line| line.starts_with(foreign)), "{diff:?}");
        assert_eq!(host.lvsctl(&file.line("status")).status, 0);
        assert_eq!(host.lvsctl("status").status, 0);
    }
    assert_same(&cluster.everything(), &up, "apply twice is apply once");

    for host in cluster.servers() {
        host.lvsctl(&file.line("down")).success();
    }
    assert_same(&cluster.everything(), &before, "after down");
    assert_eq!(settings(&cluster.director), set);
    assert_eq!(cluster.answers(VIPS[0], 1), ["nobody"]);
}

#[test]
fn apply_changes_only_what_differs() {
    let cluster = Cluster::on_one_switch();
    let director = &cluster.director;
    let file = ClusterFile::new("differs", FILE);
    director.lvsctl(&file.line("apply")).success();

    director.reference("-e -t 192.168.10.10:80 -r 192.168.10.2 -i -w 7").success();
    let edit = "ipvsadm -e -t 192.168.10.10:80 -r 192.168.10.2:80 -i -w 1\n";
    let diff = director.lvsctl(&file.line("diff"));
    assert_eq!(diff.visible(), (2, edit, ""));
    assert_eq!(director.lvsctl(&file.line("status")).status, 2);
    assert_eq!(director.lvsctl(&file.line("diff --keep-weights")).visible(), (0, "", ""));
    let applied = director.lvsctl(&file.line("apply")).success();
    assert!(applied.starts_with(&format!("+ {edit}")) && applied.ends_with(": 1 step\n"));

    // What the file no longer names is deleted, as the last step.
    file.write(&FILE.replace("[\"192.168.10.2\", \"192.168.10.3\"]", "[\"192.168.10.3\"]"));
    let gone = "ipvsadm -d -t 192.168.10.10:80 -r 192.168.10.2:80\n";
    assert_eq!(director.lvsctl(&file.line("diff")).visible(), (2, gone, ""));
    director.lvsctl(&file.line("apply")).success();
    assert_eq!(director.lvsctl(&file.line("diff")).status, 0);

    // Unmanaged entries stay, unless `--exclusive` is given.
    for line in [
        "-A -t 192.0.2.99:443 -s wlc",
        "-a -t 192.0.2.99:443 -r 192.168.10.3 -m -w 5",
        "-a -t 192.168.10.11:80 -r 192.168.10.100 -g -w 5",
    ] {
        director.reference(line).success();
    }
    let unmanaged = director.everything();
    assert_eq!(director.lvsctl(&file.line("diff")).status, 0);
    director.lvsctl(&file.line("apply --exclusive")).success();
    let table = director.reference("-Sn").success();
    assert!(!table.contains("443") && !table.contains("192.168.10.100"), "{table}");
    // The next run without `--exclusive` restores them.
    director.lvsctl(&file.line("apply")).success();
    assert_same(&director.everything(), &unmanaged, "after apply without --exclusive");
    director.lvsctl(&file.line("down")).success();
}

#[test]
fn down_keeps_service_with_unmanaged_destination() {
    let director = Host::with_addresses();
    let before = director.everything();
    let up = "director up --mode nat --vip 192.0.2.10 --service tcp:80 --scheduler rr \
              --real 198.51.100.2";
    let down = "director down --mode nat --vip 192.0.2.10";
    director.lvsctl(up).success();
    director.reference("-a -t 192.0.2.10:80 -r 198.51.100.9 -m -w 5").success();
    let theirs = "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 198.51.100.9:80 -m -w 5\n";
    for line in [&format!("--dry-run {down}"), down, down] {
        let output = director.lvsctl(line).success();
        let words = "service tcp 192.0.2.10:80 (rr) stays: removing it would remove destination \
                     198.51.100.9:80 of tcp 192.0.2.10:80, which is unmanaged";
        assert!(output.contains(words), "{line}: {output}");
    }
    assert_eq!(director.reference("-Sn").success(), theirs);
    let status = director.lvsctl("status");
    assert_eq!(status.status, 2, "{status:?}");
    assert!(status.output.contains("service tcp 192.0.2.10:80  is rr, should not be there"));
    // Any later run deletes it once that is possible.
    director.reference("-d -t 192.0.2.10:80 -r 198.51.100.9").success();
    director.lvsctl(down).success();
    assert_same(&director.everything(), &before, "after down");
    assert_eq!(director.left_in_state_directory(), ["log"]);
}

#[test]
fn diff_of_one_weight_in_a_thousand_services_is_one_line() {
    let director = Host::with_addresses();
    let services: String = (0..1000)
        .map(|number| {
            format!(
                "[[service]]\nlisten = \"tcp://192.0.2.10:{}\"\nreal = [\"198.51.100.2\", \
                 \"198.51.100.3\"]\n",
                1000 + number
            )
        })
        .collect();
    let file = ClusterFile::new("thousand", &format!("mode = \"nat\"\n{services}"));
    let before = director.everything();
    director.lvsctl(&file.line("apply --role director")).success();
    director.reference("-e -t 192.0.2.10:1500 -r 198.51.100.3 -m -w 9").success();
    let edit = "ipvsadm -e -t 192.0.2.10:1500 -r 198.51.100.3:1500 -m -w 1\n";
    assert_eq!(director.lvsctl(&file.line("diff --role director")).visible(), (2, edit, ""));
    director.lvsctl(&file.line("down")).success();
    assert_same(&director.everything(), &before, "after down");
}

#[test]
fn apply_rolls_back_when_service_is_refused() {
    let cluster = Cluster::on_one_switch();
    let director = &cluster.director;
    let file = ClusterFile::new("refused", FILE);
    director.lvsctl(&file.line("apply")).success();
    let before = director.everything();
    file.write(&FILE.replace(
        "mode = \"dr\"\nscheduler = \"rr\"\nreal = [\"2001",
        "mode = \"dr\"\nscheduler = \"nosuch\"\nreal = [\"2001",
    ));
    let refused = director.lvsctl(&file.line("apply"));
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.errors.contains("ip_vs_nosuch"), "{refused:?}");
    assert_same(&director.everything(), &before, "after the refusal");

    file.write(&FILE.replace("192.168.10.3\"]", "192.168.10.3:81\"]"));
    let refused = director.lvsctl(&file.line("diff"));
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.errors.contains(".toml:16:25: "), "{refused:?}");
    file.write(FILE);
    let outsider = cluster.client.lvsctl(&file.line("apply"));
    assert_eq!(outsider.status, 1);
    assert!(outsider.errors.contains("192.168.10.100") && outsider.errors.contains("--role"));
}

#[test]
fn director_apply_killed_at_any_step_is_completed_by_next_run() {
    let cluster = Cluster::on_one_switch();
    let file = ClusterFile::new("killed", FILE);
    // Probes for another owner of the address would take most of the time.
    killed::at_any_step(&cluster.director, &file.line("apply --force"), &file.line("down"));
}

#[test]
fn dr_real_server_apply_killed_at_any_step_is_completed_by_next_run() {
    let cluster = Cluster::on_one_switch();
    let example = include_str!("../../scripts/examples/dr.toml");
    let file = ClusterFile::new("killed-dr", example);
    killed::at_any_step(&cluster.real_servers[1], &file.line("apply"), &file.line("down"));
}
