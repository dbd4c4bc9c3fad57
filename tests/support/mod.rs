//! Hosts for the kernel tests: one network namespace per host, in the guest of `scripts/lab`.

#![allow(dead_code, unreachable_pub, reason = "every test binary uses a part of it")]

pub mod cluster;
pub mod cluster_file;
pub mod kill;
pub mod machine;
mod namespace;
pub mod open_connections;
pub mod random;
pub mod schema;
mod server;
mod shell;
mod state;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once};
use std::time::Duration;

use server::Server;
pub use shell::quoted;
use shell::{Shell, enter};

/// The reference: Debian's ipvsadm 1.31.
pub const REFERENCE: &str = "/usr/sbin/ipvsadm";
/// The drop-in under test.
pub const IPVSADM: &str = env!("CARGO_BIN_EXE_ipvsadm");
/// The companion under test.
pub const LVSCTL: &str = env!("CARGO_BIN_EXE_lvsctl");

/// Fails the test unless it runs in the guest, since it changes the machine it runs on.
pub fn in_guest() {
    assert!(
        Path::new("/run/lab-guest").exists(),
        "this test changes the machine and needs a kernel with IPVS; run it in the guest: scripts/test kernel"
    );
}

/// The exit status and output of a command.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    pub status: i32,
    pub output: String,
    pub errors: String,
}

impl Outcome {
    /// What a script that calls the command sees: the part that the reference has, too.
    pub fn visible(&self) -> (i32, &str, &str) {
        (self.status, &self.output, self.errors.lines().next().unwrap_or_default())
    }

    /// Asserts exit status 0 and returns standard output.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.status, 0, "{self:?}");
        self.output
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exit status {}\n--- standard output\n{}--- standard error\n{}---",
            self.status, self.output, self.errors
        )
    }
}

/// A host: a network namespace with its loopback up. It is deleted when it is dropped.
pub struct Host {
    name: String,
    state: PathBuf,
    /// Each with its port.
    services: Vec<(u16, Server)>,
    daemons: Vec<Child>,
    shell: Mutex<Shell>,
}

impl Host {
    pub fn new() -> Self {
        static TUNNELS: Once = Once::new();
        in_guest();
        // Each of these modules adds an interface to every host when it is loaded.
        TUNNELS.call_once(|| root("modprobe -a ipip ip6_tunnel"));
        Self::without_modules()
    }

    /// A host, without loading any module.
    pub fn without_modules() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        in_guest();
        let name = format!("host{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        namespace::add(&name);
        let state = PathBuf::from(format!("/run/state-{name}"));
        let shell = Mutex::new(Shell::new(&name, &PathBuf::from(format!("/run/shell-{name}"))));
        Self { name, state, services: Vec::new(), daemons: Vec::new(), shell }
    }

    /// A host with IPVS on which destinations are routable: a dummy interface with a few networks, as the
    /// conformance cases need it.
    pub fn with_addresses() -> Self {
        static IPVS: Once = Once::new();
        let host = Self::new();
        IPVS.call_once(|| root("modprobe ip_vs"));
        host.shell(
            "ip link add dummy0 type dummy && ip link add eth0 type dummy && \
             ip address add 192.0.2.1/24 dev dummy0 && ip address add 198.51.100.1/24 dev dummy0 && \
             ip address add 2001:db8::1/64 dev dummy0 nodad && \
             ip link set dummy0 up && ip link set eth0 up",
        )
        .success();
        host
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a function on this host, within the test process.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        namespace::inside(&self.name, work)
    }

    /// Runs lines of POSIX shell.
    pub fn shell(&self, line: &str) -> Outcome {
        self.shell.lock().unwrap().run(line)
    }

    /// Waits until lvsctl has announced what this host has taken for the last time.
    #[track_caller]
    pub fn announced(&self) {
        let running = "[ \"$(readlink $it/ns/net)\" = \"$own\" ] && grep -qx lvsctl $it/comm";
        let outcome = self.shell(&format!(
            "own=$(readlink /proc/self/ns/net); for try in $(seq 60); do found=; \
             for it in /proc/[0-9]*; do {running} && found=$it; done 2>/dev/null; \
             [ -z \"$found\" ] && exit 0; sleep 0.1; done; echo \"$found still runs\"; exit 1"
        ));
        assert_eq!(outcome.status, 0, "{outcome:?}");
    }

    /// Runs our ipvsadm with words separated by blanks.
    pub fn ipvsadm(&self, line: &str) -> Outcome {
        self.program(IPVSADM, line.split_whitespace())
    }

    /// Runs the reference with words separated by blanks. It prints a service twice if the kernel
    /// lists it twice, as it may while another test changes services: the second time is left out.
    pub fn reference(&self, line: &str) -> Outcome {
        let mut outcome = self.program(REFERENCE, line.split_whitespace());
        let mut seen = HashSet::new();
        let mut is_new = true;
        outcome.output = outcome
            .output
            .split_inclusive('\n')
            .filter(|line| {
                if !line.starts_with(' ') {
                    is_new = seen.insert((*line).to_owned());
                }
                is_new
            })
            .collect();
        outcome
    }

    /// Restores rules by our `ipvsadm -R`.
    pub fn restore(&self, rules: &str) -> Outcome {
        fs::create_dir_all(&self.state).unwrap();
        let file = self.state.join("rules");
        fs::write(&file, rules).unwrap();
        self.shell(&format!("{IPVSADM} -R <{}", file.display()))
    }

    /// Runs lvsctl with words separated by blanks, with one state directory per host.
    pub fn lvsctl(&self, line: &str) -> Outcome {
        let state = self.state.display().to_string();
        self.program(LVSCTL, ["--state-dir", &state].into_iter().chain(line.split_whitespace()))
    }

