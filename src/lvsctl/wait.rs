//! Signals that ask a run to end, where it finishes its step and rolls back; and waits that they end.

use std::io::{self, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Error;
use super::connections::Connections;
use lvs::table;

/// The signals that end a program by default, and their names.
const SIGNALS: [(i32, &str); 3] =
    [(libc::SIGINT, "SIGINT"), (libc::SIGTERM, "SIGTERM"), (libc::SIGHUP, "SIGHUP")];

/// The last one that came; 0 for none.
static CAUGHT: AtomicI32 = AtomicI32::new(0);

extern "C" fn note(signal: i32) {
    CAUGHT.store(signal, Ordering::Relaxed);
}

/// From here on, these signals do not end the process. One that is ignored, as by nohup(1), stays so.
#[allow(unsafe_code)]
pub(super) fn catch_signals() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        for (signal, _) in SIGNALS {
            // SAFETY: the handler only stores an integer, which is allowed at any time; both structures
            // live on this stack, and zeroes are a valid `sigaction` (SIG_DFL, an empty mask).
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                let mut before: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = note as extern "C" fn(i32) as libc::sighandler_t;
                // System calls go on after the handler: a step is finished.
                action.sa_flags = libc::SA_RESTART;
                libc::sigaction(signal, &raw const action, &raw mut before);
                if before.sa_sigaction == libc::SIG_IGN {
                    libc::sigaction(signal, &raw const before, std::ptr::null_mut());
                }
            }
        }
    });
}

/// The signal that came since, if one did.
pub(super) fn signal() -> Option<&'static str> {
    let signal = CAUGHT.load(Ordering::Relaxed);
    SIGNALS.iter().find(|(known, _)| *known == signal).map(|(_, name)| *name)
}

/// How often the kernel is asked.
const PAUSE: Duration = Duration::from_millis(500);

/// How often a line is printed at most.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Sleeps, unless a signal asks for the end.
pub(super) fn sleep(time: Duration) -> Result<(), Error> {
    let end = Instant::now() + time;
    loop {
        if let Some(signal) = signal() {
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
        if signal().is_some() {
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
