//! `--confirm SECONDS` and `lvsctl confirm`: a change that nobody confirms in time is reverted.
//!
//! Before the first change, the journal is copied and the deadline is written beside it, and a process
//! of its own waits for it: the death of the command, of its session or of its terminal does not
//! matter. What is restored is the state of the copied journal. Where that process was killed, too,
//! the next run of lvsctl restores it.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::arguments::{ConfirmFlags, Options, STATE_DIRECTORY};
use super::error::{Error, usage};
use super::runner::{JournalPlace, Session};
use crate::engine::private::{create_new, remove};
use crate::engine::{Desired, JournalFile, Report, System};
use crate::host::machine::{Key, Machine, Value};
use crate::host::uptime;
use crate::policy::{DesiredItem, MachineJournal, Owner, Takeover, takeovers};

/// How often the waiting process looks whether the change was confirmed.
const PAUSE: Duration = Duration::from_millis(250);

/// How many seconds it waits for another run that holds the lock, before it tries again.
const PATIENCE: u32 = 60;

/// How often it tries to restore the state. Then the next run of lvsctl does.
const ATTEMPTS: u32 = 20;

/// A line of JSON beside the journal.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    epoch: String,
    /// In hundredths of a second since the boot.
    deadline: u64,
}

/// A change that waits to be confirmed.
pub(super) struct Unconfirmed {
    place: JournalPlace,
    seconds: u32,
    command: String,
}

impl Unconfirmed {
    /// Prepares the way back, before the first change. Where an earlier change waits, too, the way
    /// back is that of the earlier one.
    pub(super) fn prepare(options: &Options, seconds: u32) -> Result<Self, Error> {
        let place = JournalPlace::new(&options.state_dir)?;
        let is_first = place.left().is_none();
        if is_first {
            copy(&place.path, &place.before())?;
        }
        let prepared = Self { place, seconds, command: command(options) };
        prepared.set_deadline()?;
        if is_first {
            if let Err(source) = start_watcher(&options.state_dir) {
                prepared.place.forget()?;
                return Err(Error::Watcher(source));
            }
        }
        Ok(prepared)
    }

    /// The run ended: the time to confirm begins now. Without a change there is nothing to confirm.
    pub(super) fn end(self, has_changed: bool) -> Result<(), Error> {
        if !has_changed {
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
        let new = path.with_extension("confirm.new");
        let written = write_new(&new, &record).and_then(|()| fs::rename(&new, &path));
        written.map_err(Error::file("write", &path))
    }
}

/// The command that confirms, with the options that lead to the same journal.
fn command(options: &Options) -> String {
    let mut command = "lvsctl".to_owned();
    // Writing to a String cannot fail.
    if let Some(namespace) = &options.netns {
        let _ = write!(command, " --netns {namespace}");
    }
    if options.state_dir != Path::new(STATE_DIRECTORY) {
        let _ = write!(command, " --state-dir {}", options.state_dir.display());
    }
    command + " confirm"
}

impl JournalPlace {
    fn record(&self) -> PathBuf {
        self.path.with_extension("confirm")
    }

    fn before(&self) -> PathBuf {
        self.path.with_extension("before")
    }

    /// How many hundredths of a second are left to confirm; `None` where nothing is to be confirmed.
    /// A record that cannot be read is one that has expired.
    fn left(&self) -> Option<u64> {
        let text = fs::read_to_string(self.record()).ok()?;
        match serde_json::from_str::<Record>(&text) {
            Ok(record) if record.epoch == self.epoch => Some(record.deadline.saturating_sub(now())),
            // Of an earlier boot, or of a namespace that is gone.
            Ok(_) => None,
            Err(_) => Some(0),
        }
    }

    /// The change stays.
    fn forget(&self) -> Result<(), Error> {
        for path in [self.record(), self.before()] {
            remove(&path).map_err(Error::file("remove", &path))?;
        }
        Ok(())
    }

