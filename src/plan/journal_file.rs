//! The journal on the disk: one JSON file, replaced whole.

use std::fs::{self, File};
use std::hash::Hash;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Entry, Journal, JournalError};

/// Format version of the file.
const VERSION: u64 = 1;

/// No machine has that many keys; a larger file is not ours.
const LONGEST: u64 = 64 << 20;

/// Where a journal is kept.
#[derive(Clone, Debug)]
pub struct JournalFile {
    path: PathBuf,
    epoch: String,
    /// The file on disk is of an earlier epoch.
    void: bool,
}

#[derive(Serialize)]
struct Written<'a, K, V> {
    version: u64,
    epoch: &'a str,
    entries: &'a [Entry<K, V>],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read1<K, V> {
    #[serde(rename = "version")]
    _version: u64,
    epoch: String,
    entries: Vec<Entry<K, V>>,
}

impl JournalFile {
    /// Reads the journal at `path`; there need not be one.
    ///
    /// `epoch` names the present life of what is changed, such as the boot of a machine. A journal
    /// of another epoch is void, since addresses, sysctls and tables did not outlive it: it counts
    /// as empty, and is set aside (`.void`) when a new one is written.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or is not a journal of this format.
    pub fn load<K, V>(path: PathBuf, epoch: String) -> Result<Journal<K, V>, JournalError>
    where
        K: Clone + Eq + Hash + DeserializeOwned,
        V: Clone + PartialEq + DeserializeOwned,
    {
        let mut file = Self { path, epoch, void: false };
        let Some(text) = file.text()? else {
            return Ok(Journal::new(file, Vec::new()));
        };
        let damaged = |reason: serde_json::Error| JournalError::Damaged {
            path: file.path.clone(),
            reason: reason.to_string(),
        };
        // The version comes first: what another release writes need not fit our types.
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(damaged)?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(found) if found != VERSION => {
                return Err(JournalError::Version { path: file.path, found, known: VERSION });
            }
            _ => {}
        }
        let read: Read1<K, V> = serde_json::from_value(value).map_err(damaged)?;
        file.void = read.epoch != file.epoch;
        let entries = if file.void { Vec::new() } else { read.entries };
        Ok(Journal::new(file, entries))
    }

    /// Replaces the file, or removes it where there is nothing to keep.
    pub(super) fn save<K: Serialize, V: Serialize>(
        &mut self,
        entries: &[Entry<K, V>],
    ) -> Result<(), JournalError> {
        if self.void {
            let aside = self.path.with_extension("json.void");
            self.attempt("set aside", fs::rename(&self.path, aside))?;
            self.void = false;
        }
        if entries.is_empty() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    self.attempt("remove", Err(error))
                }
                _ => self.sync_directory(),
            };
        }
        let text =
            serde_json::to_vec_pretty(&Written { version: VERSION, epoch: &self.epoch, entries });
        let text = self.attempt("write", text.map_err(io::Error::from))?;
        let new = self.path.with_extension("json.new");
        self.attempt("write", write_synced(&new, &text))?;
        self.attempt("replace", fs::rename(&new, &self.path))?;
        self.sync_directory()
    }

    /// The name in the directory, too, must be on the disk before the machine is changed.
    fn sync_directory(&self) -> Result<(), JournalError> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        self.attempt("sync", synced)
    }

    fn text(&self) -> Result<Option<Vec<u8>>, JournalError> {
        let mut text = Vec::new();
        let read = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(error),
            Ok(file) => file.take(LONGEST + 1).read_to_end(&mut text),
        };
        if self.attempt("read", read)? as u64 > LONGEST {
            return Err(JournalError::Damaged {
                path: self.path.clone(),
                reason: format!("it is longer than {LONGEST} bytes"),
            });
        }
        Ok(Some(text))
    }

    fn attempt<T>(&self, action: &'static str, result: io::Result<T>) -> Result<T, JournalError> {
        result.map_err(|source| JournalError::Io { action, path: self.path.clone(), source })
    }
}

/// A leftover of a killed run is replaced; a link that someone put in its place is not followed.
fn write_synced(path: &Path, text: &[u8]) -> io::Result<()> {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}
