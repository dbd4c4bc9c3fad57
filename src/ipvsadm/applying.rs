//! Many commands on their way to the kernel.

use lvs::ipvs::Request;
use lvs::netlink::Transport;

use super::command::Command;
use super::console::Console;
use super::error::Error;
use super::session::Session;

/// Changes that go to the kernel in one go.
const MOST_AT_ONCE: usize = 1024;

/// Failures that are explained: each may read the whole table.
const MOST_EXPLAINED: usize = 20;

/// Commands, each with its line of standard input if it has one. Changes wait until many can go at
/// once; what the kernel refuses is reported, and the rest goes on.
pub(super) struct Applying<'a, 'names, 'streams, T> {
    session: &'a mut Session<'names, T>,
    console: &'a mut Console<'streams>,
    numbers: Vec<Option<usize>>,
    requests: Vec<Request>,
    failures: Failures,
}

/// The conversation with the kernel broke off.
struct Broken;

impl<'a, 'names, 'streams, T: Transport> Applying<'a, 'names, 'streams, T> {
    pub(super) fn new(
        session: &'a mut Session<'names, T>,
        console: &'a mut Console<'streams>,
    ) -> Self {
        Self {
            session,
            console,
            numbers: Vec::new(),
            requests: Vec::new(),
            failures: Failures::default(),
        }
    }

    /// Makes all of it, and gives the status of the first command that failed, or 0.
    pub(super) fn apply(
        mut self,
        commands: impl IntoIterator<Item = (Option<usize>, Command)>,
    ) -> u8 {
        for (number, command) in commands {
            if self.command(number, command).is_err() {
                return self.failures.status;
            }
        }
        // Where the conversation breaks here, the status says so.
        let _ = self.send();
        self.failures.status
    }

    fn command(&mut self, number: Option<usize>, command: Command) -> Result<(), Broken> {
        if let Command::Change(request) = command {
            self.numbers.push(number);
            self.requests.push(request);
            if self.requests.len() == MOST_AT_ONCE {
                self.send()?;
            }
            return Ok(());
        }
        self.send()?;
        if let Err(error) = self.session.execute(&command, self.console) {
            self.failed(number, &command, &error);
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), Broken> {
        let numbers = std::mem::take(&mut self.numbers);
        let requests = std::mem::take(&mut self.requests);
        let (Some(first), Some(request)) = (numbers.first(), requests.first()) else {
            return Ok(());
        };
        match self.session.execute_all(&requests) {
            Ok(results) => {
                for ((number, request), result) in numbers.iter().zip(&requests).zip(results) {
                    if let Err(source) = result {
                        let command = Command::Change(request.clone());
                        self.failed(*number, &command, &Error::change(request, source));
                    }
                }
                Ok(())
            }
            Err(source) => {
                let command = Command::Change(request.clone());
                self.failed(*first, &command, &Error::change(request, source));
                Err(Broken)
            }
        }
    }

    fn failed(&mut self, number: Option<usize>, command: &Command, error: &Error) {
        self.failures.report(self.session, self.console, number, command, error);
    }
}

/// The failed commands of a run. The status is that of the first one, or 0.
#[derive(Default)]
pub(super) struct Failures {
    count: usize,
    pub(super) status: u8,
}

impl Failures {
    pub(super) fn report<T: Transport>(
        &mut self,
        session: &mut Session<'_, T>,
        console: &mut Console<'_>,
        line: Option<usize>,
        command: &Command,
        error: &Error,
    ) {
        self.count += 1;
        let explained = self.count <= MOST_EXPLAINED;
        let explain = || explained.then(|| session.explain(command, error)).flatten();
        let status = match line {
            Some(line) => console.report_line(line, error, explain),
            None => console.report(error, explain),
        };
        if self.status == 0 {
            self.status = status;
        }
    }
}
