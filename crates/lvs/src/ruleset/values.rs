//! Values as a command line writes them: numbers, addresses, netmasks, names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use super::{Names, UsageError};
use crate::ipvs::{AddressFamily, Netmask, Protocol};

/// What `isspace` takes for white space in the C locale.
const WHITE_SPACE: [char; 6] = [' ', '\t', '\n', '\x0b', '\x0c', '\r'];

/// Parses a text that is one integer within the range, after optional white space and a sign.
pub fn integer<T>(text: &str, range: RangeInclusive<T>) -> Option<T>
where
    T: TryFrom<i64> + PartialOrd,
{
    let number: i64 = text.trim_start_matches(WHITE_SPACE).parse().ok()?;
    T::try_from(number).ok().filter(|number| range.contains(number))
}

/// The integer that a text begins with, 0 where there is none: `atoi`, with the wrap-around that
/// glibc gives it on 64-bit machines.
fn leading_integer(text: &str) -> i32 {
    let text = text.trim_start_matches(WHITE_SPACE);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut number: i64 = 0;
    for digit in digits.chars().map_while(|character| character.to_digit(10)) {
        let digit = i64::from(digit);
        number = number.saturating_mul(10);
        number = if negative { number.saturating_sub(digit) } else { number.saturating_add(digit) };
    }
    number as i32
}

