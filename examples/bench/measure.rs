//! The cost of one run: time, memory, page faults and instructions of a program, and the floor of a
//! job: its requests, encoded before the clock starts, whose replies are not decoded.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use lvs::ipvs::{Client, Request};
use lvs::netlink::{Socket, Transport};

use crate::workload::Shape;

/// The figures of all runs of one program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    times: Vec<Duration>,
    /// Largest resident set in KiB.
    peak: i64,
    /// Page faults of the last run.
    faults: i64,
}

impl Figures {
    /// The median time in seconds.
    pub(crate) fn median(&self) -> Option<f64> {
        let mut times = self.times.clone();
        times.sort();
        times.get(times.len() / 2).map(Duration::as_secs_f64)
    }

    pub(crate) fn peak(&self) -> Option<i64> {
        (self.peak > 0).then_some(self.peak)
    }

    /// Adds the runs of another measurement.
    pub(crate) fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.peak = self.peak.max(other.peak);
    }

    pub(crate) fn faults(&self) -> i64 {
        self.faults
    }

    /// Runs a program with its standard input from one file and its output to another.
    pub(crate) fn run(&mut self, program: &str, words: &[&str], input: &Path, output: &Path) {
        let files = [input, output].map(|path| path.to_str().unwrap());
        let text = own(&[&["run"], &files[..], &[program], words].concat());
        let figures: Vec<&str> = text.split_whitespace().collect();
        let [seconds, peak, faults] = figures[..] else { panic!("{text}") };
        self.times.push(Duration::from_secs_f64(seconds.parse().unwrap()));
        self.peak = self.peak.max(peak.parse().unwrap());
        self.faults = faults.parse().unwrap();
        eprintln!("{program} {}: {seconds} s, {peak} KiB, {faults} faults", words.join(" "));
    }

    /// Runs this program as a floor, which measures its own time.
    pub(crate) fn run_floor(&mut self, words: &[&str]) {
        let seconds = own(words);
        self.times.push(Duration::from_secs_f64(seconds.trim().parse().unwrap()));
        eprintln!("{}: {} s", words.join(" "), seconds.trim());
    }
}

