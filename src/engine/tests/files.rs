//! The journal and the lock on the disk, and runs that are killed at every operation.

use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::Duration;

use super::*;

fn write(path: &Path, text: &str) -> Result<Journal<String, u32, String>, JournalError> {
    std::fs::write(path, text).unwrap();
    JournalFile::load(path.to_owned(), "now".to_owned())
}

const HEADER: &str = "{\"version\":2,\"epoch\":\"now\"}\n";

/// The line of an entry.
fn line(key: &str, ours: u32) -> String {
    format!(
        "{{\"entry\":{{\"key\":\"{key}\",\"previous\":0,\"ours\":{ours},\"claims\":[\"a\"]}}}}\n"
    )
}

fn take(directory: &Path, patience: Duration) -> Result<Lock, LockError> {
    Lock::take(directory, patience, || false)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn load_refuses_journal_without_a_valid_first_line() {
    let place = Place::new();
    let bad = ["", "{\"version\":2,", "[]\n", "{\"version\":2}\n", "x\n"];
    for text in bad {
        let message = write(&place.path(), text).unwrap_err().to_string();
        assert!(message.contains(&place.path().display().to_string()), "{message}");
        assert!(message.contains("damaged") && message.contains("remove the file"), "{message}");
        assert_eq!(std::fs::read_to_string(place.path()).unwrap(), text, "the file is left alone");
    }
    let message = write(&place.path(), "{\"version\":4,\"new\":{}}\n").unwrap_err().to_string();
    assert!(message.contains("format version 4, this program knows 1 to 3"), "{message}");
}

#[test]
fn load_reads_the_other_lines_of_a_damaged_journal_and_lists_the_bad_ones() {
    let place = Place::new();
    let long = "y".repeat(500);
    let bad =
        ["x", "{\"entry\":{\"key\":1}}", &line("one", 1).replace("previous", "earlier"), &long];
    for bad in bad {
        let text = format!("{HEADER}{}{}\n{}", line("one", 1), bad.trim_end(), line("two", 2));
        let mut journal = write(&place.path(), &text).unwrap();
        assert_eq!(journal.entries().count(), 2, "{bad}");
        let message = journal.damage().unwrap().to_string();
        assert!(message.contains("line 3: "), "{message}");
        assert!(message.lines().all(|line| line.chars().count() < 200), "{message}");
        let kept = journal.keep_damaged().unwrap().unwrap().to_string();
        assert!(kept.contains(".damaged-") && kept.contains("by hand"), "{kept}");
        journal.persist().unwrap();
        assert_eq!(place.journal().entries().count(), 2);
        assert!(place.journal().is_unfinished());
        journal.end().unwrap();
        assert!(place.journal().damage().is_none());
    }
    let kept = place.path().with_extension("journal.damaged-4");
    assert!(std::fs::read_to_string(kept).unwrap().contains("yyy"), "each is kept");
    let not_text = [HEADER.as_bytes(), b"\xff\n"].concat();
    std::fs::write(place.path(), not_text).unwrap();
    assert!(place.journal().damage().unwrap().to_string().contains("line 2: invalid utf-8"));
}

#[test]
fn journal_cut_at_a_line_border_is_noticed() {
    let place = Place::new();
    let mut machine = Machine::default();
    place.up(&mut machine, &[desired_item("a", "one", 1), desired_item("a", "two", 1)]).unwrap();
    place.up(&mut machine, &[desired_item("a", "one", 1), desired_item("a", "two", 2)]).unwrap();
    let text = std::fs::read_to_string(place.path()).unwrap();
    assert!(place.journal().damage().is_none());
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert_eq!(lines.last(), Some(&"{\"end\":4}\n"), "{text}");
    for cut in 1..lines.len() {
        let journal = write(&place.path(), &lines[..cut].concat()).unwrap();
        assert!(journal.damage().unwrap().to_string().contains("its end is missing"), "{cut}");
    }
    for missing in 1..lines.len() - 1 {
        let text = [&lines[..missing], &lines[missing + 1..]].concat().concat();
        let journal = write(&place.path(), &text).unwrap();
        assert!(journal.damage().unwrap().to_string().contains("1 of its lines"), "{missing}");
    }
    std::fs::write(place.path().with_extension("journal.unfinished"), "").unwrap();
    let journal = write(&place.path(), &lines[..2].concat()).unwrap();
    assert!(journal.damage().is_none() && journal.is_unfinished(), "its run was killed");
}

#[test]
fn journal_of_every_earlier_format_is_read_and_its_end_is_not_missed() {
    for version in ["1", "2"] {
        let place = Place::new();
        let text = format!("{HEADER}{}", line("one", 1)).replace(":2,", &format!(":{version},"));
        let journal = write(&place.path(), &text).unwrap();
        assert!(journal.damage().is_none());
        let mut machine = Machine::new(&[("one", 1)]);
        place.down(&mut machine, &["a"]).unwrap();
        assert_eq!(machine.state["one"], 0);
    }
}

#[test]
fn load_ignores_journal_of_another_epoch_and_save_renames_it() {
    let place = Place::new();
    let text = format!("{}{}", HEADER.replace("now", "earlier"), line("ignore", 1));
    let mut journal = write(&place.path(), &text).unwrap();
    assert_eq!(journal.entries().count(), 0);
    let mut machine = Machine::new(&[("ignore", 9)]);
    let desired = [desired_item("a", "ignore", 1)];
    let report =
        Engine::new(&mut machine, &mut journal).apply(&owners(&desired), &desired).unwrap();
    assert_eq!(report.notes, [Note::VoidJournal { path: place.path() }]);
    assert_eq!(place.journal().entry(&"ignore".to_owned()).unwrap().previous, Some(9));
    let aside = place.path().with_extension("journal.void");
    assert_eq!(std::fs::read_to_string(&aside).unwrap(), text);
    // It is removed with the journal that replaced it.
    place.down(&mut machine, &["a"]).unwrap();
    assert!(!aside.exists() && !place.path().exists());
}

#[test]
fn run_without_changes_leaves_journal_of_another_epoch_alone() {
    let place = Place::new();
    let text = format!("{}{}", HEADER.replace("now", "earlier"), line("ignore", 1));
    let mut journal = write(&place.path(), &text).unwrap();
    let mut machine = Machine::new(&[("ignore", 1)]);
    let report = Engine::new(&mut machine, &mut journal).revert(&["a".to_owned()]).unwrap();
    assert_eq!(report.notes.len(), 1);
    let desired = [desired_item("a", "ignore", 1)];
    Engine::new(&mut machine, &mut journal).apply(&owners(&desired), &desired).unwrap();
    assert_eq!(std::fs::read_to_string(place.path()).unwrap(), text);
}

/// As a release wrote it that took every failure for an old kernel, and as an old kernel is.
#[test]
fn epoch_without_a_namespace_matches_every_namespace_of_its_boot() {
    let place = Place::new();
    for (written, now, same) in [
        ("boot 1", "boot 1 namespace 7", true),
        ("boot 1 namespace 7", "boot 1", true),
        ("boot 1 namespace 7", "boot 1 namespace 7", true),
        ("boot 1 namespace 7", "boot 1 namespace 77", false),
        ("boot 1", "boot 11", false),
        ("boot 1", "boot 2 namespace 7", false),
    ] {
        let text = format!("{}{}", HEADER.replace("now", written), line("one", 1));
        std::fs::write(place.path(), text).unwrap();
        let journal: Journal<String, u32, String> =
            JournalFile::load(place.path(), now.to_owned()).unwrap();
        assert_eq!(journal.entries().count(), usize::from(same), "{written}, {now}");
    }
}

#[test]
fn files_have_their_modes_and_those_of_others_are_refused() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("state");
    let lock = take(&directory, Duration::ZERO).unwrap();
    assert_eq!((mode(&directory), mode(&directory.join("lock"))), (0o700, 0o600));
    drop(lock);
    let place = Place::new();
    let mut machine = Machine::default();
    place.up(&mut machine, &[desired_item("a", "one", 1)]).unwrap();
    assert_eq!(mode(&place.path()), 0o600);
    // As the earlier release left it.
    set_mode(place.directory.path(), 0o755);
    set_mode(&place.path(), 0o644);
    drop(take(place.directory.path(), Duration::ZERO).unwrap());
    place.up(&mut machine, &[desired_item("a", "two", 1)]).unwrap();
    assert_eq!(mode(&place.path()), 0o600);
    set_mode(&place.path(), 0o666);
    let read = JournalFile::load::<String, u32, String>(place.path(), "now".to_owned());
    assert!(read.unwrap_err().to_string().contains("other users can write this file"));
    set_mode(place.directory.path(), 0o1777);
    let message = take(place.directory.path(), Duration::ZERO).unwrap_err().to_string();
    assert!(message.contains("mode 1777") && message.contains("chmod 700"), "{message}");
}

