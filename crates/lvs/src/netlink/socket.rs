//! What carries datagrams to the kernel: a trait, so that a test can replace the kernel, and a
//! generic netlink socket.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::io;
use std::mem::size_of;
use std::os::fd::AsRawFd;
use std::time::Duration;

use netlink_sys::SocketAddr;
use netlink_sys::protocols::NETLINK_GENERIC;

use super::Error;
use super::connection::TIME_LIMIT;

/// Carries datagrams to a kernel and back.
///
/// [`Socket`] is the real one. An error of kind [`io::ErrorKind::WouldBlock`] from
/// [`Transport::receive`] means that the time limit passed; `ENOBUFS` means that replies were lost.
pub trait Transport {
    /// Sends one datagram, which may hold any number of messages.
    ///
    /// # Errors
    ///
    /// Whatever the socket says.
    fn send(&mut self, datagram: &[u8]) -> io::Result<()>;

    /// Receives one datagram into `buffer` and gives its length, which is larger than the buffer
    /// where the datagram did not fit.
    ///
    /// # Errors
    ///
    /// Whatever the socket says.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Room for about a thousand answers. With the usual 208 KiB the kernel drops those after the
/// 250th or so, and says only that some are lost (`ENOBUFS`).
const RECEIVE_BUFFER: c_int = 4 << 20;

/// A generic netlink socket that talks to the kernel and nobody else.
///
/// The network namespace is the one in which the calling thread was when it opened the socket.
///
/// # Examples
///
/// ```no_run
/// let socket = lvs::netlink::Socket::new()?;
/// let client = lvs::ipvs::Client::new(socket)?;
/// # Ok::<(), lvs::netlink::Error>(())
/// ```
#[derive(Debug)]
pub struct Socket {
    // Never cloned: a clone closes the same descriptor once more when it is dropped.
    socket: netlink_sys::Socket,
    ahead: Ahead,
}

/// A datagram that came with the one before. The end of a listing is a datagram of its own, as is
/// the acknowledgement of a query, and a system call is most of what either costs.
#[derive(Default)]
struct Ahead {
    bytes: Vec<u8>,
    length: Option<usize>,
}

impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ahead").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Socket {
    /// Opens a socket that waits at most ten seconds for an answer.
    ///
    /// # Errors
    ///
    /// [`Error::Socket`] where the kernel has no generic netlink or no more descriptors.
    pub fn new() -> Result<Self, Error> {
        let mut socket = netlink_sys::Socket::new(NETLINK_GENERIC)?;
        socket.bind_auto()?;
        // Connected, the socket takes nothing that another process sends (linux/net/netlink).
        socket.connect(&SocketAddr::new(0, 0))?;
        // Since Linux 4.12 and 4.3. Without them errors carry no text, or echo the whole request.
        let _ = socket.set_ext_ack(true);
        let _ = socket.set_cap_ack(true);
        // Forcing wants CAP_NET_ADMIN of the first user namespace; IPVS wants it too, but a caller
        // without it shall learn that from the request.
        if set_option(&socket, libc::SO_RCVBUFFORCE, &RECEIVE_BUFFER).is_err() {
            socket.set_rx_buf_sz(RECEIVE_BUFFER)?;
        }
        set_option(&socket, libc::SO_RCVTIMEO, &time_value(TIME_LIMIT))?;
        Ok(Self { socket, ahead: Ahead::default() })
    }
}

impl Transport for Socket {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let sent = retried(|| self.socket.send(datagram, 0))?;
        if sent == datagram.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ahead = &mut self.ahead;
        if let Some(length) = ahead.length.take() {
            // Both are cut where the datagram is longer than its buffer was.
            for (to, from) in buffer.iter_mut().zip(ahead.bytes.iter().take(length)) {
                *to = *from;
            }
            return Ok(length);
        }
        if ahead.bytes.len() != buffer.len() {
            // Fresh zeros are not touched, so they take no memory until a datagram fills them.
            ahead.bytes = vec![0; buffer.len()];
        }
        let (first, second) = retried(|| receive_two(&self.socket, buffer, &mut ahead.bytes))?;
        ahead.length = second;
        Ok(first)
    }
}

/// Waits for a datagram, and takes another one along where there is one. Lengths are those of the
/// datagrams, also where one does not fit (`MSG_TRUNC`).
#[allow(unsafe_code)]
fn receive_two(
    socket: &netlink_sys::Socket,
    first: &mut [u8],
    second: &mut [u8],
) -> io::Result<(usize, Option<usize>)> {
    let mut places = [first, second]
        .map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() });
    let mut messages = places.each_mut().map(|place| {
        // SAFETY: all bytes 0 are a valid `mmsghdr`: numbers, and pointers to nothing.
        let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
        message.msg_hdr.msg_iov = place;
        message.msg_hdr.msg_iovlen = 1;
        message
    });
    // SAFETY: the descriptor is open as long as `socket` is borrowed; both messages are live, and
    // lead to places that lead to buffers of the lengths told, borrowed exclusively.
    let count = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            2,
            (libc::MSG_WAITFORONE | libc::MSG_TRUNC) as _,
            std::ptr::null_mut(),
        )
    };
    let [first, second] = messages.map(|message| message.msg_len as usize);
    match count {
        1 => Ok((first, None)),
        2 => Ok((first, Some(second))),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A signal is no reason to give up a call.
fn retried<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn time_value(duration: Duration) -> libc::timeval {
    libc::timeval {
        tv_sec: duration.as_secs() as libc::time_t,
        tv_usec: libc::suseconds_t::from(duration.subsec_micros()),
    }
}

/// Sets an option of level `SOL_SOCKET` that netlink-sys has no name for.
#[allow(unsafe_code)]
fn set_option<V>(socket: &netlink_sys::Socket, option: c_int, value: &V) -> io::Result<()> {
    // SAFETY: the descriptor is open as long as `socket` is borrowed; pointer and length are those
    // of one live `V`, which the kernel only reads.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            std::ptr::from_ref(value).cast::<c_void>(),
            size_of::<V>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_waits_no_longer_than_its_limit() {
        let mut socket = Socket::new().unwrap();
        let limit = time_value(Duration::from_millis(20));
        set_option(&socket.socket, libc::SO_RCVTIMEO, &limit).unwrap();
        let error = socket.receive(&mut [0; 16]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_signal_is_not_an_error() {
        let mut calls = 0;
        let result = retried(|| {
            calls += 1;
            if calls < 3 { Err(io::ErrorKind::Interrupted.into()) } else { Ok(calls) }
        });
        assert_eq!(result.unwrap(), 3);
    }
}
