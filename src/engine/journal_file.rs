//! The journal on the disk: one line of JSON for each new state of an entry, appended and never changed.
//!
//! A run that is killed while it appends leaves a torn last line. Its change was not made yet, since a
//! change is made only after its line is on the disk: the line is ignored. Where most lines are
//! stale, a new file is written and replaces the old one.

use std::fmt::Display;
use std::fs::{self, File};
use std::hash::Hash;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::entries::Entries;
use super::lock::hint;
use super::{Entry, Journal, OwnerId};

/// Format version of the file.
const VERSION: u64 = 2;

/// No machine has that many keys; a larger file is no journal.
const LONGEST: u64 = 256 << 20;

/// Stale lines that are left in a file however short it is.
const MOST_STALE: usize = 64;

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("journal {}: cannot {action} it: {source}{}", path.display(), hint(source))]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// Not a journal, or incomplete.
    #[error(
        "journal {} is damaged: {reason}; nothing was changed. Compare it with the machine, revert \
         by hand what it still lists, then remove the file",
        path.display()
    )]
    Damaged { path: PathBuf, reason: String },
    /// Written by another release of this program.
    #[error(
        "journal {} has format version {found}, this program knows {known}; nothing was changed. \
         Use the release that wrote it, or revert by hand what it lists and remove the file",
        path.display()
    )]
    Version { path: PathBuf, found: u64, known: u64 },
}

/// Where a journal is kept.
#[derive(Clone, Debug)]
pub struct JournalFile {
    path: PathBuf,
    epoch: String,
    /// What is at the path.
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing to append to: no file, or one whose last line is torn.
    Stale,
    /// A file of an earlier epoch.
    Void,
    /// A file with that many lines below the first.
    Lines(usize),
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
    /// Where the file cannot be read, or is not a journal of this format.
    pub fn load<K, V, O>(path: PathBuf, epoch: String) -> Result<Journal<K, V, O>, JournalError>
    where
        K: Clone + Eq + Hash + DeserializeOwned,
        V: Clone + PartialEq + DeserializeOwned,
        O: OwnerId,
    {
        let mut file = Self { path, epoch, state: State::Stale };
        let mut text = match File::open(&file.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Journal::new(file, Entries::new()));
            }
            opened => BufReader::new(file.attempt("read", opened)?.take(LONGEST + 1)),
        };
        let mut line = Vec::new();
        if !file.read_line(&mut text, &mut line)? {
            return Err(file.damaged("its first line is incomplete".to_owned()));
        }
        if file.header(&line)?.epoch != file.epoch {
            file.state = State::Void;
            return Ok(Journal::new(file, Entries::new()));
        }
        let mut entries = Entries::new();
        let mut lines = 0;
        while file.read_line(&mut text, &mut line)? {
            lines += 1;
            let damaged =
                |reason: &dyn Display| file.damaged(format!("line {}: {reason}", lines + 1));
            // Cheaper for the line than for each string.
            let line = std::str::from_utf8(&line).map_err(|reason| damaged(&reason))?;
            let read: Line<Entry<K, V, O>, K> =
                serde_json::from_str(line).map_err(|reason| damaged(&reason))?;
            match read {
                Line::Entry(entry) => {
                    entries.put(entry);
                }
                Line::Forget(key) => {
                    entries.number(&key).and_then(|number| entries.remove(number));
                }
            }
        }
        if text.get_ref().limit() == 0 {
            return Err(file.damaged(format!("it is longer than {LONGEST} bytes")));
        }
        if line.is_empty() {
            file.state = State::Lines(lines);
        }
        Ok(Journal::new(file, entries))
    }

    /// Reads the next line, if it is complete. What is left in `line` at the end is a torn one.
    fn read_line(&self, text: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, JournalError> {
        line.clear();
        self.attempt("read", text.read_until(b'\n', line))?;
        Ok(line.ends_with(b"\n"))
    }

    fn header(&self, line: &[u8]) -> Result<Header, JournalError> {
        let damaged = |reason: serde_json::Error| self.damaged(reason.to_string());
        // The version comes first: what another release writes need not fit our types.
        let value: serde_json::Value = serde_json::from_slice(line).map_err(damaged)?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(found) if found != VERSION => {
                Err(JournalError::Version { path: self.path.clone(), found, known: VERSION })
            }
            _ => serde_json::from_value(value).map_err(damaged),
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
        match self.state {
            State::Lines(lines) if entries.len() > 0 => {
                if fresh == 0 {
                    return Ok(());
                }
                if lines + fresh <= 2 * entries.len() + MOST_STALE {
                    // Until all of it is there, the last line may be torn.
                    self.state = State::Stale;
                    let appended = self.append(&pending, forgotten);
                    self.attempt("write", appended)?;
                    self.state = State::Lines(lines + fresh);
                    return Ok(());
                }
            }
            State::Void => {
                self.attempt("set aside", fs::rename(&self.path, self.aside()))?;
                self.state = State::Stale;
            }
            _ => {}
        }
        if entries.len() == 0 {
            self.state = State::Stale;
            self.attempt("remove", remove(&self.path))?;
            self.attempt("remove", remove(&self.aside()))?;
            return self.sync_directory();
        }
        let new = self.path.with_extension("journal.new");
        self.attempt("write", self.rewrite(&new, entries))?;
        self.attempt("replace", fs::rename(&new, &self.path))?;
        self.state = State::Lines(entries.len());
        self.sync_directory()
    }

    fn append<K: Serialize, V: Serialize, O: OwnerId>(
        &self,
        pending: &[&Entry<K, V, O>],
        forgotten: &[K],
    ) -> io::Result<()> {
        let mut file = BufWriter::new(File::options().append(true).open(&self.path)?);
        // A key may have been forgotten and be there again.
        for key in forgotten {
            write_line(&mut file, &Line::<&Entry<K, V, O>, &K>::Forget(key))?;
        }
        for entry in pending {
            write_line(&mut file, &Line::<_, &K>::Entry(entry))?;
        }
        file.into_inner()?.sync_data()
    }

    /// A leftover of a killed run is replaced; a symbolic link in its place is not followed.
    fn rewrite<K: Serialize, V: Serialize, O: OwnerId>(
        &self,
        path: &Path,
        entries: &Entries<K, V, O>,
    ) -> io::Result<()> {
        remove(path)?;
        let mut file = BufWriter::new(File::options().write(true).create_new(true).open(path)?);
        write_line(&mut file, &Header { version: VERSION, epoch: self.epoch.clone() })?;
        for entry in entries.iter() {
            write_line(&mut file, &Line::<_, &K>::Entry(entry))?;
        }
        file.into_inner()?.sync_all()
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

    fn damaged(&self, reason: String) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), reason }
    }

    fn attempt<T>(&self, action: &'static str, result: io::Result<T>) -> Result<T, JournalError> {
        result.map_err(|source| JournalError::Io { action, path: self.path.clone(), source })
    }
}

/// Removes a file, if there is one.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn write_line(file: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    file.write_all(b"\n")
}
