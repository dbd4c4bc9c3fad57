//! The mark by which a file that `install` wrote is known again, and seen to be as it was written.

/// The start of the last line, a comment in every kind of file that is written; the sum of what
/// stands above follows. Last, so that lines keep their numbers.
const MARK: &str = "# written by lvsctl install: ";

/// A text with its mark. One that comes with a mark, as a copy of a copy does, gets a new one.
pub(super) fn marked(text: &[u8]) -> Vec<u8> {
    let mut text = split(text).map_or(text, |(own, _)| own).to_vec();
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    let mark = format!("{MARK}{:016x}\n", sum(&text));
    text.extend(mark.as_bytes());
    text
}

/// Whether a file is as [`marked`] made it.
pub(super) fn is_ours(file: &[u8]) -> bool {
    split(file).is_some_and(|(own, found)| found == format!("{:016x}", sum(own)).as_bytes())
}

/// What stands above the mark, and the sum in it.
fn split(file: &[u8]) -> Option<(&[u8], &[u8])> {
    let lines = file.strip_suffix(b"\n")?;
    let start = lines.iter().rposition(|byte| *byte == b'\n')? + 1;
    let (own, last) = file.split_at_checked(start)?;
    Some((own, last.strip_suffix(b"\n")?.strip_prefix(MARK.as_bytes())?))
}

/// FNV-1a of 64 bits, which stays the same from release to release: it finds edits, and need not
/// withstand anyone who means to deceive.
fn sum(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_seen_wherever_it_is() {
        // The sum of FNV-1a's own test suite.
        assert_eq!(sum(b"foobar"), 0x8594_4171_f739_67e8);
        let file = marked(b"one\ntwo");
        assert!(file.starts_with(b"one\ntwo\n# written by lvsctl install: "));
        assert!(is_ours(&file));
        for at in 0..file.len() {
            let mut edited = file.clone();
            edited[at] ^= 1;
            assert!(!is_ours(&edited), "{at}");
            edited = file.clone();
            edited.insert(at, b'x');
            assert!(!is_ours(&edited), "{at}");
        }
        assert!(!is_ours(&[&file[..], b"three\n"].concat()));
        for foreign in ["", "\n", "one\n", "# written by lvsctl install: \n"] {
            assert!(!is_ours(foreign.as_bytes()), "{foreign:?}");
        }
    }

    #[test]
    fn a_copy_of_a_copy_has_one_mark() {
        let file = marked(b"one\n");
        assert_eq!(marked(&file), file);
        let mut edited = b"zero\n".to_vec();
        edited.extend(&file);
        assert_eq!(marked(&edited), marked(b"zero\none\n"));
    }
}
