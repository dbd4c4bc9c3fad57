//! The journal and the lock on the disk, and runs that are killed at every operation.

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

#[test]
fn load_refuses_damaged_journal_with_path_and_hint() {
    let place = Place::new();
    let bad = [
        "",
        "{\"version\":2,",
        "[]\n",
        "{\"version\":2}\n",
        "{\"version\":2,\"epoch\":\"now\",\"more\":1}\n",
        &format!("{HEADER}x\n"),
        &format!("{HEADER}{{\"entry\":{{\"key\":1}}}}\n"),
        &format!("{HEADER}{}x\n{}", line("one", 1), line("two", 2)),
        &format!("{HEADER}{}", line("one", 1).replace("previous", "earlier")),
    ];
    let not_text = [HEADER.as_bytes(), b"\xff\n"].concat();
    std::fs::write(place.path(), not_text).unwrap();
    let read = JournalFile::load::<String, u32, String>(place.path(), "now".to_owned());
    assert!(read.unwrap_err().to_string().contains("damaged: line 2: invalid utf-8"));
    for text in bad {
        let message = write(&place.path(), text).unwrap_err().to_string();
        assert!(message.contains(&place.path().display().to_string()), "{message}");
        assert!(message.contains("damaged") && message.contains("remove the file"), "{message}");
        assert_eq!(std::fs::read_to_string(place.path()).unwrap(), text, "the file is left alone");
    }
    let message = write(&place.path(), "{\"version\":3,\"new\":{}}\n").unwrap_err().to_string();
    assert!(message.contains("format version 3, this program knows 2"), "{message}");
}

#[test]
fn load_ignores_journal_of_another_epoch_and_save_renames_it() {
    let place = Place::new();
    let text = format!("{}{}", HEADER.replace("now", "earlier"), line("ignore", 1));
    let mut journal = write(&place.path(), &text).unwrap();
    assert_eq!(journal.entries().count(), 0);
    let mut machine = Machine::new(&[("ignore", 9)]);
    let desired = [desired_item("a", "ignore", 1)];
    Engine::new(&mut machine, &mut journal).apply(&owners(&desired), &desired).unwrap();
    assert_eq!(place.journal().entry(&"ignore".to_owned()).unwrap().previous, Some(9));
    let aside = place.path().with_extension("journal.void");
    assert_eq!(std::fs::read_to_string(&aside).unwrap(), text);
    // It is removed with the journal that replaced it.
    place.down(&mut machine, &["a"]).unwrap();
    assert!(!aside.exists() && !place.path().exists());
    let mut journal = write(&place.path(), &text).unwrap();
    Engine::new(&mut machine, &mut journal).revert(&owners(&desired)).unwrap();
    assert!(!aside.exists() && !place.path().exists(), "no journal replaced it");
}

#[test]
fn save_appends_and_load_ignores_torn_last_line() {
    let place = Place::new();
    let mut machine = Machine::default();
    place.up(&mut machine, &[desired_item("a", "one", 1), desired_item("a", "two", 1)]).unwrap();
    let short = std::fs::read_to_string(place.path()).unwrap();
    place.up(&mut machine, &[desired_item("a", "one", 1), desired_item("a", "two", 2)]).unwrap();
    let longer = std::fs::read_to_string(place.path()).unwrap();
    let appended = longer.strip_prefix(&short).unwrap();
    assert_eq!(appended.lines().count(), 1, "{appended}");
    // Killed while it was appended: that change was not made yet.
    for torn in 0..appended.len() {
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
    let lock = Lock::take(&directory, Duration::ZERO).unwrap();
    let message = Lock::take(&directory, Duration::ZERO).unwrap_err().to_string();
    assert!(message.contains(&format!("pid {}", std::process::id())), "{message}");
    drop(lock);
    assert!(!directory.exists(), "an empty state directory is removed");
    drop(Lock::take(&directory, Duration::ZERO).unwrap());
}

#[test]
fn lock_with_patience_waits_for_the_holder() {
    let directory = tempfile::tempdir().unwrap();
    let lock = Lock::take(directory.path(), Duration::ZERO).unwrap();
    std::thread::scope(|scope| {
        let patient = scope.spawn(|| Lock::take(directory.path(), Duration::from_secs(60)).is_ok());
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
    let lock = Lock::take(directory.path(), Duration::ZERO).unwrap();
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