    /// Restores the state of the journal that was copied.
    fn restore(&self, session: &mut Session) -> Result<Report<Key, Value>, Error> {
        session.journal.accept_unfinished();
        let before: MachineJournal = JournalFile::load(self.before(), self.epoch.clone())?;
        let (owners, desired) = earlier_state(session, &before)?;
        let taken = takeovers(&mut session.machine, &desired)?;
        let report = session.watch(None, |mut engine| engine.apply(&owners, &desired))?;
        self.forget()?;
        Takeover::announce(&taken);
        Ok(report)
    }
}

/// A change that was not confirmed in time, and that nobody reverted, is reverted by the next run. One
/// that may still be confirmed keeps others out, unless they are to be confirmed, too.
pub(super) fn settle(session: &mut Session, options: &Options) -> Result<(), Error> {
    let place = JournalPlace::new(&options.state_dir)?;
    match place.left() {
        None => Ok(()),
        Some(0) => {
            place.restore(session)?;
            let _ = writeln!(
                io::stderr(),
                "lvsctl: an earlier change was not confirmed in time: it was reverted"
            );
            Ok(())
        }
        Some(_) if options.change.confirm.is_some() => Ok(()),
        Some(left) => Err(Error::Unconfirmed { seconds: left.div_ceil(100) }),
    }
}

/// `lvsctl confirm`.
pub(super) fn run(
    flags: &ConfirmFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    if flags.watch {
        return watch(options, output);
    }
    let mut session = Session::open_unsettled(options)?;
    let place = JournalPlace::new(&options.state_dir)?;
    let Some(left) = place.left() else {
        usage!("no change waits to be confirmed; one that was not confirmed in time is reverted");
    };
    if left > 0 && !flags.revert {
        if !options.dry_run {
            place.forget()?;
        }
        writeln!(output, "confirmed: the change stays")?;
        return Ok(0);
    }
    if options.dry_run {
        writeln!(output, "the change would be reverted")?;
        return Ok(0);
    }
    let report = place.restore(&mut session)?;
    for step in &report.steps {
        writeln!(output, "+ {}", Machine::command(step))?;
    }
    if flags.revert {
        writeln!(output, "the change was reverted")?;
        return Ok(0);
    }
    usage!("the change was not confirmed in time: it was reverted")
}

/// Waits for the deadline, and restores the state.
fn watch(options: &Options, output: &mut dyn Write) -> Result<u8, Error> {
    leave_session();
    writeln!(output, "{ARMED}")?;
    output.flush()?;
    let place = JournalPlace::new(&options.state_dir)?;
    let options = Options { wait: PATIENCE, ..options.clone() };
    let mut attempts = 0;
    while let Some(left) = place.left() {
        if left > 0 {
            thread::sleep(PAUSE);
            continue;
        }
        let restored = Session::open_unsettled(&options).and_then(|mut session| {
            // It was confirmed meanwhile, or the run that held the lock has just ended.
            match place.left() {
                Some(0) => place.restore(&mut session).map(drop),
                _ => Ok(()),
            }
        });
        attempts += 1;
        match restored {
            Err(error) if attempts == ATTEMPTS => return Err(error),
            Err(_) => thread::sleep(PAUSE),
            Ok(()) => {}
        }
    }
    Ok(0)
}

/// What the waiting process says once nothing stops it any more.
const ARMED: &str = "armed";

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

/// The end of the terminal ends the processes of its session.
#[allow(unsafe_code)]
fn leave_session() {
    // SAFETY: it takes and returns no pointer. It fails only for the leader of a process group, which
    // a process that was just started is not.
    unsafe { libc::setsid() };
}

/// Every key is to have the value that lvsctl had given it when the journal was copied; what was
/// changed since for the first time gets its previous value.
fn earlier_state(
    session: &mut Session,
    before: &MachineJournal,
) -> Result<(Vec<Owner>, Vec<DesiredItem>), Error> {
    let mut owners = session.journal.owners();
    owners.extend(before.owners());
    let mut desired: Vec<DesiredItem> = Vec::new();
    for entry in before.entries() {
        let mut acceptable = entry.acceptable.clone();
        // What the change left alone stays as it is.
        if session.journal.entry(&entry.key).is_some_and(|now| now.ours == entry.ours) {
            acceptable.extend(session.machine.read(&entry.key)?);
        }
        desired.extend(entry.owners.iter().map(|owner| Desired {
            key: entry.key.clone(),
            value: entry.ours.clone(),
            acceptable: acceptable.clone(),
            owner: owner.clone(),
        }));
    }
    Ok((owners, desired))
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
