//! `lvsctl log`: what was changed when, by whom, from which file, by which command, and how it ended.
//!
//! A run that locks the machine writes a line of JSON before its first change, and another one at its
//! end: a start without an end is a run that was killed, or still runs. A torn line, as a full disk
//! leaves it, costs nothing but itself.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader, IoSlice, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac_sha256::Hash;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::Error;
use super::caller::Caller;
use super::process::started;
use super::report::counted;
use crate::engine::private;
use lvs::table::quoted;

/// The size in bytes at which the file gets another name, and the one with that name goes.
const LARGEST: u64 = 256 << 10;

/// The length of a command line at which the rest is left out.
const LONGEST_COMMAND: usize = 4 << 10;

/// The length in characters at which the reason of a failure is cut.
const LONGEST_REASON: usize = 240;

/// Prints the log.
pub(super) fn run(directory: &Path, as_json: bool, output: &mut dyn Write) -> Result<u8, Error> {
    let log = Log::read(directory)?;
    if as_json {
        let runs: Vec<Json> = log.runs.iter().map(Record::json).collect();
        writeln!(output, "{}", json!({"schema": 1, "runs": runs, "unreadable": log.unreadable}))?;
        return Ok(0);
    }
    for run in &log.runs {
        writeln!(output, "{run}")?;
    }
    match (log.runs.is_empty(), log.unreadable) {
        (true, 0) => writeln!(output, "lvsctl has changed nothing since the log began")?,
        (_, 0) => {}
        (_, count) => writeln!(output, "note: {count} damaged lines of the log are left out")?,
    }
    Ok(0)
}

/// The run of this process, for the log; clones are of the same run. The default is one that changes
/// nothing, and is not logged.
#[derive(Clone, Default)]
pub(super) struct Run(Option<Rc<RefCell<Facts>>>);

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Run").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Facts {
    command: Vec<String>,
    file: Option<(PathBuf, Hash)>,
    steps: usize,
    /// Where the start was written, and its number.
    begun: Option<(PathBuf, String)>,
}

impl Run {
    /// Of a command line, the program's name first.
    pub(super) fn of(command_line: &[OsString]) -> Self {
        let mut left = LONGEST_COMMAND;
        let mut command = Vec::new();
        for word in command_line.iter().skip(1) {
            let word = word.to_string_lossy();
            let Some(rest) = left.checked_sub(word.len()) else {
                command.push("...".to_owned());
                break;
            };
            left = rest;
            command.push(word.into_owned());
        }
        Self(Some(Rc::new(RefCell::new(Facts { command, ..Facts::default() }))))
    }

    /// The text of the file that the run applies, which is hashed as it is read.
    pub(super) fn reading(&self, file: &Path, text: Box<dyn Read>) -> Box<dyn Read> {
        let Some(facts) = &self.0 else { return text };
        let path = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        facts.borrow_mut().file = Some((path, Hash::new()));
        Box::new(Hashed { text, facts: Rc::clone(facts) })
    }

    /// Writes the start, once.
    pub(super) fn begin(&self, directory: &Path) -> Result<(), Error> {
        let Some(mut facts) = self.0.as_ref().map(|facts| facts.borrow_mut()) else {
            return Ok(());
        };
        if facts.begun.is_some() {
            return Ok(());
        }
        let path = place(directory);
        let written = since_1970().map_or(Ok(()), |time| {
            let pid = process::id();
            let start = Start {
                run: format!("{}-{pid}", time.as_micros()),
                time: time.as_secs(),
                pid,
                started: started(pid),
                command: facts.command.clone(),
                caller: Caller::current(),
                file: facts.file.as_ref().map(|(path, _)| path.display().to_string()),
                sha256: facts.file.as_ref().map(|(_, hash)| hex(*hash)),
            };
            facts.begun = Some((path.clone(), start.run.clone()));
            rotate(&path)?;
            append(&path, &Line::Start(start))
        });
        written.map_err(Error::file("write", &path))
    }

    /// So many changes were made.
    pub(super) fn made(&self, steps: usize) {
        if let Some(facts) = &self.0 {
            facts.borrow_mut().steps += steps;
        }
    }

    /// Whether changes were made.
    pub(super) fn has_changed(&self) -> bool {
        self.0.as_ref().is_some_and(|facts| facts.borrow().steps > 0)
    }

