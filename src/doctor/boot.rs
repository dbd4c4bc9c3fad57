//! What the boot sets kernel parameters of the network to (`sysctl.d(5)`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::gather::text;
use crate::host::Sysctl;

/// One line that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootSetting {
    /// What is set.
    pub sysctl: Sysctl,
    /// To what.
    pub value: String,
    /// By which file.
    pub file: String,
}

/// A file hides those of the same name in the directories behind.
const DIRECTORIES: [&str; 4] =
    ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"];

/// Read by `sysctl --system` after all others.
const LAST: &str = "/etc/sysctl.conf";

/// The last line counts, in the order of the files' names. Patterns are left out: a line that names
/// the parameter outdoes them.
pub(super) fn settings() -> Vec<BootSetting> {
    let mut files: BTreeMap<std::ffi::OsString, PathBuf> = BTreeMap::new();
    for directory in DIRECTORIES {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "conf") {
                files.entry(entry.file_name()).or_insert(path);
            }
        }
    }
    let mut settings: Vec<BootSetting> = Vec::new();
    for path in files.values().map(PathBuf::as_path).chain([Path::new(LAST)]) {
        for (sysctl, value) in lines(&text(path)) {
            settings.retain(|earlier| earlier.sysctl != sysctl);
            settings.push(BootSetting { sysctl, value, file: path.display().to_string() });
        }
    }
    settings
}

fn lines(text: &str) -> Vec<(Sysctl, String)> {
    let setting = |line: &str| {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            return None;
        }
        let (name, value) = line.split_once('=')?;
        Some((sysctl(name.trim().trim_start_matches('-'))?, value.trim().to_owned()))
    };
    text.lines().filter_map(setting).collect()
}

/// With dots between the parts, or with slashes: whichever comes first separates, and the other
/// stands for itself.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_in_both_spellings() {
        let text = "# net.ipv4.ip_forward = 1\n;x=1\n-net.ipv4.ip_forward = 0\n\
                    net/ipv4/conf/eth0.100/rp_filter=1\nnet.ipv4.conf.eth0/100.rp_filter =2\n\
                    net.ipv4.conf.*.rp_filter = 2\nkernel.sysrq = 1\n-net.ipv4.conf.all.rp_filter\n";
        let found: Vec<String> =
            lines(text).into_iter().map(|(sysctl, value)| format!("{sysctl}={value}")).collect();
        let expected = [
            "net/ipv4/ip_forward=0",
            "net/ipv4/conf/eth0.100/rp_filter=1",
            "net/ipv4/conf/eth0.100/rp_filter=2",
        ];
        assert_eq!(found, expected);
    }
}
