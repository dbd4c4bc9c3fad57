//! Announcements of an address that this machine has taken: gratuitous ARP, unsolicited neighbour
//! advertisements.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};

use socket2::{Domain, SockAddr, Socket, Type};

use super::{ETH_P_ARP, ETH_P_IPV6, Wire, link_address, packet};
use crate::host::state::route_request;

/// Sends an announcement of each address now, and again after a second, by a process of its own:
/// neighbours may miss one, or learn the previous owner from a packet that was under way. An address
/// that has left this machine by then is not announced again: another one may have it.
pub(crate) fn announce(addresses: &[(IpAddr, Wire)]) -> io::Result<()> {
    if addresses.is_empty() {
        return Ok(());
    }
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, None)?;
    let announcements = addresses.iter().map(|(address, wire)| {
        let protocol = if address.is_ipv4() { ETH_P_ARP } else { ETH_P_IPV6 };
        let (to, packet) = packet::announcement(*address, wire.hardware);
        let to = link_address(wire.index, protocol, Some(to));
        Announcement { to, packet, route: framed(&route_request(*address)) }
    });
    let announcements: Vec<Announcement> = announcements.collect();
    for Announcement { to, packet, .. } in &announcements {
        socket.send_to(packet, to)?;
    }
    repeat_detached(socket.as_raw_fd(), &announcements)
}

struct Announcement {
    to: SockAddr,
    packet: Vec<u8>,
    /// Asks the kernel for the route to the address.
    route: Vec<u8>,
}

/// The request with the header that a [`Connection`](lvs::netlink::Connection) gives it, since the
/// process that repeats makes system calls only.
fn framed(body: &[u8]) -> Vec<u8> {
    let mut request = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
    request.extend(libc::RTM_GETROUTE.to_ne_bytes());
    request.extend((libc::NLM_F_REQUEST as u16).to_ne_bytes());
    request.extend([0; 8]);
    request.extend(body);
    request
}

/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;

/// The place of `rtm_type` in the reply.
const ROUTE_TYPE: usize = HEADER + 7;

/// How many descriptors the process that repeats closes; more than a command opens.
const DESCRIPTORS: RawFd = 256;

/// Forks twice, so that nobody waits for the process that sends again.
#[allow(unsafe_code)]
fn repeat_detached(socket: RawFd, announcements: &[Announcement]) -> io::Result<()> {
    // SAFETY: the children make system calls only, which are allowed after a fork even where other
    // threads hold locks, on memory that was prepared before, and end by `_exit`.
    let child = unsafe { libc::fork() };
    match child {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: as above.
            unsafe {
                detach(socket);
                if libc::fork() == 0 {
                    repeat(socket, announcements);
                }
                libc::_exit(0)
            }
        }
        // SAFETY: it waits for our own child, and asks for no status.
        child => match unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        },
    }
}

/// Leaves the session, and closes the descriptors of the command: the reader of a pipe would wait for
/// their end, and the lock would stay.
///
/// # Safety
///
/// Other code of the process must not use a descriptor any more.
#[allow(unsafe_code)]
unsafe fn detach(socket: RawFd) {
    // SAFETY: bare system calls without memory.
    unsafe {
        libc::setsid();
        for descriptor in (0..DESCRIPTORS).filter(|it| *it != socket) {
            libc::close(descriptor);
        }
    }
}

/// # Safety
///
/// It makes bare system calls; the caller ends the process right after it.
#[allow(unsafe_code)]
unsafe fn repeat(socket: RawFd, announcements: &[Announcement]) {
    // SAFETY: none of the calls uses memory but that of the announcements.
    unsafe {
        let second = libc::timespec { tv_sec: 1, tv_nsec: 0 };
        libc::nanosleep(&raw const second, std::ptr::null_mut());
        let kernel = libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE);
        for Announcement { to, packet, route } in announcements {
            if is_local(kernel, route) {
                libc::sendto(
                    socket,
                    packet.as_ptr().cast(),
                    packet.len(),
                    0,
                    to.as_ptr().cast(),
                    to.len(),
                );
            }
        }
    }
}

/// Whether the kernel delivers packets for the address of a route request to this machine.
///
/// # Safety
///
/// It makes bare system calls.
#[allow(unsafe_code)]
unsafe fn is_local(kernel: RawFd, request: &[u8]) -> bool {
    let mut reply = [0_u8; 1024];
    // SAFETY: the kernel reads the request, and writes at most the length of the reply.
    let length = unsafe {
        libc::send(kernel, request.as_ptr().cast(), request.len(), 0);
        libc::recv(kernel, reply.as_mut_ptr().cast(), reply.len(), 0)
    };
    let [_, _, _, _, kind @ ..] = &reply;
    let is_route = kind.starts_with(&libc::RTM_NEWROUTE.to_ne_bytes());
    length > ROUTE_TYPE as isize && is_route && reply[ROUTE_TYPE] == libc::RTN_LOCAL
}
