//! From a command to an exit status.

use lvs::ipvs::{Client, Version};
use lvs::netlink::{self, Transport};

use super::command::Command;
use super::error::Error;
use super::restore::{self, ParseLine};
use super::session::{Console, Session};
use super::{Names, explain, options, replace};

/// Oldest version of IPVS that the reference supports.
const OLDEST: Version = Version(0x0001_0104);

const NOT_LOADED: &str = "IPVS is not loaded, and --no-load keeps it so: there is nothing to list";

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
    let status = match execute(command, connect, parse, names, console) {
        Ok(status) => status,
        Err(error) => console.report(&error, || explain::of_error(&error)),
    };
    match console.output.flush().map_err(Error::Output) {
        Err(error) if status == 0 => console.report(&error, || None),
        _ => status,
    }
}

fn execute<T: Transport>(
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
    use std::io::{self, Write};

    use super::*;
    use crate::ipvsadm::fake_names::FakeNames;

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
