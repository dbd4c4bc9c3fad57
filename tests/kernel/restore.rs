//! `-S` and `-R` on the kernel, `ipvsadm-save` and `ipvsadm-restore`.

use crate::support::{Host, IPVSADM, root};

#[test]
fn restore_of_saved_rules_gives_the_same_table() {
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
    assert_eq!(host.restore(rules).success(), "");
    let mut saved: Vec<_> = host.ipvsadm("-Sn").success().lines().map(String::from).collect();
    let full = host.ipvsadm("-Sn").success();
    saved.sort();
    let mut expected: Vec<_> = rules.lines().map(String::from).collect();
    expected.sort();
    assert_eq!(saved, expected);

    host.ipvsadm("-C").success();
    assert_eq!(host.ipvsadm("-Sn").success(), "");
    host.restore(&full).success();
    assert_eq!(host.ipvsadm("-Sn").success(), full);
}

#[test]
fn restore_with_invalid_line_reports_its_number_and_changes_nothing() {
    let host = Host::with_addresses();
    for (bad, words) in [
        ("-A -t bogus:80", "illegal virtual server address[:port] specified"),
        ("-A -t 192.0.2.1:80 -w 5", "Illegal 'weight' option"),
        ("foo", "Try `"),
        ("-R", "Try `"),
    ] {
        let outcome =
            host.restore(&format!("-A -t 192.0.2.9:80 -s rr\n\n# so far so good\n{bad}\n"));
        assert_ne!(outcome.status, 0, "{bad}");
        assert!(outcome.errors.contains(words), "{bad}: {outcome:?}");
        assert!(outcome.errors.contains("line 4"), "{bad}: {outcome:?}");
        assert_eq!(host.ipvsadm("-Sn").success(), "", "{bad}");
    }
}

#[test]
fn restore_continues_after_line_refused_by_kernel() {
    let host = Host::with_addresses();
    let outcome = host.restore(
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

/// The outcome of `-R --replace`, and the number of datagrams with changes that it sent: each ends in
/// a barrier.
fn replace(host: &Host, rules: &str) -> (crate::support::Outcome, usize) {
    std::fs::create_dir_all(host.state_directory()).unwrap();
    let file = |name| host.state_directory().join(name).display().to_string();
    let (input, trace) = (file("rules"), file("trace"));
    std::fs::write(&input, rules).unwrap();
    let strace = format!("strace -o {trace} -e trace=sendto,write,sendmsg");
    let outcome = host.shell(&format!("{strace} {IPVSADM} -R --replace <{input}"));
    let trace = std::fs::read_to_string(trace).unwrap();
    (outcome, trace.lines().filter(|line| line.contains("NLMSG_NOOP")).count())
}

#[test]
fn replace_sends_only_what_differs() {
    let host = Host::with_addresses();
    let kept = "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 198.51.100.4:80 -m -w 1\n";
    let old = "-a -t 192.0.2.1:80 -r 198.51.100.5:80 -m -w 1\n\
               -a -t 192.0.2.1:80 -r 198.51.100.6:80 -m -w 1\n\
               -A -t 192.0.2.1:81 -s rr\n-a -t 192.0.2.1:81 -r 198.51.100.4:80 -m -w 1\n\
               -A -f 7 -6 -s wlc\n";
    host.restore(&format!("{kept}{old}--set 901 0 0\n")).success();
    let new = "-a -t 192.0.2.1:80 -r 198.51.100.5:80 -m -w 9 -x 20\n\
               -a -t 192.0.2.1:80 -r 198.51.100.7:80 -i -w 1 --tun-type gre --tun-csum\n\
               -A -t 192.0.2.1:82 -s sh -p 60 -b sh-port\n\
               -a -t 192.0.2.1:82 -r 198.51.100.4:82 -g -w 1\n";
    let expected = format!("{kept}{new}");
    let file = host.state_directory().join("expected");
    std::fs::write(&file, &expected).unwrap();
    // lvsctl plans the same changes.
    let diff = host.lvsctl(&format!("diff --exclusive {}", file.display()));
    assert_eq!(diff.status, 2, "{diff:?}");
    assert!(!diff.output.contains("198.51.100.4:80 "), "{diff:?}");

    let (outcome, datagrams) = replace(&host, &expected);
    assert_eq!((outcome.visible(), datagrams), ((0, "", ""), 1));
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&host.ipvsadm("-Sn").success()), sorted(&expected));
    assert!(host.ipvsadm("-L --timeout").success().contains("901 "), "no line speaks of timeouts");
    let (outcome, datagrams) = replace(&host, &expected);
    assert_eq!((outcome.visible(), datagrams), ((0, "", ""), 0), "nothing is left to change");
    let (outcome, _) = replace(&host, "# an empty table\n");
    assert_eq!((outcome.status, host.ipvsadm("-Sn").success()), (0, String::new()));
}

