//! A change that waits to be confirmed.
//!
//! Before the first change, the journal is copied and the deadline is written beside it, and a process
//! of its own waits for it: the death of the command, of its session or of its terminal does not
//! matter.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::Error;
use super::arguments::{Options, STATE_DIRECTORY};
use super::journal_place::JournalPlace;
use crate::engine::private::{create_new, remove};
use crate::host::uptime;
use lvs::table::quoted;

/// A line of JSON beside the journal.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    epoch: String,
    /// In hundredths of a second since the boot.
    deadline: u64,
}

/// The extension of a record that is not complete yet.
const NEW: &str = "confirm.new";

/// A change that waits to be confirmed.
pub(super) struct Unconfirmed {
    place: JournalPlace,
    /// No earlier change waits, too.
    is_first: bool,
    seconds: u32,
    command: String,
}

impl Unconfirmed {
    /// Prepares the way back, before the first change. Where an earlier change waits, too, the way
    /// back is that of the earlier one.
    pub(super) fn prepare(options: &Options, seconds: u32) -> Result<Self, Error> {
        let place = JournalPlace::new(&options.state_dir)?;
        let is_first = place.left().is_none();
        let prepared = Self { place, is_first, seconds, command: command(options) };
        if !is_first {
            return prepared.set_deadline().map(|()| prepared);
        }
        let ready = copy(&prepared.place.path, &prepared.place.before())
            .and_then(|()| prepared.set_deadline())
            .and_then(|()| start_watcher(&options.state_dir).map_err(Error::Watcher));
        if ready.is_err() {
            prepared.place.forget()?;
        }
        ready.map(|()| prepared)
    }

    /// The run ended: the time to confirm begins now. Without a change there is nothing to confirm, but
    /// what an earlier run has changed.
    pub(super) fn end(self, has_changed: bool) -> Result<(), Error> {
        if !has_changed && self.is_first {
            return self.place.forget();
        }
        self.set_deadline()?;
        let Self { seconds, command, .. } = self;
        let _ = writeln!(
            io::stderr(),
            "lvsctl: the change is reverted in {seconds} seconds unless you run: {command}"
        );
        Ok(())
    }

    fn set_deadline(&self) -> Result<(), Error> {
        let deadline = now() + u64::from(self.seconds) * 100;
        let record = Record { version: 1, epoch: self.place.epoch.clone(), deadline };
        let path = self.place.record();
        let new = path.with_extension(NEW);
        let written = write_new(&new, &record).and_then(|()| fs::rename(&new, &path));
        written.map_err(Error::file("write", &path))
    }
}

/// The command that confirms, with the options that lead to the same journal.
fn command(options: &Options) -> String {
    let mut command = "lvsctl".to_owned();
    // Writing to a String cannot fail.
    if let Some(namespace) = &options.netns {
        let _ = write!(command, " --netns {}", quoted(&namespace.word()));
    }
    if options.state_dir != Path::new(STATE_DIRECTORY) {
        let directory = options.state_dir.display().to_string();
        let _ = write!(command, " --state-dir {}", quoted(&directory));
    }
    command + " confirm"
}

impl JournalPlace {
    fn record(&self) -> PathBuf {
        self.path.with_extension("confirm")
    }

    pub(super) fn before(&self) -> PathBuf {
        self.path.with_extension("before")
    }

    /// How many hundredths of a second are left to confirm; `None` where nothing is to be confirmed.
    /// A record that cannot be read is one that has expired.
    pub(super) fn left(&self) -> Option<u64> {
        let text = fs::read_to_string(self.record()).ok()?;
        match serde_json::from_str::<Record>(&text) {
            Ok(record) if record.epoch == self.epoch => Some(record.deadline.saturating_sub(now())),
            // Of an earlier boot, or of a namespace that is gone.
            Ok(_) => None,
            Err(_) => Some(0),
        }
    }

    /// The change stays.
    pub(super) fn forget(&self) -> Result<(), Error> {
        for path in [self.record(), self.record().with_extension(NEW), self.before()] {
            remove(&path).map_err(Error::file("remove", &path))?;
        }
        Ok(())
    }
}

/// What the waiting process says once nothing stops it any more.
pub(super) const ARMED: &str = "armed";

/// Starts this program again, even if its file was replaced.
fn start_watcher(directory: &Path) -> io::Result<()> {
    let mut child = Command::new("/proc/self/exe")
        .arg0("lvsctl")
        .arg("--state-dir")
        .arg(fs::canonicalize(directory)?)
        .args(["confirm", "--watch"])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut line = String::new();
    if let Some(said) = child.stdout.take() {
        BufReader::new(said).read_line(&mut line)?;
    }
    match line.trim_end() {
        ARMED => Ok(()),
        _ => Err(io::Error::other("it ended at once")),
    }
}

/// Copies a file, or removes the copy where there is none.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let copied = fs::read(from).and_then(|text| {
        remove(to)?;
        let mut file = create_new(to)?;
        file.write_all(&text)?;
        file.sync_all()
    });
    match copied {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            remove(to).map_err(Error::file("remove", to))
        }
        copied => copied.map_err(Error::file("write", to)),
    }
}

fn write_new(path: &Path, record: &Record) -> io::Result<()> {
    remove(path)?;
    let mut file = create_new(path)?;
    serde_json::to_writer(&mut file, record)?;
    file.sync_all()
}

/// Hundredths of a second since the boot.
fn now() -> u64 {
    u64::try_from(uptime().as_millis() / 10).unwrap_or(u64::MAX)
}
