//! Everything that a set-up could leave behind on a host, as text.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::Host;

/// Links, addresses, routes of every table, rules, parameters and the IPVS table.
///
/// From the first time that it is up, `tunl0` and `gre0` have parameters for IPv6, and an interface
/// a queueing discipline: the kernel keeps them, so they are left out.
pub fn everything(host: &Host) -> String {
    let lines = "link show\naddress show\nroute show table all\nrule show\n";
    let shown = host.shell(&format!(
        "printf '{lines}' | ip -oneline -batch -; echo 'rule show' | ip -6 -batch -"
    ));
    let shown = shown.success();
    let mut state: String = shown.lines().map(|line| lasting(line) + "\n").collect();
    state.push_str(&host.inside(parameters));
    state + &host.reference("-Sn").success()
}

/// A line of `ip` without what changes by itself.
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

/// The parameters of every interface, and whether the host forwards.
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
                // Some may not be read.
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
