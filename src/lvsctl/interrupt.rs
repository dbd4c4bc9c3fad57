//! Signals that ask a run to end: it finishes its step and rolls back.

use std::sync::Once;
use std::sync::atomic::{AtomicI32, Ordering};

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
pub(super) fn catch() {
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
pub(super) fn caught() -> Option<&'static str> {
    let signal = CAUGHT.load(Ordering::Relaxed);
    SIGNALS.iter().find(|(known, _)| *known == signal).map(|(_, name)| *name)
}
