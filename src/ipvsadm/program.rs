//! The process around a command: arguments, standard streams, exit status.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal};
use std::os::unix::ffi::OsStrExt;

use lvs::ipvs::{self, Client, Version};
use lvs::netlink::{self, Namespace, Transport};

use super::command::Command;
use super::error::Error;
use super::names::SystemNames;
use super::restore::{self, ParseLine, parse_line, posixly_correct};
use super::session::{Console, Session};
use super::{Names, bytes, explain, options, parse, replace, wrapper};
use crate::trace;

/// Oldest version of IPVS that the reference supports.
const OLDEST: Version = Version(0x0001_0104);

const NOT_LOADED: &str = "IPVS is not loaded, and --no-load keeps it so: there is nothing to list";

/// Only for a person: what is listed is right as far as it goes.
const OLDER_INTERFACE: &str = "In this user namespace the kernel permits only the older interface of \
     IPVS, which shows neither IPv6 services, types of tunnels, persistence engines nor options of sync \
     daemons";

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
    let text = |word: OsString| bytes::text(word.as_bytes()).into_owned();
    let mut words = arguments;
    let name = words.next().map_or_else(|| "ipvsadm".to_owned(), text);
    // Paths need not be UTF-8.
    let words: Vec<OsString> = words.collect();
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
        Program::Ipvsadm => {
            let words: Vec<String> = words.into_iter().map(text).collect();
            invoke(&name, &words, &mut console)
        }
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
            console.report(&error, || explain::of_usage(&error, words))
        }
    }
}

fn execute(program: &str, command: &Command, no_load: bool, console: &mut Console<'_>) -> u8 {
    let connect = || match no_load && !ipvs::is_loaded() {
        true => Ok(None),
        false => {
            trace::socket().and_then(Client::new).map(|client| Some(client.or_socket_options()))
        }
    };
    run(command, connect, &mut parse_line(program), &SystemNames, console)
}

/// Runs a command and returns the exit status: 0; 1 if a listing failed; 2 if IPVS cannot be reached or a
/// value is wrong; 255 if the kernel refused a change.
///
/// `connect` is called once, except for `-h` and `-v`. It returns no client if IPVS is not loaded and must
/// not be; the table then counts as empty. `parse` parses the lines of `-R`.
pub(super) fn run<T: Transport>(
    command: &Command,
    connect: impl FnOnce() -> Result<Option<Client<T>>, netlink::Error>,
    parse: &mut ParseLine<'_>,
    names: &dyn Names,
    console: &mut Console<'_>,
) -> u8 {
    let status = match dispatch(command, connect, parse, names, console) {
        Ok(status) => status,
        Err(error) => console.report(&error, || explain::of_error(&error)),
    };
    match console.output.flush().map_err(Error::Output) {
        Err(error) if status == 0 => console.report(&error, || None),
        _ => status,
    }
}

fn dispatch<T: Transport>(
    command: &Command,
    connect: impl FnOnce() -> Result<Option<Client<T>>, netlink::Error>,
    parse: &mut ParseLine<'_>,
    names: &dyn Names,
    console: &mut Console<'_>,
) -> Result<u8, Error> {
    match command {
        Command::Help => {
            options::write_help(console.output)?;
            return Ok(0);
        }
        Command::Version => {
            options::write_version(console.output)?;
            return Ok(0);
        }
        _ => {}
    }
    let mut session = Session::open(connect, names)?;
    match session.info() {
        Some(info) => warn_of_old_version(info.version, console),
        // A failure of standard error cannot be reported.
        None => drop(writeln!(console.errors, "{NOT_LOADED}")),
    }
    let reads = matches!(command, Command::List(_) | Command::Save { .. });
    if console.explains && reads && session.uses_socket_options() {
        // A failure of standard error cannot be reported.
        let _ = writeln!(console.errors, "{OLDER_INTERFACE}");
    }
    Ok(match command {
        Command::Restore => restore::restore(&mut session, false, parse, console),
        Command::ClearAndRestore => restore::restore(&mut session, true, parse, console),
        Command::Replace => replace::replace(&mut session, parse, console),
        command => match session.execute(command, console) {
            Ok(()) => 0,
            Err(error) => console.report(&error, || session.explain(command, &error)),
        },
    })
}

fn warn_of_old_version(version: Version, console: &mut Console<'_>) {
    if version < OLDEST {
        // A failure of standard error cannot be reported.
        let _ = write!(
            console.errors,
            "Warning: IPVS version mismatch: \n  \
               Kernel compiled with IPVS version {version}\n  \
               ipvsadm v1.31  requires minimum IPVS version {OLDEST}\n\n"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::ipvsadm::names::fake::FakeNames;

    /// A kernel that cannot be reached.
    struct Nowhere;

    impl Transport for Nowhere {
        fn send(&mut self, _: &[u8]) -> io::Result<()> {
            Err(io::ErrorKind::NotConnected.into())
        }

        fn receive(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::NotConnected.into())
        }
    }

    #[test]
    fn program_is_known_by_the_end_of_its_path() {
        assert_eq!(Program::called("/usr/sbin/ipvsadm-save"), Program::Save);
        assert_eq!(Program::called("/opt/lvs/ipvsadm-1.31"), Program::Ipvsadm);
    }

    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn run_without_kernel(command: &Command, output: &mut dyn Write) -> (u8, String) {
        let mut errors = Vec::new();
        let mut console =
            Console { input: &mut io::empty(), output, errors: &mut errors, explains: false };
        let connect = || -> Result<Option<Client<Nowhere>>, _> {
            Err(netlink::Error::NoFamily("IPVS".to_owned()))
        };
        let mut parse = |_: &[&str]| Ok(Command::Help);
        let status = run(command, connect, &mut parse, &FakeNames(&[]), &mut console);
        (status, String::from_utf8(errors).unwrap())
    }

    #[test]
    fn help_and_version_need_no_kernel() {
        for command in [Command::Help, Command::Version] {
            let mut output = Vec::new();
            assert_eq!(run_without_kernel(&command, &mut output), (0, String::new()));
            assert!(output.starts_with(b"ipvsadm v1.31 "));
        }
    }

    #[test]
    fn other_commands_need_a_kernel() {
        let (status, errors) = run_without_kernel(&Command::Restore, &mut io::sink());
        assert_eq!(status, 2);
        assert!(errors.starts_with("Can't initialize ipvs: Protocol not available\n"));
        assert_eq!(errors.lines().count(), 2);
    }

    #[test]
    fn closed_pipe_is_silent_and_full_disk_is_not() {
        let closed = &mut Failing(io::ErrorKind::BrokenPipe);
        assert_eq!(run_without_kernel(&Command::Help, closed), (0, String::new()));
        let (status, errors) =
            run_without_kernel(&Command::Help, &mut Failing(io::ErrorKind::StorageFull));
        assert_eq!(status, 1);
        assert!(errors.starts_with("cannot write standard output: "), "{errors}");
    }

    #[test]
    fn old_version_is_warned_about() {
        let warning = |version| {
            let mut errors = Vec::new();
            let mut console = Console {
                input: &mut io::empty(),
                output: &mut io::sink(),
                errors: &mut errors,
                explains: false,
            };
            warn_of_old_version(Version(version), &mut console);
            String::from_utf8(errors).unwrap()
        };
        assert_eq!(warning(0x0001_0104), "");
        assert_eq!(
            warning(0x0001_0002),
            "Warning: IPVS version mismatch: \n  Kernel compiled with IPVS version 1.0.2\n  \
             ipvsadm v1.31  requires minimum IPVS version 1.1.4\n\n"
        );
    }
}
