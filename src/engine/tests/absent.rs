//! Keys that shall have no value.

use super::*;

fn absent(owner: &str, key: &str) -> Desired<String, u32> {
    Desired { value: None, ..want(owner, key, 0) }
}

#[test]
fn what_shall_not_be_there_is_removed_and_put_back() {
    for key in ["old", "entry/old"] {
        let place = Place::new();
        let mut machine = Machine::new(&[(key, 7)]);
        let before = machine.state.clone();
        let desired = [absent("a", key), absent("a", "never")];
        let report = place.up(&mut machine, &desired).unwrap();
        assert_eq!(keys(&report.steps), [key]);
        assert!(machine.state.is_empty());
        assert_eq!(place.up(&mut machine, &desired).unwrap().steps, []);
        place.down(&mut machine, &["a"]).unwrap();
        assert_eq!(machine.state, before);
        assert!(!place.path().exists());
    }
}

#[test]
fn what_someone_put_in_its_place_is_left_with_a_note() {
    let place = Place::new();
    let mut machine = Machine::new(&[("old", 7)]);
    place.up(&mut machine, &[absent("a", "old")]).unwrap();
    machine.set("old", Some(8));
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(report.notes[0].to_string(), "old was removed and is 8 now: left alone");
    assert_eq!(machine.state["old"], 8);
}

#[test]
fn what_has_no_place_any_more_is_told_and_stops_nothing() {
    let place = Place::new();
    let mut machine = Machine::new(&[("tunnel", 1), ("tunnel/ignore", 7), ("old", 5)]);
    let desired = [absent("a", "old"), absent("a", "tunnel/ignore")];
    place.up(&mut machine, &desired).unwrap();
    machine.set("tunnel", None);
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(
        report.notes[0].to_string(),
        "tunnel/ignore was 7 and cannot be put back: what had it is gone"
    );
    assert_eq!(machine.state, Machine::new(&[("old", 5)]).state);
    assert!(!place.path().exists());
}
