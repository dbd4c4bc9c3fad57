//! What `-v` and `-h` print.

use std::io::{self, Write};

use lvs::ruleset::syntax::{Argument, Row, Section};

use super::OPTIONS;

/// As the reference prints it, byte for byte: scripts look for the version of IPVS in it.
const VERSION: &str = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n";

const INTRODUCTION: &str = "\
Shows and changes the virtual server table of the Linux kernel (IPVS).

Usage: ipvsadm COMMAND [OPTION]...

Without a command the whole table is listed. Exactly one command is given, and it comes first.
";

/// Column at which the descriptions of most sections begin.
const DESCRIPTION: usize = 39;

pub(crate) fn write_version(output: &mut dyn Write) -> io::Result<()> {
    output.write_all(VERSION.as_bytes())
}

pub(crate) fn write_help(output: &mut dyn Write) -> io::Result<()> {
    write_version(output)?;
    output.write_all(INTRODUCTION.as_bytes())?;
    OPTIONS.sections.iter().try_for_each(|section| write_section(output, section))
}

fn write_section(output: &mut dyn Write, section: &Section) -> io::Result<()> {
    writeln!(output, "{}", section.title)?;
    let longest = section.rows.iter().map(|row| usage(row).len()).max().unwrap_or(0);
    let column = if longest < DESCRIPTION { DESCRIPTION } else { longest + 3 };
    for row in section.rows {
        let mut usage = usage(row);
        for line in row.help.lines() {
            writeln!(output, "{usage:column$}{line}")?;
            usage.clear();
        }
    }
    Ok(())
}

/// `  -w, --weight NUMBER`.
fn usage(row: &Row) -> String {
    let mut text = "  ".to_owned();
    for short in row.shorts.chars() {
        text.extend(['-', short, ',', ' ']);
    }
    if row.shorts.is_empty() {
        text.push_str("    ");
    }
    let blank = if row.value.is_empty() || row.argument == Argument::Optional { "" } else { " " };
    for piece in ["--", row.long, blank, row.value] {
        text.push_str(piece);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_that_of_the_reference() {
        let mut output = Vec::new();
        write_version(&mut output).unwrap();
        assert_eq!(output, b"ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n");
    }

    #[test]
    fn help_starts_with_the_version_and_fits_a_screen() {
        let mut output = Vec::new();
        write_help(&mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        assert!(text.starts_with(VERSION));
        let widest = text.lines().map(str::len).max();
        assert!(widest <= Some(100), "{widest:?}");
    }

    #[test]
    fn help_names_every_option() {
        let mut output = Vec::new();
        write_help(&mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        let words: Vec<_> = text.split([' ', '\n', ',', '[', '=', ']']).collect();
        for row in OPTIONS.rows() {
            assert!(words.contains(&format!("--{}", row.long).as_str()), "--{}", row.long);
            for short in row.shorts.chars() {
                assert!(words.contains(&format!("-{short}").as_str()), "-{short}");
            }
        }
    }

    #[test]
    fn help_of_an_option_that_two_lines_describe() {
        let mut output = Vec::new();
        write_section(&mut output, &lvs::ruleset::syntax::SCHEDULING).unwrap();
        let text = String::from_utf8(output).unwrap();
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(
            lines[..3],
            [
                "SCHEDULING",
                "  -s, --scheduler NAME                 scheduler: rr, wrr, lc, wlc (the default), lblc, lblcr, dh,",
                "                                       sh, sed, nq, fo, ovf, mh, twos, or none",
            ][..]
        );
    }
}
