//! Nothing is lost on a machine that others use, too: the journal, its lock, and interrupted runs.

use std::fs;
use std::io::Read;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::killed::killed;
use crate::support::{Host, LVSCTL, assert_same, root};

const UP: &str = "real-server up --mode dr --vip 203.0.113.10 --device eth0";
const DOWN: &str = "real-server down --mode dr --vip 203.0.113.10";

fn journal(host: &Host) -> PathBuf {
    let files = fs::read_dir(host.state_directory()).unwrap();
    let mut paths = files.map(|entry| entry.unwrap().path());
    paths.find(|path| path.extension().is_some_and(|it| it == "journal")).unwrap()
}

/// The cookie of the namespace, to which the journal belongs, was read from a bound socket once.
#[test]
fn down_reverts_when_all_ports_are_in_use() {
    let host = Host::with_addresses();
    let before = host.everything();
    host.lvsctl_inside(UP).success();
    host.shell("echo 20000 20009 >/proc/sys/net/ipv4/ip_local_port_range").success();
    let ports: Vec<UdpSocket> = host.inside(|| {
        (20000..=20009).map(|port| UdpSocket::bind(("0.0.0.0", port)).unwrap()).collect()
    });
    assert!(host.inside(|| UdpSocket::bind("0.0.0.0:0").is_err()), "a port is free");
    host.lvsctl_inside("status").success();
    host.lvsctl_inside(UP).success();
    host.lvsctl_inside(DOWN).success();
    drop(ports);
    assert_same(&host.everything(), &before, "after down");
}

/// Refuses this thread what identifies the namespace, as a security module may.
fn refuse_cookie() {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let load = |offset| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset);
    let unless = |value: u32, over| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt: 0,
        jf: over,
        k: value,
    };
    let verdict = |verdict| statement(libc::BPF_RET | libc::BPF_K, verdict);
    // The number of the call, and its third argument (`struct seccomp_data`).
    let (number, name) = (0, 16 + 2 * 8 + if cfg!(target_endian = "big") { 4 } else { 0 });
    let filter = [
        load(number),
        unless(u32::try_from(libc::SYS_getsockopt).unwrap(), 3),
        load(name),
        unless(libc::SO_NETNS_COOKIE as u32, 1),
        verdict(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        verdict(libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 6, filter: filter.as_ptr().cast_mut() };
    // SAFETY: the kernel copies the filter, which outlives the call, and it ends with the thread.
    #[allow(unsafe_code)]
    let set = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
    };
    assert_eq!(set, 0);
}

#[test]
fn down_fails_and_keeps_the_journal_when_the_namespace_is_unknown() {
    let host = Host::with_addresses();
    let before = host.everything();
    host.lvsctl_inside(UP).success();
    let text = fs::read_to_string(journal(&host)).unwrap();
    for line in [DOWN, UP, "status"] {
        let (status, errors) = host.inside(|| {
            refuse_cookie();
            let state = host.state_directory().display();
            let words = format!("lvsctl --state-dir {state} {line}");
            let mut errors = Vec::new();
            let words = words.split_whitespace().map(std::ffi::OsString::from);
            let status = programs::lvsctl::run(words, &mut Vec::new(), &mut errors);
            (status, String::from_utf8(errors).unwrap())
        });
        assert_eq!(status, 1, "{line}: {errors}");
        assert!(errors.contains("cannot identify the network namespace"), "{line}: {errors}");
        assert_eq!(fs::read_to_string(journal(&host)).unwrap(), text, "{line}");
    }
    host.lvsctl_inside(DOWN).success();
    assert_same(&host.everything(), &before, "after down");
}

