//! The second line of an error, for every error number that the kernel can return.

use crate::support::{Host, IPVSADM, Outcome, REFERENCE};

/// A host with a service of each kind.
fn host() -> Host {
    let host = Host::with_addresses();
    for line in [
        "-A -t 192.0.2.1:80 -s rr",
        "-a -t 192.0.2.1:80 -r 198.51.100.2:8080 -m",
        "-a -t 192.0.2.1:80 -r 198.51.100.3 -i",
        "-A -f 7 -s rr",
    ] {
        host.ipvsadm(line).success();
    }
    host
}

/// Asserts that the error is that of the reference, with a second line under `--explain` only.
#[track_caller]
fn explained(host: &Host, line: &str, words: &str) {
    let theirs = host.reference(line);
    let silent = host.ipvsadm(line);
    assert_eq!(silent, theirs, "{line}");
    let ours = host.ipvsadm(&format!("{line} --explain"));
    assert_ne!(ours.status, 0, "{line}");
    assert_eq!(ours.visible(), theirs.visible(), "{line}");
    assert_eq!(ours.errors.lines().count(), 2, "{ours:?}");
    let second = ours.errors.lines().nth(1).unwrap();
    assert!(second.contains(words), "{line}: {second}\nlacks: {words}");
}

#[test]
fn explanation_of_existing_entry_names_differences() {
    let host = host();
    explained(&host, "-A -t 192.0.2.1:80 -s rr", "already exists with these attributes");
    explained(&host, "-A -t 192.0.2.1:80 -s wlc", "scheduler rr instead of wlc; use -E");
    explained(
        &host,
        "-a -t 192.0.2.1:80 -r 198.51.100.3 -i",
        "already exists with these attributes",
    );
    explained(
        &host,
        "-a -t 192.0.2.1:80 -r 198.51.100.3 -g -w 5",
        "forwarding method -i --tun-type ipip instead of -g, weight 1 instead of 5; use -e",
    );
}

#[test]
fn explanation_of_missing_entry_names_similar_entries() {
    let host = host();
    let near = "With the same address there is -t 192.0.2.1:80.";
    for line in [
        "-E -u 192.0.2.1:80",
        "-D -t 192.0.2.1:81",
        "-Z -t 192.0.2.1:81",
        "-a -t 192.0.2.1:8080 -r 198.51.100.2",
        "-e -u 192.0.2.1:80 -r 198.51.100.2",
        "-d -t 192.0.2.1:81 -r 198.51.100.2",
        "-L -n -t 192.0.2.1:81",
    ] {
        explained(&host, line, near);
    }
    explained(&host, "-D -f 7 -6", "With the same mark there is -f 7.");
    explained(&host, "-D -t 192.0.2.9:80", "None of the 2 services");
    explained(
        &host,
        "-d -t 192.0.2.1:80 -r 198.51.100.2",
        "There is no 198.51.100.2:80, but 198.51.100.2:8080: -d takes the port",
    );
    explained(
        &host,
        "-e -t 192.0.2.1:80 -r 198.51.100.2:8080 -g",
        "198.51.100.2:8080: -e takes the service's port unless -m is given",
    );
    explained(&host, "-d -t 192.0.2.1:80 -r 198.51.100.9", "real servers are 198.51.100.2:8080");
    explained(&host, "-d -f 7 -r 198.51.100.9", "the service has no real servers");
    host.ipvsadm("-C").success();
    explained(&host, "-D -t 192.0.2.1:80", "is empty");
}

#[test]
fn explanation_of_missing_scheduler_or_engine_names_module() {
    let host = host();
    explained(&host, "-A -t 192.0.2.1:81 -s nosuch", "has no ip_vs_nosuch, neither built in nor");
    explained(&host, "-E -t 192.0.2.1:80 -s nosuch", "This kernel has the schedulers dh, ");
    explained(&host, "-A -t 192.0.2.1:81 -s rr -p 60 --pe nosuch", "has no ip_vs_pe_nosuch");
}

#[test]
fn explanation_of_impossible_real_server_address_names_reason() {
    let host = host();
    let add = |address: &str| format!("-a -t 192.0.2.1:80 -r {address} -i");
    for (address, words) in [
        ("224.0.0.1", "224.0.0.1 is a multicast address"),
        ("255.255.255.255", "is the broadcast address"),
        ("0.0.0.0", "of \"this network\""),
        ("192.0.2.255", "is the broadcast address of a network of this machine"),
        ("fe80::5", "fe80::5 is link-local"),
        ("ff02::5", "ff02::5 is a multicast address"),
    ] {
        explained(&host, &add(address), words);
    }
    // Without any address so far the kernel has no local table, and treats no address as unicast.
    let line = add("198.51.100.2");
    let refused = host.shell(&format!(
        "unshare --net sh -c '{IPVSADM} -A -t 192.0.2.1:80 -s rr; {IPVSADM} {line} --explain'"
    ));
    assert_eq!(refused.status, 255, "{refused:?}");
    let last = refused.errors.lines().last().unwrap();
    assert!(last.starts_with("No route leads to 198.51.100.2 in this"), "{refused:?}");
}

