//! `lvsctl`: sets this machine up as a director or a real server, and reverts that.
//!
//! A command goes from its flags, to a task or file, to the desired state, through the runner and the
//! [engine](crate::engine), to a report.

mod apply;
mod arguments;
mod caller;
mod check;
mod compare;
mod confirm;
mod connections;
mod departing;
mod doctor;
mod drain;
mod error;
mod escape;
mod guard;
mod health;
mod input;
mod install;
mod journal_place;
mod log;
mod metrics;
mod monitor;
mod order;
mod process;
mod remark;
mod remote;
mod report;
mod role;
mod runner;
mod sample;
mod status;
mod task;
#[cfg(test)]
mod tests;
mod top;
mod trace;
mod unconfirmed;
mod undo;
mod up;
mod validate;
mod values;
mod wait;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::{CommandFactory, Parser};
use tracing::level_filters::LevelFilter;

use arguments::{Arguments, Command, FileCommand};
use escape::Escaped;
use log::Run;

pub(crate) use error::Error;
use task::Task;

/// The command line of `lvsctl`, to check manual pages and completions against.
pub fn command_line() -> clap::Command {
    Arguments::command()
}

/// Exit code of failures and misuse.
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
    let errors = &mut Escaped(errors);
    let command_line: Vec<OsString> = command_line.into_iter().collect();
    let result = match Arguments::try_parse_from(&command_line) {
        Ok(mut arguments) => {
            let run = log_of(&arguments.command, &command_line);
            arguments.options.run = run.clone();
            // JSON has escapes of its own, and `trace` writes colours.
            let is_plain = matches!(arguments.command, Command::Trace(_));
            let result = match arguments.options.json || is_plain {
                true => execute(arguments, output),
                false => execute(arguments, &mut Escaped(output)),
            };
            run.end(&result);
            result
        }
        Err(error) => {
            let (text, to_errors) = (error.render().to_string(), error.use_stderr());
            // If this cannot be written either, nothing is left to do.
            let _ = match to_errors {
                true => errors.write_all(text.as_bytes()),
                false => output.write_all(text.as_bytes()).and_then(|()| output.flush()),
            };
            return if to_errors { FAILED } else { 0 };
        }
    };
    match result.and_then(|code| Ok(output.flush().map(|()| code)?)) {
        Ok(code) => code,
        Err(Error::Output(error) | Error::Unreported(error))
            if error.kind() == io::ErrorKind::BrokenPipe =>
        {
            0
        }
        Err(error) => {
            let _ = writeln!(errors, "lvsctl: {error}");
            FAILED
        }
    }
}

/// The run for the log, where the command can change the machine.
fn log_of(command: &Command, command_line: &[OsString]) -> Run {
    match command {
        Command::File(FileCommand::Diff(_) | FileCommand::Status { .. }) => Run::default(),
        _ => Run::of(command_line),
    }
}

fn execute(arguments: Arguments, output: &mut dyn Write) -> Result<u8, Error> {
    let Arguments { options, command } = arguments;
    match options.verbose {
        true => crate::trace::start(LevelFilter::TRACE),
        false => crate::trace::from_environment(),
    }
    // `install` refuses --netns itself.
    let is_of_machine = matches!(command, Command::Install(_) | Command::Uninstall(_));
    if let (Some(namespace), false) = (&options.netns, is_of_machine) {
        // Before anything is opened, since sockets and files under /proc belong to the namespace.
        namespace.enter()?;
    }
    match command {
        Command::Setup(command) => role::run(command, &options, output),
        Command::File(command) => apply::run(&command, &options, output),
        Command::Undo { change } => undo::run(&options.with(&change), output),
        Command::Log => log::run(&options.state_dir, options.json, output),
        Command::Drain(flags) => drain::drain(&flags, &options, output),
        Command::Resume(flags) => drain::resume(&flags, &options, output),
        Command::Validate { file } => validate::run(&file, &options, output),
        Command::Check(flags) => check::run(&flags, &options, output),
        Command::Compare(flags) => compare::run(&flags, &options, output),
        Command::Top(flags) => top::run(&flags, &options, output),
        Command::Monitor(flags) => monitor::run(&flags, &options, output),
        Command::Metrics(flags) => metrics::run(&flags, &options, output),
        Command::Confirm(flags) => confirm::run(&flags, &options, output),
        Command::Install(flags) => install::install(&flags, &options, output),
        Command::Uninstall(flags) => install::uninstall(&flags, &options, output),
        Command::Doctor(flags) => doctor::run(&flags, &options, output),
        Command::Trace(flags) => trace::run(&flags, &options, output),
        Command::Snapshot { file } => doctor::snapshot(&file, &options, output),
    }
}