#[test]
fn state_is_private_whatever_the_umask() {
    let host = Host::with_addresses();
    let state = host.state_directory().display();
    for umask in ["0", "777"] {
        host.shell(&format!("umask {umask}; exec {LVSCTL} --state-dir {state} {UP}")).success();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(host.state_directory().to_owned()), 0o700);
        assert_eq!(mode(journal(&host)), 0o600);
        host.lvsctl_inside(DOWN).success();
    }
    fs::set_permissions(host.state_directory(), fs::Permissions::from_mode(0o777)).unwrap();
    let before = host.everything();
    let refused = host.lvsctl_inside(UP);
    assert!(refused.errors.contains("other users can write this directory"), "{refused:?}");
    assert_same(&host.everything(), &before, "after the refusal");
}

/// As it is left by release 0.2 and earlier.
#[test]
fn down_reverts_what_an_earlier_release_left_with_its_modes() {
    let host = Host::with_addresses();
    let before = host.everything();
    host.lvsctl_inside(UP).success();
    let text = fs::read_to_string(journal(&host)).unwrap();
    let without_end: Vec<&str> =
        text.lines().filter(|line| !line.starts_with("{\"end\"")).collect();
    let old = without_end.join("\n").replace("\"version\":3", "\"version\":2") + "\n";
    let path = journal(&host);
    fs::write(&path, old).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(host.state_directory(), fs::Permissions::from_mode(0o755)).unwrap();
    host.lvsctl_inside("status").success();
    host.lvsctl_inside(DOWN).success();
    assert_same(&host.everything(), &before, "after down");
}

#[test]
fn down_reverts_what_a_damaged_journal_still_tells() {
    let host = Host::with_addresses();
    let before = host.everything();
    host.lvsctl_inside(UP).success();
    let path = journal(&host);
    let whole = fs::read_to_string(&path).unwrap();
    let first = whole.lines().nth(1).unwrap();
    let key = "net/ipv4/conf/eth0/arp_ignore";
    assert!(first.contains(key), "{first}");
    fs::write(&path, whole.replace(first, &first.replace("ours", "mine"))).unwrap();
    for line in [UP, "status"] {
        let refused = host.lvsctl_inside(line);
        assert_eq!(refused.status, 1, "{line}: {refused:?}");
        for words in [path.to_str().unwrap(), "line 2: unknown field `mine`", "lvsctl down"] {
            assert!(refused.errors.contains(words), "{line}: {refused:?}");
        }
    }
    let partial = host.lvsctl_inside(DOWN);
    assert_eq!(partial.status, 1, "{partial:?}");
    for words in ["line 2: ", key, "by hand", ".damaged-1"] {
        assert!(partial.errors.contains(words), "{partial:?}");
    }
    host.shell(&format!("echo 0 >/proc/sys/{key}")).success();
    assert_same(&host.everything(), &before, "after down, and that line by hand");
    host.lvsctl_inside(UP).success();
    host.lvsctl_inside(DOWN).success();
}

#[test]
fn journal_cut_at_a_line_border_is_noticed() {
    let host = Host::with_addresses();
    host.lvsctl_inside(UP).success();
    let path = journal(&host);
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for cut in [2, lines.len() - 1] {
        fs::write(&path, lines[..cut].concat()).unwrap();
        for line in [UP, "status"] {
            let refused = host.lvsctl_inside(line);
            assert_eq!(refused.status, 1, "{line}: {refused:?}");
            assert!(refused.errors.contains("its end is missing"), "{line}: {refused:?}");
        }
    }
    // It has all of its entries but does not know it.
    assert_eq!(host.lvsctl_inside(DOWN).status, 1);
    fs::write(&path, whole).unwrap();
    host.lvsctl_inside(DOWN).success();
}

