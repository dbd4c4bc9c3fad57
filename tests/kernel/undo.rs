//! What lvsctl changed, and the way back: `lvsctl log` and `lvsctl undo`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::killed::killed;
use crate::support::cluster_file::ClusterFile;
use crate::support::{Host, LVSCTL, assert_same};

const FILE: &str = r#"
name = "shop"
mode = "dr"
directors = ["192.168.10.1"]
[[service]]
listen = "tcp://192.168.10.10:80"
scheduler = "rr"
real = ["192.168.10.2", { address = "192.168.10.3", weight = 5 }]
"#;

/// Another service and parameter, another weight, and a real server less.
const EDITED: &str = r#"
name = "shop"
mode = "dr"
directors = ["192.168.10.1"]
[director.parameters]
expire_nodest_conn = 1
[[service]]
listen = "tcp://192.168.10.10:80"
scheduler = "wrr"
real = [{ address = "192.168.10.3", weight = 7 }]
[[service]]
listen = "udp://192.168.10.11:53"
real = ["192.168.10.2"]
"#;

const NOTHING: &str = "lvsctl: there is nothing to undo: no apply has changed this machine, or it was \
                       reverted already";

fn director() -> Host {
    let director = Host::with_addresses();
    director.shell("ip address add 192.168.10.1/24 dev eth0").success();
    director
}

#[test]
fn undo_reverts_the_last_apply_and_no_earlier_one() {
    let director = director();
    director.reference("-A -t 192.0.2.99:443 -s wlc").success();
    let before = director.everything();
    assert_eq!(director.lvsctl_inside("undo").visible(), (1, "", NOTHING));
    let file = ClusterFile::new("undo", FILE);
    director.lvsctl_inside(&file.line("apply")).success();
    let first = director.everything();
    // The weight that the apply finds is the one to go back to.
    director.reference("-e -t 192.168.10.10:80 -r 192.168.10.3 -g -w 4").success();
    file.write(EDITED);
    director.lvsctl_inside(&file.line("apply --exclusive")).success();
    let second = director.everything();
    // An apply that changes nothing is not the last one, nor is what else was done since.
    director.lvsctl_inside(&file.line("apply --exclusive")).success();
    director.lvsctl_inside("real-server up --mode dr --vip 192.0.2.77 --device dummy0").success();

    let planned = director.lvsctl_inside("--dry-run undo").success();
    assert!(planned.contains("-e -t 192.168.10.10:80 -r 192.168.10.3:80 -g -w 4\n"), "{planned}");
    let undone = director.lvsctl_inside("undo").success();
    assert!(undone.contains("\ncluster shop: the last apply is undone, "), "{undone}");
    director.lvsctl_inside("real-server down --mode dr --vip 192.0.2.77").success();
    let weight = |text: &str| text.replace("-g -w 5", "-g -w 4");
    assert_same(&director.everything(), &weight(&first), "after undo");
    assert_eq!(director.lvsctl_inside("undo").visible(), (1, "", NOTHING));

    // Forth again, and back to the beginning.
    director.lvsctl_inside(&file.line("apply --exclusive")).success();
    assert_same(&director.everything(), &second, "applied again");
    director.lvsctl_inside("undo").success();
    director.lvsctl_inside("down shop").success();
    assert_same(&director.everything(), &before, "after down");
    assert_eq!(director.lvsctl_inside("undo").visible(), (1, "", NOTHING));
    assert_eq!(director.left_in_state_directory(), ["log"]);
}

#[test]
fn undo_of_the_first_apply_leaves_the_machine_as_before() {
    let director = director();
    let before = director.everything();
    let file = ClusterFile::new("undo-first", FILE);
    director.lvsctl_inside(&file.line("apply")).success();
    director.reference("-e -t 192.168.10.10:80 -r 192.168.10.3 -g -w 0").success();
    director.lvsctl_inside("undo").success();
    assert_same(&director.everything(), &before, "after undo");
    // Nothing is left to undo after down, nor after an apply that failed.
    director.lvsctl_inside(&file.line("apply")).success();
    director.lvsctl_inside("down shop").success();
    assert_eq!(director.lvsctl_inside("undo").status, 1);
    let bad = ClusterFile::new("undo-bad", &FILE.replace("\"rr\"", "\"none-such\""));
    assert_eq!(director.lvsctl_inside(&bad.line("apply")).status, 1);
    assert_eq!(director.lvsctl_inside("undo").visible(), (1, "", NOTHING));
    assert_same(&director.everything(), &before, "after the failed apply");
}

#[test]
fn undo_refuses_or_keeps_what_others_changed_since() {
    let director = director();
    let file = ClusterFile::new("undo-theirs", FILE);
    director.lvsctl_inside(&file.line("apply")).success();
    file.write(EDITED);
    director.lvsctl_inside(&file.line("apply")).success();
    director.reference("-E -t 192.168.10.10:80 -s lc").success();
    let before = director.everything();
    let refused = director.lvsctl_inside("undo");
    let (status, _, words) = refused.visible();
    assert_eq!((status, words), (1, "lvsctl: what the last apply set was changed since:"));
    let theirs = "\n  service tcp 192.168.10.10:80 is lc now\nNothing was changed.";
    assert!(refused.errors.contains(theirs), "{refused:?}");
    assert_same(&director.everything(), &before, "after the refusal");
    director.lvsctl_inside("undo --force").success();
    assert_eq!(
        director.reference("-Sn").success(),
        "-A -t 192.168.10.10:80 -s lc\n-a -t 192.168.10.10:80 -r 192.168.10.2:80 -g -w 1\n\
         -a -t 192.168.10.10:80 -r 192.168.10.3:80 -g -w 5\n"
    );
}

