//! What we made, and others put something into.

use super::*;

const POOL: [&str; 2] = ["entry/pool", "entry/pool/ours"];

fn pool() -> Vec<Desired<String, u32>> {
    POOL.iter().map(|key| want("a", key, 1)).collect()
}

#[test]
fn it_stays_until_that_is_gone() {
    let place = Place::new();
    let mut machine = Machine::default();
    place.up(&mut machine, &pool()).unwrap();
    machine.set("entry/pool/theirs", Some(7));
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(keys(&report.steps), ["entry/pool/ours"]);
    let [Note::InUse { key, child, .. }] = &report.notes[..] else { panic!("{report:?}") };
    assert_eq!((key.as_str(), child.as_str()), ("entry/pool", "entry/pool/theirs"));
    assert_eq!(machine.state["entry/pool/theirs"], 7);

    // Once it is desired again, it is ours as before.
    place.up(&mut machine, &pool()).unwrap();
    place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(machine.state.len(), 2);

    // Any run takes it away when nobody needs it any more.
    machine.set("entry/pool/theirs", None);
    let report = place.down(&mut machine, &["b"]).unwrap();
    assert_eq!((keys(&report.steps), report.notes.len()), (vec!["entry/pool"], 0));
    assert_eq!(machine.state, BTreeMap::new());
    assert!(!place.path().exists());
}

#[test]
fn what_was_removed_from_it_comes_back_and_keeps_it() {
    let place = Place::new();
    let mut machine = Machine::default();
    place.up(&mut machine, &pool()).unwrap();
    machine.set("entry/pool/theirs", Some(7));
    let gone = Desired { value: None, ..want("a", "entry/pool/theirs", 0) };
    let mut desired = pool();
    desired.push(gone.clone());
    place.up(&mut machine, &desired).unwrap();
    assert!(!machine.state.contains_key("entry/pool/theirs"));
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert!(matches!(&report.notes[..], [Note::InUse { .. }]), "{report:?}");
    assert_eq!(machine.state["entry/pool/theirs"], 7);
    assert_eq!(machine.state["entry/pool"], 1);
}

#[test]
fn what_has_nothing_to_come_back_into_is_told() {
    let place = Place::new();
    let mut machine = Machine::new(&[("entry/pool", 1), ("entry/pool/theirs", 7)]);
    let before = machine.state.clone();
    let gone = |key| Desired { value: None, ..want("a", key, 0) };
    let desired = ["entry/pool/theirs", "entry/pool"].map(gone);
    // Both come back, the whole first.
    place.up(&mut machine, &desired).unwrap();
    assert_eq!(machine.state, BTreeMap::new());
    place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(machine.state, before);
    // The whole was removed by somebody else.
    place.up(&mut machine, &desired[..1]).unwrap();
    machine.set("entry/pool", None);
    let report = place.down(&mut machine, &["a"]).unwrap();
    let [Note::Orphaned { key, .. }] = &report.notes[..] else { panic!("{report:?}") };
    assert_eq!(key, "entry/pool/theirs");
    assert!(!place.path().exists());
}

#[test]
fn a_dry_run_sees_it_too() {
    let place = Place::new();
    let mut machine = Machine::default();
    place.up(&mut machine, &pool()).unwrap();
    machine.set("entry/pool/theirs", Some(7));
    let down = |machine: &mut Machine| {
        let mut journal = place.journal().dry_run();
        Engine::new(&mut DryRun::new(machine), &mut journal).revert(&["a".to_owned()]).unwrap()
    };
    assert!(matches!(&down(&mut machine).notes[..], [Note::InUse { .. }]));
    machine.set("entry/pool/theirs", None);
    assert_eq!(keys(&down(&mut machine).steps), ["entry/pool/ours", "entry/pool"]);
}
