//! Which parts of IPVS the kernel has, or could load.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Those of distributions are below 2 MB.
const LONGEST: u64 = 16 << 20;

/// The schedulers and persistence engines that are loaded, built in, or listed as modules of this
/// kernel. `None` where there is no list, as in a container: then nothing is known of the others.
pub(super) fn parts(release: &str) -> Option<Vec<String>> {
    let directory = Path::new("/lib/modules").join(release);
    let mut found = BTreeSet::new();
    for (list, required) in [("modules.dep", true), ("modules.builtin", false)] {
        match File::open(directory.join(list)) {
            Ok(file) => found.extend(listed(BufReader::new(file.take(LONGEST)))),
            Err(_) if required => return None,
            Err(_) => {}
        }
    }
    let loaded = fs::read_dir("/sys/module").into_iter().flatten().flatten();
    found.extend(loaded.filter_map(|entry| part(entry.file_name().to_str()?)));
    Some(found.into_iter().collect())
}

/// Lines such as `kernel/net/netfilter/ipvs/ip_vs_rr.ko.xz: …`.
fn listed(list: impl BufRead) -> Vec<String> {
    let name = |line: String| {
        let path = line.split(':').next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default();
        part(file.split(".ko").next().unwrap_or_default())
    };
    list.lines().map_while(Result::ok).filter_map(name).collect()
}

fn part(module: &str) -> Option<String> {
    Some(module.strip_prefix("ip_vs_")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_known_by_their_files() {
        let list = "kernel/net/netfilter/ipvs/ip_vs_rr.ko: kernel/net/netfilter/ipvs/ip_vs.ko\n\
                    kernel/net/netfilter/ipvs/ip_vs.ko.zst:\n\
                    kernel/net/netfilter/ipvs/ip_vs_pe_sip.ko.xz: a/ip_vs_lc.ko\n";
        assert_eq!(listed(list.as_bytes()), ["rr", "pe_sip"]);
    }
}
