//! What a line of a restore is made of.

/// The words of a line up to a comment. `ipvsadm` is left out wherever it stands.
pub(super) fn of_line(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', '\t', '\r', '\n'])
        .filter(|word| !word.is_empty())
        .take_while(|word| !word.starts_with('#'))
        .filter(|word| *word != "ipvsadm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_line() {
        let words = |line| of_line(line).collect::<Vec<_>>();
        assert_eq!(words("-A\t-t  a:80 -s rr \r"), ["-A", "-t", "a:80", "-s", "rr"]);
        assert_eq!(words("ipvsadm -C"), ["-C"]);
        assert_eq!(words("-C ipvsadm"), ["-C"]);
        assert_eq!(words("/sbin/ipvsadm -C"), ["/sbin/ipvsadm", "-C"]);
        assert_eq!(words("-C # everything -L"), ["-C"]);
        assert_eq!(words("-C a#b"), ["-C", "a#b"]);
        assert!(words("  # comment").is_empty());
        assert!(words("ipvsadm").is_empty());
    }
}