#[test]
fn links_fifos_and_impossible_state_directories_end_with_an_error() {
    let parent = tempfile::tempdir().unwrap();
    let at = |name: &str| parent.path().join(name);
    let refusal = |place: &Path| take(place, Duration::ZERO).unwrap_err().to_string();
    assert!(refusal(Path::new("/proc/1")).contains("cannot open the lock file /proc/1/lock"));
    std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
    assert!(refusal(&at("dangling")).contains("cannot use the state directory"));
    std::fs::write(at("file"), "").unwrap();
    assert!(refusal(&at("file")).contains("not a directory"));
    std::fs::create_dir(at("state")).unwrap();
    std::os::unix::fs::symlink(at("target"), at("state/lock")).unwrap();
    assert!(refusal(&at("state")).contains("it is a symbolic link"));
    assert!(!at("target").exists());
    std::os::unix::fs::symlink(at("file"), at("state/journal")).unwrap();
    let read = JournalFile::load::<String, u32, String>(at("state/journal"), "now".to_owned());
    assert!(read.unwrap_err().to_string().contains("it is a symbolic link"));
    assert!(std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    let read = JournalFile::load::<String, u32, String>(at("fifo"), "now".to_owned());
    assert!(read.unwrap_err().to_string().contains("not a regular file"));
}

/// The earlier release left lock files that every user can open.
#[test]
fn old_lock_file_held_by_another_program_locks_nobody_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    std::fs::write(&path, "4194999\n").unwrap();
    set_mode(&path, 0o644);
    let other = std::fs::File::open(&path).unwrap();
    assert!(lock::try_lock(&other).unwrap());
    std::fs::write(directory.path().join("keeps the directory"), "").unwrap();
    drop(take(directory.path(), Duration::ZERO).unwrap());
    // An earlier release that is at work has the file open.
    std::fs::write(&path, format!("{}\n", std::process::id())).unwrap();
    set_mode(&path, 0o644);
    let earlier = std::fs::File::open(&path).unwrap();
    assert!(lock::try_lock(&earlier).unwrap());
    let message = take(directory.path(), Duration::ZERO).unwrap_err().to_string();
    assert!(message.contains(&format!("pid {}", std::process::id())), "{message}");
}

