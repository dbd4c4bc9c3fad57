//! Invalid input and machines that refuse: one clear error, and no partial change.

use crate::support::{Host, IPVSADM, LVSCTL, Outcome, assert_same, root};

/// Runs a command as root without CAP_NET_ADMIN.
fn unprivileged(host: &Host, program: &str, line: &str) -> Outcome {
    host.shell(&format!("setpriv --bounding-set -net_admin {program} {line}"))
}

#[test]
fn ipvsadm_without_cap_net_admin_fails_as_the_reference() {
    root("modprobe ip_vs");
    let host = Host::new();
    for line in ["-Ln", "-C", "-A -t 192.0.2.1:80"] {
        let theirs = unprivileged(&host, crate::support::REFERENCE, line);
        let ours = unprivileged(&host, IPVSADM, line);
        assert_eq!(ours.visible(), theirs.visible(), "{line}: {ours:?}");
        assert_eq!(ours.status, 2);
    }
    assert_eq!(unprivileged(&host, IPVSADM, "-v").status, 0);
}

#[test]
fn lvsctl_without_cap_net_admin_changes_nothing() {
    root("modprobe ipip");
    let host = Host::new();
    let state = host.state_directory().display();
    let line = format!("--state-dir {state} real-server up --mode tun --vip 192.168.10.10");
    let before = host.everything();
    let refused = unprivileged(&host, LVSCTL, &line);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.errors.contains("CAP_NET_ADMIN"), "{refused:?}");
    assert_same(&host.everything(), &before, "after the refusal");
}

#[test]
fn lvsctl_with_impossible_arguments_changes_nothing() {
    let host = Host::with_addresses();
    let before = host.everything();
    for (line, words) in [
        ("real-server up --mode tun --vip 192.168.10", "192.168.10"),
        ("real-server up --mode tun --vip 192.168.10.10/24", "192.168.10.10/24"),
        ("real-server up --mode tun --vip 224.0.0.1", "224.0.0.1"),
        ("real-server up --mode tun --vip 0.0.0.0", "0.0.0.0"),
        ("real-server up --mode tun", "--vip"),
        (
            "director up --mode tun --vip 192.0.2.10 --service tcp:80 --real 192.0.2.10",
            "192.0.2.10",
        ),
        ("director up --mode tun --vip 192.0.2.10 --service tcp:80 --real 192.0.2.2:81", "81"),
        ("director up --mode dr --vip 192.0.2.10 --service tcp:80 --real 192.0.2.2:81", "81"),
        ("director up --mode dr --vip 203.0.113.9 --service tcp:80 --real 192.0.2.2", "--device"),
        ("director up --mode nat --vip 192.0.2.10 --service tcp:80 --real 2001:db8::2", "family"),
        ("director up --mode nat --vip 192.0.2.10 --device a/b --service tcp:80", "a/b"),
        ("real-server up --mode nat --vip 192.0.2.10", "--gateway"),
        ("real-server up --mode nat --vip 192.0.2.10 --gateway 203.0.113.1", "--device"),
        ("real-server up --mode dr --vip 192.0.2.10 --gateway 192.0.2.3", "--mode nat"),
        ("director up --mode tun --vip 192.0.2.10 --service tcp:99999 --real 192.0.2.2", "99999"),
        ("director up --mode tun --vip 192.0.2.10 --service icmp:80 --real 192.0.2.2", "icmp"),
        (
            "director up --mode tun --vip 192.0.2.10 --service tcp:80 --real 192.0.2.2,weight=x",
            "weight",
        ),
    ] {
        for line in [line.to_owned(), format!("--dry-run {line}")] {
            let refused = host.lvsctl(&line);
            assert_eq!(refused.status, 1, "{line}: {refused:?}");
            assert!(refused.errors.contains(words), "{line}: {refused:?}");
        }
        assert_same(&host.everything(), &before, line);
    }
}

