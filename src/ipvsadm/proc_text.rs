//! Fields of the kernel's files in `/proc/net`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The fields of a line, with any number of blanks between them.
pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty())
}

/// IPv6 as its eight groups; IPv4 as eight hexadecimal digits, or as a dotted quad.
pub(super) fn address(field: &[u8]) -> Option<IpAddr> {
    if field.len() == 8
        && let Some(bits) = hexadecimal(field)
    {
        return Some(Ipv4Addr::from_bits(bits).into());
    }
    let text = text(field)?;
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Some(address.into());
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(address.into());
    }
    Some(Ipv4Addr::from_bits(hexadecimal(field)?).into())
}

/// A port in hexadecimal.
pub(super) fn port(field: &[u8]) -> Option<u16> {
    u16::try_from(hexadecimal(field)?).ok()
}

/// A number in hexadecimal.
pub(super) fn hexadecimal(field: &[u8]) -> Option<u32> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0_u32, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number.checked_mul(16)? | digit)
    })
}

/// A decimal number.
pub(super) fn decimal<N: std::str::FromStr>(field: &[u8]) -> Option<N> {
    text(field)?.parse().ok()
}

fn text(field: &[u8]) -> Option<&str> {
    str::from_utf8(field).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_kind() {
        let address = |text: &str| address(text.as_bytes()).map(|address| address.to_string());
        assert_eq!(address("C0000201").as_deref(), Some("192.0.2.1"));
        assert_eq!(address("7").as_deref(), Some("0.0.0.7"));
        assert_eq!(address("192.0.2.1").as_deref(), Some("192.0.2.1"));
        let long = "2001:0db8:0000:0000:0000:0000:0000:0001";
        assert_eq!(address(long).as_deref(), Some("2001:db8::1"));
        // As long as a hexadecimal IPv4 address.
        assert_eq!(address("2001::81").as_deref(), Some("2001::81"));
        assert_eq!(address("10.0.0.1").as_deref(), Some("10.0.0.1"));
        for wrong in ["", "C00002011", "zz", "+C000020", "[::1]"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(hexadecimal(b"FFFFFFFF"), Some(u32::MAX));
        assert_eq!(hexadecimal(b"0a"), Some(10));
        for wrong in ["", "100000000", "-1", "+1", "g"] {
            assert_eq!(hexadecimal(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!((port(b"0050"), port(b"10000")), (Some(80), None));
        assert_eq!((decimal::<i32>(b"-7"), decimal::<u32>(b"-7")), (Some(-7), None));
    }
}