    /// Writes the end, where there was a start.
    pub(super) fn end(&self, outcome: &Result<u8, Error>) {
        let Some(facts) = self.0.as_ref().map(|facts| facts.borrow()) else { return };
        let (Some((path, run)), Some(time)) = (&facts.begun, since_1970()) else { return };
        let reason = |error: &Error| {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().chars().take(LONGEST_REASON).collect()
        };
        let end = End {
            run: run.clone(),
            time: time.as_secs(),
            steps: facts.steps,
            error: outcome.as_ref().err().map(reason),
        };
        // The changes are made; the log shows a run without an end.
        let _ = append(path, &Line::End(end));
    }
}

/// `None` where the clock is set before 1970.
fn since_1970() -> Option<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).ok()
}

/// A time in UTC: `2026-11-27T09:12:03Z`. Of a later year than 9999, as in a damaged log, the last one.
fn rfc3339(seconds: u64) -> String {
    const LAST: u64 = 253_402_300_799;
    let time = UNIX_EPOCH + Duration::from_secs(seconds.min(LAST));
    humantime::format_rfc3339_seconds(time).to_string()
}

pub(super) fn now() -> String {
    rfc3339(since_1970().unwrap_or_default().as_secs())
}

/// A text whose hash is that of what was read of it.
struct Hashed {
    text: Box<dyn Read>,
    facts: Rc<RefCell<Facts>>,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(buffer)?;
        if let (Some((_, hash)), Some(read)) =
            (&mut self.facts.borrow_mut().file, buffer.get(..count))
        {
            hash.update(read);
        }
        Ok(count)
    }
}

fn hex(hash: Hash) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Start(Start),
    End(End),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Start {
    run: String,
    /// In seconds since 1970.
    time: u64,
    pid: u32,
    /// When the process started, to distinguish it from a later one with its number.
    started: Option<u64>,
    command: Vec<String>,
    caller: Caller,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    run: String,
    time: u64,
    steps: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn place(directory: &Path) -> PathBuf {
    directory.join("log")
}

fn rotate(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.len() > LARGEST => fs::rename(path, path.with_extension("1")),
        _ => Ok(()),
    }
}

fn append(path: &Path, line: &Line) -> io::Result<()> {
    let file = match private::append(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            private::create_new(path).and_then(|_| private::append(path))
        }
        opened => opened,
    };
    let (mut file, mut text) = (file?, Vec::new());
    let mut last = [b'\n'];
    if let Some(at) = file.metadata()?.len().checked_sub(1) {
        file.read_exact_at(&mut last, at)?;
    }
    let torn: &[u8] = if last == [b'\n'] { b"" } else { b"\n" };
    serde_json::to_writer(&mut text, line)?;
    text.push(b'\n');
    // One system call, so that lines of two processes do not mix.
    let written = file.write_vectored(&[IoSlice::new(torn), IoSlice::new(&text)])?;
    match written == torn.len() + text.len() {
        true => Ok(()),
        false => Err(io::ErrorKind::StorageFull.into()),
    }
}

/// A run, and its end if it has one.
struct Record {
    start: Start,
    end: Option<End>,
}

#[derive(Default)]
struct Log {
    /// Oldest first.
    runs: Vec<Record>,
    /// The number of lines that are damaged.
    unreadable: usize,
}

impl Log {
    fn read(directory: &Path) -> Result<Self, Error> {
        let (mut log, path) = (Self::default(), place(directory));
        for path in [path.with_extension("1"), path] {
            let file = match private::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(Error::file("read", &path))?,
            };
            // A file is rotated at the start of a run only; one that is much longer is no log.
            let mut text = BufReader::new(file.take(16 * LARGEST));
            let mut line = Vec::new();
            while text.read_until(b'\n', &mut line).map_err(Error::file("read", &path))? > 0 {
                match serde_json::from_slice(&line) {
                    Ok(line) => log.add(line),
                    Err(_) => log.unreadable += 1,
                }
                line.clear();
            }
        }
        Ok(log)
    }

    fn add(&mut self, line: Line) {
        match line {
            Line::Start(start) => self.runs.push(Record { start, end: None }),
            Line::End(end) => {
                let mut latest = self.runs.iter_mut().rev();
                if let Some(run) = latest.find(|run| run.start.run == end.run) {
                    run.end = Some(end);
                }
            }
        }
    }
}

