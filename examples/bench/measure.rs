//! One run of a program: how long it took, and how much memory.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Figures of one kind of run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    times: Vec<Duration>,
    /// Largest resident set in KiB.
    peak: i64,
    /// Pages that the last run touched for the first time.
    faults: i64,
}

impl Figures {
    /// The time in the middle, in seconds.
    pub(crate) fn median(&self) -> Option<f64> {
        let mut times = self.times.clone();
        times.sort();
        times.get(times.len() / 2).map(Duration::as_secs_f64)
    }

    pub(crate) fn peak(&self) -> Option<i64> {
        (self.peak > 0).then_some(self.peak)
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

    /// Runs this program as a floor, which keeps its own time.
    pub(crate) fn run_floor(&mut self, words: &[&str]) {
        let seconds = own(words);
        self.times.push(Duration::from_secs_f64(seconds.trim().parse().unwrap()));
        eprintln!("{}: {} s", words.join(" "), seconds.trim());
    }
}

/// Runs this program with other arguments, and gives its output.
pub(crate) fn own(words: &[&str]) -> String {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(words).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "bench {} failed", words.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a program and prints the seconds that it took, its peak memory in KiB, and its page faults.
///
/// In a process of its own: a child inherits the peak of the process that started it (`exec_mmap` of
/// fs/exec.c), and the one that measures has read large files.
#[allow(unsafe_code)]
#[allow(clippy::zombie_processes, reason = "wait4 waits for it")]
pub(crate) fn run(input: &str, output: &str, program: &str, words: &[&str]) {
    let mut command = Command::new(program);
    command.args(words).stdin(File::open(input).unwrap()).stdout(File::create(output).unwrap());
    let start = Instant::now();
    let child = command.spawn().unwrap();
    let process = i32::try_from(child.id()).unwrap();
    let mut status = 0;
    // SAFETY: all bytes 0 are a valid `rusage`, which holds numbers only.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both places are live and of the types that wait4(2) writes.
    let waited = unsafe { libc::wait4(process, &raw mut status, 0, &raw mut usage) };
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(waited, process);
    let status = ExitStatus::from_raw(status);
    assert!(status.success(), "{program} {} failed: {status}", words.join(" "));
    println!("{seconds:.6} {} {}", usage.ru_maxrss, usage.ru_minflt);
}
