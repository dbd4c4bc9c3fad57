//! The three standard streams of one run.

use std::fmt;
use std::io::{BufRead, Write};

use super::error::Error;

/// Where a command reads and writes.
pub struct Console<'a> {
    /// What `-R` reads.
    pub input: &'a mut dyn BufRead,
    /// Listings and saved tables; best buffered.
    pub output: &'a mut dyn Write,
    /// Messages.
    pub errors: &'a mut dyn Write,
    /// Whether a person reads the messages, who gets a second line with cause and cure.
    pub explains: bool,
}

impl fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("explains", &self.explains).finish_non_exhaustive()
    }
}

impl Console<'_> {
    /// Writes what went wrong, and gives the status to end with. Rows that were written before are
    /// flushed, so that they also come before where both go to one place. The explanation is looked
    /// for only where somebody wants to know.
    pub(super) fn report(
        &mut self,
        error: &Error,
        explanation: impl FnOnce() -> Option<String>,
    ) -> u8 {
        if !error.is_closed_pipe() {
            // Nobody can be told that standard error fails, and standard output is flushed again at
            // the end of the run.
            let _ = self.output.flush();
            if !error.is_silent() {
                let _ = writeln!(self.errors, "{error}");
            }
            if let Some(explanation) = self.explains.then(explanation).flatten() {
                let _ = writeln!(self.errors, "{explanation}");
            }
        }
        error.exit_code()
    }

    /// The same for a command that was read from a line of standard input.
    pub(super) fn report_line(
        &mut self,
        number: usize,
        error: &Error,
        explanation: impl FnOnce() -> Option<String>,
    ) -> u8 {
        self.report(error, || {
            let cause = explanation().unwrap_or_default();
            Some(format!("(line {number} of standard input) {cause}").trim_end().to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use lvs::ipvs::Request;
    use lvs::netlink;

    fn reported(explains: bool, report: impl Fn(&mut Console<'_>) -> u8) -> (u8, String) {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let mut console =
            Console { input: &mut io::empty(), output: &mut output, errors: &mut errors, explains };
        let status = report(&mut console);
        (status, String::from_utf8(errors).unwrap())
    }

    #[test]
    fn a_person_gets_a_second_line() {
        let error = Error::change(&Request::Flush, netlink::Error::TimedOut(5));
        let first = format!("{error}\n");
        let cause = || Some("because".to_owned());
        let nobody_asks = || unreachable!();
        assert_eq!(
            reported(false, |console| console.report(&error, nobody_asks)),
            (255, first.clone())
        );
        let both = format!("{first}because\n");
        assert_eq!(reported(true, |console| console.report(&error, cause)), (255, both));
        assert_eq!(reported(true, |console| console.report(&error, || None)), (255, first.clone()));
        let line = format!("{first}(line 7 of standard input) because\n");
        assert_eq!(reported(true, |console| console.report_line(7, &error, cause)), (255, line));
        assert_eq!(reported(false, |console| console.report_line(7, &error, cause)), (255, first));
    }

    #[test]
    fn what_the_reference_is_silent_about_is_explained_only() {
        let error = Error::EmptyLine("table");
        let cause = || Some("because".to_owned());
        assert_eq!(reported(false, |console| console.report(&error, cause)), (1, String::new()));
        let explained = (1, "because\n".to_owned());
        assert_eq!(reported(true, |console| console.report(&error, cause)), explained);
    }

    #[test]
    fn a_closed_pipe_is_a_quiet_end() {
        let error = Error::Output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(reported(true, |console| console.report(&error, || None)), (0, String::new()));
    }
}
