//! How large packets to a machine can be: datagrams that may not be split, to a port where nobody
//! listens. Whoever gets one refuses it, and so tells that it came.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::Path;

/// Where `traceroute` sends too.
pub(super) const PORT: u16 = 33434;

/// On one network, an answer takes a few milliseconds; machines may hold it back after the first
/// ones.
const WAIT: Duration = Duration::from_millis(250);

/// Sizes that ways are commonly of, behind a tunnel of their own as well; 1280 is the least of IPv6.
const SIZES: [u16; 7] = [1492, 1480, 1460, 1440, 1420, 1400, 1280];
const SMALL: u16 = 200;

pub(super) fn of(real: IpAddr) -> io::Result<Path> {
    let (any, headers) = match real {
        IpAddr::V4(_) => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 28),
        IpAddr::V6(_) => (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 48),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect((real, PORT))?;
    socket.set_read_timeout(Some(WAIT))?;
    dont_fragment(&socket, real)?;
    let assumed = assumed(&socket, real)?;
    let arrives = |size: u16| arrives(&socket, size.saturating_sub(headers));
    let mut carried = None;
    if arrives(SMALL)? {
        let sizes = SIZES.into_iter().filter(|size| *size < assumed);
        let sizes = [assumed, assumed].into_iter().chain(sizes).chain([SMALL]);
        for size in sizes {
            if size == SMALL || arrives(size)? {
                carried = Some(size);
                break;
            }
        }
    }
    Ok(Path { real, assumed, carried })
}

/// Sends so many bytes, and waits for the refusal.
fn arrives(socket: &UdpSocket, payload: u16) -> io::Result<bool> {
    let bytes = vec![0; usize::from(payload)];
    let refused = |error: &io::Error| error.kind() == ErrorKind::ConnectionRefused;
    let outcome = match socket.send(&bytes) {
        // Of the datagram before, late.
        Err(error) if refused(&error) => socket.send(&bytes),
        outcome => outcome,
    };
    let outcome = outcome.and_then(|_| socket.recv(&mut [0; 1]));
    match outcome {
        Ok(_) => Ok(true),
        Err(error) if refused(&error) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Ok(false)
        }
        // A router on the way said so, or the kernel knew.
        Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => Ok(false),
        Err(error) => Err(error),
    }
}

/// `IP_PMTUDISC_PROBE` and its like: sent whole or not at all, whatever is known of the way.
#[allow(unsafe_code)]
fn dont_fragment(socket: &UdpSocket, real: IpAddr) -> io::Result<()> {
    let (level, option, value): (_, _, libc::c_int) = match real {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE),
    };
    // SAFETY: the descriptor is open as long as `socket` lives, and the kernel reads one integer.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What the kernel takes the way to carry, by its route and by what routers told.
#[allow(unsafe_code)]
fn assumed(socket: &UdpSocket, real: IpAddr) -> io::Result<u16> {
    let (level, option) = match real {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MTU),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_MTU),
    };
    let mut value: libc::c_int = 0;
    let mut length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the descriptor is open as long as `socket` lives, and the kernel writes at most
    // `length` bytes, which is the size of `value`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    // The interface may be able to do more than a datagram can be.
    match result {
        0 => Ok(u16::try_from(value).unwrap_or(u16::MAX)),
        _ => Err(io::Error::last_os_error()),
    }
}
