//! `lvsctl` with a ruleset: a complete table as `ipvsadm -S` prints it.

use std::fs;

use crate::killed;
use crate::support::{Host, LVSCTL, assert_same};

const OURS: &str = "-A -t 192.0.2.10:80 -s rr\n\
    -a -t 192.0.2.10:80 -r 198.51.100.2:8080 -m -w 1\n\
    -a -t 192.0.2.10:80 -r 198.51.100.3:80 -m -w 2\n\
    -A -f 7 -s wlc -p 300\n\
    -a -f 7 -r 198.51.100.2:0 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum\n";

const UNMANAGED: &str = "-A -t 192.0.2.99:443 -s wlc\n";

/// Writes the rules to a file, and returns `words` with its path.
fn line(host: &Host, words: &str, rules: &str) -> String {
    let directory = host.state_directory().with_extension("rules");
    fs::create_dir_all(&directory).unwrap();
    // Detected by content, not by file name.
    let path = directory.join("table.toml");
    fs::write(&path, rules).unwrap();
    format!("{words} {}", path.display())
}

fn host() -> Host {
    Host::with_addresses()
}

#[test]
fn saved_ruleset_is_compared_applied_and_reverted() {
    let host = host();
    host.reference(UNMANAGED.trim()).success();
    let before = host.everything();
    let lvsctl = |words: &str, rules: &str| host.lvsctl(&line(&host, words, rules));

    let plan = lvsctl("diff", OURS);
    let (notes, steps): (Vec<_>, Vec<_>) =
        plan.output.lines().partition(|line| line.starts_with('#'));
    assert_eq!((plan.status, steps.len(), notes.len()), (2, 5, 1), "{plan:?}");
    assert_same(&host.everything(), &before, "diff only looks");
    lvsctl("apply", OURS).success();
    assert_eq!(lvsctl("status", OURS).status, 0);
    let saved = host.ipvsadm("-Sn").success();
    for rule in OURS.lines().chain(UNMANAGED.lines()) {
        assert!(saved.lines().any(|line| line == rule), "{rule}: {saved}");
    }
    assert_eq!(lvsctl("diff", &saved).visible(), (0, "", ""), "what is saved is as it should be");
    let piped = line(&host, "cat", &saved);
    let state = host.state_directory();
    let piped = format!("{piped} | {LVSCTL} --state-dir {} diff /proc/self/fd/0", state.display());
    assert_eq!(host.shell(&piped).visible(), (0, "", ""), "a pipe can be read only once");

    // A second ruleset replaces the first.
    let edited = OURS.replace("-w 2", "-w 0").replace("8080", "8081");
    let steps = "ipvsadm -a -t 192.0.2.10:80 -r 198.51.100.2:8081 -m -w 1\n\
                 ipvsadm -e -t 192.0.2.10:80 -r 198.51.100.3:80 -m -w 0\n\
                 ipvsadm -d -t 192.0.2.10:80 -r 198.51.100.2:8080\n";
    let plan = lvsctl("diff", &edited);
    let unmanaged = "# in the table, but not in the file: service tcp 192.0.2.99:443; it stays; ";
    let note = plan.output.strip_prefix(steps);
    assert!(note.is_some_and(|note| note.starts_with(unmanaged)), "{plan:?}");
    assert_eq!((plan.status, plan.errors.as_str()), (2, ""));
    for (allowed, kinds) in
        [("edit", vec!["add", "quiesce", "delete"]), ("add,quiesce", vec!["delete"])]
    {
        for verb in ["diff", "apply"] {
            let refused = lvsctl(&format!("{verb} --allow {allowed}"), &edited);
            assert_eq!((refused.status, refused.output.as_str()), (1, ""), "{refused:?}");
            let listed: Vec<_> = refused
                .errors
                .lines()
                .filter_map(|line| line.trim().split_once(": ipvsadm"))
                .collect();
            assert_eq!(listed.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), kinds);
        }
    }
    assert_eq!(host.ipvsadm("-Sn").success(), saved, "nothing was touched");
    lvsctl("apply --allow add,quiesce,delete", &edited).success();
    assert_eq!(lvsctl("diff", &edited).status, 0);

    // With `--exclusive` it owns the complete table, until `down`.
    let gone = format!(
        "ipvsadm -D {}\n",
        UNMANAGED.split(' ').skip(1).take(2).collect::<Vec<_>>().join(" ")
    );
    assert_eq!(lvsctl("diff --exclusive", &edited).visible(), (2, gone.as_str(), ""));
    for _ in 0..2 {
        lvsctl("apply --exclusive", &edited).success();
        assert!(!host.ipvsadm("-Sn").success().contains("443"), "gone, and stays so");
    }
    lvsctl("down", "-C\n").success();
    assert_same(&host.everything(), &before, "after down");
}