#[test]
fn replace_with_invalid_ruleset_changes_nothing() {
    let host = Host::with_addresses();
    let add = "-A -t 192.0.2.1:80 -s rr\n";
    host.restore(add).success();
    for (rules, status, words) in [
        (format!("{add}-A -t 192.0.2.1:80\n"), 255, "line 2: Service already exists"),
        (format!("{add}-a -t 192.0.2.9:80 -r 198.51.100.4\n"), 255, "line 2: Service not defined"),
        (format!("{add}-L\n"), 2, "line 2: not allowed in a ruleset"),
        ("-A -t bogus:80\n".to_owned(), 2, "line 1: illegal virtual server address[:port]"),
        ("-R --replace\n".to_owned(), 255, "line 1: Try"),
    ] {
        let (outcome, datagrams) = replace(&host, &rules);
        assert_eq!((outcome.status, datagrams), (status, 0), "{rules}: {outcome:?}");
        assert!(outcome.errors.contains(words), "{rules}: {outcome:?}");
        assert_eq!(host.ipvsadm("-Sn").success(), add, "{rules}");
    }
    // Errors of the kernel are reported as by -R, and the rest is applied.
    let rules = "-A -t 192.0.2.2:80 -s nosuch\n-A -t 192.0.2.3:80 -s rr\n";
    let (outcome, _) = replace(&host, rules);
    assert_eq!(outcome.visible(), (255, "", "Scheduler or persistence engine not found"));
    assert_eq!(host.ipvsadm("-Sn").success(), "-A -t 192.0.2.3:80 -s rr\n");
    let wrong = host.ipvsadm("-L --replace");
    assert_eq!(wrong.visible(), (2, "", "Illegal 'replace' option with the 'list' command"));
}

#[test]
fn restore_of_fifty_thousand_rules_is_complete() {
    let host = Host::with_addresses();
    let mut rules = String::new();
    for service in 0..10_000_u32 {
        let vip = format!("10.{}.{}.{}:80", service >> 16, service >> 8 & 255, service & 255);
        rules += &format!("-A -t {vip} -s rr\n");
        for server in 0..4 {
            rules += &format!("-a -t {vip} -r 198.51.100.{}:80 -m -w {server}\n", server + 2);
        }
    }
    host.restore(&rules).success();
    let whole = host.ipvsadm("-Sn").success() == rules;
    assert!(whole, "what is saved is not what was restored");
    host.ipvsadm("-C").success();
}

/// If the daemon's thread has not run yet, the kernel does not reply, and the reference waits forever.
#[test]
fn restore_stops_daemon_right_after_its_start() {
    let host = Host::with_addresses();
    for _ in 0..5 {
        let rules = "--start-daemon master --mcast-interface dummy0\n--stop-daemon master\n";
        assert_eq!(host.restore(rules).success(), "");
        assert_eq!(host.ipvsadm("-L --daemon").success(), "");
    }
}

/// The path of `ipvsadm-save` or `ipvsadm-restore`.
fn wrapper(name: &str) -> String {
    format!("{IPVSADM}-{name}")
}

