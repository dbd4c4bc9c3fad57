//! IPVS tables of other network namespaces.

use std::fs;
use std::path::PathBuf;

use crate::doctor::Elsewhere;
use lvs::ipvs::Client;
use lvs::netlink::{Namespace, Socket};

/// Where `ip netns` and Docker keep theirs.
const DIRECTORIES: [&str; 2] = ["/run/netns", "/run/docker/netns"];

/// No more are looked into.
const MOST: usize = 64;

/// The namespaces that have services. What may not be entered is left out.
pub(super) fn directors() -> Vec<Elsewhere> {
    let entries = DIRECTORIES.iter().flat_map(fs::read_dir).flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.truncate(MOST);
    let count = |path: PathBuf| {
        let namespace = path.display().to_string();
        let services = services(Namespace::Path(path)).filter(|count| *count > 0)?;
        Some(Elsewhere { namespace, services })
    };
    paths.into_iter().filter_map(count).collect()
}

/// By a thread of its own, which ends there.
fn services(namespace: Namespace) -> Option<usize> {
    let count = move || {
        namespace.enter().ok()?;
        let mut client = Socket::new().and_then(Client::new).ok()?;
        Some(client.services().ok()?.len())
    };
    std::thread::spawn(count).join().ok().flatten()
}