#[test]
fn invalid_ruleset_changes_nothing() {
    let host = host();
    let before = host.everything();
    let twice = format!("{OURS}{OURS}");
    for (words, rules, message) in [
        ("apply", twice.as_str(), "line 6: Service already exists"),
        ("apply", "-A -t bogus:80\n", "line 1: illegal virtual server address"),
        ("apply", "-A -t 192.0.2.1:80\n-L\n", "line 2: not allowed in a ruleset"),
        ("apply --role director", OURS, "--role is for cluster files"),
        ("apply", "", "the file has no [[service]]"),
        ("apply --allow none", OURS, "none"),
    ] {
        let refused = host.lvsctl(&line(&host, words, rules));
        assert_eq!(refused.status, 1, "{words}: {refused:?}");
        assert!(refused.errors.contains(message), "{words}: {refused:?}");
        assert_same(&host.everything(), &before, words);
    }
}

/// The kernel refuses a broadcast address as a destination; here it is in the middle.
#[test]
fn apply_rolls_back_when_destination_is_refused() {
    let host = host();
    host.lvsctl(&line(&host, "apply", OURS)).success();
    let before = host.everything();
    let refused = "-a -t 192.0.2.10:80 -r 255.255.255.255:80 -m -w 1\n";
    let rules = OURS.replace("-w 1\n", "-w 5\n").replace("-A -f", &format!("{refused}-A -f"))
        + "-A -t 192.0.2.11:80 -s rr\n";
    let outcome = host.lvsctl(&line(&host, "apply", &rules));
    assert_eq!((outcome.status, outcome.output.as_str()), (1, ""), "{outcome:?}");
    let first = outcome.errors.lines().next().unwrap();
    assert!(first.contains(refused.trim().trim_end_matches(" -m -w 1")), "{outcome:?}");
    assert!(outcome.errors.contains("Rolled back:"), "{outcome:?}");
    assert_same(&host.everything(), &before, "after the refusal");
}

#[test]
fn ruleset_apply_killed_at_any_step_is_completed_by_next_run() {
    let host = host();
    host.reference(UNMANAGED.trim()).success();
    killed::at_any_step(&host, &line(&host, "apply --exclusive", OURS), &line(&host, "down", OURS));
}

/// If only one weight differs, one datagram changes it, and only that service is read again.
#[test]
fn change_of_one_weight_is_one_request() {
    let host = host();
    let mut rules = String::new();
    for service in 0..200 {
        rules += &format!("-A -t 192.0.2.10:{} -s rr\n", 1000 + service);
        for server in 2..5 {
            rules +=
                &format!("-a -t 192.0.2.10:{} -r 198.51.100.{server}:80 -m -w 1\n", 1000 + service);
        }
    }
    host.lvsctl(&line(&host, "apply", &rules)).success();
    let trace = host.state_directory().with_extension("trace");
    let edited =
        rules.replace("1100 -r 198.51.100.3:80 -m -w 1", "1100 -r 198.51.100.3:80 -m -w 7");
    let line = line(&host, "apply", &edited);
    let lvsctl = crate::support::LVSCTL;
    let state = host.state_directory().display();
    let strace = format!("strace -f -o {} -e trace=sendto,write,sendmsg", trace.display());
    let applied = host.shell(&format!("{strace} {lvsctl} --state-dir {state} {line}")).success();
    assert!(applied.starts_with("+ ipvsadm -e -t 192.0.2.10:1100 -r 198.51.100.3:80 -m -w 7\n"));
    let trace = fs::read_to_string(trace).unwrap();
    let count = |word: &str| trace.lines().filter(|line| line.contains(word)).count();
    assert_eq!(count("NLMSG_NOOP"), 1, "one write");
    // One dump of the services and one per service; then those of the changed service.
    let dumps = count("NLM_F_REQUEST|0x300") + count("NLM_F_REQUEST|NLM_F_DUMP");
    assert!((202..220).contains(&dumps), "{dumps} listings: {}", &trace[..3000]);
}
