//! Which network namespace this is.

use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// The number of the network namespace that we are in; unlike its inode number, no other gets it
/// until the next boot. `None` before Linux 5.14, which does not tell (`SO_NETNS_COOKIE`,
/// `asm-generic/socket.h`).
#[must_use]
#[allow(unsafe_code)]
pub fn namespace_cookie() -> Option<u64> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    let mut cookie = 0_u64;
    let mut length = libc::socklen_t::try_from(size_of_val(&cookie)).ok()?;
    // SAFETY: the descriptor is open as long as `socket` lives, and the kernel writes at most
    // `length` bytes, which is the size of `cookie`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    (result == 0).then_some(cookie)
}
