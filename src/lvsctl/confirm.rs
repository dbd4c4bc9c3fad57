//! `lvsctl confirm`: a change that nobody confirms in time is reverted.
//!
//! What is restored is the state of the journal that was copied before the change. Where the process
//! that waits for the deadline was killed, the next run of lvsctl restores it.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use super::arguments::{ConfirmFlags, Options};
use super::error::{Error, usage};
use super::journal_place::JournalPlace;
use super::report;
use super::runner::Session;
use super::unconfirmed::ARMED;
use crate::engine::{Desired, JournalFile, Report, System};
use crate::host::machine::{Key, Value};
use crate::policy::{DesiredItem, MachineJournal, Owner, Takeover, takeovers};

/// How often the waiting process looks whether the change was confirmed.
const PAUSE: Duration = Duration::from_millis(250);

/// How many seconds it waits for another run that holds the lock, before it tries again.
const PATIENCE: u32 = 60;

/// How often it tries to restore the state. Then the next run of lvsctl does.
const ATTEMPTS: u32 = 20;

/// Opens a session without a change that waits to be confirmed. One that was not confirmed in time,
/// and that nobody reverted, is reverted. One that may still be confirmed keeps others out, unless they
/// are to be confirmed, too.
pub(super) fn settled(options: &Options) -> Result<Session, Error> {
    let mut session = Session::open(options)?;
    if session.is_dry() {
        return Ok(session);
    }
    let place = JournalPlace::new(&options.state_dir)?;
    match place.left() {
        None => {}
        Some(0) => {
            restore(&place, &mut session)?;
            let _ = writeln!(
                io::stderr(),
                "lvsctl: an earlier change was not confirmed in time: it was reverted"
            );
        }
        Some(_) if options.change.confirm.is_some() => {}
        Some(left) => return Err(Error::Unconfirmed { seconds: left.div_ceil(100) }),
    }
    Ok(session)
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
    let mut session = Session::open(options)?;
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
    let report = restore(&place, &mut session)?;
    report::list(output, &report.steps)?;
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
        let restored = Session::open(&options).and_then(|mut session| {
            // It was confirmed meanwhile, or the run that held the lock has just ended.
            match place.left() {
                Some(0) => restore(&place, &mut session).map(drop),
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

/// Restores the state of the journal that was copied.
fn restore(place: &JournalPlace, session: &mut Session) -> Result<Report<Key, Value>, Error> {
    let before: MachineJournal = JournalFile::load(place.before(), place.epoch.clone())?;
    let (owners, desired) = earlier_state(session, &before)?;
    let taken = takeovers(&mut session.machine, &desired)?;
    let report = session.watch(None, |mut engine| engine.apply(&owners, &desired))?;
    place.forget()?;
    Takeover::announce(&taken);
    Ok(report)
}
