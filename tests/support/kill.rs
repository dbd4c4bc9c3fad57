//! Kills a process at one of its steps.
//!
//! `strace` can do that, too, but counts each system call separately, starts slowly, and stops the
//! process at every call; here the kernel stops it at the relevant calls only (`seccomp(2)`,
//! `SECCOMP_RET_TRACE`).

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

#[cfg(target_arch = "x86_64")]
const OF_FILES: [libc::c_long; 4] =
    [libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_rename, libc::SYS_unlink];
#[cfg(not(target_arch = "x86_64"))]
const OF_FILES: [libc::c_long; 4] =
    [libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_renameat, libc::SYS_unlinkat];

/// A shorter write is not a line of the journal: a sysctl value, or a wake-up of an event loop.
const SHORT: u32 = 16;

/// Starts a command, and kills it just before its step `number`, counted from 1: a long write, or the
/// sync, rename or removal of a file. Returns whether it got that far; a command that ends before must
/// succeed.
#[allow(clippy::zombie_processes, reason = "a traced child is waited for by its number")]
pub fn killed_at(command: &mut Command, number: u32) -> bool {
    let program = filter();
    // SAFETY: both are bare system calls, which are allowed between fork and exec. The closure owns the
    // filter.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(move || {
            let program = libc::sock_fprog {
                len: u16::try_from(program.len()).unwrap_or_default(),
                filter: program.as_ptr().cast_mut(),
            };
            done(libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0))?;
            done(libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
                0,
                0,
            ))
        })
    };
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let process = libc::pid_t::try_from(child.id()).unwrap();
    // The first stop is the one after exec.
    let options = libc::PTRACE_O_TRACESECCOMP | libc::PTRACE_O_EXITKILL;
    assert!(libc::WIFSTOPPED(wait_for(process)));
    trace(libc::PTRACE_SETOPTIONS, process, options);
    let mut steps = 0;
    let mut signal = 0;
    loop {
        trace(libc::PTRACE_CONT, process, signal);
        let status = wait_for(process);
        // A process that it has started has ended.
        if libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGCHLD {
            signal = libc::SIGCHLD;
            continue;
        }
        signal = 0;
        if libc::WIFEXITED(status) {
            assert_eq!(libc::WEXITSTATUS(status), 0, "{command:?} failed after {steps} steps");
            return false;
        }
        assert!(libc::WIFSTOPPED(status), "{command:?} died by itself: {status:#x}");
        assert_eq!(status >> 8, libc::SIGTRAP | libc::PTRACE_EVENT_SECCOMP << 8, "{command:?}");
        steps += 1;
        if steps == number {
            // SAFETY: it is our child, which has not been reaped yet.
            #[allow(unsafe_code)]
            done(unsafe { libc::kill(process, libc::SIGKILL) }).unwrap();
            assert!(libc::WIFSIGNALED(wait_for(process)));
            return true;
        }
    }
}

fn done(result: impl Into<i64>) -> io::Result<()> {
    if result.into() == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn trace(request: libc::c_uint, process: libc::pid_t, data: libc::c_int) {
    // SAFETY: neither request takes a pointer.
    #[allow(unsafe_code)]
    done(unsafe { libc::ptrace(request, process, 0, libc::c_long::from(data)) }).unwrap();
}

fn wait_for(process: libc::pid_t) -> libc::c_int {
    let mut status = 0;
    // SAFETY: the kernel writes one integer.
    #[allow(unsafe_code)]
    let waited = unsafe { libc::waitpid(process, &raw mut status, 0) };
    assert_eq!(waited, process, "{}", io::Error::last_os_error());
    status
}

/// A filter that traces the calls that are steps, and allows all others (`linux/filter.h`,
/// `linux/seccomp.h`).
fn filter() -> Vec<libc::sock_filter> {
    const NUMBER: u32 = 0;
    /// The lower half of the third argument.
    const LENGTH: u32 = 16 + 2 * 8 + if cfg!(target_endian = "big") { 4 } else { 0 };
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let jump = |test: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: (libc::BPF_JMP | test | libc::BPF_K) as u16,
        jt,
        jf,
        k,
    };
    let load = |offset| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset);
    let verdict = |verdict| statement(libc::BPF_RET | libc::BPF_K, verdict);
    let mut program = vec![load(NUMBER)];
    for (at, call) in OF_FILES.iter().enumerate() {
        // Jumps to the last but one statement.
        let over = u8::try_from(OF_FILES.len() - at + 2).unwrap();
        program.push(jump(libc::BPF_JEQ, u32::try_from(*call).unwrap(), over, 0));
    }
    program.extend([
        jump(libc::BPF_JEQ, u32::try_from(libc::SYS_write).unwrap(), 0, 3),
        load(LENGTH),
        jump(libc::BPF_JGT, SHORT, 0, 1),
        verdict(libc::SECCOMP_RET_TRACE),
        verdict(libc::SECCOMP_RET_ALLOW),
    ]);
    program
}