#[test]
fn up_rolls_back_when_sysctl_is_read_only() {
    let host = Host::with_addresses();
    let before = host.everything();
    let line = "director up --mode nat --vip 192.0.2.10 --service tcp:80 --real 198.51.100.2";
    let state = host.state_directory().display();
    let refused = host.shell(&format!(
        "exec unshare --mount sh -c 'mount -t proc proc /proc && mount --bind /proc/sys /proc/sys && \
         mount -o remount,bind,ro /proc/sys && exec {LVSCTL} --state-dir {state} {line}'"
    ));
    assert_eq!(refused.status, 1, "{refused:?}");
    for words in ["/proc/sys/net/ipv4/ip_forward", "Read-only file system", "mounted read-only"] {
        assert!(refused.errors.contains(words), "{refused:?}");
    }
    assert_same(&host.everything(), &before, "after the refusal");
    host.lvsctl(line).success();
}

/// Nothing of an interface that has vanished can be reverted; the rest is.
#[test]
fn down_reverts_the_rest_when_interface_has_vanished() {
    let host = Host::with_addresses();
    host.shell("ip link del eth0").success();
    let before = host.everything();
    host.shell(
        "ip link add eth0 type dummy && ip link set eth0 up && ip address add 203.0.113.1/24 dev eth0",
    )
    .success();
    for (line, back) in [
        (
            "real-server up --mode dr --vip 203.0.113.10",
            "real-server down --mode dr --vip 203.0.113.10",
        ),
        (
            "director up --mode nat --vip 203.0.113.10 --service tcp:80 --real 198.51.100.2",
            "director down --mode nat --vip 203.0.113.10",
        ),
    ] {
        host.shell("ip link add eth0 type dummy; ip link set eth0 up; ip address replace 203.0.113.1/24 dev eth0")
            .success();
        host.lvsctl(line).success();
        host.shell("ip link del eth0").success();
        host.lvsctl(back).success();
        assert_same(&host.everything(), &before, back);
        assert!(host.lvsctl("status").success().contains("has set nothing"));
    }
}

/// The name of a VLAN interface, `eth0.7`, has a dot, which separates directories in sysctl names.
#[test]
fn down_keeps_addresses_that_were_there_before_on_interface_with_a_dot() {
    let host = Host::with_addresses();
    let vlan = "ip link add eth0.7 type dummy; ip link set eth0.7 up; \
                ip address add 203.0.113.10/24 dev eth0.7; ip address add 203.0.113.11/32 dev eth0.7";
    host.shell(vlan).success();
    let before = host.everything();
    let line = |verb: &str, role: &str| {
        let service = if verb == "up" { "--service tcp:80 --real 203.0.113.2" } else { "" };
        let service = if role == "director" { service } else { "" };
        format!("{role} {verb} --mode dr --vip 203.0.113.10 --vip 203.0.113.11 {service}")
    };
    for role in ["director", "real-server"] {
        host.lvsctl(&line("up", role)).success();
        let addresses = host.shell("ip -oneline address show dev eth0.7").success();
        assert!(addresses.contains("203.0.113.10/24") && addresses.contains("203.0.113.11/32"));
        assert_eq!(addresses.matches("203.0.113.10/").count(), 1, "{addresses}");
        if role == "real-server" {
            let silent = "cat /proc/sys/net/ipv4/conf/eth0.7/arp_ignore";
            assert_eq!(host.shell(silent).success(), "1\n");
        }
        host.lvsctl(&line("down", role)).success();
        assert_same(&host.everything(), &before, role);
    }
}

#[test]
fn nat_director_as_nat_real_server_is_refused() {
    let host = Host::with_addresses();
    let director = "director up --mode nat --vip 192.0.2.10 --service tcp:80 --real 198.51.100.2";
    let server = "real-server up --mode nat --vip 203.0.113.9 --gateway 192.0.2.2";
    for (first, second) in [(director, server), (server, director)] {
        host.lvsctl(first).success();
        let before = host.everything();
        let refused = host.lvsctl(second);
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.errors.contains("the other end of nat"), "{refused:?}");
        assert_same(&host.everything(), &before, second);
        let back = first.replace(" up ", " down ").replace(" --gateway 192.0.2.2", "");
        host.lvsctl(&back).success();
    }
}

