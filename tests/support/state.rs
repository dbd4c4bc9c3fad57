//! All state that a set-up could leave behind on a host, as text.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use lvs::netlink::{Connection, Socket};

use super::Host;

/// Links, addresses, routes of every table, rules, sysctls and the IPVS table.
///
/// Once they have been up, `tunl0` and `gre0` have IPv6 sysctls, and every interface has a queueing
/// discipline: the kernel keeps them, so they are left out.
pub fn everything(host: &Host) -> String {
    let (mut state, has_services) = host.inside(|| {
        let shown = ip("link show\naddress show\nroute show table all\n") + &rules();
        let lines: String = shown.lines().map(|line| lasting(line) + "\n").collect();
        // The kernel's listing has three header lines.
        let table = fs::read_to_string("/proc/thread-self/net/ip_vs").unwrap_or_default();
        (lines + &parameters(), table.lines().count() > 3)
    });
    if has_services {
        state.push_str(&host.reference("-Sn").success());
    }
    state
}

/// The output of `ip` for a batch of lines, without a shell.
fn ip(lines: &str) -> String {
    let mut command = Command::new("ip");
    command.args(["-oneline", "-batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut asked = command.spawn().unwrap();
    asked.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let said = asked.wait_with_output().unwrap();
    assert!(said.status.success(), "ip -batch: {lines}");
    String::from_utf8_lossy(&said.stdout).into_owned()
}

/// The rules of both families, for which `ip` needs two processes: the kernel's messages.
fn rules() -> String {
    const FIB_RULE_HEADER: [u8; 12] = [0; 12];
    let mut connection = Connection::new(Socket::route().unwrap());
    let (get, new) = (libc::RTM_GETRULE, libc::RTM_NEWRULE);
    let rules =
        connection.dump_messages(get, &FIB_RULE_HEADER, new, |rule| Ok(format!("{rule:?}\n")));
    rules.unwrap().concat()
}

/// A line of `ip` without values that change by themselves.
fn lasting(line: &str) -> String {
    let line = line.split("valid_lft").next().unwrap_or_default();
    let mut words = line.split(' ');
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "qdisc" | "expires" => drop(words.next()),
            _ => kept.push(word),
        }
    }
    kept.join(" ")
}

/// The sysctls of every interface, and `ip_forward`.
fn parameters() -> String {
    let mut text = String::new();
    for family in ["ipv4", "ipv6"] {
        let interfaces = Path::new("/proc/sys/net").join(family).join("conf");
        for interface in sorted(&interfaces) {
            if family == "ipv6" && (interface == "tunl0" || interface == "gre0") {
                continue;
            }
            let directory = interfaces.join(interface);
            for name in sorted(&directory) {
                let file = directory.join(name);
                // Some are write-only.
                let Ok(value) = fs::read_to_string(&file) else { continue };
                writeln!(text, "{}: {}", file.display(), value.trim_end()).unwrap();
            }
        }
    }
    let forwards = fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
    text + "ip_forward: " + &forwards
}

fn sorted(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
