//! Waiting for connections to end, with a line per change.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::connections::Connections;
use super::{Error, interrupt};
use lvs::table;

/// How often the kernel is asked.
const PAUSE: Duration = Duration::from_millis(500);

/// How often a line is printed at most.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Sleeps, unless a signal asks for the end.
pub(super) fn sleep(time: Duration) -> Result<(), Error> {
    let end = Instant::now() + time;
    loop {
        if let Some(signal) = interrupt::caught() {
            return Err(Error::WaitEnded { signal });
        }
        match end.saturating_duration_since(Instant::now()) {
            Duration::ZERO => return Ok(()),
            left => thread::sleep(left.min(PAUSE)),
        }
    }
}

/// Waits between two readings. Returns whether to go on: not after a signal that asks for the end, nor
/// once nobody reads standard output.
pub(super) fn tick(time: Duration) -> bool {
    let end = Instant::now() + time;
    loop {
        if interrupt::caught().is_some() {
            return false;
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        let output = io::stdout();
        // Without any event to wait for, it reports that the other end is gone.
        let mut output = [PollFd::new(&output, PollFlags::empty())];
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        // It fails after a signal.
        if poll(&mut output, Some(&left)).is_ok_and(|events| events > 0) {
            return false;
        }
    }
}

/// A deadline, and what was printed last.
pub(super) struct Wait {
    deadline: Instant,
    printed: Option<(Instant, Vec<(table::Key, Connections)>)>,
}

impl Wait {
    pub(super) fn new(patience: Duration) -> Self {
        Self { deadline: Instant::now() + patience, printed: None }
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    pub(super) fn pause(&self) -> Result<(), Error> {
        sleep(PAUSE.min(self.deadline.saturating_duration_since(Instant::now())))
    }

    /// Prints a line per destination whose connections changed since the last time.
    pub(super) fn report<'a>(
        &mut self,
        output: &mut dyn Write,
        counted: impl Iterator<Item = (&'a table::Key, Connections)>,
    ) -> io::Result<()> {
        let counted: Vec<_> = counted.map(|(key, connections)| (*key, connections)).collect();
        let known = match &self.printed {
            Some((at, known)) if at.elapsed() < BETWEEN_LINES || *known == counted => return Ok(()),
            Some((_, known)) => known.as_slice(),
            None => &[],
        };
        let left = self.deadline.saturating_duration_since(Instant::now()).as_secs_f32().ceil();
        for (key, connections) in counted.iter().filter(|entry| !known.contains(entry)) {
            writeln!(output, "draining {key}: {connections}, {left} s left")?;
        }
        output.flush()?;
        self.printed = Some((Instant::now(), counted));
        Ok(())
    }
}