#[test]
fn explanation_of_invalid_prefix_length_names_range() {
    let rule = "With an IPv6 service -M takes a prefix length from 1 to 128";
    explained(&host(), "-A -t [2001:db8::1]:80 -s rr -p 60 -M 0", rule);
    explained(&host(), "-A -t [2001:db8::1]:80 -s rr -p 60 -M 129", rule);
}

#[test]
fn explanation_of_invalid_thresholds_names_limit() {
    let host = host();
    explained(&host, "-a -t 192.0.2.1:80 -r 198.51.100.9 -x 4 -y 5", "5 is above the upper one, 4");
    explained(&host, "-e -t 192.0.2.1:80 -r 198.51.100.3 -i -y 5", "-x NUMBER, at least 5");
}

#[test]
fn explanation_of_refused_daemon_names_conflict() {
    let host = host();
    explained(&host, "--stop-daemon master", "No sync daemon is running");
    explained(
        &host,
        "--start-daemon master --mcast-interface nosuch",
        "There is no interface nosuch",
    );
    let mixed = "-a -t 192.0.2.1:80 -r 2001:db8::9 -i";
    host.ipvsadm(mixed).success();
    explained(
        &host,
        "--start-daemon master --mcast-interface dummy0",
        "No sync daemon can run while a real server is of another address family",
    );
    host.ipvsadm("-d -t 192.0.2.1:80 -r [2001:db8::9]:80").success();
    host.ipvsadm("--start-daemon master --mcast-interface dummy0 --syncid 3").success();
    explained(&host, mixed, "stop it first (--stop-daemon master), or use an IPv4 address");
    explained(
        &host,
        "--start-daemon master --mcast-interface dummy0",
        "The master on dummy0 with sync id 3 is already running",
    );
    explained(&host, "--stop-daemon backup", "No backup is running, only the master on dummy0");
    host.ipvsadm("--stop-daemon master").success();
}

#[test]
fn explanation_of_missing_capability_names_it() {
    let host = host();
    let run = |prefix: &str, program: &str, line: &str| -> Outcome {
        host.shell(&format!("{prefix} {program} {line}"))
    };
    let without = "setpriv --bounding-set -net_admin";
    let theirs = run(without, REFERENCE, "-C");
    let ours = run(without, IPVSADM, "-C --explain");
    assert_eq!(ours.visible(), theirs.visible());
    let last = ours.errors.lines().last().unwrap();
    assert!(last.starts_with("This process lacks CAP_NET_ADMIN: run it as root"), "{ours:?}");

    let in_user_namespace = run("unshare --user --map-root-user", IPVSADM, "-C --explain");
    assert_eq!(in_user_namespace.status, 2, "{in_user_namespace:?}");
    let last = in_user_namespace.errors.lines().last().unwrap();
    assert!(last.contains("CAP_NET_ADMIN in a user namespace only"), "{in_user_namespace:?}");
}

#[test]
fn explanation_of_restore_failure_names_line() {
    let host = host();
    let rules = "-A -t 192.0.2.1:80 -s rr\\n-A -t 192.0.2.5:80 -s nosuch\\n";
    let outcome = host.shell(&format!("printf -- '{rules}' | {IPVSADM} -R --explain"));
    let lines: Vec<_> = outcome.errors.lines().collect();
    assert_eq!(lines.len(), 4, "{outcome:?}");
    assert!(
        lines[1].starts_with("(line 1 of standard input) It already exists with"),
        "{outcome:?}"
    );
    assert!(lines[3].contains("(line 2 of standard input) Scheduler nosuch: "), "{outcome:?}");
}

#[test]
fn restore_explains_its_first_twenty_failures() {
    let host = host();
    let fill = "for i in $(seq 1 25); do echo -A -t 192.0.2.1:80 -s rr; done";
    let outcome = host.shell(&format!("{fill} | {IPVSADM} -R --explain"));
    assert_eq!(outcome.errors.matches("Service already exists").count(), 25);
    assert_eq!(outcome.errors.matches("It already exists with these attributes").count(), 20);
    assert!(outcome.errors.ends_with("(line 25 of standard input)\n"), "{outcome:?}");
}
