//! `-S` and `-R` on the kernel.

use crate::support::{Host, IPVSADM, root};

fn restore(host: &Host, rules: &str) -> crate::support::Outcome {
    std::fs::create_dir_all(host.state_directory()).unwrap();
    let file = host.state_directory().join("rules");
    std::fs::write(&file, rules).unwrap();
    host.shell(&format!("{IPVSADM} -R <{}", file.display()))
}

#[test]
fn what_is_saved_is_restored_to_the_same_table() {
    root("modprobe ip_vs");
    let host = Host::with_addresses();
    let rules = "-A -t 192.0.2.1:80 -s rr -p 360 -M 255.255.255.0\n\
         -a -t 192.0.2.1:80 -r 198.51.100.4:8080 -m -w 1 -x 100 -y 50\n\
         -a -t 192.0.2.1:80 -r 198.51.100.5:80 -g -w 2147483647\n\
         -a -t 192.0.2.1:80 -r 198.51.100.6:80 -i -w 0 --tun-type gue --tun-port 6080 --tun-remcsum\n\
         -a -t 192.0.2.1:80 -r 198.51.100.7:80 -i -w 1 --tun-type gre --tun-csum\n\
         -A -u 192.0.2.1:53 -s sh -o -b sh-fallback,sh-port,flag-3\n\
         -A --sctp-service [2001:db8::80]:9 -s mh -p 60 -M 64 -b flag-3\n\
         -A -f 5 -6 -s wlc\n\
         -A -f 3000000000 -s lc\n\
         -a -f 3000000000 -r 198.51.100.5:0 -i -w 1 --tun-type ipip\n";
    assert_eq!(restore(&host, rules).success(), "");
    let mut saved: Vec<_> = host.ipvsadm("-Sn").success().lines().map(String::from).collect();
    let full = host.ipvsadm("-Sn").success();
    saved.sort();
    let mut wanted: Vec<_> = rules.lines().map(String::from).collect();
    wanted.sort();
    assert_eq!(saved, wanted);

    host.ipvsadm("-C").success();
    assert_eq!(host.ipvsadm("-Sn").success(), "");
    restore(&host, &full).success();
    assert_eq!(host.ipvsadm("-Sn").success(), full);
}

#[test]
fn a_line_that_cannot_be_parsed_is_told_with_its_number_before_anything_is_applied() {
    root("modprobe ip_vs");
    let host = Host::with_addresses();
    for (bad, words) in [
        ("-A -t bogus:80", "illegal virtual server address[:port] specified"),
        ("-A -t 192.0.2.1:80 -q", "-q: unknown option"),
        ("foo", "Try `"),
        ("-R", "Try `"),
    ] {
        let outcome =
            restore(&host, &format!("-A -t 192.0.2.9:80 -s rr\n\n# so far so good\n{bad}\n"));
        assert_ne!(outcome.status, 0, "{bad}");
        assert!(outcome.errors.contains(words), "{bad}: {outcome:?}");
        assert!(outcome.errors.contains("line 4"), "{bad}: {outcome:?}");
        assert_eq!(host.ipvsadm("-Sn").success(), "", "{bad}");
    }
}

#[test]
fn a_line_that_the_kernel_refuses_does_not_stop_the_others() {
    root("modprobe ip_vs");
    let host = Host::with_addresses();
    let outcome = restore(
        &host,
        "-A -t 192.0.2.1:80 -s rr\n-A -t 192.0.2.1:80 -s rr\n\
         -a -t 192.0.2.1:80 -r 224.0.0.1:80\n-A -t 192.0.2.2:80 -s rr\n",
    );
    assert_eq!(outcome.status, 255, "{outcome:?}");
    assert!(outcome.errors.contains("Service already exists"), "{outcome:?}");
    assert!(outcome.errors.contains("Invalid operation."), "{outcome:?}");
    assert_eq!(
        host.ipvsadm("-Sn").success(),
        "-A -t 192.0.2.1:80 -s rr\n-A -t 192.0.2.2:80 -s rr\n"
    );
}

#[test]
fn a_file_of_fifty_thousand_rules_is_restored() {
    root("modprobe ip_vs");
    let host = Host::with_addresses();
    let mut rules = String::new();
    for service in 0..10_000_u32 {
        let vip = format!("10.{}.{}.{}:80", service >> 16, service >> 8 & 255, service & 255);
        rules += &format!("-A -t {vip} -s rr\n");
        for server in 0..4 {
            rules += &format!("-a -t {vip} -r 198.51.100.{}:80 -m -w {server}\n", server + 2);
        }
    }
    restore(&host, &rules).success();
    assert_eq!(host.ipvsadm("-Sn").success(), rules);
    host.ipvsadm("-C").success();
}

/// Where the daemon's thread has not run yet, the kernel does not answer, and the reference waits
/// for ever.
#[test]
fn a_daemon_is_stopped_right_after_it_was_started() {
    root("modprobe ip_vs");
    let host = Host::with_addresses();
    for _ in 0..5 {
        let rules = "--start-daemon master --mcast-interface dummy0\n--stop-daemon master\n";
        assert_eq!(restore(&host, rules).success(), "");
        assert_eq!(host.ipvsadm("-L --daemon").success(), "");
    }
}