#[test]
fn waiting_for_the_lock_can_be_interrupted() {
    let directory = tempfile::tempdir().unwrap();
    let _lock = take(directory.path(), Duration::ZERO).unwrap();
    let refused = Lock::take(directory.path(), Duration::from_secs(600), || true);
    assert!(matches!(refused, Err(LockError::Interrupted)));
}

#[test]
fn save_appends_and_load_ignores_torn_last_line() {
    let place = Place::new();
    let mut machine = Machine::default();
    place.up(&mut machine, &[desired_item("a", "one", 1), desired_item("a", "two", 1)]).unwrap();
    let short = std::fs::read_to_string(place.path()).unwrap();
    let short = short.strip_suffix("{\"end\":3}\n").unwrap().to_owned();
    place.up(&mut machine, &[desired_item("a", "one", 1), desired_item("a", "two", 2)]).unwrap();
    let longer = std::fs::read_to_string(place.path()).unwrap();
    let appended = longer.strip_prefix(&short).unwrap();
    assert_eq!(appended.lines().count(), 2, "the entry and the end: {appended}");
    // Killed while it was appended: that change was not made yet.
    let entry = appended.split_inclusive('\n').next().unwrap();
    for torn in 0..entry.len() {
        std::fs::write(place.path(), &longer[..short.len() + torn]).unwrap();
        let two = place.journal().entry(&"two".to_owned()).unwrap().ours;
        assert_eq!(two, Some(1));
    }
    machine.set("two", Some(1));
    place.up(&mut machine, &[desired_item("a", "one", 1), desired_item("a", "two", 3)]).unwrap();
    assert_eq!(place.journal().entries().count(), 2);
    place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(machine.state, BTreeMap::new());
    assert!(!place.path().exists());
}