/// Runs this program with other arguments and returns its output.
pub(crate) fn own(words: &[&str]) -> String {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(words).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "bench {} failed", words.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a program and prints its time in seconds, its peak memory in KiB and its page faults.
///
/// In a separate process: a child inherits the peak memory of its parent (`exec_mmap` in fs/exec.c),
/// and the measuring process has read large files.
#[allow(unsafe_code)]
#[allow(clippy::zombie_processes, reason = "wait4 waits for it")]
pub(crate) fn run(input: &str, output: &str, program: &str, words: &[&str]) {
    let mut command = Command::new(program);
    command.args(words).stdin(File::open(input).unwrap()).stdout(File::create(output).unwrap());
    let start = Instant::now();
    let child = command.spawn().unwrap();
    let process = i32::try_from(child.id()).unwrap();
    let mut status = 0;
    // SAFETY: an all-zero `rusage` is valid: it holds integers only.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid and of the types that wait4(2) writes.
    let waited = unsafe { libc::wait4(process, &raw mut status, 0, &raw mut usage) };
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(waited, process);
    let status = ExitStatus::from_raw(status);
    // The doctor says by it what it found.
    let may_fail = words.contains(&"doctor") && status.code().is_some_and(|code| code < 4);
    assert!(status.success() || may_fail, "{program} {} failed: {status}", words.join(" "));
    println!("{seconds:.6} {} {}", usage.ru_maxrss, usage.ru_minflt);
}

/// The cost of starting a program, apart from time.
pub(crate) struct Start {
    pub(crate) program: &'static str,
    pub(crate) instructions: u64,
    pub(crate) faults: i64,
}

impl Start {
    /// Counts the instructions of a run with valgrind, since a guest has no hardware counters. The page
    /// faults are those of the timed runs.
    pub(crate) fn of(program: &'static str, path: &str, words: &[&str], timed: &Figures) -> Self {
        let mut counted = Command::new("valgrind");
        counted.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", path]).args(words);
        let output = counted.stdout(Stdio::null()).output().unwrap().stderr;
        let output = String::from_utf8(output).unwrap();
        let instructions = output.lines().find_map(|line| line.split_once("Collected :"));
        let instructions = instructions.unwrap_or_else(|| panic!("{counted:?}: {output}")).1;
        Self { program, instructions: instructions.trim().parse().unwrap(), faults: timed.faults() }
    }
}

/// `NLMSG_NOOP`, `NLMSG_ERROR` and `NLMSG_DONE` of linux/netlink.h.
const NOOP: u16 = 1;
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// Adds a table and prints the time in seconds.
pub(crate) fn floor_of_restore(shape: &Shape) {
    let requests: Vec<Request> = shape.requests().collect();
    print(replay(|client| drop(client.execute_all(&requests).unwrap())));
}

/// Dumps all services and the destinations of each, and prints the time in seconds.
pub(crate) fn floor_of_list(shape: &Shape) {
    print(replay(|client| {
        client.services().unwrap();
        for number in 0..shape.services {
            client.destinations(&Shape::service(number)).unwrap();
        }
    }));
}

fn print(time: Duration) {
    println!("{}", time.as_secs_f64());
}

/// Records what a client sends, then sends it to the kernel again and measures that.
fn replay(talk: impl FnOnce(&mut Client<Recorder>)) -> Duration {
    let record = Rc::new(RefCell::new(None));
    let recorder = Recorder { socket: Socket::new().unwrap(), record: Rc::clone(&record) };
    let mut client = Client::new(recorder).unwrap();
    *record.borrow_mut() = Some(Vec::new());
    talk(&mut client);
    let datagrams = record.take().unwrap();

    let mut socket = Socket::new().unwrap();
    let mut answer = vec![0; 64 << 10];
    let start = Instant::now();
    for datagram in &datagrams {
        socket.send(datagram).unwrap();
        loop {
            let length = socket.receive(&mut answer).unwrap();
            let message = last_message(&answer[..length]);
            match kind(message) {
                ERROR => {
                    assert_eq!(message[16..20], [0; 4], "the kernel refused a request");
                    break;
                }
                DONE => break,
                _ => {}
            }
        }
    }
    start.elapsed()
}

/// Passes the look-up of the family on; from then on it records each datagram and reports success.
struct Recorder {
    socket: Socket,
    record: Rc<RefCell<Option<Vec<Vec<u8>>>>>,
}

impl Transport for Recorder {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        match &mut *self.record.borrow_mut() {
            Some(record) => record.push(datagram.to_owned()),
            None => self.socket.send(datagram)?,
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let record = self.record.borrow();
        let Some(record) = &*record else { return self.socket.receive(buffer) };
        let question = last_message(record.last().unwrap());
        let (kind, flags, length) = match kind(question) {
            NOOP => (ERROR, 0_u16, 36_u32),
            _ => (DONE, 2, 20),
        };
        buffer[..36].fill(0);
        buffer[..4].copy_from_slice(&length.to_ne_bytes());
        buffer[4..6].copy_from_slice(&kind.to_ne_bytes());
        buffer[6..8].copy_from_slice(&flags.to_ne_bytes());
        buffer[8..12].copy_from_slice(&question[8..12]);
        Ok(length as usize)
    }
}

fn last_message(mut datagram: &[u8]) -> &[u8] {
    loop {
        let length = u32::from_ne_bytes(datagram[..4].try_into().unwrap()) as usize;
        match datagram.get(length.next_multiple_of(4)..) {
            Some(rest) if !rest.is_empty() => datagram = rest,
            _ => return datagram,
        }
    }
}

fn kind(message: &[u8]) -> u16 {
    u16::from_ne_bytes([message[4], message[5]])
}
