//! The process around a command: arguments, standard streams, exit status.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal};

use lvs::ipvs::{self, Client};
use lvs::netlink::Namespace;

use super::command::Command;
use super::error::Error;
use super::explain;
use super::parse;
use super::restore::{parse_line, posixly_correct};
use super::run::run;
use super::session::Console;
use super::system_names::SystemNames;
use super::wrapper;
use crate::trace;

/// The programs of this room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `ipvsadm`.
    Ipvsadm,
    /// `ipvsadm-save`: writes the table to standard output or a file.
    Save,
    /// `ipvsadm-restore`: replaces the table with that of standard input or a file.
    Restore,
}

impl Program {
    /// Returns the program of a name or path.
    ///
    /// # Examples
    ///
    /// ```
    /// use programs::ipvsadm::Program;
    ///
    /// assert_eq!(Program::called("/usr/sbin/ipvsadm-save"), Program::Save);
    /// assert_eq!(Program::called("/opt/lvs/ipvsadm-1.31"), Program::Ipvsadm);
    /// ```
    #[must_use]
    pub fn called(name: &str) -> Self {
        match wrapper::file_name(name) {
            "ipvsadm-save" => Self::Save,
            "ipvsadm-restore" => Self::Restore,
            _ => Self::Ipvsadm,
        }
    }
}

/// Runs a program with the arguments and standard streams of this process. Without `program` the first
/// argument, its name, decides.
pub fn main(program: Option<Program>, arguments: impl Iterator<Item = OsString>) -> u8 {
    trace::from_environment();
    let mut words = arguments.map(|word| word.to_string_lossy().into_owned());
    let name = words.next().unwrap_or_else(|| "ipvsadm".to_owned());
    let words: Vec<String> = words.collect();
    let mut output = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let mut console = Console {
        input: &mut io::stdin().lock(),
        output: &mut output,
        errors: &mut io::stderr().lock(),
        explains: io::stderr().is_terminal(),
    };
    let run =
        |command: &Command, console: &mut Console<'_>| execute("ipvsadm", command, false, console);
    let status = match program.unwrap_or_else(|| Program::called(&name)) {
        Program::Ipvsadm => invoke(&name, &words, &mut console),
        Program::Save => wrapper::save(&name, &words, &mut console, run),
        Program::Restore => wrapper::restore(&words, &mut console, run),
    };
    // Failed writes are reported; to drop the buffer would try again.
    let _ = output.into_parts();
    status
}

/// Runs one command line as the program `program`, and returns the exit status.
///
/// It uses the network namespace of this thread, the names of the C library, and POSIXLY_CORRECT of the
/// environment. `--netns` moves this thread for good.
///
/// # Examples
///
/// ```
/// use programs::ipvsadm::{Console, invoke};
///
/// let mut output = Vec::new();
/// let mut console = Console {
///     input: &mut std::io::empty(),
///     output: &mut output,
///     errors: &mut std::io::stderr(),
///     explains: false,
/// };
/// assert_eq!(invoke("ipvsadm", &["-v".to_owned()], &mut console), 0);
/// assert!(output.starts_with(b"ipvsadm v1.31 "));
/// ```
pub fn invoke(program: &str, words: &[String], console: &mut Console<'_>) -> u8 {
    match parse::parse(program, words, &SystemNames, posixly_correct()) {
        Ok((command, manner)) => {
            console.explains |= manner.explain;
            if let Some(Err(error)) = manner.namespace.as_ref().map(Namespace::enter) {
                return console.report(&error.into(), || None);
            }
            execute(program, &command, manner.no_load, console)
        }
        Err(error) => {
            let error = Error::from(error);
            // The rest of the line is not parsed.
            console.explains |= words.iter().any(|word| word == "--explain");
            console.report(&error, || explain::of_error(&error))
        }
    }
}

fn execute(program: &str, command: &Command, no_load: bool, console: &mut Console<'_>) -> u8 {
    let connect = || match no_load && !ipvs::is_loaded() {
        true => Ok(None),
        false => trace::socket().and_then(Client::new).map(Some),
    };
    run(command, connect, &mut parse_line(program), &SystemNames, console)
}
