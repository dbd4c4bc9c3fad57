//! The journal on the disk: one line of JSON for each new state of an entry, appended and never changed.
//!
//! A run that is killed while it appends leaves a torn last line. Its change was not made yet, since a
//! change is made only after its line is on the disk: the line is ignored. Where most lines are
//! stale, a new file is written and replaces the old one.
//!
//! A run that ends writes a last line with the number of lines above it, which the next one removes:
//! so a file from which lines are missing is not taken for a complete one. What can be read of a
//! damaged file counts, and the file is kept. Between its first line and its end a run has an empty file
//! beside the journal: that of a run that was killed stays, and the end is not missed.

use std::fs::{self, File};
use std::hash::Hash;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use lvs::netlink::reason;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::damage::Damage;
use super::entries::Entries;
use super::lock::hint;
use super::{Entry, Journal, OwnerId, private};

/// Format version of the file. Version 2 has no last line with the number of lines.
const VERSION: u64 = 3;

/// The oldest version that is read.
const OLDEST: u64 = 1;

/// No machine has that many keys; a larger file is no journal.
const LONGEST: u64 = 256 << 20;

/// Stale lines that are left in a file however short it is.
const MOST_STALE: usize = 64;

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("journal {}: cannot {action} it: {}{}", path.display(), reason(source), hint(source))]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// Not a journal, or of an unknown boot.
    #[error(
        "journal {} is damaged: {reason}; nothing was changed. Compare it with the machine, revert \
         by hand what it still lists, then remove the file",
        path.display()
    )]
    Unreadable { path: PathBuf, reason: String },
    /// Lines are missing or cannot be read.
    #[error("{0}")]
    Damaged(Box<Damage>),
    /// Written by another release of this program.
    #[error(
        "journal {} has format version {found}, this program knows {OLDEST} to {VERSION}; nothing \
         was changed. Use the release that wrote it, or revert by hand what it lists and remove the \
         file",
        path.display()
    )]
    Version { path: PathBuf, found: u64 },
}

/// Where a journal is kept.
#[derive(Clone, Debug)]
pub struct JournalFile {
    path: PathBuf,
    epoch: String,
    /// What is at the path.
    state: State,
    /// What is wrong with it.
    damage: Option<Box<Damage>>,
    /// Whether a file of an earlier epoch was, or would be, put aside.
    void: bool,
    /// Whether the file of a run that did not end is there.
    unfinished: bool,
    /// The bytes and lines that the file had at the beginning of a run, as long as it only grew.
    mark: Option<(u64, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing to append to: no file, or one that is written anew.
    Stale,
    /// A file of an earlier epoch.
    Void,
    /// A file with that many lines, and whether their number follows. It, or a torn line, is at the
    /// place where the file is to be continued.
    Lines { count: usize, ended: bool, behind: Option<u64> },
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u64,
    epoch: String,
}

/// Every other line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line<E, K> {
    /// The entry of its key from here on.
    Entry(E),
    /// The key has no entry any more.
    Forget(K),
    /// The run ended, and this is the number of lines above.
    End(usize),
}

