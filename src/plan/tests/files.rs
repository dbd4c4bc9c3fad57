//! The journal and the lock on the disk.

use std::path::Path;

use super::*;

fn write(path: &Path, text: &str) -> Result<Journal<String, u32>, JournalError> {
    std::fs::write(path, text).unwrap();
    JournalFile::load(path.to_owned(), "now".to_owned())
}

#[test]
fn a_damaged_journal_is_refused_with_path_and_cure() {
    let place = Place::new();
    let bad = [
        "",
        "{\"version\":1,",
        "[]",
        "{\"version\":1}",
        "{\"version\":\"1\",\"epoch\":\"now\",\"entries\":[]}x",
        "{\"version\":1,\"epoch\":\"now\",\"entries\":[{\"key\":1}]}",
        "{\"version\":1,\"epoch\":\"now\",\"entries\":[],\"more\":1}",
    ];
    for text in bad {
        let message = write(&place.path(), text).unwrap_err().to_string();
        assert!(message.contains(&place.path().display().to_string()), "{message}");
        assert!(message.contains("damaged") && message.contains("remove the file"), "{message}");
        assert_eq!(std::fs::read_to_string(place.path()).unwrap(), text, "it was not touched");
    }
    let message = write(&place.path(), "{\"version\":2,\"new\":{}}").unwrap_err().to_string();
    assert!(message.contains("format version 2, this program knows 1"), "{message}");
}

#[test]
fn a_journal_of_another_epoch_is_void_and_set_aside() {
    let place = Place::new();
    let text = "{\"version\":1,\"epoch\":\"earlier\",\"entries\":[{\"key\":\"ignore\",\
                \"previous\":0,\"ours\":1,\"claims\":[\"a\"]}]}";
    let mut journal = write(&place.path(), text).unwrap();
    assert_eq!(journal.entries(), []);
    let mut machine = Machine::new(&[("ignore", 9)]);
    let wanted = [want("a", "ignore", 1)];
    Engine::new(&mut machine, &mut journal).up(&claims(&wanted), &wanted).unwrap();
    assert_eq!(place.journal().entries()[0].previous, Some(9));
    let aside = place.path().with_extension("json.void");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), text);
}

#[test]
fn a_step_is_not_made_when_it_cannot_be_journalled() {
    let place = Place::new();
    let mut journal = place.journal();
    let path = place.path();
    drop(place);
    let mut machine = Machine::default();
    let wanted = [want("a", "one", 1)];
    let failure =
        Engine::new(&mut machine, &mut journal).up(&claims(&wanted), &wanted).unwrap_err();
    assert!(failure.cause.to_string().contains(&path.display().to_string()));
    assert_eq!(machine.writes, 0);
    assert!(failure.at.is_none());
}

#[test]
fn the_second_run_hears_who_has_the_lock() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("state");
    let lock = Lock::take(&directory).unwrap();
    let message = Lock::take(&directory).unwrap_err().to_string();
    assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
    drop(lock);
    assert!(!directory.exists(), "an empty state directory goes");
    drop(Lock::take(&directory).unwrap());
}

#[test]
fn a_lock_file_left_by_a_killed_run_locks_nobody_out() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("lock"), "12345678901\n").unwrap();
    let lock = Lock::take(directory.path()).unwrap();
    let text = std::fs::read_to_string(directory.path().join("lock")).unwrap();
    assert_eq!(text, format!("{}\n", std::process::id()));
    drop(lock);
}
