//! One long-lived shell per host: in the guest, starting one per line takes most of a test's time.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::Outcome;

/// A POSIX shell in a network namespace. Each line runs in a subshell of it.
pub struct Shell {
    child: Child,
    input: ChildStdin,
    statuses: BufReader<ChildStdout>,
    directory: PathBuf,
}

impl Shell {
    /// Starts a shell in a namespace of `ip netns`; it keeps its files in `directory`.
    pub fn new(namespace: &str, directory: &Path) -> Self {
        fs::create_dir_all(directory).unwrap();
        let mut command = Command::new("sh");
        command.env("LC_ALL", "C").env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        enter(&mut command, namespace);
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let statuses = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, statuses, directory: directory.to_owned() }
    }

    /// Runs a line, or several, without standard input.
    pub fn run(&mut self, line: &str) -> Outcome {
        let file = |name: &str| self.directory.join(name);
        let [output, errors] = ["output", "errors"].map(|name| file(name).display().to_string());
        writeln!(self.input, "(\n{line}\n) </dev/null >{output} 2>{errors}; echo $?").unwrap();
        let mut status = String::new();
        self.statuses.read_line(&mut status).unwrap();
        let read =
            |name: &str| String::from_utf8_lossy(&fs::read(file(name)).unwrap()).into_owned();
        Outcome {
            status: status.trim().parse().unwrap_or_else(|_| panic!("the shell died of: {line}")),
            output: read("output"),
            errors: read("errors"),
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Makes a command run in a namespace of `ip netns`.
pub fn enter(command: &mut Command, namespace: &str) {
    let namespace = File::open(format!("/run/netns/{namespace}")).unwrap();
    // SAFETY: setns is a bare system call, which is allowed between fork and exec.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(move || match libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
}

/// A word quoted for the shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
