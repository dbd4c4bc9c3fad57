//! Lines of untrusted text, one at a time and of bounded length.

use std::io::{self, BufRead, Read};

/// Longest line in bytes, its newline included. The reference reads 255 of a connection and splits
/// words of a restore at 4096.
pub(crate) const MOST: usize = 64 * 1024;

/// Reads the next line, without its newline, into a buffer that is used again and again. False at
/// the end of the input.
///
/// # Errors
///
/// Whatever the input says, and [`io::ErrorKind::InvalidData`] for a line that is too long.
pub(crate) fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    input.take(MOST as u64).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(true);
    }
    if line.len() == MOST {
        let text = format!("a line is longer than {MOST} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(!line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut input: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        while read_line(&mut input, &mut line)? {
            lines.push(line.clone());
        }
        Ok(lines)
    }

    #[test]
    fn lines_come_whole() {
        assert_eq!(lines(b"").unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(lines(b"a\n\nb").unwrap(), [&b"a"[..], b"", b"b"]);
        let long = vec![b'x'; MOST - 1];
        assert_eq!(lines(&[&long[..], b"\ny\n"].concat()).unwrap(), [&long[..], b"y"]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let endless = vec![b'x'; MOST];
        assert_eq!(lines(&endless).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
