//! What the tests of the path share: hosts set up by hand, cluster files, and the judge.

use std::fs;

use serde_json::json;

use crate::cluster::{Cluster, examined, ids, run};
use crate::support::Host;

pub(crate) const VIP: &str = "192.168.10.10";

/// What every tutorial sets on a real server.
pub(crate) const SUPPRESSED: &str =
    "cd /proc/sys/net/ipv4/conf; echo 1 >all/arp_ignore; echo 2 >all/arp_announce";

/// A cluster file of one service.
pub(crate) fn cluster_file(cluster: &Cluster, mode: &str, listen: &str, real: &str) -> String {
    cluster_file_of(cluster, mode, "192.168.10.1", listen, real)
}

pub(crate) fn cluster_file_of(
    cluster: &Cluster,
    mode: &str,
    director: &str,
    listen: &str,
    real: &str,
) -> String {
    let port = listen.rsplit(':').next().unwrap();
    let file = format!("/run/{}-{mode}-{port}.toml", cluster.director.name());
    let text = format!(
        "mode = \"{mode}\"\ndirectors = [\"{director}\"]\n[[service]]\nlisten = \"tcp://{listen}\"\n\
         scheduler = \"rr\"\nreal = [\"{real}\"]\n"
    );
    fs::write(&file, text).unwrap();
    file
}

/// Asserts that clients are answered, and that no host has a failure or a warning, with the file and
/// without it.
#[track_caller]
pub(crate) fn is_not_alarmed(cluster: &Cluster, file: &str) {
    cluster.is_answered();
    for host in [&cluster.director, &cluster.real] {
        for options in [file, ""] {
            let (status, findings, object) = examined(host, options);
            let alarms: Vec<_> = findings.iter().filter(|it| it["severity"] != "advice").collect();
            assert!(alarms.is_empty() && status == 0, "{status} {options}: {alarms:#?} {object:#}");
        }
        // By its table and addresses alone, a real server of NAT is a machine like any other.
        if examined(host, "").2["role"] != "none" {
            let traced = host.lvsctl_inside("trace");
            assert_eq!(traced.status, 0, "{traced:?}");
        }
    }
}

/// A line of shell that stops packets on a host, and what the doctor says first.
pub(crate) struct Outage<'a> {
    pub(crate) host: &'a Host,
    pub(crate) by: &'a str,
    pub(crate) id: &'a str,
    /// A line of shell for what no command of the finding heals.
    pub(crate) healed_by: Option<&'a str>,
    /// What the finding is given beside the host.
    pub(crate) file: &'a str,
}

impl<'a> Outage<'a> {
    pub(crate) const fn new(host: &'a Host, by: &'a str, id: &'a str) -> Self {
        Self { host, by, id, healed_by: None, file: "" }
    }
}

impl Cluster {
    /// Breaks a host, expects that clients get no answer and that the finding is the first one, heals
    /// it by its fix, and expects that clients are answered again.
    #[track_caller]
    pub(crate) fn stops(&self, outage: &Outage<'_>) {
        let Outage { host, by, id, healed_by, file } = *outage;
        host.shell(by).success();
        self.is_not_answered();
        let (status, findings, object) = examined(host, file);
        let unknown = &object["unknown"];
        let first = ids(&findings).first().copied();
        assert_eq!((status, first), (1, Some(id)), "{by}: {findings:#?} {unknown:#}");
        if file.is_empty() {
            let traced = host.lvsctl_inside("trace");
            assert!(traced.status == 1 && traced.output.contains(id), "{by}: {traced:?}");
        }
        match healed_by {
            // The repair of this finding alone, and not the whole file.
            None if findings[0]["instead"] != json!([]) => run(host, &findings[0], "instead"),
            None => run(host, &findings[0], "fix"),
            Some(line) => drop(host.shell(line).success()),
        }
        self.is_answered();
    }
}

/// A table that is made by hand, on a director.
pub(crate) fn table(cluster: &Cluster, service: &str, destination: &str) {
    cluster.director.reference(&format!("-A {service} -s rr")).success();
    cluster.director.reference(&format!("-a {service} -r {destination}")).success();
}
