//! Addresses of services, real servers and multicast groups.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::integer::{WHITE_SPACE, integer};
use crate::ipvsadm::{Names, Network};
use lvs::ipvs::Protocol;

/// `address[:port]`, of a service or a real server; no port where none is written.
///
/// An IPv6 address takes a port in the form `[address]:port` only. Names of ports need a protocol.
pub(in super::super) fn address_and_port(
    text: &str,
    protocol: Option<Protocol>,
    names: &dyn Names,
) -> Option<(IpAddr, Option<u16>)> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let port = |text: &str| integer(text, 0..=u16::MAX).or_else(|| names.port(text, protocol?));
    let (text, outer_port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (inside, behind) = bracketed.split_once(']')?;
            (inside, Some(behind.strip_prefix(':')?))
        }
        None => (text, None),
    };
    // One colon or none is no IPv6, and not worth a try in a restore of thousands of lines.
    let two_colons = text.bytes().filter(|byte| *byte == b':').count() > 1;
    if let Some(address) = two_colons.then(|| text.parse::<Ipv6Addr>().ok()).flatten() {
        let port = match outer_port {
            Some(text) => Some(port(text)?),
            None => None,
        };
        return Some((address.into(), port));
    }
    // The port behind brackets is lost here, as in the reference: they are for IPv6.
    match text.rsplit_once(':') {
        Some((address, text)) => Some((host(address, names)?.into(), Some(port(text)?))),
        None => Some((host(text, names)?.into(), None)),
    }
}

/// `address[/prefix]`: a network, or the one address.
pub(in super::super) fn network(text: &str, names: &dyn Names) -> Option<Network> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address = match address.parse::<Ipv6Addr>() {
        Ok(address) => address.into(),
        Err(_) => IpAddr::V4(host(address, names)?),
    };
    let whole = if address.is_ipv6() { 128 } else { 32 };
    let prefix = match prefix {
        Some(prefix) => integer(prefix, 0..=whole)?,
        None => whole,
    };
    Some(Network { address, prefix })
}

/// A multicast address: IPv6 if there is a colon in it, else IPv4 in four decimal numbers.
///
/// # Errors
///
/// The family that the text was taken for, `IPv4` or `IPv6`.
pub(in super::super) fn multicast_group(text: &str) -> Result<IpAddr, &'static str> {
    let (address, family) = if text.contains(':') {
        (text.parse().map(IpAddr::V6), "IPv6")
    } else {
        (text.parse().map(IpAddr::V4), "IPv4")
    };
    address.ok().filter(IpAddr::is_multicast).ok_or(family)
}

/// An IPv4 address in numbers, or the name of a host.
pub(super) fn host(text: &str, names: &dyn Names) -> Option<Ipv4Addr> {
    // Four decimal numbers are read fastest by the standard library.
    let plain = text.parse().ok();
    plain.or_else(|| numbers_and_dots(text)).or_else(|| names.address(text))
}

/// An IPv4 address in one to four numbers, decimal, octal (`0…`) or hexadecimal (`0x…`), the last
/// of which fills what the others leave: `inet_aton` of the C library. White space ends the text.
fn numbers_and_dots(text: &str) -> Option<Ipv4Addr> {
    let text = text.split(WHITE_SPACE).next()?;
    let mut parts = text.split('.');
    let last = number(parts.next_back()?)?;
    let mut address: u32 = 0;
    let mut room = 32;
    for part in parts {
        // No place for a fourth number before the last.
        if room == 8 {
            return None;
        }
        room -= 8;
        address |= u32::from(u8::try_from(number(part)?).ok()?) << room;
    }
    let fits = room == 32 || last >> room == 0;
    fits.then(|| Ipv4Addr::from_bits(address | last))
}