#[test]
fn up_explains_and_rolls_back_when_kernel_refuses() {
    let host = Host::with_addresses();
    let before = host.everything();
    let up = "director up --mode tun --vip 192.0.2.10 --service tcp:80 --real 192.0.2.2";
    for (more, words) in [
        (
            "--scheduler nosuch",
            &["ipvsadm -A -t 192.0.2.10:80 -s nosuch", "No such file", "ip_vs_nosuch"],
        ),
        // The broadcast address of the subnet, after a valid real server.
        (
            "--real 192.0.2.255",
            &["ipvsadm -a -t 192.0.2.10:80 -r 192.0.2.255:80", "Invalid argument", "unicast"],
        ),
    ] {
        let refused = host.lvsctl(&format!("{up} {more}"));
        assert_eq!(refused.status, 1, "{more}: {refused:?}");
        assert!(refused.output.lines().all(|line| line.starts_with("+ ")), "{refused:?}");
        for words in words.iter().chain(&["Rolled back:"]) {
            assert!(refused.errors.contains(words), "{words}: {refused:?}");
        }
        assert_same(&host.everything(), &before, more);
        assert_eq!(host.left_in_state_directory(), ["log"], "{more}: nothing is left to revert");
    }
}

/// Exit status 2 means that something differs.
#[test]
fn usage_error_exits_with_1() {
    let host = Host::new();
    for line in ["diff", "diff --nosuch /dev/null", "diff /nosuch", "status --nosuch", "nosuch", ""]
    {
        let refused = host.lvsctl(line);
        assert_eq!((refused.status, refused.output.as_str()), (1, ""), "{line}: {refused:?}");
    }
    assert_eq!(host.lvsctl("--help").status, 0);
}

/// A machine has one default route, so replies from two addresses cannot leave by two gateways.
#[test]
fn up_with_value_of_another_owner_is_refused_by_name() {
    let host = Host::with_addresses();
    let before = host.everything();
    let up = |vip, gateway| {
        let addresses = format!("--vip 203.0.113.{vip} --gateway 192.0.2.{gateway}");
        host.lvsctl(&format!("real-server up --mode nat {addresses}"))
    };
    up(1, 2).success();
    let first = host.everything();
    for dry in ["", "--dry-run "] {
        let line = "real-server up --mode nat --vip 203.0.113.2 --gateway 192.0.2.3";
        let refused = host.lvsctl(&format!("{dry}{line}"));
        assert_eq!((refused.status, refused.output.as_str()), (1, ""), "{refused:?}");
        for word in
            ["default", "192.0.2.3", "192.0.2.2", "real-server nat 203.0.113.1", "Nothing was"]
        {
            assert!(refused.errors.contains(word), "{word}: {refused:?}");
        }
        assert_same(&host.everything(), &first, "after the refusal");
    }
    up(1, 3).success();
    up(2, 3).success();
    assert_eq!(up(1, 2).status, 1, "now there are two");
    host.lvsctl("real-server down --mode nat --vip 203.0.113.1 --vip 203.0.113.2").success();
    assert_same(&host.everything(), &before, "after down");
}

#[test]
fn closed_pipe_is_ok_and_full_disk_is_an_error() {
    let host = Host::with_addresses();
    let fill = "for i in $(seq 1 250); do echo -A -t 10.0.0.$i:80 -s rr; done";
    host.shell(&format!("{fill} | {IPVSADM} -R")).success();
    for line in ["-Ln", "-Sn", "-Ln --stats"] {
        let piped = host.shell(&format!("({IPVSADM} {line}; echo $? >&2) | head -1"));
        assert_eq!(piped.errors, "0\n", "{line}");
        assert_eq!(piped.output.lines().count(), 1);
        let full = host.shell(&format!("{IPVSADM} {line} >/dev/full"));
        assert_eq!(full.status, 1, "{full:?}");
        assert!(full.errors.contains("No space left on device"), "{full:?}");
    }
}
