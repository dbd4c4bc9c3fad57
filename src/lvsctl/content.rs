//! What a file holds: a cluster, or a whole table. It is read once, since it may be a pipe.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use super::Error;
use crate::config::ClusterSpec;
use crate::ipvsadm;
use lvs::table::Ruleset;

/// A longer file is none of ours.
const LONGEST: u64 = 64 << 20;

/// Mistakes that are told.
const MOST_TOLD: usize = 10;

/// System calls and pages of memory are what reading costs.
const BUFFER: usize = 64 << 10;

/// What a file is.
pub(super) enum Content {
    /// A cluster file.
    Cluster(ClusterSpec),
    /// A table in the words of `ipvsadm -S`, not parsed yet.
    Rules(Rules),
}

/// The text of a table.
pub(super) struct Rules {
    path: PathBuf,
    /// What was read to see that it is one.
    head: Vec<u8>,
    rest: BufReader<io::Take<File>>,
}

impl Content {
    /// Opens a file, and reads it as what its first line that says anything makes it.
    pub(super) fn load(file: &Path) -> Result<Self, Error> {
        let unread = |source| Error::File { action: "read", path: file.to_owned(), source };
        let text = File::open(file).map_err(unread)?.take(LONGEST + 1);
        let mut rest = BufReader::with_capacity(BUFFER, text);
        let mut head = Vec::new();
        loop {
            let start = head.len();
            rest.read_until(b'\n', &mut head).map_err(unread)?;
            let line = head.get(start..).unwrap_or_default();
            // What is not text is left to the cluster file's own words.
            let is_rule = str::from_utf8(line).map_or(Some(false), ipvsadm::is_rule);
            match is_rule {
                None if !line.is_empty() => {}
                Some(true) => return Ok(Self::Rules(Rules { path: file.to_owned(), head, rest })),
                _ => {
                    return Ok(Self::Cluster(ClusterSpec::read(
                        Cursor::new(head).chain(rest),
                        file,
                    )?));
                }
            }
        }
    }
}

impl Rules {
    /// The table that they describe.
    pub(super) fn parse(self) -> Result<Ruleset, Error> {
        let Self { path, head, rest } = self;
        let (mut text, mut mistakes) = (Cursor::new(head).chain(rest), Vec::new());
        let table = ipvsadm::read_ruleset(&mut text, &mut mistakes);
        if text.get_ref().1.get_ref().limit() == 0 {
            let reason = format!("it is longer than {LONGEST} bytes");
            let source = io::Error::new(io::ErrorKind::FileTooLarge, reason);
            return Err(Error::File { action: "read", path, source });
        }
        table.map_err(|_| {
            let mistakes = String::from_utf8_lossy(&mistakes);
            let told: Vec<&str> = mistakes.lines().take(MOST_TOLD).collect();
            Error::Ruleset { path, mistakes: told.join("\n") }
        })
    }
}
