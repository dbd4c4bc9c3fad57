//! Who else works on the IPVS table.

use std::fs;

use super::text;

/// Programs that change it of their own accord.
const CONTROLLERS: [&str; 4] = ["keepalived", "ldirectord", "kube-proxy", "kube-router"];

/// Those that run in this network namespace.
pub(super) fn running() -> Vec<String> {
    let here = fs::read_link("/proc/thread-self/ns/net").ok();
    let mut found: Vec<String> = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let process = entry.path();
        let is_process = entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok());
        if !is_process {
            continue;
        }
        let name = text(process.join("comm"));
        let known = CONTROLLERS.iter().find(|known| **known == name.trim());
        if let Some(known) = known
            && here.is_some()
            && fs::read_link(process.join("ns/net")).ok() == here
            && !found.iter().any(|name| name == known)
        {
            found.push((*known).to_owned());
        }
    }
    found.sort_unstable();
    found
}
