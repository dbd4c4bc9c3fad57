//! The entry points of the fuzz targets in `fuzz/`: each reads untrusted input.
//!
//! None may panic, hang or allocate without bound. The corpora also run as unit tests.

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::{env, fs, process, str};

use crate::config::ClusterSpec;
use crate::doctor::{self, Expectation, Facts};
use crate::engine::JournalFile;
use crate::host::machine::{Key, Value};
use crate::ipvsadm;
use crate::policy::{self, ActualState, Owned, Owner, Role};
use lvs::ipvs::{Client, Request};
use lvs::netlink::fake_kernel::{self, FakeKernel, Seen};
use lvs::proc::ConnectionTable;
use lvs::ruleset::{self, NoNames};

/// A target.
pub type Target = fn(&[u8]);

/// The targets, by the names of their files and corpora.
pub const TARGETS: [(&str, Target); 7] = [
    ("command_line", command_line),
    ("restore", restore),
    ("cluster_file", cluster_file),
    ("connections", connections),
    ("netlink", netlink),
    ("journal", journal),
    ("snapshot", snapshot),
];

/// The command line of `ipvsadm`, one argument per line. What is accepted is accepted again as
/// a restore prints it.
pub fn command_line(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let words: Vec<String> = text.lines().map(str::to_owned).collect();
    for posixly_correct in [false, true] {
        let _ = ipvsadm::parse("ipvsadm", &words, &NoNames, posixly_correct);
    }
    let _ = ipvsadm::parse_restore_line("ipvsadm", &words, &NoNames, false);
}

/// The input of `ipvsadm -R`. What is read and printed is read again, to the same requests.
pub fn restore(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(requests) = ruleset::parse(text, &NoNames) else { return };
    let printed: String = requests.iter().map(|request| format!("{request}\n")).collect();
    let again = ruleset::parse(&printed, &NoNames);
    assert_eq!(again.as_deref().ok(), Some::<&[Request]>(&requests), "{printed}");
}

/// A cluster file, and what each role needs of a machine that has nothing.
pub fn cluster_file(data: &[u8]) {
    let Ok(cluster) = ClusterSpec::read(data, Path::new("cluster.toml")) else { return };
    let own = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
    for role in [Role::Director, Role::RealServer] {
        let Ok(duties) = cluster.duties(role, &own) else { continue };
        let owned = |duty| Owned { owner: Owner::Ruleset, duty };
        let duties: Vec<Owned> = duties.into_iter().map(owned).collect();
        let _ = policy::desired(&duties, &ActualState::default());
    }
}

/// `/proc/net/ip_vs_conn`.
pub fn connections(data: &[u8]) {
    let Ok(mut table) = ConnectionTable::new(Cursor::new(data)) else { return };
    while let Ok(Some(_)) = table.next() {}
}

/// Messages of the kernel as the reply to every request: per message its type, flags, the length of
/// its payload, and the payload. Type 255 is a datagram that is no message.
pub fn netlink(data: &[u8]) {
    let replies = |seen: &[Seen]| {
        let sequence = seen.last().map_or(0, Seen::sequence);
        let mut datagrams = Vec::new();
        let mut rest = data;
        while let Some((&[kind, flags, length], tail)) = rest.split_first_chunk() {
            let (payload, behind) = tail.split_at(usize::from(length).min(tail.len()));
            datagrams.push(Ok(match kind {
                255 => payload.to_vec(),
                kind => fake_kernel::message(kind.into(), flags.into(), sequence, payload),
            }));
            rest = behind;
        }
        datagrams
    };
    let Ok(mut client) = Client::new(FakeKernel::new(replies)) else { return };
    let _ = client.info();
    let _ = client.daemons();
    let _ = client.timeouts();
    for entry in client.services().unwrap_or_default() {
        let _ = Request::AddService(entry.service.clone()).to_string();
        let _ = client.destinations(&entry.service.identity);
    }
    let _ = client.execute(&Request::Flush);
}

/// A journal.
pub fn journal(data: &[u8]) {
    let path = env::temp_dir().join(format!("lvsctl-journal-{}", process::id()));
    if fs::write(&path, data).is_ok() {
        let _ = JournalFile::load::<Key, Value, Owner>(path.clone(), "boot".to_owned());
        let _ = fs::remove_file(path);
    }
}

/// A snapshot, and the examination of the machine that it shows.
pub fn snapshot(data: &[u8]) {
    let Ok(facts) = serde_json::from_slice::<Facts>(data) else { return };
    let expectation = Expectation::evident(&facts);
    let _ = doctor::examine(&facts, &expectation, None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corpora_run_through_their_targets() {
        for (name, target) in TARGETS {
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
            let files = fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut count = 0;
            for file in files {
                target(&fs::read(file.unwrap().path()).unwrap());
                count += 1;
            }
            assert!(count > 0, "{} is empty", corpus.display());
        }
    }
}
