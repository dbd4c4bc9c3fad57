//! What is wrong with a journal: lines that cannot be read or are missing.

use std::fmt;
use std::path::PathBuf;

/// Lines that are listed; the others are counted.
const MOST_LISTED: usize = 20;

/// Characters of a line that are shown.
const LONGEST_EXCERPT: usize = 120;

/// What is wrong with a journal.
#[derive(Clone, Debug)]
pub struct Damage {
    path: PathBuf,
    /// The first lines that cannot be read, by number: why, and an excerpt.
    lines: Vec<(usize, String, String)>,
    /// How many there are.
    count: usize,
    /// Lines that were written and are not there.
    missing: usize,
    /// The last run did not end, or the end of the file is missing.
    pub(super) unfinished: bool,
    /// Where the file is kept, once a new one replaced it.
    pub(super) kept: Option<PathBuf>,
}

impl Damage {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, lines: Vec::new(), count: 0, missing: 0, unfinished: false, kept: None }
    }

    pub(super) const fn found(&self) -> bool {
        self.count > 0 || self.missing > 0 || self.unfinished
    }

    pub(super) fn add_line(&mut self, number: usize, reason: &str, line: &[u8]) {
        self.count += 1;
        if self.lines.len() < MOST_LISTED {
            let text = String::from_utf8_lossy(line);
            let mut excerpt: String = text.trim_end().chars().take(LONGEST_EXCERPT).collect();
            if text.trim_end().chars().nth(LONGEST_EXCERPT).is_some() {
                excerpt.push('…');
            }
            self.lines.push((number, reason.to_owned(), excerpt));
        }
    }

    pub(super) fn expect_lines(&mut self, expected: usize, found: usize) {
        self.missing = expected.abs_diff(found);
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, lines, count, missing, unfinished, kept } = self;
        write!(f, "journal {} is damaged:", path.display())?;
        for (number, reason, excerpt) in lines {
            write!(f, "\n  line {number}: {reason}\n    {excerpt}")?;
        }
        if *count > lines.len() {
            write!(f, "\n  {} more lines cannot be read", count - lines.len())?;
        }
        if *missing > 0 {
            write!(f, "\n  {missing} of its lines are missing")?;
        }
        if *unfinished {
            write!(f, "\n  its end is missing")?;
        }
        match kept {
            Some(kept) => write!(
                f,
                "\nWhat these lines recorded was not reverted: compare it with the machine, and revert \
                 it by hand. The file is kept as {}",
                kept.display()
            ),
            None => f.write_str(
                "\nNothing was changed. `lvsctl down` reverts what can be read, lists the rest, and \
                 keeps the file",
            ),
        }
    }
}