impl JournalFile {
    /// Reads the journal at `path`; without a file it is empty.
    ///
    /// `epoch` identifies the boot of the machine and its namespace. A journal of another epoch is
    /// void, since addresses, sysctls and tables did not outlive it: it counts as empty, is renamed to
    /// `.void` when a new one is written, and removed with the new one.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or its first line is not that of a journal of a known format. What
    /// is wrong below is in [`Journal::damage`].
    pub fn load<K, V, O>(path: PathBuf, epoch: String) -> Result<Journal<K, V, O>, JournalError>
    where
        K: Clone + Eq + Hash + DeserializeOwned,
        V: Clone + PartialEq + DeserializeOwned,
        O: OwnerId,
    {
        let (state, damage, void, mark) = (State::Stale, None, false, None);
        let mut file = Self { path, epoch, state, damage, void, unfinished: false, mark };
        file.unfinished = file.marker().exists();
        let mut text = match private::open(&file.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Journal::new(file, Entries::new()));
            }
            opened => BufReader::new(file.attempt("read", opened)?.take(LONGEST + 1)),
        };
        let mut line = Vec::new();
        if !file.read_line(&mut text, &mut line)? {
            return Err(file.unreadable("its first line is incomplete".to_owned()));
        }
        let header = file.header(&line)?;
        if !is_same_epoch(&header.epoch, &file.epoch) {
            (file.state, file.void) = (State::Void, true);
            return Ok(Journal::new(file, Entries::new()));
        }
        let mut damage = Damage::new(file.path.clone());
        let mut entries = Entries::new();
        let (mut count, mut at, mut end) = (1, line.len() as u64, None);
        while file.read_line(&mut text, &mut line)? {
            // Cheaper for the line than for each string.
            let read = std::str::from_utf8(&line).map_err(|reason| reason.to_string());
            let read = read.and_then(|line| {
                serde_json::from_str(line).map_err(|reason: serde_json::Error| reason.to_string())
            });
            match read {
                Ok(Line::Entry(entry)) => {
                    entries.put(entry);
                }
                Ok(Line::Forget(key)) => {
                    let _: Option<Entry<K, V, O>> =
                        entries.number(&key).and_then(|number| entries.remove(number));
                }
                Ok(Line::End(expected)) => {
                    damage.expect_lines(expected, count);
                    end = Some(at);
                    at += line.len() as u64;
                    continue;
                }
                Err(reason) => damage.add_line(count + 1, &reason, &line),
            }
            at += line.len() as u64;
            count += 1;
            end = None;
        }
        if text.get_ref().limit() == 0 {
            return Err(file.unreadable(format!("it is longer than {LONGEST} bytes")));
        }
        if header.version == VERSION {
            let behind = end.or((!line.is_empty()).then_some(at));
            file.state = State::Lines { count, ended: end.is_some(), behind };
        }
        // A run may have begun meanwhile.
        file.unfinished |= file.marker().exists();
        damage.unfinished = header.version == VERSION && end.is_none() && !file.unfinished;
        file.damage = damage.found().then(|| Box::new(damage));
        Ok(Journal::new(file, entries))
    }

    /// What is wrong with the file.
    pub(super) fn damage(&self) -> Option<&Damage> {
        self.damage.as_deref()
    }

    pub(super) const fn is_void(&self) -> bool {
        self.void
    }

    pub(super) const fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the next line, if it is complete. What is left in `line` at the end is a torn one.
    fn read_line(&self, text: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, JournalError> {
        line.clear();
        self.attempt("read", text.read_until(b'\n', line))?;
        Ok(line.ends_with(b"\n"))
    }

    fn header(&self, line: &[u8]) -> Result<Header, JournalError> {
        let unreadable = |reason: serde_json::Error| self.unreadable(format!("line 1: {reason}"));
        // The version comes first: what another release writes need not fit our types.
        let value: serde_json::Value = serde_json::from_slice(line).map_err(unreadable)?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(found) if !(OLDEST..=VERSION).contains(&found) => {
                Err(JournalError::Version { path: self.path.clone(), found })
            }
            _ => serde_json::from_value(value).map_err(unreadable),
        }
    }

    /// Appends what changed, or rewrites the file, or removes it where there is nothing to keep.
    pub(super) fn save<'a, K: Serialize + 'a, V: Serialize + 'a, O: OwnerId + 'a>(
        &mut self,
        entries: &'a Entries<K, V, O>,
        pending: impl Iterator<Item = &'a Entry<K, V, O>>,
        forgotten: &[K],
    ) -> Result<(), JournalError> {
        let pending: Vec<_> = pending.collect();
        let fresh = pending.len() + forgotten.len();
        // A run that has nothing to write voids nothing.
        if fresh == 0 && self.state == State::Void {
            return Ok(());
        }
        match self.state {
            State::Lines { count, behind, .. } if entries.len() > 0 => {
                if fresh == 0 {
                    return Ok(());
                }
                if count + fresh <= 2 * entries.len() + MOST_STALE {
                    self.begin()?;
                    let appended = self.append(behind, &pending, forgotten);
                    // Without room for all of it, none of it is there.
                    let count = count + if appended.is_ok() { fresh } else { 0 };
                    self.state = State::Lines { count, ended: false, behind: None };
                    return self.attempt("write", appended);
                }
            }
            State::Void => {
                self.attempt("set aside", fs::rename(&self.path, self.aside()))?;
                self.state = State::Stale;
            }
            _ => {}
        }
        if entries.len() == 0 {
            (self.state, self.mark) = (State::Stale, None);
            self.attempt("remove", private::remove(&self.path))?;
            self.attempt("remove", private::remove(&self.aside()))?;
            return self.sync_directory();
        }
        self.mark = None;
        self.begin()?;
        let new = self.replacement();
        let written = self.rewrite(&new, entries).inspect_err(|_| {
            // What was written of it takes the room that others need.
            let _ = private::remove(&new);
        });
        self.attempt("write", written)?;
        self.attempt("replace", fs::rename(&new, &self.path))?;
        let count = entries.len() + 1;
        self.state = State::Lines { count, ended: false, behind: None };
        self.sync_directory()
    }

    /// Notes where a run begins.
    pub(super) fn mark(&mut self) {
        self.mark = match self.state {
            State::Lines { count, behind: Some(behind), .. } => Some((behind, count)),
            State::Lines { count, behind: None, .. } => {
                fs::metadata(&self.path).ok().map(|found| (found.len(), count))
            }
            State::Stale | State::Void => None,
        };
    }

    /// Removes what a run has appended, which needs no room. Returns whether it only has appended.
    pub(super) fn rewind(&mut self) -> bool {
        let Some((length, count)) = self.mark else { return false };
        let rewound = private::append(&self.path)
            .and_then(|file| file.set_len(length).and_then(|()| file.sync_data()));
        if rewound.is_ok() {
            self.state = State::Lines { count, ended: false, behind: None };
        }
        rewound.is_ok()
    }

    /// Makes the file beside the journal that says that a run is at work.
    fn begin(&mut self) -> Result<(), JournalError> {
        if !self.unfinished {
            self.attempt("write beside", private::create_new(&self.marker()))?;
            self.unfinished = true;
        }
        Ok(())
    }

    /// Writes that the run ended. Not synced: it is missing only after a kill.
    pub(super) fn end(&mut self) -> Result<(), JournalError> {
        self.write_end()?;
        if self.unfinished {
            // Also what a run before this one was about to put in place of the journal.
            for leftover in [self.replacement(), self.marker()] {
                self.attempt("remove what is beside", private::remove(&leftover))?;
            }
            self.unfinished = false;
        }
        Ok(())
    }

    fn write_end(&mut self) -> Result<(), JournalError> {
        let State::Lines { count, ended: false, behind } = self.state else { return Ok(()) };
        let written = private::append(&self.path).and_then(|mut file| {
            if let Some(torn) = behind {
                file.set_len(torn)?;
            }
            let at = file.metadata()?.len();
            let mut line = serde_json::to_vec(&Line::<(), ()>::End(count))?;
            line.push(b'\n');
            file.write_all(&line)?;
            Ok(at)
        });
        let behind = Some(self.attempt("write", written)?);
        self.state = State::Lines { count, ended: true, behind };
        Ok(())
    }

    /// Gives a damaged file a second name, under which it stays. The next save writes a new one.
    pub(super) fn keep_damaged(&mut self) -> Result<Option<Damage>, JournalError> {
        let Some(mut damage) = self.damage.take() else { return Ok(None) };
        let mut names = (1..u32::MAX)
            .map(|number| self.path.with_extension(format!("journal.damaged-{number}")));
        let kept = names.find(|name| fs::symlink_metadata(name).is_err()).unwrap_or_default();
        self.attempt("keep", fs::hard_link(&self.path, &kept))?;
        self.state = State::Stale;
        damage.kept = Some(kept);
        Ok(Some(*damage))
    }

    fn append<K: Serialize, V: Serialize, O: OwnerId>(
        &self,
        behind: Option<u64>,
        pending: &[&Entry<K, V, O>],
        forgotten: &[K],
    ) -> io::Result<()> {
        let mut file = private::with_mode(private::append(&self.path)?)?;
        let start = match behind {
            Some(behind) => behind,
            None => file.metadata()?.len(),
        };
        file.set_len(start)?;
        let mut lines = Vec::new();
        // A key may have been forgotten and be there again.
        for key in forgotten {
            write_line(&mut lines, &Line::<&Entry<K, V, O>, &K>::Forget(key))?;
        }
        for entry in pending {
            write_line(&mut lines, &Line::<_, &K>::Entry(entry))?;
        }
        let written = file.write_all(&lines).and_then(|()| file.sync_data());
        written.inspect_err(|_| {
            let _ = file.set_len(start);
        })
    }

    /// A leftover of a killed run is replaced; a symbolic link in its place is not followed.
    fn rewrite<K: Serialize, V: Serialize, O: OwnerId>(
        &self,
        path: &Path,
        entries: &Entries<K, V, O>,
    ) -> io::Result<()> {
        private::remove(path)?;
        let mut file = BufWriter::new(private::create_new(path)?);
        write_line(&mut file, &Header { version: VERSION, epoch: self.epoch.clone() })?;
        for entry in entries.iter() {
            write_line(&mut file, &Line::<_, &K>::Entry(entry))?;
        }
        file.into_inner()?.sync_all()
    }

    /// Where a new journal is written, before it replaces the one that is there.
    fn replacement(&self) -> PathBuf {
        self.path.with_extension("journal.new")
    }

    /// The file that is there while a run is at work.
    fn marker(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".unfinished");
        name.into()
    }

    /// Where a journal of an earlier epoch is put.
    fn aside(&self) -> PathBuf {
        self.path.with_extension("journal.void")
    }

    /// The name in the directory, too, must be on the disk before the machine is changed.
    fn sync_directory(&self) -> Result<(), JournalError> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        self.attempt("sync", synced)
    }

    fn unreadable(&self, reason: String) -> JournalError {
        JournalError::Unreadable { path: self.path.clone(), reason }
    }

    fn attempt<T>(&self, action: &'static str, result: io::Result<T>) -> Result<T, JournalError> {
        result.map_err(|source| JournalError::Io { action, path: self.path.clone(), source })
    }
}

/// An epoch without a namespace, written where its cookie could not be read, matches every namespace of
/// that boot: the name of the file identifies the namespace, too.
fn is_same_epoch(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    long.strip_prefix(short).is_some_and(|more| more.is_empty() || more.starts_with(" namespace "))
}

/// Removes a file, if there is one.
fn write_line(file: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    file.write_all(b"\n")
}
