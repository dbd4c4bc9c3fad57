//! `ipvsadm`, the drop-in for ipvsadm 1.31. A link to it or copy of it that is called
//! `ipvsadm-save` or `ipvsadm-restore` is that program.
//!
//! The C library calls `main` itself, without the runtime of the standard library. That runtime
//! reads /proc/self/maps and installs handlers for a stack overflow: a third of the system calls
//! that list an empty table.

#![allow(unsafe_code)]
#![no_main]

use std::ffi::{c_char, c_int};

// A shared libgcc_s would be one more file to open, map and relocate.
#[link(name = "gcc_eh", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {}

// SAFETY: no other `main` is linked, and this one has the signature that the C library expects.
#[unsafe(no_mangle)]
extern "C" fn main(_: c_int, _: *const *const c_char) -> c_int {
    // SAFETY: nothing else runs yet, and ignoring a signal touches no memory.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    programs::ipvsadm::main(None, std::env::args_os()).into()
}
