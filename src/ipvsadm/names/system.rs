//! Names from the C library, by `/etc/nsswitch.conf`, `/etc/hosts`, DNS and `/etc/services`.
//!
//! All `unsafe` of this module tree is here. The functions are reentrant, so lookups may run in several
//! threads. Both glibc and musl have them, but the `libc` crate does not bind them.

use std::ffi::{CStr, CString, c_char, c_int};
use std::net::{IpAddr, Ipv4Addr};
use std::ptr;

use lvs::ipvs::Protocol;
use lvs::ruleset::Names;

/// Initial and maximum buffer size: `/etc/services` needs a few hundred bytes, a host with very many
/// addresses some thousands.
const INITIAL_BUFFER: usize = 1024;
const MAX_BUFFER: usize = 1 << 20;

#[allow(unsafe_code)]
// SAFETY: names and parameters are those of netdb.h in glibc 2.36 and musl 1.2.
unsafe extern "C" {
    fn gethostbyname_r(
        name: *const c_char,
        result: *mut libc::hostent,
        buffer: *mut c_char,
        length: usize,
        found: *mut *mut libc::hostent,
        error: *mut c_int,
    ) -> c_int;
    fn getservbyname_r(
        name: *const c_char,
        protocol: *const c_char,
        result: *mut libc::servent,
        buffer: *mut c_char,
        length: usize,
        found: *mut *mut libc::servent,
    ) -> c_int;
    fn getservbyport_r(
        port: c_int,
        protocol: *const c_char,
        result: *mut libc::servent,
        buffer: *mut c_char,
        length: usize,
        found: *mut *mut libc::servent,
    ) -> c_int;
}

/// The names of this system, without a cache. A lookup over DNS may take as long as the timeouts of the
/// resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    fn address(&self, host: &str) -> Option<Ipv4Addr> {
        let host = CString::new(host).ok()?;
        with_growing_buffer(|room, length| {
            let mut entry = empty_host();
            let mut found = ptr::null_mut();
            let mut error = 0;
            #[allow(unsafe_code)]
            // SAFETY: `host` ends in NUL, and `room` has `length` bytes. What is found points into
            // `entry` and `room`, which both outlive the reads below.
            unsafe {
                let status = gethostbyname_r(
                    host.as_ptr(),
                    &mut entry,
                    room,
                    length,
                    &mut found,
                    &mut error,
                );
                let address = (|| {
                    let host = found.as_ref()?;
                    let first = (*host.h_addr_list.as_ref()?).cast::<[u8; 4]>();
                    let is_ipv4 = host.h_addrtype == libc::AF_INET && host.h_length == 4;
                    first.as_ref().filter(|_| is_ipv4).copied()
                })();
                (status, address.map(Ipv4Addr::from))
            }
        })
    }

    fn port(&self, service: &str, protocol: Protocol) -> Option<u16> {
        let service = CString::new(service).ok()?;
        let protocol = CString::new(protocol.name()?).ok()?;
        find_service(
            |entry, room, length, found| {
                #[allow(unsafe_code)]
                // SAFETY: both names end in NUL; the rest is as `find_service` promises.
                unsafe {
                    let (name, kind) = (service.as_ptr(), protocol.as_ptr());
                    getservbyname_r(name, kind, entry, room, length, found)
                }
            },
            // The port is in network byte order in the low 16 bits of an int.
            |entry| Some(u16::from_be(entry.s_port as u16)),
        )
    }

    fn host(&self, address: IpAddr) -> Option<String> {
        // NI_MAXHOST of netdb.h.
        let mut name = [0_u8; 1025];
        let (ipv4, ipv6);
        let (socket, length): (*const libc::sockaddr, _) = match address {
            IpAddr::V4(address) => {
                ipv4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: 0,
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
                    sin_zero: [0; 8],
                };
                (ptr::from_ref(&ipv4).cast(), size_of_val(&ipv4))
            }
            IpAddr::V6(address) => {
                ipv6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: 0,
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr { s6_addr: address.octets() },
                    sin6_scope_id: 0,
                };
                (ptr::from_ref(&ipv6).cast(), size_of_val(&ipv6))
            }
        };
        #[allow(unsafe_code)]
        // SAFETY: `socket` points at an address of `length` bytes of the family it names, and `name`
        // has the length that is given.
        let status = unsafe {
            libc::getnameinfo(
                socket,
                length as libc::socklen_t,
                name.as_mut_ptr().cast(),
                name.len() as libc::socklen_t,
                ptr::null_mut(),
                0,
                libc::NI_NAMEREQD,
            )
        };
        let text = CStr::from_bytes_until_nul(&name).ok()?.to_str().ok()?;
        (status == 0).then(|| text.to_owned())
    }

    fn service(&self, port: u16, protocol: Protocol) -> Option<String> {
        let protocol = CString::new(protocol.name()?).ok()?;
        find_service(
            |entry, room, length, found| {
                #[allow(unsafe_code)]
                // SAFETY: the name ends in NUL; the rest is as `find_service` promises.
                unsafe {
                    let port = c_int::from(port.to_be());
                    getservbyport_r(port, protocol.as_ptr(), entry, room, length, found)
                }
            },
            |entry| {
                #[allow(unsafe_code)]
                // SAFETY: the C library sets the name of an entry it has found, and ends it in NUL.
                let name = unsafe { CStr::from_ptr(entry.s_name) };
                name.to_str().ok().map(str::to_owned)
            },
        )
    }
}

