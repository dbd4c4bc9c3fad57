//! The start of `ipvsadm`, `ipvsadm-save` and `ipvsadm-restore`.
//!
//! The C library calls `main` itself, without the runtime of the standard library. That runtime
//! reads /proc/self/maps and installs handlers for a stack overflow: a third of the system calls
//! that list an empty table. What else it does is done here.

#![allow(unsafe_code)]

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;

// A shared libgcc_s would be one more file to open, map and relocate.
#[cfg(target_env = "gnu")]
#[link(name = "gcc_eh", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {}

// SAFETY: no other `main` is linked, and this one has the signature that the C library expects.
#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    open_standard_streams();
    // SAFETY: nothing else runs yet, and ignoring a signal touches no memory.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let arguments = (0..usize::try_from(count).unwrap_or(0)).map(|index| {
        // SAFETY: the C library passes `count` pointers to strings that end with a NUL and live as
        // long as the process.
        let argument = unsafe { CStr::from_ptr(*arguments.add(index)) };
        OsString::from_vec(argument.to_bytes().to_vec())
    });
    programs::ipvsadm::main(super::PROGRAM, arguments).into()
}

/// Opens /dev/null for standard streams that are closed. The next file or socket would take their
/// place otherwise, and be read from or written to.
fn open_standard_streams() {
    let stream = |fd| libc::pollfd { fd, events: 0, revents: 0 };
    let mut streams = [0, 1, 2].map(stream);
    // SAFETY: `streams` has three elements, which poll() fills in without waiting.
    unsafe { libc::poll(streams.as_mut_ptr(), 3, 0) };
    for _ in streams.iter().filter(|stream| stream.revents & libc::POLLNVAL != 0) {
        // SAFETY: the path ends with a NUL. The lowest free descriptor, which is that of the stream,
        // is taken.
        unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
    }
}