#[test]
fn ipvsadm_restore_of_invalid_file_changes_nothing() {
    let host = Host::with_addresses();
    host.ipvsadm("-A -t 192.0.2.1:80 -s rr").success();
    let before = host.ipvsadm("-Sn").success();
    let restore = wrapper("restore");
    for rules in ["-A -t 192.0.2.9:80\n-A -t bogus:80\n", "foo\n", "-A -t 192.0.2.9:80 -w x\n"] {
        let outcome = host.shell(&format!("printf '%b' '{rules}' | {restore}"));
        assert_ne!(outcome.status, 0, "{rules}");
        assert!(outcome.errors.starts_with("line "), "{outcome:?}");
        assert_eq!(host.ipvsadm("-Sn").success(), before, "{rules}");
    }
    let outcome = host.shell(&format!("{restore} --file /run/no-such-rules"));
    assert_eq!(outcome.status, 1, "{outcome:?}");
    assert_eq!(host.ipvsadm("-Sn").success(), before);
    host.shell(&format!("printf '# new\\n-A -t 192.0.2.9:80 -s wrr\\n' | {restore}")).success();
    assert_eq!(host.ipvsadm("-Sn").success(), "-A -t 192.0.2.9:80 -s wrr\n");
}

#[test]
fn ipvsadm_save_keeps_old_file_when_disk_is_full() {
    let host = Host::with_addresses();
    let save = wrapper("save");
    let directory = host.state_directory().join("small");
    let (directory, rules) = (directory.display(), directory.join("rules").display().to_string());
    host.ipvsadm("-A -t 192.0.2.1:80 -s rr").success();
    host.shell(&format!("mkdir -p {directory} && mount -t tmpfs -o size=64k none {directory}"))
        .success();
    host.shell(&format!("{save} -n --file {rules}")).success();
    assert_eq!(host.shell(&format!("cat {rules}")).output, "-A -t 192.0.2.1:80 -s rr\n");

    let many: String = (0..250).map(|mark| format!("-A -f {} -s rr\n", mark + 1)).collect();
    host.restore(&many).success();
    host.shell(&format!("head -c 60000 /dev/zero >{directory}/ballast; true"));
    let outcome = host.shell(&format!("{save} -n --file {rules}"));
    assert_eq!(outcome.status, 1, "{outcome:?}");
    assert!(outcome.errors.contains("No space left on device"), "{outcome:?}");
    assert!(outcome.errors.contains("untouched"), "{outcome:?}");
    assert_eq!(host.shell(&format!("cat {rules}")).output, "-A -t 192.0.2.1:80 -s rr\n");
    assert_eq!(host.shell(&format!("ls {directory}")).output, "ballast\nrules\n");

    host.shell(&format!("rm {directory}/ballast; {save} -n --file={rules}")).success();
    let saved = host.shell(&format!("cat {rules}")).output;
    assert_eq!(saved, host.ipvsadm("-Sn").success());
    host.ipvsadm("-C").success();
    host.shell(&format!("{} --file {rules}", wrapper("restore"))).success();
    assert_eq!(host.ipvsadm("-Sn").success(), saved);
    host.shell(&format!("umount {directory}")).success();
}

#[test]
fn link_to_ipvsadm_runs_as_the_program_of_its_name() {
    let host = Host::with_addresses();
    host.ipvsadm("-A -t 192.0.2.1:80 -s rr").success();
    let links = host.state_directory().join("links");
    let links = links.display();
    host.shell(&format!(
        "mkdir -p {links} && ln -s {IPVSADM} {links}/ipvsadm-save && \
         cp {IPVSADM} {links}/ipvsadm-restore && cp {IPVSADM}-save {links}/keep"
    ))
    .success();
    for save in ["ipvsadm-save", "keep"] {
        let saved = host.shell(&format!("{links}/{save} -n")).success();
        assert_eq!(saved, "-A -t 192.0.2.1:80 -s rr\n");
    }
    host.shell(&format!("{links}/ipvsadm-restore </dev/null")).success();
    assert_eq!(host.ipvsadm("-Sn").success(), "");
}

/// As at boot before the network is up: only the loopback interface has an address.
#[test]
fn restore_before_the_network_is_up_is_complete() {
    root("modprobe ip_vs");
    let host = Host::new();
    let rules = "-A -t 192.0.2.1:80 -s rr\n\
         -a -t 192.0.2.1:80 -r 198.51.100.4:80 -g -w 1\n\
         -a -t 192.0.2.1:80 -r 198.51.100.5:80 -i -w 1 --tun-type ipip\n\
         -A -t [2001:db8::1]:80 -s rr\n\
         -a -t [2001:db8::1]:80 -r [2001:db8::5]:80 -m -w 1\n";
    host.restore(rules).success();
    assert_eq!(host.ipvsadm("-Sn").success(), rules);
}
