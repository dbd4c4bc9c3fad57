//! Transport of datagrams: a trait, so that a test can replace the kernel, and a netlink socket.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::io;
use std::mem::size_of;
use std::os::fd::AsRawFd;
use std::time::Duration;

use netlink_sys::SocketAddr;
use netlink_sys::protocols::{NETLINK_GENERIC, NETLINK_NETFILTER, NETLINK_ROUTE};

use super::Error;
use super::connection::TIME_LIMIT;

/// Sends datagrams to the kernel and receives its replies, as [`Socket`] does.
///
/// An error of kind [`io::ErrorKind::WouldBlock`] means that the time limit has passed, and
/// `ENOBUFS` that replies were lost.
pub trait Transport {
    /// Sends one datagram, which may hold any number of messages.
    fn send(&mut self, datagram: &[u8]) -> io::Result<()>;

    /// Receives one datagram into `buffer` and returns its length, which is larger than the buffer
    /// if the datagram does not fit.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Room for about a thousand replies. With the usual 208 KiB the kernel drops those after about the
/// 250th, and reports only that some are lost (`ENOBUFS`).
const RECEIVE_BUFFER: c_int = 4 << 20;

/// A netlink socket, connected to the kernel: what other processes send is refused.
///
/// It belongs to the network namespace in which the calling thread opened it. After ten seconds
/// without a datagram [`receive`](Transport::receive) fails.
pub struct Socket {
    // Never cloned: dropping a clone closes the descriptor of both.
    socket: netlink_sys::Socket,
    /// Buffer for a datagram received together with the one before, and its length if there is one.
    /// The end of a dump is a datagram of its own, as is the acknowledgement of a query, and a
    /// system call is most of what either costs.
    ahead: Vec<u8>,
    ahead_length: Option<usize>,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Socket {
    /// Opens a socket of generic netlink. Fails with [`Error::Socket`] if the kernel has none, or
    /// the process no more descriptors.
    pub fn new() -> Result<Self, Error> {
        Self::of_protocol(NETLINK_GENERIC)
    }

    /// Opens a socket of route netlink, as [`Socket::new`] does of generic netlink.
    pub fn route() -> Result<Self, Error> {
        let socket = Self::of_protocol(NETLINK_ROUTE)?;
        // The kernel dumps no more than the request asks for. Before Linux 4.20 it dumps all.
        let _ = socket.socket.set_netlink_get_strict_chk(true);
        Ok(socket)
    }

    /// Opens a socket of the packet filters, as [`Socket::new`] does of generic netlink.
    pub fn netfilter() -> Result<Self, Error> {
        Self::of_protocol(NETLINK_NETFILTER)
    }

    fn of_protocol(protocol: isize) -> Result<Self, Error> {
        let mut socket = netlink_sys::Socket::new(protocol)?;
        socket.bind_auto()?;
        // A connected socket rejects what other processes send (net/netlink).
        socket.connect(&SocketAddr::new(0, 0))?;
        // Since Linux 4.12 and 4.3. Without them errors carry no text, or echo the full request.
        let _ = socket.set_ext_ack(true);
        let _ = socket.set_cap_ack(true);
        // Forcing needs CAP_NET_ADMIN in the initial user namespace. So does IPVS, but a caller
        // without it must learn that from the request.
        if set_option(&socket, libc::SO_RCVBUFFORCE, &RECEIVE_BUFFER).is_err() {
            socket.set_rx_buf_sz(RECEIVE_BUFFER)?;
        }
        set_option(&socket, libc::SO_RCVTIMEO, &time_value(TIME_LIMIT))?;
        Ok(Self { socket, ahead: Vec::new(), ahead_length: None })
    }
}

impl Transport for Socket {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let sent = retried(|| self.socket.send(datagram, 0))?;
        if sent == datagram.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(length) = self.ahead_length.take() {
            // A datagram that is longer than its buffer is truncated in both.
            for (to, from) in buffer.iter_mut().zip(self.ahead.iter().take(length)) {
                *to = *from;
            }
            return Ok(length);
        }
        if self.ahead.len() != buffer.len() {
            // Fresh zeros take no memory until a datagram overwrites them.
            self.ahead = vec![0; buffer.len()];
        }
        let (first, second) = retried(|| receive_two(&self.socket, buffer, &mut self.ahead))?;
        self.ahead_length = second;
        Ok(first)
    }
}

/// Waits for a datagram, and receives a second one if it is there already. Lengths are those of the
/// datagrams, even if one does not fit (`MSG_TRUNC`).
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
    // point to places that point to exclusively borrowed buffers of the stated lengths.
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

/// Repeats a call that a signal interrupts.
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

/// Sets an option of level `SOL_SOCKET`, which netlink-sys does not offer.
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
    fn receive_times_out_after_its_limit() {
        let mut socket = Socket::new().unwrap();
        let limit = time_value(Duration::from_millis(20));
        set_option(&socket.socket, libc::SO_RCVTIMEO, &limit).unwrap();
        let error = socket.receive(&mut [0; 16]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn call_interrupted_by_signal_is_repeated() {
        let mut calls = 0;
        let result = retried(|| {
            calls += 1;
            if calls < 3 { Err(io::ErrorKind::Interrupted.into()) } else { Ok(calls) }
        });
        assert_eq!(result.unwrap(), 3);
    }
}
