//! Many changes at a time.

use super::*;

fn table(owner: &str, names: &[&str]) -> Vec<Desired<String, u32>> {
    names.iter().map(|name| want(owner, &format!("entry/{name}"), 1)).collect()
}

#[test]
fn neighbours_in_the_table_are_written_and_given_back_together() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0), ("entry/b", 5)]);
    let before = machine.state.clone();
    let mut desired = vec![want("a", "ignore", 1)];
    desired.extend(table("a", &["b", "c", "d", "c"]));
    desired.push(want("a", "address", 1));
    let report = place.up(&mut machine, &desired).unwrap();
    assert_eq!(keys(&report.steps), ["ignore", "entry/c", "entry/d", "entry/b", "address"]);
    assert_eq!(machine.batches, [1, 3, 1], "one by one where they are not of the table");
    machine.batches.clear();
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(keys(&report.steps), ["address", "entry/d", "entry/c", "entry/b", "ignore"]);
    assert_eq!(machine.batches, [3]);
    assert_eq!(machine.state, before);
    assert!(!place.path().exists());
}

#[test]
fn a_refusal_within_a_batch_rolls_all_of_it_back() {
    for late in [false, true] {
        for failing in 1..=4 {
            let place = Place::new();
            let mut machine = Machine { fails_late: late, ..Machine::new(&[("ignore", 0)]) };
            let before = machine.state.clone();
            machine.fails_at_write = Some(failing);
            let mut desired = vec![want("a", "ignore", 1)];
            desired.extend(table("a", &["b", "c", "d"]));
            let failure = place.up(&mut machine, &desired).unwrap_err();
            assert_eq!(failure.failed.unwrap().key, desired[failing - 1].key);
            assert_eq!(machine.state, before);
            assert!(!place.path().exists());
        }
    }
}

#[test]
fn what_is_not_known_to_be_given_back_stays_in_the_journal() {
    let place = Place::new();
    let mut machine = Machine::default();
    place.up(&mut machine, &table("a", &["b", "c", "d"])).unwrap();
    machine.breaks_after = Some(1);
    machine.fails_at_write = Some(machine.writes + 1);
    let failure = place.down(&mut machine, &["a"]).unwrap_err();
    assert_eq!(failure.stuck.len(), 1);
    assert_eq!(place.journal().entries().count(), 3);
    machine.breaks_after = None;
    place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(machine.state, BTreeMap::new());
    assert!(!place.path().exists());
}