/// Starts lvsctl, and waits until it has printed that many steps. It can print a page more, and is then
/// stopped until the pipe is closed, which is when the child is returned.
fn begin(host: &Host, line: &str, steps: usize, meanwhile: impl FnOnce(u32) + Send) -> Child {
    host.inside(|| {
        let mut command = Command::new(LVSCTL);
        command.arg("--state-dir").arg(host.state_directory()).args(line.split_whitespace());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        // SAFETY: the descriptor is open, and the call takes an integer.
        #[allow(unsafe_code)]
        let size = unsafe { libc::fcntl(output.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
        assert_eq!(size, 4096);
        let mut byte = [0];
        let mut left = steps;
        while left > 0 {
            output.read_exact(&mut byte).unwrap();
            left -= usize::from(byte == *b"\n");
        }
        meanwhile(child.id());
        child
    })
}

fn send(signal: i32, process: u32) {
    // SAFETY: it is our child, which has not been reaped yet.
    #[allow(unsafe_code)]
    let sent = unsafe { libc::kill(libc::pid_t::try_from(process).unwrap(), signal) };
    assert_eq!(sent, 0);
}

/// A real server with so many addresses that their steps do not fit into a page.
fn many(verb: &str) -> String {
    let vips: String = (1..=110).map(|at| format!(" --vip 203.0.113.{at}")).collect();
    format!("real-server {verb} --mode dr --device eth0{vips}")
}

#[test]
fn interrupted_up_rolls_back_and_says_so() {
    let host = Host::with_addresses();
    let before = host.everything();
    for (signal, name) in
        [(libc::SIGINT, "SIGINT"), (libc::SIGTERM, "SIGTERM"), (libc::SIGHUP, "SIGHUP")]
    {
        let child = begin(&host, &many("up"), 3, |process| send(signal, process));
        let ended = child.wait_with_output().unwrap();
        let errors = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{errors}");
        for words in [&format!("interrupted by {name}"), "Rolled back:"] {
            assert!(errors.contains(words), "{errors}");
        }
        assert_same(&host.everything(), &before, name);
    }
}

#[test]
fn interrupted_down_is_completed_by_the_next() {
    let host = Host::with_addresses();
    let before = host.everything();
    host.lvsctl_inside(&many("up")).success();
    let child = begin(&host, &many("down"), 3, |process| send(libc::SIGTERM, process));
    let ended = child.wait_with_output().unwrap();
    let errors = String::from_utf8(ended.stderr).unwrap();
    assert!(errors.contains("interrupted by SIGTERM; run the command again"), "{errors}");
    assert_ne!(host.everything(), before);
    host.lvsctl_inside(&many("down")).success();
    assert_same(&host.everything(), &before, "after the second down");
}

#[test]
fn closed_pipe_leaves_no_run_half_done() {
    let host = Host::with_addresses();
    let before = host.everything();
    for line in [many("up"), many("down")] {
        let ended = begin(&host, &line, 1, drop).wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{:?}", String::from_utf8(ended.stderr));
    }
    assert_same(&host.everything(), &before, "after down");
    let state = host.state_directory().display();
    let full = host.shell(&format!("{LVSCTL} --state-dir {state} {UP} >/dev/full"));
    assert_eq!(full.status, 1, "{full:?}");
    assert!(full.errors.contains("everything was done, and not all of it printed"), "{full:?}");
    host.lvsctl_inside("status").success();
}

/// Another program adds the service that the director removes, with a destination.
#[test]
fn exclusive_director_restores_service_that_came_back_before_its_destinations() {
    let host = Host::with_addresses();
    host.restore("-A -t 192.0.2.99:80 -s rr\n-a -t 192.0.2.99:80 -r 198.51.100.9:80 -m\n")
        .success();
    let file = host.state_directory().with_extension("rules");
    fs::write(&file, "-A -t 192.0.2.98:80 -s rr\n").unwrap();
    let (apply, down) =
        (format!("apply --exclusive {}", file.display()), format!("down {}", file.display()));
    host.lvsctl_inside(&apply).success();
    host.restore("-A -t 192.0.2.99:80 -s rr\n-a -t 192.0.2.99:80 -r 198.51.100.8:80 -m\n")
        .success();
    host.lvsctl_inside(&apply).success();
    host.lvsctl_inside(&down).success();
    let table = host.reference("-Sn").success();
    assert!(table.contains("198.51.100.8:80") && table.contains("198.51.100.9:80"), "{table}");
    fs::remove_file(file).unwrap();
}

#[test]
fn apply_restarts_a_sync_daemon_whose_id_changed() {
    let host = Host::with_addresses();
    let file = host.state_directory().with_extension("toml");
    let cluster = |id: u8| {
        format!(
            "mode = \"dr\"\ndirectors = [\"192.0.2.1\"]\n[[director.sync]]\nstate = \"master\"\n\
             interface = \"dummy0\"\nid = {id}\n[[service]]\nlisten = \"tcp://192.0.2.10:80\"\n\
             real = [\"192.0.2.2\"]\n"
        )
    };
    for id in [7, 8] {
        fs::write(&file, cluster(id)).unwrap();
        host.lvsctl_inside(&format!("apply {}", file.display())).success();
        let daemons = host.reference("-L --daemon").success();
        assert!(daemons.contains(&format!("syncid={id}")), "{daemons}");
    }
    host.lvsctl_inside(&format!("down {}", file.display())).success();
    assert_eq!(host.reference("-L --daemon").success(), "");
    fs::remove_file(file).unwrap();
}

/// A change is recorded before it is made, and what is recorded is reverted without any room.
#[test]
fn full_state_directory_stops_up_before_any_change_and_does_not_stop_down() {
    let host = Host::with_addresses();
    let directory = host.state_directory().display();
    root(&format!("mkdir -p {directory} && mount -t tmpfs -o size=64k,mode=700 tmpfs {directory}"));
    let fill = || host.shell(&format!("cat /dev/zero >{directory}/fill"));
    let before = host.everything();
    fill();
    for line in [many("up"), format!("{} --confirm 60", many("up"))] {
        let full = host.lvsctl_inside(&line);
        assert_eq!(full.status, 1, "{full:?}");
        assert!(full.errors.contains("No space left on device"), "{full:?}");
        assert_same(&host.everything(), &before, &line);
        assert!(host.lvsctl_inside("status").output.contains("nothing"), "{full:?}");
    }
    fs::remove_file(host.state_directory().join("fill")).unwrap();
    host.lvsctl_inside(UP).success();
    let one = host.everything();
    fill();
    let full = host.lvsctl_inside(&many("up"));
    assert_eq!(full.status, 1, "{full:?}");
    assert_same(&host.everything(), &one, "after the second one");
    // The journal has what it had.
    host.lvsctl_inside("status").success();
    host.lvsctl_inside(DOWN).success();
    assert_same(&host.everything(), &before, "after down on a full disk");
    root(&format!("umount {directory}"));
}

#[test]
fn too_few_file_descriptors_stop_a_run_before_any_change() {
    let host = Host::with_addresses();
    let state = host.state_directory().display();
    let before = host.everything();
    let run = |limit: u32, line: &str| {
        host.shell(&format!("ulimit -n {limit}; exec {LVSCTL} --state-dir {state} {line}"))
    };
    let stopped = |line: &str| {
        let (unchanged, mut limit) = (host.everything(), 5);
        loop {
            let outcome = run(limit, line);
            if outcome.status == 0 {
                break;
            }
            assert!(outcome.errors.contains("Too many open files"), "{limit}: {outcome:?}");
            assert_same(&host.everything(), &unchanged, &format!("{line} with {limit}"));
            limit += 4;
        }
        assert!(limit > 15, "{line} ran with {limit}");
    };
    stopped(UP);
    host.lvsctl_inside("status").success();
    stopped(DOWN);
    assert_same(&host.everything(), &before, "after down");
}

#[test]
fn killed_run_is_completed_after_a_run_in_another_namespace() {
    let (host, other) = (Host::with_addresses(), Host::with_addresses());
    let before = host.everything();
    assert!(killed(&host, UP, 7), "it ended before");
    let state = host.state_directory().display();
    for line in [UP, DOWN] {
        other.shell(&format!("exec {LVSCTL} --state-dir {state} {line}")).success();
    }
    host.lvsctl_inside("status");
    host.lvsctl_inside(UP).success();
    host.lvsctl_inside(DOWN).success();
    assert_same(&host.everything(), &before, "after down");
}