/// Runs a lookup of a service and reads its result. `find` gets an entry to fill, a buffer with its length,
/// and the place for the pointer to the result, all valid during the call.
fn find_service<R>(
    find: impl Fn(*mut libc::servent, *mut c_char, usize, *mut *mut libc::servent) -> c_int,
    read: impl Fn(&libc::servent) -> Option<R>,
) -> Option<R> {
    with_growing_buffer(|room, length| {
        let mut entry = libc::servent {
            s_name: ptr::null_mut(),
            s_aliases: ptr::null_mut(),
            s_port: 0,
            s_proto: ptr::null_mut(),
        };
        let mut found = ptr::null_mut();
        let status = find(&mut entry, room, length, &mut found);
        #[allow(unsafe_code)]
        // SAFETY: the pointer is null or points at `entry`, whose strings are in `room`.
        let answer = unsafe { found.as_ref() }.and_then(&read);
        (status, answer)
    })
}

/// Repeats a lookup with a larger buffer while the C library answers `ERANGE`.
fn with_growing_buffer<R>(ask: impl Fn(*mut c_char, usize) -> (c_int, Option<R>)) -> Option<R> {
    let mut length = INITIAL_BUFFER;
    loop {
        let mut room = vec![0_u8; length];
        let (status, answer) = ask(room.as_mut_ptr().cast(), length);
        if status != libc::ERANGE || length >= MAX_BUFFER {
            return answer.filter(|_| status == 0);
        }
        length *= 4;
    }
}

const fn empty_host() -> libc::hostent {
    libc::hostent {
        h_name: ptr::null_mut(),
        h_aliases: ptr::null_mut(),
        h_addrtype: 0,
        h_length: 0,
        h_addr_list: ptr::null_mut(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn service_names_resolve_both_ways() {
        let names = SystemNames;
        assert_eq!(names.service(80, Protocol::TCP).as_deref(), Some("http"));
        assert_eq!(names.port("http", Protocol::TCP), Some(80));
        assert_eq!(names.port("domain", Protocol::UDP), Some(53));
        // An alias is found, another case is not.
        assert_eq!(names.port("www", Protocol::TCP), Some(80));
        assert_eq!(names.port("HTTP", Protocol::TCP), None);
        assert_eq!(names.service(0, Protocol::TCP), None);
        assert_eq!(names.service(80, Protocol(99)), None);
        assert_eq!(names.port("ht\0tp", Protocol::TCP), None);
    }

    #[test]
    fn host_names_resolve_both_ways() {
        let names = SystemNames;
        let loopback = Ipv4Addr::LOCALHOST;
        assert_eq!(names.address("localhost"), Some(loopback));
        assert_eq!(names.address("127.1"), Some(loopback));
        assert!(names.host(loopback.into()).is_some());
        assert_eq!(names.address("no such host.invalid"), None);
        let documentation: Ipv6Addr = "2001:db8:ffff::77".parse().unwrap();
        assert_eq!(names.host(documentation.into()), None);
    }

    #[test]
    fn buffer_grows_until_the_answer_fits() {
        let fits_at = 5000;
        let answer = with_growing_buffer(|_, length| match length {
            length if length < fits_at => (libc::ERANGE, None),
            length => (0, Some(length)),
        });
        assert_eq!(answer, Some(16 * 1024));
        let endless: Option<()> = with_growing_buffer(|_, _| (libc::ERANGE, None));
        assert_eq!(endless, None);
    }
}
