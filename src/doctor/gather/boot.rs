//! What the next boot sets up: sysctls (`sysctl.d(5)`), IPVS rules, and units of lvsctl.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::proc::text;
use crate::doctor::facts::BootSetting;
use crate::host::Sysctl;

/// A file masks files of the same name in later directories.
const SYSCTL_DIRECTORIES: [&str; 4] =
    ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"];

/// Read by `sysctl --system` after all others.
const LAST_SYSCTL_FILE: &str = "/etc/sysctl.conf";

/// The sysctls that are set at boot. The last line wins, in the order of file names. Patterns are
/// ignored: a line that names the parameter overrides them.
pub(super) fn settings() -> Vec<BootSetting> {
    let mut files: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for directory in SYSCTL_DIRECTORIES {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "conf") {
                files.entry(entry.file_name()).or_insert(path);
            }
        }
    }
    let mut settings: Vec<BootSetting> = Vec::new();
    for path in files.values().map(PathBuf::as_path).chain([Path::new(LAST_SYSCTL_FILE)]) {
        for (sysctl, value) in assignments(&text(path)) {
            settings.retain(|earlier| earlier.sysctl != sysctl);
            settings.push(BootSetting { sysctl, value, file: path.display().to_string() });
        }
    }
    settings
}

fn assignments(text: &str) -> Vec<(Sysctl, String)> {
    let assignment = |line: &str| {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            return None;
        }
        let (name, value) = line.split_once('=')?;
        Some((sysctl(name.trim().trim_start_matches('-'))?, value.trim().to_owned()))
    };
    text.lines().filter_map(assignment).collect()
}

/// Parses a name whose parts are separated by dots or slashes: the first one in the name is the
/// separator, the other an ordinary character.
fn sysctl(name: &str) -> Option<Sysctl> {
    let first = name.find(['.', '/'])?;
    let path = match name.as_bytes().get(first) {
        Some(b'.') => name
            .chars()
            .map(|character| match character {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect(),
        _ => name.to_owned(),
    };
    Sysctl::try_from(path).ok().filter(|sysctl| !sysctl.to_string().contains(['*', '?', '[']))
}

/// The rules restored at boot on Debian and on Fedora.
const RULE_FILES: [&str; 2] = ["/etc/ipvsadm.rules", "/etc/sysconfig/ipvsadm"];

/// The lines of these files that name a host or a service.
pub(super) fn names_in_rules() -> Vec<String> {
    RULE_FILES.iter().flat_map(|path| lines_with_names(&text(path))).collect()
}

fn lines_with_names(rules: &str) -> Vec<String> {
    let endpoints =
        ["-t", "-u", "-r", "--tcp-service", "--udp-service", "--sctp-service", "--real-server"];
    let is_numeric = |endpoint: &str| {
        endpoint.parse::<SocketAddr>().is_ok()
            || endpoint.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
    };
    let has_name = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut pairs = words.iter().zip(words.iter().skip(1));
        !line.trim_start().starts_with('#')
            && pairs.any(|(option, value)| endpoints.contains(option) && !is_numeric(value))
    };
    rules.lines().filter(has_name).map(|line| line.trim().to_owned()).collect()
}

/// Where `systemctl enable` links the units of a target.
const ENABLED_UNITS: &str = "/etc/systemd/system/multi-user.target.wants";

/// The enabled units of `lvsctl install`.
pub(super) fn units() -> Vec<String> {
    let units = fs::read_dir(ENABLED_UNITS).into_iter().flatten().flatten();
    let names = units.filter_map(|unit| unit.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("lvsctl-")).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysctl_files_are_parsed_with_either_separator() {
        let text = "# net.ipv4.ip_forward = 1\n;x=1\n-net.ipv4.ip_forward = 0\n\
                    net/ipv4/conf/eth0.100/rp_filter=1\nnet.ipv4.conf.eth0/100.rp_filter =2\n\
                    net.ipv4.conf.*.rp_filter = 2\nkernel.sysrq = 1\n-net.ipv4.conf.all.rp_filter\n";
        let found = assignments(text);
        let found: Vec<String> =
            found.into_iter().map(|(sysctl, value)| format!("{sysctl}={value}")).collect();
        let expected = [
            "net/ipv4/ip_forward=0",
            "net/ipv4/conf/eth0.100/rp_filter=1",
            "net/ipv4/conf/eth0.100/rp_filter=2",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn rules_with_names_are_found() {
        let rules = "# -t www:80\n-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r node1:80 -g\n\
                     -A -t [2001:db8::1]:80 -s rr\n-A -t 192.0.2.1:http -s rr\n-A -f 7 -s rr\n\
                     -a -f 7 -r 192.0.2.2 -g\n";
        let expected = ["-a -t 192.0.2.1:80 -r node1:80 -g", "-A -t 192.0.2.1:http -s rr"];
        assert_eq!(lines_with_names(rules), expected);
    }
}