/// A C integer without a sign: `strtoul` of base 0, of texts that begin with a digit.
fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix('0') {
        None | Some("") => (text, 10),
        Some(rest) => match rest.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16),
            None => (rest, 8),
        },
    };
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvsadm::fake_names::VIP_EXAMPLE;

    fn read(text: &str) -> Option<(String, Option<u16>)> {
        let (address, port) = address_and_port(text, Some(Protocol::TCP), &VIP_EXAMPLE)?;
        Some((address.to_string(), port))
    }

    fn written(address: &str, port: impl Into<Option<u16>>) -> Option<(String, Option<u16>)> {
        Some((address.to_owned(), port.into()))
    }

    #[test]
    fn networks() {
        let network = |text| {
            let Network { address, prefix } = network(text, &VIP_EXAMPLE)?;
            Some(format!("{address}/{prefix}"))
        };
        assert_eq!(network("192.0.2.0/24").as_deref(), Some("192.0.2.0/24"));
        assert_eq!(network("10/8").as_deref(), Some("0.0.0.10/8"), "as everywhere");
        assert_eq!(network("192.0.2.1").as_deref(), Some("192.0.2.1/32"));
        assert_eq!(network("::/0").as_deref(), Some("::/0"));
        assert_eq!(network("2001:db8::1").as_deref(), Some("2001:db8::1/128"));
        for wrong in ["", "/8", "192.0.2.0/33", "192.0.2.0/", "::/129", "192.0.2.0/-1", "no.name"] {
            assert_eq!(network(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ipv4_in_every_form_of_the_c_library() {
        assert_eq!(read("192.0.2.1:80"), written("192.0.2.1", 80));
        assert_eq!(read("192.0.2.1"), written("192.0.2.1", None));
        assert_eq!(read("192.0.2"), written("192.0.0.2", None));
        assert_eq!(read("127.1"), written("127.0.0.1", None));
        assert_eq!(read("1.16777215:83"), written("1.255.255.255", 83));
        assert_eq!(read("0xc0000201"), written("192.0.2.1", None));
        assert_eq!(read("0300.0.2.1"), written("192.0.2.1", None));
        assert_eq!(read("3221225985:80"), written("192.0.2.1", 80));
        assert_eq!(read("4294967295:80"), written("255.255.255.255", 80));
        assert_eq!(read("192.0.2.1 junk"), written("192.0.2.1", None));
        assert_eq!(read("0x7f.1 junk:80"), written("127.0.0.1", 80));
    }

    #[test]
    fn not_an_ipv4_address() {
        for text in [
            "",
            "80",
            "3232235777",
            ":80",
            " 192.0.2.1",
            "0x:80",
            "08.1:80",
            "1.2.3.:80",
            "1.2.3.4.:80",
            "1.2.3.4.5:80",
            "256.1:80",
            "1.16777216:80",
            "1.2.256:80x",
            "4294967296:80",
            "1.+2:80",
            "1.2.3.256",
            "1.2.3.4/24",
            "192.0.2.1:80:80",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn ipv6_with_a_port_needs_brackets() {
        assert_eq!(read("[2001:db8::81]:80"), written("2001:db8::81", 80));
        assert_eq!(read("2001:db8::81:80"), written("2001:db8::81:80", None));
        assert_eq!(read("[::1]:http"), written("::1", 80));
        assert_eq!(read("::ffff:192.0.2.1"), written("::ffff:192.0.2.1", None));
        for text in [
            "[2001:db8::1]",
            "[::1]x",
            "[::1",
            "[::1]:",
            "[::1]]:80",
            "[[::1]:80]:80",
            "::1 :80",
            "fe80::1%eth0",
            "1::2:3:4:5:6:7:8",
            "00001::",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn brackets_around_ipv4_swallow_the_port() {
        assert_eq!(read("[192.0.2.1]:80"), written("192.0.2.1", None));
        assert_eq!(read("[192.0.2.1]:junk"), written("192.0.2.1", None));
        assert_eq!(read("[192.0.2.1:81]:90"), written("192.0.2.1", 81));
    }

    #[test]
    fn names_of_hosts_and_ports() {
        assert_eq!(read("vip.example:www"), written("192.0.2.10", 80));
        assert_eq!(read("nowhere.example:80"), None);
        assert_eq!(read("192.0.2.1:HTTP"), None);
        assert_eq!(address_and_port("192.0.2.1:http", None, &VIP_EXAMPLE), None);
    }

    #[test]
    fn ports() {
        assert_eq!(read("192.0.2.1: 80"), written("192.0.2.1", 80));
        assert_eq!(read("192.0.2.1:+80"), written("192.0.2.1", 80));
        assert_eq!(read("192.0.2.1:65535"), written("192.0.2.1", 65535));
        for text in ["192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:0x50"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn groups_are_multicast_and_strict() {
        assert_eq!(multicast_group("224.0.0.82"), Ok([224, 0, 0, 82].into()));
        assert_eq!(multicast_group("ff02::81").map(|it| it.is_ipv6()), Ok(true));
        for text in ["", "1.2.3.4", "0224.0.0.1", "224.1", "vip.example"] {
            assert_eq!(multicast_group(text), Err("IPv4"), "{text:?}");
        }
        for text in ["::1", "ff02::1%lo", "224.0.0.1:"] {
            assert_eq!(multicast_group(text), Err("IPv6"), "{text:?}");
        }
    }
}
