//! Listings from `/proc` and from dumps, and connections that are filtered and counted.

use serde_json::json;

use crate::support::{Host, IPVSADM, REFERENCE, assert_same, root, schema};

/// The output of `ipvsadm` without `/proc/net/ip_vs`: it dumps the destinations of each service.
fn without_proc(host: &Host, words: &str) -> String {
    host.shell(&format!("unshare -m sh -c 'mount -t tmpfs none /proc && exec {IPVSADM} {words}'"))
        .success()
}

/// Asserts that both listings equal that of the reference, and returns it.
#[track_caller]
fn both_ways(host: &Host, words: &str) -> String {
    let expected = host.reference(words).success();
    assert_same(&host.ipvsadm(words).success(), &expected, words);
    assert_same(&without_proc(host, words), &expected, &format!("{words} without /proc"));
    expected
}

/// The number of messages that a listing sends.
fn messages(host: &Host) -> usize {
    let line = format!("strace -e trace=sendto {IPVSADM} -Ln 2>&1 >/dev/null | grep -c '^sendto('");
    host.shell(&line).success().trim().parse().unwrap()
}

#[test]
fn listing_from_proc_equals_listing_from_dumps() {
    root("modprobe -a ip_vs ip_vs_pe_sip");
    let host = Host::with_addresses();
    let mut rules = String::new();
    for (service, method) in [
        ("-t 192.0.2.1:80", "-m"),
        ("-t 192.0.2.1:0", "-g"),
        ("-t [2001:db8::1]:80", "-g"),
        ("-u 192.0.2.1:5060", "-i"),
        ("-u [2001:db8::1]:53", "-m"),
        ("--sctp-service 192.0.2.1:9", "-i"),
        ("-f 3000", "-g"),
        ("-f 7 -6", "-i"),
    ] {
        let options = match service {
            "-t 192.0.2.1:80" => "-s sh -b sh-port,sh-fallback",
            "-t 192.0.2.1:0" => "-s rr -p 300 -M 255.255.255.0",
            "-t [2001:db8::1]:80" => "-s wlc -p 60 -M 64",
            "-u 192.0.2.1:5060" => "-s rr -p 60 --pe sip -o",
            _ => "-s wrr",
        };
        rules += &format!("-A {service} {options}\n");
        let net = if service.contains("2001") || service.contains("-6") {
            "2001:db8::"
        } else {
            "198.51.100."
        };
        for server in [9, 2, 7] {
            rules += &format!("-a {service} -r {net}{server} {method} -w {server}00 -x 50 -y 3\n");
        }
    }
    rules += "-A -t 192.0.2.1:81 -s none\n\
        -a -f 3000 -r 2001:db8::5 -i --tun-type gue --tun-port 6080 --tun-csum\n\
        -a -t 192.0.2.1:80 -r 198.51.100.3:8080 -m -w 2147483647\n";
    host.restore(&rules).success();

    let text = both_ways(&host, "-Ln");
    assert_eq!(text.lines().count(), 3 + rules.lines().count());
    for words in ["-L", "-Ln --nosort", "-Ln --tun-info", "-Ln --thresholds", "-Ln --stats"] {
        both_ways(&host, words);
    }
    // The family, the version and the services: none per service.
    assert_eq!(messages(&host), 3);

    // The file does not distinguish these two, so dumps are used.
    host.ipvsadm("-A -f 7 -s rr").success();
    host.ipvsadm("-a -f 7 -r 198.51.100.8 -g").success();
    both_ways(&host, "-Ln");
    both_ways(&host, "-Ln --nosort");
    // The services once more, and each of the 10 services; then each of the 8 without destinations,
    // which may be gone.
    assert_eq!(messages(&host), 3 + 1 + 10 + 8);
}

