//! Interfaces that `systemd-networkd` manages, and whether it keeps what others set on them
//! (`systemd.network(5)`).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::text;
use crate::doctor::Managed;
use crate::node::{LinkState, Manager};

/// A file hides those of the same name in the directories behind.
const DIRECTORIES: [&str; 4] = ["/etc", "/run", "/usr/local/lib", "/usr/lib"];

pub(super) fn managed(links: &[LinkState]) -> Vec<Managed> {
    let managed = |link: &LinkState| match Manager::of(&link.name)? {
        Manager::Networkd { file } => {
            let keeps = keeps(texts(&file));
            Some(Managed { device: link.name.clone(), file: file.display().to_string(), keeps })
        }
        Manager::NetworkManager => None,
    };
    links.iter().filter_map(managed).collect()
}

/// The file, and its drop-ins in their order.
fn texts(file: &Path) -> Vec<String> {
    let mut parts: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    let mut drop_ins = file.file_name().unwrap_or_default().to_owned();
    drop_ins.push(".d");
    for directory in DIRECTORIES {
        let directory = Path::new(directory).join("systemd/network").join(&drop_ins);
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            parts.entry(entry.file_name()).or_insert_with(|| entry.path());
        }
    }
    parts.retain(|name, _| Path::new(name).extension().is_some_and(|end| end == "conf"));
    [file].into_iter().chain(parts.values().map(PathBuf::as_path)).map(text).collect()
}

/// The last word counts.
fn keeps(texts: Vec<String>) -> bool {
    let mut keeps = false;
    for text in texts {
        for line in text.lines() {
            if let Some(("KeepConfiguration", value)) =
                line.split_once('=').map(|(key, value)| (key.trim(), value.trim()))
            {
                keeps = matches!(value, "static" | "yes" | "true" | "on" | "1");
            }
        }
    }
    keeps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts() {
        let keeps = |texts: &[&str]| keeps(texts.iter().map(|it| (*it).to_owned()).collect());
        assert!(!keeps(&["[Network]\nAddress=192.0.2.1/24\n"]));
        assert!(keeps(&["[Network]\nKeepConfiguration = static\n"]));
        assert!(keeps(&[
            "[Network]\nKeepConfiguration=dhcp\n",
            "[Network]\nKeepConfiguration=yes"
        ]));
        assert!(!keeps(&[
            "[Network]\nKeepConfiguration=yes\n#KeepConfiguration=yes",
            "KeepConfiguration=no"
        ]));
    }
}