    /// The same within this process: starting one takes most of the time.
    pub fn lvsctl_inside(&self, line: &str) -> Outcome {
        let state = self.state.as_os_str();
        let words = ["lvsctl", "--state-dir"].map(OsString::from).into_iter();
        let words = words.chain([state.to_owned()]);
        let words = words.chain(line.split_whitespace().map(OsString::from));
        self.inside(|| {
            let (mut output, mut errors) = (Vec::new(), Vec::new());
            let status = programs::lvsctl::run(words, &mut output, &mut errors).into();
            let text = |bytes| String::from_utf8(bytes).unwrap();
            Outcome { status, output: text(output), errors: text(errors) }
        })
    }

    /// Runs a program with arguments.
    pub fn program<'a>(&self, program: &'a str, words: impl Iterator<Item = &'a str>) -> Outcome {
        let words: Vec<_> = [program].into_iter().chain(words).map(quoted).collect();
        self.shell(&format!("exec {}", words.join(" ")))
    }

    /// The state directory that [`Host::lvsctl`] uses.
    pub fn state_directory(&self) -> &Path {
        &self.state
    }

    /// The names of the files that lvsctl has left there.
    pub fn left_in_state_directory(&self) -> Vec<String> {
        let files = fs::read_dir(&self.state).unwrap();
        files.map(|it| it.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    /// Starts a server that answers every connection with the line `answer`.
    pub fn serve(&mut self, port: u16, answer: &str) {
        let line = format!("{answer}\n");
        self.serve_by(port, move |connection| {
            let _ = connection.write_all(line.as_bytes());
        });
    }

    /// Starts a server that calls `answer` for every connection.
    pub fn serve_by(&mut self, port: u16, answer: impl Fn(&mut TcpStream) + Send + 'static) {
        let server = self.inside(|| Server::new(port, answer));
        self.services.push((port, server));
    }

    /// Stops the server on a port.
    pub fn stop_serving(&mut self, port: u16) {
        self.services.retain(|(at, _)| *at != port);
    }

    /// Starts a daemon by a line of shell that ends in an `exec`. It is stopped with the host.
    pub fn start(&mut self, line: &str) {
        let mut daemon = Command::new("sh");
        daemon.args(["-c", line]).stdin(Stdio::null());
        enter(&mut daemon, &self.name);
        self.daemons.push(daemon.spawn().unwrap());
    }

    /// The answer of a server, or `nobody`.
    pub fn ask(&self, address: &str, port: u16) -> String {
        self.ask_within(address, port, Duration::from_secs(5))
    }

    /// The same with another time limit per step.
    pub fn ask_within(&self, address: &str, port: u16, limit: Duration) -> String {
        self.inside(|| server::ask(address, port, limit))
    }

    /// All state that a set-up could leave behind, as text.
    pub fn everything(&self) -> String {
        state::everything(self)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.services.clear();
        for mut daemon in self.daemons.drain(..) {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        namespace::delete(&self.name);
        let _ = fs::remove_dir_all(&self.state);
    }
}

/// Hosts on one switch.
pub struct Network {
    switch: Host,
}

impl Network {
    pub fn new() -> Self {
        let switch = Host::new();
        switch.shell("ip link add bridge type bridge && ip link set bridge up").success();
        Self { switch }
    }

    /// A new host on the switch, whose `eth0` has an address such as `192.168.10.1/24`.
    pub fn host(&self, address: &str) -> Host {
        let host = Host::new();
        self.attach(&host, "eth0", &[address]);
        host
    }

    /// A new host on the switch with 192.168.10.NUMBER/24 and 2001:db8:1::NUMBER/64 on `eth0`.
    pub fn dual_stack_host(&self, number: u8) -> Host {
        let host = Host::new();
        let addresses = [format!("192.168.10.{number}/24"), format!("2001:db8:1::{number}/64")];
        self.attach(&host, "eth0", &[&addresses[0], &addresses[1]]);
        host
    }

    /// Adds an interface on the switch to a host, with addresses.
    pub fn attach(&self, host: &Host, device: &str, addresses: &[&str]) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (name, switch) = (&host.name, &self.switch.name);
        let port = format!("port{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let addresses = addresses.iter().map(|it| format!("address add {it} dev {device}\n"));
        root(&format!(
            "ip link add {port} netns {switch} type veth peer name {device} netns {name} && \
             ip -n {switch} link set {port} master bridge up && ip -n {name} link set {device} up && \
             until ip -n {name} link show {device} | grep -q 'state UP'; do sleep 0.1; done && \
             ip -n {name} -batch - <<END\n{}END",
            addresses.collect::<String>()
        ));
    }
}

/// Asserts that two texts are equal, and shows the lines in which they differ.
#[track_caller]
pub fn assert_same(actual: &str, expected: &str, when: &str) {
    let only = |of: &str, other: &str| -> String {
        let other: Vec<_> = other.lines().collect();
        let lines = of.lines().filter(|line| !other.contains(line));
        lines.map(|line| format!("  {line}\n")).collect()
    };
    let moved =
        || actual.lines().zip(expected.lines()).find(|(actual, expected)| actual != expected);
    assert!(
        actual == expected,
        "{when}\nfirst difference: {:?}\nunexpected:\n{}missing:\n{}",
        moved(),
        only(actual, expected),
        only(expected, actual)
    );
}

/// Runs a line of shell outside of any host, and asserts that it succeeds.
pub fn root(line: &str) {
    let status = Command::new("sh").args(["-c", line]).status().unwrap();
    assert!(status.success(), "{line}");
}
