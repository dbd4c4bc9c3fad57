//! Connections: a UDP datagram from each of many clients that there are not, to one service.

use std::io;
use std::mem::size_of;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// The service to which they go.
pub(crate) const SERVICE: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 1);
pub(crate) const PORT: u16 = 53;

/// Makes so many connections; the service must be there.
#[allow(unsafe_code)]
pub(crate) fn make(count: u32) {
    // SAFETY: a bare system call.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW) };
    assert!(socket >= 0, "{}", io::Error::last_os_error());
    // SAFETY: the descriptor has just been made, and nobody else knows it.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    let to = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: SERVICE.to_bits().to_be() },
        sin_zero: [0; 8],
    };
    for number in 0..count {
        let packet = packet(number);
        // SAFETY: pointers and lengths are those of a live array and a live address.
        let sent = unsafe {
            libc::sendto(
                socket.as_raw_fd(),
                packet.as_ptr().cast(),
                packet.len(),
                0,
                (&raw const to).cast(),
                size_of::<libc::sockaddr_in>() as libc::socklen_t,
            )
        };
        assert!(sent == packet.len() as isize, "{}", io::Error::last_os_error());
    }
}

/// An IP header and a UDP header; the kernel fills in what is 0.
fn packet(number: u32) -> [u8; 28] {
    let client = 0xac10_0000 + number / 50_000;
    let port = (1024 + number % 50_000) as u16;
    let mut packet = [0; 28];
    packet[0] = 0x45;
    packet[8] = 64;
    packet[9] = 17;
    packet[12..16].copy_from_slice(&client.to_be_bytes());
    packet[16..20].copy_from_slice(&SERVICE.octets());
    packet[20..22].copy_from_slice(&port.to_be_bytes());
    packet[22..24].copy_from_slice(&PORT.to_be_bytes());
    packet[25] = 8;
    packet
}
