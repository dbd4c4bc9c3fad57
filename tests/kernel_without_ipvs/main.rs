//! The commands on a kernel that cannot load IPVS or IP tunnels. They run in a separate guest:
//! `scripts/test kernel`.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use support::{Host, LVSCTL, in_guest};

/// A host on a kernel that cannot load modules.
fn host() -> Host {
    in_guest();
    fs::write("/proc/sys/kernel/modprobe", "/bin/false").unwrap();
    assert!(!Path::new("/proc/net/ip_vs").exists(), "this guest has IPVS already");
    Host::without_modules()
}

#[test]
fn ipvsadm_without_ipvs_fails_as_the_reference() {
    let host = host();
    for line in ["-Ln", "-A -t 192.0.2.1:80", "-C", "-S", "-R", ""] {
        let outcome = host.ipvsadm(line);
        assert_eq!(outcome.status, 2, "{line}: {outcome:?}");
        assert_eq!(outcome.output, "", "{line}");
        assert_eq!(
            outcome.errors,
            "Can't initialize ipvs: Protocol not available\n\
             Are you sure that IP Virtual Server is built in the kernel or as module?\n",
            "{line}"
        );
    }
}

#[test]
fn explanation_of_missing_ipvs_names_module() {
    let host = host();
    let outcome = host.ipvsadm("-Ln --explain");
    let last = outcome.errors.lines().last().unwrap();
    assert!(last.starts_with("IPVS: the module ip_vs is there, but"), "{outcome:?}");
    assert_eq!(outcome.errors.lines().count(), 3, "{outcome:?}");
}

#[test]
fn no_load_lists_an_empty_table_and_loads_nothing() {
    let host = host();
    let note = "IPVS is not loaded, and --no-load keeps it so: there is nothing to list\n";
    for (line, lines) in [("-Ln", 3), ("-Lnc", 2), ("-S", 0), ("-L --json", 1)] {
        let outcome = host.ipvsadm(&format!("{line} --no-load"));
        assert_eq!((outcome.status, outcome.errors.as_str()), (0, note), "{line}: {outcome:?}");
        assert_eq!(outcome.output.lines().count(), lines, "{line}: {outcome:?}");
        assert!(!Path::new("/proc/net/ip_vs").exists());
    }
}

/// The first process of this guest is not systemd, either.
#[test]
fn install_without_systemd_is_refused() {
    let host = host();
    for line in ["install scripts/examples/tun.toml", "uninstall default"] {
        let outcome = host.lvsctl(line);
        assert_eq!(outcome.status, 1);
        assert!(outcome.errors.contains("this machine does not run systemd"), "{outcome:?}");
    }
}

#[test]
fn help_and_version_without_ipvs_work() {
    let host = host();
    let version = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n";
    assert_eq!(host.ipvsadm("-v").success(), version);
    assert!(host.ipvsadm("-h").success().starts_with(version));
}

#[test]
fn lvsctl_without_ipvs_names_missing_module_and_changes_nothing() {
    let host = host();
    let before = host.shell("ip -oneline link; ip route; grep -r . /proc/sys/net/ipv4/conf").output;
    let server = host.lvsctl("real-server up --mode tun --vip 192.168.10.10");
    assert_eq!(server.status, 1, "{server:?}");
    assert!(server.errors.contains("ipip"), "{server:?}");

    let director = host
        .lvsctl("director up --mode tun --vip 192.168.10.10 --service tcp:80 --real 192.168.10.2");
    assert_eq!(director.status, 1, "{director:?}");
    assert!(director.errors.contains("ip_vs") || director.errors.contains("ipip"), "{director:?}");

    let after = host.shell("ip -oneline link; ip route; grep -r . /proc/sys/net/ipv4/conf").output;
    assert_eq!(before, after);
    let down = host.lvsctl("real-server down --mode tun --vip 192.168.10.10");
    assert_eq!(down.status, 0, "{down:?}");
}

/// Generic netlink makes the kernel load IPVS, so the doctor does not open it.
#[test]
fn doctor_loads_no_module() {
    let host = host();
    let log = format!("/run/strace-{}", host.name());
    let outcome =
        host.shell(&format!("strace -f -o {log} {LVSCTL} --state-dir /run/nowhere doctor"));
    assert_eq!(outcome.status, 0, "{outcome:?}");
    assert!(outcome.output.ends_with("nothing wrong\n"), "{outcome:?}");
    let calls = host.shell(&format!("cat {log}")).success();
    assert!(calls.contains("NETLINK_ROUTE"), "{calls}");
    assert!(!calls.contains("NETLINK_GENERIC"), "{calls}");
    assert!(!Path::new("/proc/net/ip_vs").exists());
}
