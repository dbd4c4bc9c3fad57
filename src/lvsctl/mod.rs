//! The companion: sets this machine up as a director or a real server, and reverts that.
//!
//! One command: flags -> task or file -> desired state -> the runner and the
//! [engine](crate::engine) -> a report.

mod apply;
mod arguments;
mod doctor;
mod error;
mod input;
mod install;
mod report;
mod role;
mod runner;
mod status;
mod task;
#[cfg(test)]
mod tests;
mod values;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::{CommandFactory, Parser};
use tracing::level_filters::LevelFilter;

use crate::trace;
use arguments::{Arguments, Command};

pub(crate) use error::Error;
use task::Task;
use values::RealServer;

/// The command line of `lvsctl`, to check manual pages and completions against.
///
/// # Examples
///
/// ```
/// let command = programs::lvsctl::command_line();
/// assert!(command.find_subcommand("director").is_some());
/// ```
#[must_use]
pub fn command_line() -> clap::Command {
    Arguments::command()
}

/// Exit code of failures and misuse; 2 is an answer of `diff`, `status` and `doctor`.
const FAILED: u8 = 1;

/// Runs one command line (`argv`, the program's name first) and returns the exit code: 0 done or in
/// sync, 1 failed or misused, 2 differs (`diff`, `status`).
///
/// A reader that closed the pipe is no error.
pub fn run(
    command_line: impl IntoIterator<Item = OsString>,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> u8 {
    let result = match Arguments::try_parse_from(command_line) {
        Ok(arguments) => execute(arguments, output),
        Err(error) => {
            let (text, to_errors) = (error.render().to_string(), error.use_stderr());
            // Nothing is left to be done where even this cannot be written.
            let _ = match to_errors {
                true => errors.write_all(text.as_bytes()),
                false => output.write_all(text.as_bytes()).and_then(|()| output.flush()),
            };
            return if to_errors { FAILED } else { 0 };
        }
    };
    match result.and_then(|code| Ok(output.flush().map(|()| code)?)) {
        Ok(code) => code,
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            let _ = writeln!(errors, "lvsctl: {error}");
            FAILED
        }
    }
}

/// Runs a command and returns its exit code.
fn execute(arguments: Arguments, output: &mut dyn Write) -> Result<u8, Error> {
    let Arguments { options, command } = arguments;
    match options.verbose {
        true => trace::start(LevelFilter::TRACE),
        false => trace::from_environment(),
    }
    // Installed files are for the machine, not for a namespace.
    let is_of_machine = matches!(command, Command::Install(_) | Command::Uninstall(_));
    if let (Some(namespace), false) = (&options.netns, is_of_machine) {
        // Before anything is opened: sockets and files under /proc belong to the namespace.
        namespace.enter()?;
    }
    match command {
        Command::Setup(command) => role::run(command, &options, output),
        Command::File(command) => apply::run(&command, &options, output),
        Command::Install(flags) => install::install(&flags, &options, output),
        Command::Uninstall(flags) => install::uninstall(&flags, &options, output),
        Command::Doctor(flags) => doctor::run(&flags, &options, output),
        Command::Snapshot { file } => doctor::snapshot(&file, &options, output),
    }
}

#[cfg(test)]
mod run_tests {
    use super::*;

    /// Exit code, standard output, standard error.
    fn lvsctl(line: &str) -> (u8, String, String) {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let words = line.split_whitespace().map(OsString::from);
        let code = run(words, &mut output, &mut errors);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (code, text(output), text(errors))
    }

    #[test]
    fn help_goes_to_stdout_and_misuse_to_stderr() {
        let (code, output, errors) = lvsctl("lvsctl --help");
        assert_eq!((code, errors.as_str()), (0, ""));
        assert!(output.contains("real-server"));
        let (code, output, errors) = lvsctl("lvsctl director up --mode tun --vip 192.0.2.1/32");
        assert_eq!((code, output.as_str()), (1, ""));
        assert!(errors.contains("write 192.0.2.1"), "{errors}");
        let (code, _, errors) = lvsctl("lvsctl director up --mode nat --vip 192.0.2.1");
        assert_eq!(code, 1);
        assert!(errors.starts_with("lvsctl: director up needs at least one --service"), "{errors}");
    }

    #[test]
    fn damaged_journal_stops_every_command() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().display();
        let inode = {
            use std::os::unix::fs::MetadataExt;
            std::fs::metadata("/proc/self/ns/net").unwrap().ino()
        };
        let path = directory.path().join(format!("net-{inode}.journal"));
        std::fs::write(&path, "{").unwrap();
        for verb in ["up", "up --dry-run", "down", "status"] {
            let line =
                format!("lvsctl real-server {verb} --mode tun --vip 192.0.2.1 --state-dir {place}");
            let (code, output, errors) = lvsctl(&line);
            assert_eq!((code, output.as_str()), (1, ""));
            assert!(errors.contains("is damaged"), "{errors}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "{");
        }
    }

    /// A pipe whose reader is gone.
    struct Closed(io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn closed_pipe_ends_quietly_and_full_disk_fails() {
        let directory = tempfile::tempdir().unwrap();
        let line = format!(
            "lvsctl real-server status --mode tun --vip 192.0.2.1 --state-dir {}",
            directory.path().display()
        );
        for (kind, expected) in [(io::ErrorKind::BrokenPipe, 0), (io::ErrorKind::StorageFull, 1)] {
            let mut errors = Vec::new();
            let words = line.split_whitespace().map(OsString::from);
            assert_eq!(run(words, &mut Closed(kind), &mut errors), expected);
            assert_eq!(errors.is_empty(), expected == 0);
        }
    }
}
