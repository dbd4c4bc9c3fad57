//! Reads the filters, and the legacy tables by their socket options (`linux/netfilter_ipv4/ip_tables.h`). Reads only
//! tables that exist: asking for another one would load its module.

use std::ffi::c_int;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use socket2::{Domain, Protocol, Socket, Type};

use super::{Filters, Table, legacy, nft};
use crate::host::Link;
use lvs::ipvs::AddressFamily;
use lvs::netlink::proc_net;

const GET_INFO: c_int = 64;
const GET_ENTRIES: c_int = 65;

/// `struct ipt_getinfo`, the same for both families: the name, hooks, and the size at the end.
const INFO: usize = 84;
const NAME: usize = 32;
/// Before the entries of `struct ipt_get_entries`.
const HEADER: usize = 40;
/// A larger table is not read.
const LARGEST: usize = 64 << 20;

/// The tables of both families, and those of nftables.
///
/// # Errors
///
/// Without `CAP_NET_ADMIN`, where there are tables, or nftables is loaded.
pub(crate) fn read(release: &str, links: &[Link]) -> io::Result<Filters> {
    let mut tables = Vec::new();
    for (family, list) in
        [(AddressFamily::Ipv4, "ip_tables_names"), (AddressFamily::Ipv6, "ip6_tables_names")]
    {
        let names = match fs::read_to_string(proc_net().join(list)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            names => names?,
        };
        for name in names.lines() {
            tables.extend(table(family, name)?);
        }
    }
    let suffix = Path::new("/usr/sbin/iptables-legacy").exists();
    tables.extend(nft::read(release, links)?);
    Ok(Filters { tables, suffix })
}

/// `None` if the table changes all the time, or is gone.
fn table(family: AddressFamily, name: &str) -> io::Result<Option<Table>> {
    let (domain, level) = match family {
        AddressFamily::Ipv4 => (Domain::IPV4, libc::IPPROTO_IP),
        AddressFamily::Ipv6 => (Domain::IPV6, libc::IPPROTO_IPV6),
    };
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(libc::IPPROTO_RAW)))?;
    for _ in 0..5 {
        let mut info = vec![0; INFO];
        write_name(&mut info, name);
        match option(&socket, level, GET_INFO, &mut info) {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(None),
            result => result?,
        }
        let Some(size) = number(&info, INFO - 4) else { return Ok(None) };
        let length = size as usize;
        if length > LARGEST {
            return Err(io::Error::other("the table is larger than 64 MiB"));
        }
        let mut entries = vec![0; HEADER + length];
        write_name(&mut entries, name);
        for (place, byte) in entries.iter_mut().skip(NAME).zip(size.to_ne_bytes()) {
            *place = byte;
        }
        match option(&socket, level, GET_ENTRIES, &mut entries) {
            // The table has changed in between.
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {}
            Err(error) => return Err(error),
            Ok(()) => {
                let hooks = (0..5).map(|at| number(&info, NAME + 4 + 4 * at).unwrap_or(0));
                let bytes = entries.get(HEADER..).unwrap_or_default();
                let valid = number(&info, NAME).unwrap_or(0);
                return Ok(Some(legacy::table(
                    family,
                    name,
                    valid,
                    &hooks.collect::<Vec<_>>(),
                    bytes,
                )));
            }
        }
    }
    Err(io::Error::other("the rules change all the time"))
}

fn write_name(buffer: &mut [u8], name: &str) {
    for (place, byte) in buffer.iter_mut().take(NAME - 1).zip(name.bytes()) {
        *place = byte;
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[allow(unsafe_code)]
fn option(socket: &Socket, level: c_int, name: c_int, buffer: &mut [u8]) -> io::Result<()> {
    let mut length = buffer.len() as libc::socklen_t;
    // SAFETY: the descriptor is open as long as `socket` is borrowed, and the kernel writes at most
    // `length` bytes, the size of the buffer.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            buffer.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