#[test]
fn save_rewrites_journal_with_mostly_stale_lines() {
    let place = Place::new();
    let mut machine = Machine::default();
    let mut longest = 0;
    for value in 1..500 {
        place
            .up(
                &mut machine,
                &[desired_item("a", "one", value), desired_item("a", &format!("k{value}"), 1)],
            )
            .unwrap();
        let lines = std::fs::read_to_string(place.path()).unwrap().lines().count();
        longest = longest.max(lines);
    }
    assert!((50..100).contains(&longest), "{longest} lines for two entries");
    let keys: Vec<String> = place.journal().entries().map(|entry| entry.key.clone()).collect();
    assert_eq!(keys, ["one", "k499"]);
}

#[test]
fn apply_makes_no_change_when_journal_cannot_be_written() {
    let place = Place::new();
    let mut journal = place.journal();
    let path = place.path();
    drop(place);
    let mut machine = Machine::default();
    let desired = [desired_item("a", "one", 1)];
    let failure =
        Engine::new(&mut machine, &mut journal).apply(&owners(&desired), &desired).unwrap_err();
    assert!(failure.cause.to_string().contains(&path.display().to_string()));
    assert_eq!(machine.writes, 0);
    assert!(failure.failed.is_none());
}

#[test]
fn lock_held_reports_the_holder() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("state");
    let lock = take(&directory, Duration::ZERO).unwrap();
    let message = take(&directory, Duration::ZERO).unwrap_err().to_string();
    assert!(message.contains(&format!("pid {}", std::process::id())), "{message}");
    drop(lock);
    assert!(!directory.exists(), "an empty state directory is removed");
    drop(take(&directory, Duration::ZERO).unwrap());
}

#[test]
fn lock_with_patience_waits_for_the_holder() {
    let directory = tempfile::tempdir().unwrap();
    let lock = take(directory.path(), Duration::ZERO).unwrap();
    std::thread::scope(|scope| {
        let patient = scope.spawn(|| take(directory.path(), Duration::from_secs(60)).is_ok());
        std::thread::sleep(Duration::from_millis(50));
        assert!(!patient.is_finished(), "both hold the lock");
        drop(lock);
        assert!(patient.join().unwrap());
    });
}

#[test]
fn lock_ignores_file_of_killed_run() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("lock"), "12345678901\n").unwrap();
    let lock = take(directory.path(), Duration::ZERO).unwrap();
    let text = std::fs::read_to_string(directory.path().join("lock")).unwrap();
    assert_eq!(text, format!("{}\n", std::process::id()));
    drop(lock);
}

/// Runs `act` and returns whether it survived.
fn survives(act: impl FnOnce()) -> bool {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(()) => true,
        Err(payload) if payload.is::<Death>() => false,
        Err(payload) => resume_unwind(payload),
    }
}