#[test]
fn undo_completes_whatever_was_killed() {
    let director = Host::with_addresses();
    let first = "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 198.51.100.2:80 -m -w 1\n";
    let file = ClusterFile::new("undo-killed", first);
    director.lvsctl_inside(&file.line("apply")).success();
    file.write("-A -t 192.0.2.11:80 -s rr\n-a -t 192.0.2.11:80 -r 198.51.100.3:80 -m -w 1\n");
    let undone = |when: &str| {
        let outcome = director.lvsctl_inside("undo");
        // Killed before its first change, or after its last one.
        assert!(outcome.status == 0 || outcome.errors.starts_with(NOTHING), "{when}: {outcome:?}");
        assert_eq!(director.reference("-Sn").success(), first, "{when}");
    };
    let mut kills = 0;
    director.lvsctl_inside(&file.line("apply")).success();
    undone("not killed");
    while killed(&director, &file.line("apply"), kills + 1) {
        kills += 1;
        // Every second time the next run completes it.
        if kills % 2 == 0 {
            director.lvsctl_inside(&file.line("apply")).success();
        }
        undone(&format!("apply killed at step {kills}"));
    }
    assert!(kills > 6, "{kills}");
    let log = director.lvsctl_inside("log").success();
    assert!(log.contains(": unfinished, as it was killed\n"), "{log}");
    for step in (1..).step_by(2) {
        director.lvsctl_inside(&file.line("apply")).success();
        if !killed(&director, "undo", step) {
            assert!(step > 6, "{step}");
            break;
        }
        undone(&format!("undo killed at step {step}"));
    }
}

#[test]
fn apply_of_one_weight_dumps_each_service_once() {
    let director = Host::with_addresses();
    let table = |weight: u8| -> String {
        let service = |number: u8| {
            format!(
                "-A -u 192.0.2.10:{number} -s wlc\n\
                 -a -u 192.0.2.10:{number} -r 198.51.100.2:{number} -m -w {}\n",
                if number == 40 { weight } else { 1 }
            )
        };
        (1..=40).map(service).collect()
    };
    let file = ClusterFile::new("one-weight", &table(1));
    director.lvsctl_inside(&file.line("apply")).success();
    file.write(&table(2));
    let state = director.state_directory().display();
    let line = file.line("apply");
    let applied =
        director.shell(&format!("LVS_LOG=debug exec {LVSCTL} --state-dir {state} {line}"));
    assert_eq!(applied.status, 0, "{applied:?}");
    let sent = |what: &str| applied.errors.matches(what).count();
    // The changed one again, to verify it.
    assert_eq!(sent("request,dump: GET_DEST "), 41, "{applied:?}");
    assert!((1..=3).contains(&sent(" GET_SERVICE")), "{applied:?}");
    assert_eq!((sent(" SET_DEST "), sent(" NEW_")), (1, 0), "{applied:?}");
    director.lvsctl_inside("undo").success();
    assert_eq!(director.reference("-Sn").success(), table(1));
}

#[test]
fn log_has_command_file_and_outcome_of_every_change() {
    let director = director();
    assert_eq!(
        director.lvsctl_inside("log").success(),
        "lvsctl has changed nothing since the log began\n"
    );
    let file = ClusterFile::new("log", FILE);
    let state = director.state_directory().display().to_string();
    let hash = director.shell(&file.line("sha256sum")).success();
    let session = "SSH_CONNECTION='198.51.100.7 51234 192.0.2.1 22'";
    director
        .shell(&format!("{session} {LVSCTL} --state-dir {state} {}", file.line("apply")))
        .success();
    director.lvsctl(&file.line("diff")).success();
    director.lvsctl(&file.line("--dry-run down")).success();
    director.shell("ip link set eth0 down; ip link delete eth0").success();
    let bad = ClusterFile::new("log-bad", &FILE.replace("\"rr\"", "\"none-such\""));
    assert_eq!(director.lvsctl(&bad.line("apply --role director")).status, 1);
    director.lvsctl("down shop").success();
    let log = director.lvsctl("log").success();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 3, "{log}");
    let path = file.line("").trim().to_owned();
    let start = format!(" 198.51.100.7: lvsctl --state-dir {state} apply {path} ({path}, sha256 ");
    assert!(lines[0].contains(&start), "{log}");
    assert!(lines[0].contains(&format!("{}): done, ", &hash[..12])), "{log}");
    assert!(lines[0].contains("Z root"), "{log}");
    assert!(lines[1].contains("): failed: "), "{log}");
    assert!(lines[2].ends_with(" step") || lines[2].ends_with(" steps"), "{log}");
    let json = director.lvsctl("--json log").success();
    assert!(json.contains(hash.split_whitespace().next().unwrap()), "{json}");
    assert!(json.contains(r#""ssh":"198.51.100.7""#), "{json}");
    let mode = fs::metadata(director.state_directory().join("log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}
