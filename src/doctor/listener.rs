//! Sockets that wait for clients, from `/proc/net`.
//!
//! Socket diagnosis over netlink would tell the same, and load the modules `tcp_diag` and
//! `udp_diag` in doing so.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use lvs::ipvs::Protocol;
use lvs::netlink::proc_net;

/// States of `net/tcp_states.h`: of a TCP socket that listens, of a UDP socket that has no peer.
const LISTEN: &str = "0A";
const UNCONNECTED: &str = "07";

/// More bytes are not read.
const MOST: u64 = 8 << 20;

/// A socket that waits for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Where; the unspecified address for every address of the machine.
    pub address: IpAddr,
    /// In host byte order.
    pub port: u16,
}

impl Listener {
    /// Whether it hears what is sent to an address. A socket for every address of IPv6 commonly
    /// hears IPv4 too; `/proc` does not tell.
    #[must_use]
    pub fn hears(&self, address: IpAddr) -> bool {
        self.address == address
            || self.address == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
            || self.address == IpAddr::V4(Ipv4Addr::UNSPECIFIED) && address.is_ipv4()
    }

    /// All of this network namespace.
    pub(super) fn all() -> io::Result<Vec<Self>> {
        let mut listeners = Vec::new();
        for (file, protocol, state) in [
            ("tcp", Protocol::TCP, LISTEN),
            ("tcp6", Protocol::TCP, LISTEN),
            ("udp", Protocol::UDP, UNCONNECTED),
            ("udp6", Protocol::UDP, UNCONNECTED),
        ] {
            let file = match File::open(proc_net().join(file)) {
                // Of a kernel without IPv6.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file?,
            };
            listeners.extend(read(BufReader::new(file.take(MOST)), protocol, state)?);
        }
        Ok(listeners)
    }
}

fn read(input: impl BufRead, protocol: Protocol, state: &str) -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for line in input.lines().skip(1) {
        let line = line?;
        let mut words = line.split_ascii_whitespace().skip(1);
        let (local, found) = (words.next(), words.nth(1));
        if found != Some(state) {
            // The kernel shows the listening sockets of TCP first; the others may be millions.
            if state == LISTEN {
                break;
            }
            continue;
        }
        let endpoint = local.and_then(endpoint);
        listeners.extend(endpoint.map(|(address, port)| Listener { protocol, address, port }));
    }
    Ok(listeners)
}

/// Words of 32 bits in the machine's byte order, then a port.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (digits, port) = text.split_once(':')?;
    let (words, []) = digits.as_bytes().as_chunks::<8>() else {
        return None;
    };
    let words = words.iter().map(|word| {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        Some(word.to_ne_bytes())
    });
    let bytes = words.collect::<Option<Vec<_>>>()?.concat();
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
        _ => return None,
    };
    Some((address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n   \
        0: 00000000:0050 00000000:0000 0A 00000000:00000000\n   \
        1: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n   \
        2: 0A0AA8C0:0016 020AA8C0:8000 01 00000000:00000000\n   \
        3: 00000000:0051 00000000:0000 0A 00000000:00000000\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn listening_sockets_are_read_up_to_the_first_connection() {
        let listeners = read(TCP.as_bytes(), Protocol::TCP, LISTEN).unwrap();
        let told: Vec<_> = listeners.iter().map(|it| (it.address.to_string(), it.port)).collect();
        assert_eq!(told, [("0.0.0.0".to_owned(), 80), ("127.0.0.1".to_owned(), 8080)]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn addresses_of_both_families_are_read() {
        let (address, port) = endpoint("B80D012000000000000000000A000000:0035").unwrap();
        assert_eq!((address.to_string().as_str(), port), ("2001:db8::a", 53));
        for bad in ["", ":", "00:50", "0000000G:0050", "00000000:", "00000000:10000"] {
            assert_eq!(endpoint(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_socket_for_every_address_hears_each() {
        let of = |address: &str| Listener {
            protocol: Protocol::TCP,
            address: address.parse().unwrap(),
            port: 80,
        };
        let hears = |listener: &str, address: &str| of(listener).hears(address.parse().unwrap());
        assert!(hears("0.0.0.0", "192.0.2.1") && !hears("0.0.0.0", "2001:db8::1"));
        assert!(hears("::", "192.0.2.1") && hears("::", "2001:db8::1"));
        assert!(hears("192.0.2.1", "192.0.2.1") && !hears("192.0.2.1", "192.0.2.2"));
    }
}