#[derive(Clone, Copy, Debug)]
enum Run {
    Up(&'static str),
    Down(&'static str),
}

impl Run {
    fn perform(self, place: &Place, machine: &mut Machine) {
        match self {
            Self::Up(address) => drop(place.up(machine, &server(address)).unwrap()),
            Self::Down(address) => drop(place.down(machine, &[address]).unwrap()),
        }
    }
}

/// Kills `run` at every operation; then `cure` must lead to the state that it leads to unkilled.
fn killed_everywhere(before: &[Run], run: Run, cure: &[Run], end: &[(&str, u32)]) {
    for dies_at in 0.. {
        let place = Place::new();
        let mut machine = Machine::new(&[("ignore", 0), ("unmanaged", 5)]);
        for run in before {
            run.perform(&place, &mut machine);
        }
        machine.operations = 0;
        machine.dies_at = Some(dies_at);
        let survived = survives(|| run.perform(&place, &mut machine));
        machine.dies_at = None;
        for run in cure {
            run.perform(&place, &mut machine);
        }
        assert_eq!(machine.state, Machine::new(end).state, "killed at operation {dies_at}");
        for address in ["a", "b"] {
            Run::Down(address).perform(&place, &mut machine);
        }
        let initial = Machine::new(&[("ignore", 0), ("unmanaged", 5)]);
        assert_eq!(machine.state, initial.state, "killed at operation {dies_at}");
        assert!(!place.path().exists());
        if survived {
            assert!(dies_at > 3, "killed before and after a write at least");
            return;
        }
    }
}

#[test]
fn batch_killed_anywhere_is_reverted() {
    for dies_at in 0.. {
        let place = Place::new();
        let mut machine = Machine::new(&[("entry/b", 5)]);
        let desired = ["a", "b", "c"].map(|name| desired_item("web", &format!("entry/{name}"), 1));
        machine.dies_at = Some(dies_at);
        let survived = survives(|| drop(place.up(&mut machine, &desired).unwrap()));
        machine.dies_at = None;
        place.down(&mut machine, &["web"]).unwrap();
        assert_eq!(machine.state, Machine::new(&[("entry/b", 5)]).state, "killed at {dies_at}");
        if survived {
            return;
        }
    }
}

const NOTHING: [(&str, u32); 2] = [("ignore", 0), ("unmanaged", 5)];
const WITH_A: [(&str, u32); 5] =
    [("ignore", 1), ("unmanaged", 5), ("tunnel", 1), ("tunnel/ignore", 1), ("a", 1)];

#[test]
fn apply_killed_anywhere_is_finished_by_apply() {
    killed_everywhere(&[], Run::Up("a"), &[Run::Up("a")], &WITH_A);
}

#[test]
fn apply_killed_anywhere_is_reverted_by_revert() {
    killed_everywhere(&[], Run::Up("a"), &[Run::Down("a")], &NOTHING);
}

#[test]
fn revert_killed_anywhere_is_finished_by_revert() {
    killed_everywhere(&[Run::Up("a")], Run::Down("a"), &[Run::Down("a")], &NOTHING);
}

#[test]
fn revert_killed_anywhere_is_undone_by_apply() {
    killed_everywhere(&[Run::Up("a")], Run::Down("a"), &[Run::Up("a")], &WITH_A);
}

#[test]
fn second_run_killed_anywhere_keeps_changes_of_the_first() {
    let cure = [Run::Down("b")];
    killed_everywhere(&[Run::Up("a")], Run::Up("b"), &cure, &WITH_A);
    killed_everywhere(&[Run::Up("a"), Run::Up("b")], Run::Down("b"), &cure, &WITH_A);
}

#[test]
fn run_that_was_killed_before_its_first_journal_leaves_nothing() {
    let place = Place::new();
    for leftover in ["journal.unfinished", "journal.new"] {
        std::fs::write(place.path().with_extension(leftover), "").unwrap();
    }
    place.down(&mut Machine::default(), &["a"]).unwrap();
    assert_eq!(std::fs::read_dir(place.path().parent().unwrap()).unwrap().count(), 0);
}
