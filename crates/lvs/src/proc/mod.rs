//! Readers of the IPVS files in `/proc/net`, for what generic netlink does not dump, or dumps slower:
//! `ip_vs_conn` with [`ConnectionTable`], `ip_vs` with [`DestinationTable`] and [`connection_count`].
//!
//! They read the files of the calling thread's network namespace
//! ([`proc_net`](crate::netlink::proc_net)). No input makes them panic, and no line takes more than
//! 1 MiB.
//!
//! # Examples
//!
//! ```no_run
//! let mut table = lvs::proc::ConnectionTable::open()?;
//! while let Some(connection) = table.next()? {
//!     println!("{} -> {}", connection.client, connection.destination);
//! }
//! # Ok::<(), lvs::proc::Error>(())
//! ```

mod connections;
mod destinations;

use std::io::{self, BufRead, Read};
use std::net::{IpAddr, Ipv4Addr};

use crate::ipvs::Protocol;

pub use connections::{Connection, ConnectionTable};
pub use destinations::{DestinationTable, connection_count};

/// A file of the kernel cannot be read. `path` is its path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // `path` and `source` say what they are.
pub enum Error {
    /// The file cannot be opened: IPVS is not loaded, or the caller lacks the permission.
    #[error("cannot open {path}: {}", crate::netlink::reason(source))]
    Open { path: &'static str, source: io::Error },
    /// Reading failed, or a line is too long ([`io::ErrorKind::InvalidData`]).
    #[error("cannot read {path}: {}", crate::netlink::reason(source))]
    Read { path: &'static str, source: io::Error },
    /// A line is blank.
    #[error("empty line in {path}")]
    EmptyLine { path: &'static str },
    /// A line does not have the expected fields, or the header is missing.
    #[error("unexpected line in {path}")]
    UnexpectedLine { path: &'static str },
}

impl Error {
    /// Path of the file.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        match self {
            Self::Open { path, .. }
            | Self::Read { path, .. }
            | Self::EmptyLine { path }
            | Self::UnexpectedLine { path } => path,
        }
    }
}

/// Maximum length of a line in bytes, with its newline. ipvsadm 1.31 reads 255 bytes of a connection,
/// and splits words of a restore at 4096.
const LONGEST_LINE: usize = 1024 * 1024;

// For the programs, which read other untrusted text with it too.
/// Reads the next line, without its newline, into a buffer. Returns false at the end of the input, and
/// fails with [`io::ErrorKind::InvalidData`] if the line is longer than 1 MiB.
#[doc(hidden)]
pub fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    input.take(LONGEST_LINE as u64).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(true);
    }
    if line.len() == LONGEST_LINE {
        let text = format!("a line is longer than {LONGEST_LINE} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(!line.is_empty())
}

/// The fields of a line, separated by any number of blanks.
fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty())
}

/// The kernel's name of a protocol with ports.
const fn protocol(name: &[u8]) -> Option<Protocol> {
    match name {
        b"TCP" => Some(Protocol::TCP),
        b"UDP" => Some(Protocol::UDP),
        b"SCTP" => Some(Protocol::SCTP),
        _ => None,
    }
}

/// An address: IPv6 as eight groups; IPv4 as hexadecimal digits or as a dotted quad.
fn address(field: &[u8]) -> Option<IpAddr> {
    let digits = || hexadecimal(field).map(|bits| Ipv4Addr::from_bits(bits).into());
    let quad_or_groups = || parsed(field);
    if field.len() == 8 {
        digits().or_else(quad_or_groups)
    } else {
        quad_or_groups().or_else(digits)
    }
}

/// A hexadecimal port.
fn port(field: &[u8]) -> Option<u16> {
    u16::try_from(hexadecimal(field)?).ok()
}

fn hexadecimal(field: &[u8]) -> Option<u32> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0_u32, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number.checked_mul(16)? | digit)
    })
}

fn parsed<N: std::str::FromStr>(field: &[u8]) -> Option<N> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_reads_every_notation_of_the_kernel() {
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
    fn numbers_out_of_range_are_refused() {
        assert_eq!(hexadecimal(b"FFFFFFFF"), Some(u32::MAX));
        assert_eq!(hexadecimal(b"0a"), Some(10));
        for wrong in ["", "100000000", "-1", "+1", "g"] {
            assert_eq!(hexadecimal(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!((port(b"0050"), port(b"10000")), (Some(80), None));
        assert_eq!((parsed::<i32>(b"-7"), parsed::<u32>(b"-7")), (Some(-7), None));
    }

    fn lines(mut input: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        while read_line(&mut input, &mut line)? {
            lines.push(line.clone());
        }
        Ok(lines)
    }

    #[test]
    fn read_line_returns_each_line_without_its_newline() {
        assert_eq!(lines(b"").unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(lines(b"a\n\nb").unwrap(), [&b"a"[..], b"", b"b"]);
        let long = vec![b'x'; LONGEST_LINE - 1];
        assert_eq!(lines(&[&long[..], b"\ny\n"].concat()).unwrap(), [&long[..], b"y"]);
    }

    #[test]
    fn read_line_refuses_an_endless_line() {
        let endless = vec![b'x'; LONGEST_LINE];
        assert_eq!(lines(&endless).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