impl Record {
    fn state(&self) -> &'static str {
        match &self.end {
            Some(End { error: None, .. }) => "done",
            Some(_) => "failed",
            None if self.start.started.is_some()
                && started(self.start.pid) == self.start.started =>
            {
                "running"
            }
            None => "unfinished",
        }
    }

    fn json(&self) -> Json {
        let Start { time, pid, command, caller, file, sha256, .. } = &self.start;
        let end = self.end.as_ref();
        json!({
            "time": rfc3339(*time), "pid": pid, "command": command, "by": caller,
            "file": file, "sha256": sha256, "state": self.state(),
            "ended": end.map(|end| rfc3339(end.time)),
            "steps": end.map(|end| end.steps), "error": end.and_then(|end| end.error.as_deref()),
        })
    }
}

/// `2026-11-27T09:12:03Z alice pts/1 198.51.100.7: lvsctl apply web.toml (/etc/web.toml, sha256
/// 0123456789ab): done, 3 steps`.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Start { time, pid, command, caller, file, sha256, .. } = &self.start;
        write!(f, "{} {caller}: lvsctl", rfc3339(*time))?;
        for word in command {
            write!(f, " {}", quoted(word))?;
        }
        if let Some(file) = file {
            let hash = sha256.as_deref().and_then(|it| it.get(..12)).unwrap_or("unknown");
            write!(f, " ({file}, sha256 {hash})")?;
        }
        write!(f, ": {}", self.state())?;
        match &self.end {
            None if self.state() == "running" => write!(f, " (pid {pid})"),
            None => f.write_str(", as it was killed"),
            Some(End { error: Some(error), .. }) => write!(f, ": {error}"),
            Some(End { steps, .. }) => write!(f, ", {}", counted(*steps, "step")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(directory: &Path, line: &str, outcome: Option<Result<u8, Error>>) {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let run = Run::of(&words);
        let mut text = run.reading(Path::new("/etc/web.toml"), Box::new(&b"abc"[..]));
        text.read_to_end(&mut Vec::new()).unwrap();
        run.begin(directory).unwrap();
        run.begin(directory).unwrap();
        run.made(2);
        if let Some(outcome) = outcome {
            run.end(&outcome);
        }
    }

    #[test]
    fn log_shows_how_each_run_ended_and_survives_torn_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = place(directory.path());
        logged(directory.path(), "lvsctl apply web.toml", Some(Ok(0)));
        let failed = Err(Error::Usage("first line\nsecond".to_owned()));
        logged(directory.path(), "lvsctl down a;b", Some(failed));
        let mut file = private::append(&path).unwrap();
        file.write_all(b"{\"start\":{\"run\":\"torn").unwrap();
        logged(directory.path(), "lvsctl undo", None);
        let log = Log::read(directory.path()).unwrap();
        assert_eq!(log.unreadable, 1);
        let lines: Vec<String> = log.runs.iter().map(ToString::to_string).collect();
        let file = " (/etc/web.toml, sha256 ba7816bf8f01): ";
        assert!(lines[0].ends_with(&format!("lvsctl apply web.toml{file}done, 2 steps")));
        assert!(lines[1].ends_with(&format!("lvsctl down 'a;b'{file}failed: first line")));
        assert!(lines[2].contains(&format!("lvsctl undo{file}running (pid ")), "{lines:?}");
        let json = log.runs[1].json();
        assert_eq!((&json["state"], &json["steps"]), (&json!("failed"), &json!(2)));
    }

    #[test]
    fn log_is_bounded_and_long_command_lines_are_cut() {
        let directory = tempfile::tempdir().unwrap();
        let long = format!("lvsctl {}", "word ".repeat(3000));
        for _ in 0..130 {
            logged(directory.path(), &long, Some(Ok(0)));
        }
        let size = |path: &Path| fs::metadata(path).unwrap().len();
        let path = place(directory.path());
        for path in [path.with_extension("1"), path] {
            assert!(size(&path) < LARGEST + (LONGEST_COMMAND as u64) * 8, "{}", size(&path));
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