/// `address[:port]`, of a service or a real server; no port where none is written.
///
/// An IPv6 address takes a port in the form `[address]:port` only. Names of ports need a protocol.
pub fn address_and_port(
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
    // With fewer than two colons it is not IPv6: saves a parse per line of a large restore.
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

/// A multicast address: IPv6 if there is a colon in it, else IPv4 in four decimal numbers.
pub(super) fn multicast_group(text: &str) -> Result<IpAddr, UsageError> {
    let (address, family) = if text.contains(':') {
        (text.parse().map(IpAddr::V6), "IPv6")
    } else {
        (text.parse().map(IpAddr::V4), "IPv4")
    };
    address
        .ok()
        .filter(IpAddr::is_multicast)
        .ok_or_else(|| UsageError::InvalidGroup { family, group: text.to_owned() })
}

/// An IPv4 address in numbers, or the name of a host.
pub fn host(text: &str, names: &dyn Names) -> Option<Ipv4Addr> {
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

/// A mask for services of that family: any IPv4 address, or an IPv6 prefix length.
pub(super) fn netmask(text: &str, family: AddressFamily, names: &dyn Names) -> Option<Netmask> {
    match family {
        AddressFamily::Ipv4 => host(text, names).map(Netmask::Ipv4),
        AddressFamily::Ipv6 => u32::try_from(leading_integer(text))
            .ok()
            .filter(|prefix| (1..=128).contains(prefix))
            .map(Netmask::Ipv6),
    }
}

/// The text, cut to that many bytes, or to fewer where a character would be torn.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rfind(|&end| text.is_char_boundary(end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::fake_names::VIP_EXAMPLE;

    #[test]
    fn integer_allows_space_and_sign_before_digits_only() {
        for text in ["5", " 5", "\t\n\x0b\x0c\r5", "+5", "005"] {
            assert_eq!(integer(text, 0..=9), Some(5), "{text:?}");
        }
        for text in ["", " ", "+", "-", "5 ", "0x5", "1e0", "5.0", "+ 5", "--5", "\u{a0}5"] {
            assert_eq!(integer(text, 0..=9), None, "{text:?}");
        }
        assert_eq!(integer("-0", 0..=9), Some(0));
    }

    #[test]
    fn integer_range_includes_both_ends() {
        assert_eq!(integer("4294967295", 1..=u32::MAX), Some(u32::MAX));
        assert_eq!(integer("4294967296", 1..=u32::MAX), None);
        assert_eq!(integer("0", 1..=u32::MAX), None);
        assert_eq!(integer::<u32>("-1", 0..=u32::MAX), None);
        assert_eq!(integer("99999999999999999999", 0..=i64::MAX), None);
    }

    #[test]
    fn leading_integer_ends_where_digits_end() {
        assert_eq!(leading_integer(" 64abc"), 64);
        assert_eq!(leading_integer("+7"), 7);
        assert_eq!(leading_integer("-7"), -7);
        assert_eq!(leading_integer("abc"), 0);
        assert_eq!(leading_integer("4294967360"), 64, "seen of the reference");
        assert_eq!(leading_integer("99999999999999999999"), -1);
    }

    fn read(text: &str) -> Option<(String, Option<u16>)> {
        let (address, port) = address_and_port(text, Some(Protocol::TCP), &VIP_EXAMPLE)?;
        Some((address.to_string(), port))
    }

    fn written(address: &str, port: impl Into<Option<u16>>) -> Option<(String, Option<u16>)> {
        Some((address.to_owned(), port.into()))
    }

    #[test]
    fn ipv4_reads_in_every_form_of_the_c_library() {
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
    fn text_that_is_no_ipv4_address_is_refused() {
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
    fn names_of_hosts_and_ports_are_looked_up() {
        assert_eq!(read("vip.example:www"), written("192.0.2.10", 80));
        assert_eq!(read("nowhere.example:80"), None);
        assert_eq!(read("192.0.2.1:HTTP"), None);
        assert_eq!(address_and_port("192.0.2.1:http", None, &VIP_EXAMPLE), None);
    }

    #[test]
    fn port_is_a_decimal_number() {
        assert_eq!(read("192.0.2.1: 80"), written("192.0.2.1", 80));
        assert_eq!(read("192.0.2.1:+80"), written("192.0.2.1", 80));
        assert_eq!(read("192.0.2.1:65535"), written("192.0.2.1", 65535));
        for text in ["192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:0x50"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn multicast_group_is_strict_and_multicast() {
        let refused =
            |family, text: &str| Err(UsageError::InvalidGroup { family, group: text.to_owned() });
        assert_eq!(multicast_group("224.0.0.82"), Ok([224, 0, 0, 82].into()));
        assert_eq!(multicast_group("ff02::81").map(|it| it.is_ipv6()), Ok(true));
        for text in ["", "1.2.3.4", "0224.0.0.1", "224.1", "vip.example"] {
            assert_eq!(multicast_group(text), refused("IPv4", text), "{text:?}");
        }
        for text in ["::1", "ff02::1%lo", "224.0.0.1:"] {
            assert_eq!(multicast_group(text), refused("IPv6", text), "{text:?}");
        }
    }

    #[test]
    fn ipv4_mask_may_have_any_bits() {
        let read = |text| netmask(text, AddressFamily::Ipv4, &VIP_EXAMPLE);
        let mask = |a, b, c, d| Some(Netmask::Ipv4(Ipv4Addr::new(a, b, c, d)));
        assert_eq!(read("255.255.255.0"), mask(255, 255, 255, 0));
        assert_eq!(read("255.0.255.0"), mask(255, 0, 255, 0));
        assert_eq!(read("0xffffff00"), mask(255, 255, 255, 0));
        assert_eq!(read("24"), mask(0, 0, 0, 24));
        assert_eq!(read("vip.example"), mask(192, 0, 2, 10));
        assert_eq!(read("/24"), None);
    }

    #[test]
    fn ipv6_mask_is_a_prefix_length() {
        let read = |text| netmask(text, AddressFamily::Ipv6, &VIP_EXAMPLE);
        assert_eq!(read("1"), Some(Netmask::Ipv6(1)));
        assert_eq!(read("64abc"), Some(Netmask::Ipv6(64)));
        assert_eq!(read("128"), Some(Netmask::Ipv6(128)));
        for text in ["0", "129", "-1", "ffff::", ""] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn cut_shortens_only_long_text() {
        assert_eq!(cut("wlc", 15), "wlc");
        assert_eq!(cut("abcdefghijklmnop", 15), "abcdefghijklmno");
        assert_eq!(cut("abcdefghijklmn\u{e9}", 15), "abcdefghijklmn");
    }
}
