//! The entry points of the fuzz targets in `fuzz/`: each reads untrusted input.
//!
//! None may panic, hang or allocate without bound. The corpora also run as unit tests.

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::{env, fs, process, str};

use crate::config::ClusterSpec;
use crate::doctor::{self, Expectation, Facts};
use crate::engine::{Change, JournalFile};
use crate::host::machine::{Key, Value};
use crate::host::{self, State};
use crate::ipvsadm;
use crate::policy::{self, ActualState, AddressDuty, Duty, Mode, Owned, Owner, Role};
use lvs::ipvs::{AddressFamily, Client, Request, Service, ServiceEntry, ServiceIdentity, Stats};
use lvs::netlink::Connection;
use lvs::netlink::fake_kernel::{self, FakeKernel, Seen};
use lvs::proc::{ConnectionTable, DestinationTable};
use lvs::ruleset::{self, NoNames};

/// A target.
pub type Target = fn(&[u8]);

/// The targets, by the names of their files and corpora.
pub const TARGETS: [(&str, Target); 9] = [
    ("command_line", command_line),
    ("restore", restore),
    ("cluster_file", cluster_file),
    ("connections", connections),
    ("destinations", destinations),
    ("netlink", netlink),
    ("route_netlink", route_netlink),
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

/// `/proc/net/ip_vs`, beside dumps of none to all of these services.
pub fn destinations(data: &[u8]) {
    let services = [
        ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80),
        ServiceIdentity::udp(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 53),
        ServiceIdentity::Mark { mark: 3_000_000_000, family: AddressFamily::Ipv4 },
    ];
    let services = services.map(|it| ServiceEntry::new(Service::new(it, "rr"), Stats::default()));
    for count in 0..=services.len() {
        let Some(services) = services.get(..count) else { continue };
        let Some(table) = DestinationTable::read(data, services) else { continue };
        (0..count).for_each(|service| drop(table.destinations(service)));
    }
}

/// The network as the kernel dumps it: per object the type of its message, the length of what follows
/// in two bytes, and that. What is read of it is printed, recorded and put back.
pub fn route_netlink(data: &[u8]) {
    const DONE: u16 = 3;
    const MULTIPART: u16 = 2;
    let mut objects = Vec::new();
    let mut rest = data;
    while let Some((&[kind, low, high], tail)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(tail.len());
        let (payload, behind) = tail.split_at(length);
        objects.push((u16::from(kind), payload));
        rest = behind;
    }
    let replies = |seen: &[Seen]| {
        let Some(asked) = seen.last() else { return Vec::new() };
        // RTM_GETLINK is answered by RTM_NEWLINK, two below.
        let kind = asked.header.message_type.wrapping_sub(2);
        let own = objects.iter().filter(|(own, _)| *own == kind);
        let mut datagrams: Vec<_> = own
            .map(|(_, it)| Ok(fake_kernel::message(kind, MULTIPART, asked.sequence(), it)))
            .collect();
        datagrams.push(Ok(fake_kernel::message(DONE, MULTIPART, asked.sequence(), &[0; 4])));
        datagrams
    };
    let mut connection = Connection::new(FakeKernel::new(replies));
    let Ok(state) = State::dump(&mut connection) else { return };
    if let Ok(text) = serde_json::to_string(&state) {
        // A name that is not UTF-8 is no name, and a snapshot that has it is refused.
        let _ = serde_json::from_str::<State>(&text);
    }
    let _ = state.routes.iter().map(ToString::to_string).collect::<Vec<_>>();
    for family in [AddressFamily::Ipv4, AddressFamily::Ipv6] {
        let key = host::Key::DefaultRoute(family);
        if let Some(Some(value)) = state.value(&key) {
            assert!(host::is_same(&value, &value), "{value}");
            let change = Change { key, from: None, to: Some(value) };
            let _ = host::Key::command(&change);
        }
    }
    let actual = ActualState::of_state(&state);
    for (role, mode) in [(Role::RealServer, Mode::Tun), (Role::Director, Mode::Nat)] {
        let duty = AddressDuty::new(role, mode, Ipv4Addr::new(192, 0, 2, 10).into());
        let owned = Owned { owner: Owner::Ruleset, duty: Duty::Address(duty) };
        let _ = policy::desired(&[owned], &actual);
    }
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
    use std::time::{Duration, Instant};

    use super::*;

    fn corpus(name: &str) -> Vec<Vec<u8>> {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
        let files = fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{} is empty", corpus.display());
        files.iter().map(|file| fs::read(file).unwrap()).collect()
    }

    #[test]
    fn corpora_run_through_their_targets() {
        for (name, target) in TARGETS {
            corpus(name).iter().for_each(|input| target(input));
        }
    }

    /// SplitMix64.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((mixed ^ (mixed >> 31)) % limit.max(1) as u64).unwrap()
        }
    }

    /// What separates or begins something in one of the languages.
    const SPECIAL: &[u8] = b" \n-#\"'0/:[]=\0\xff";

    /// One to four changes; the other input is one of the corpus.
    fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
        for _ in 0..=random.below(4) {
            let at = random.below(input.len() + 1);
            let end = at + random.below((input.len() - at).min(40) + 1);
            match random.below(6) {
                0 if at < input.len() => input[at] ^= 1 << random.below(8),
                1 if at < input.len() => input[at] = [0, 1, 4, 127, 128, 255][random.below(6)],
                2 => input.insert(at, SPECIAL[random.below(SPECIAL.len())]),
                3 => drop(input.drain(at..end)),
                4 => {
                    let copied = input[at..end].to_vec();
                    let to = random.below(input.len() + 1);
                    input.splice(to..to, copied);
                }
                _ => {
                    let from = random.below(other.len() + 1);
                    let to = from + random.below((other.len() - from).min(200) + 1);
                    input.splice(at..end, other[from..to].iter().copied());
                }
            }
        }
    }

    /// A share of `scripts/fuzz` that needs no build of its own. The same inputs each time, as many as a
    /// second allows; `LVS_FUZZ_SEED` gives others.
    #[test]
    fn mutated_corpora_run_through_their_targets() {
        let seed = env::var("LVS_FUZZ_SEED").map_or(1, |seed| seed.parse().unwrap());
        for (name, target) in TARGETS {
            let (corpus, mut random) = (corpus(name), Random(seed));
            let (began, mut count) = (Instant::now(), 0);
            while began.elapsed() < Duration::from_secs(1) {
                let mut input = corpus[random.below(corpus.len())].clone();
                mutate(&mut input, &corpus[random.below(corpus.len())], &mut random);
                let run = std::panic::catch_unwind(|| target(&input));
                if run.is_err() {
                    let finding =
                        env::temp_dir().join(format!("lvs-fuzz-{name}-{}", process::id()));
                    fs::write(&finding, &input).unwrap();
                    panic!("{name}: input {count} of seed {seed}, kept in {}", finding.display());
                }
                count += 1;
            }
            println!("{name}: {count} inputs");
        }
    }
}
