//! Network namespaces as `ip netns` makes them, without starting it: that takes longer than the rest.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::thread;

use socket2::{Domain, Socket, Type};

const DIRECTORY: &str = "/run/netns";

fn path(name: &str) -> CString {
    CString::new(format!("{DIRECTORY}/{name}")).unwrap()
}

#[track_caller]
fn done(what: &str, result: libc::c_int) {
    assert_eq!(result, 0, "{what}: {}", io::Error::last_os_error());
}

/// Makes a namespace whose loopback is up, and which takes addresses of IPv6 at once.
pub(super) fn add(name: &str) {
    fs::create_dir_all(DIRECTORY).unwrap();
    File::create(format!("{DIRECTORY}/{name}")).unwrap();
    let target = path(name);
    let made = thread::spawn(move || {
        // SAFETY: it moves only this thread, which ends with the work.
        #[allow(unsafe_code)]
        done("a new namespace", unsafe { libc::unshare(libc::CLONE_NEWNET) });
        // SAFETY: the kernel reads strings that end with NUL; no file system type is needed.
        #[allow(unsafe_code)]
        let mounted = unsafe {
            let nothing = std::ptr::null();
            let own = c"/proc/thread-self/ns/net";
            libc::mount(own.as_ptr(), target.as_ptr(), nothing, libc::MS_BIND, nothing.cast())
        };
        done("mounting a namespace", mounted);
        fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0").unwrap();
        bring_loopback_up();
    });
    made.join().unwrap();
}

fn bring_loopback_up() {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    // SAFETY: zero bytes are a valid `ifreq`, in which the kernel reads the name and the flags.
    #[allow(unsafe_code)]
    let set = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[..2].copy_from_slice(&[b'l' as libc::c_char, b'o' as libc::c_char]);
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request)
    };
    done("bringing lo up", set);
}

pub(super) fn delete(name: &str) {
    let target = path(name);
    // SAFETY: the kernel reads a string that ends with NUL.
    #[allow(unsafe_code)]
    unsafe {
        libc::umount2(target.as_ptr(), libc::MNT_DETACH);
    }
    let _ = fs::remove_file(format!("{DIRECTORY}/{name}"));
}

/// Runs a function in a namespace.
pub(super) fn inside<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> T {
    let namespace = File::open(format!("{DIRECTORY}/{name}")).unwrap();
    thread::scope(|scope| {
        let thread = scope.spawn(move || {
            // SAFETY: it moves only this thread, which ends with the work.
            #[allow(unsafe_code)]
            done("entering a namespace", unsafe {
                libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET)
            });
            work()
        });
        thread.join().unwrap()
    })
}