#[test]
fn listing_as_unprivileged_user_is_refused_as_by_the_reference() {
    let host = Host::with_addresses();
    let as_nobody = |program: &str| {
        host.shell(&format!("setpriv --reuid 65534 --clear-groups --inh-caps=-all {program} -Ln"))
    };
    host.shell("setpriv --reuid 65534 --clear-groups cat /proc/net/ip_vs").success();
    let (ours, theirs) = (as_nobody(IPVSADM), as_nobody(REFERENCE));
    assert_eq!(ours.visible(), theirs.visible());
    assert_ne!(ours.status, 0);
}

#[test]
fn connections_are_filtered_and_counted() {
    let mut host = Host::with_addresses();
    host.shell("for last in 8 9; do ip address add 198.51.100.$last/32 dev lo; done").success();
    for (port, server) in [(81, 8), (82, 9)] {
        host.ipvsadm(&format!("-A -t 192.0.2.1:{port} -s rr")).success();
        host.ipvsadm(&format!("-a -t 192.0.2.1:{port} -r 198.51.100.{server} -m")).success();
    }
    host.serve(81, "one");
    host.serve(82, "two");
    for (client, port) in [("192.0.2.1", 81), ("198.51.100.1", 81), ("198.51.100.1", 82)] {
        host.shell(&format!("ncat --recv-only -s {client} 192.0.2.1 {port}")).success();
    }
    let rows = |words: &str| {
        let text = host.ipvsadm(&format!("-Lnc {words}")).success();
        text.lines().skip(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rows("").len(), 3);
    let only = |words: &str, count: usize, column: &str| {
        let rows = rows(words);
        assert_eq!(rows.len(), count, "{words}: {rows:?}");
        assert!(rows.iter().all(|row| row.contains(column)), "{words}: {rows:?}");
    };
    only("--client 192.0.2.0/24", 1, " 192.0.2.1:");
    only("--client 198.51.100.1", 2, " 198.51.100.1:");
    only("--client ::/0", 0, "");
    only("--vip 192.0.2.1", 3, " 192.0.2.1:8");
    only("--vip 192.0.2.1:82", 1, " 198.51.100.9:82");
    only("--real 198.51.100.8", 2, " 198.51.100.8:81");
    only("--real 198.51.100.8:82", 0, "");
    only("--client 198.51.100.0/24 --real 198.51.100.8:81", 1, " 192.0.2.1:81 ");
    let state = rows("").first().unwrap().split_whitespace().nth(2).unwrap().to_owned();
    only(&format!("--state {}", state.to_lowercase()), 3, &format!(" {state} "));
    only("--state LISTEN", 0, "");

    assert_eq!(rows("--count-by client"), ["         2 198.51.100.1", "         1 192.0.2.1"]);
    let services = ["         2 TCP  192.0.2.1:81", "         1 TCP  192.0.2.1:82"];
    assert_eq!(rows("--count-by vip"), services);
    assert_eq!(rows("--count-by state"), [format!("         3 {state}")]);
    assert_eq!(rows("--count-by real --vip 192.0.2.1:82"), ["         1 198.51.100.9:82"]);

    let json = |words: &str| {
        let text = host.ipvsadm(&format!("-Lc --json {words}")).success();
        let value = serde_json::from_str(&text).unwrap();
        assert_eq!(schema::violation(&value, &schema::of_listings()), None);
        value
    };
    assert_eq!(
        json("--count-by real"),
        json!({"schema": 1, "counted_by": "real", "counts": [
            {"key": "198.51.100.8:81", "connections": 2},
            {"key": "198.51.100.9:82", "connections": 1},
        ]})
    );
    assert_eq!(json("--vip 192.0.2.1:82")["connections"].as_array().unwrap().len(), 1);

    let columns = |row: &String| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let origins = rows("--origin --vip 192.0.2.1:82");
    assert_eq!(columns(origins.first().unwrap()).last().unwrap(), "LOCAL");
    let title = host.ipvsadm("-Lnc --origin").success();
    assert_eq!(
        title.lines().nth(1).unwrap().rfind("origin"),
        origins.first().unwrap().rfind("LOCAL")
    );
    assert_eq!(json("--origin")["connections"][0]["origin"], "LOCAL");
    assert_ne!(host.ipvsadm("-Lnc --origin --persistent-conn").status, 0);
}
