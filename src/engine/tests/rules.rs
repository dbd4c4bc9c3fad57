//! The rules of the engine, one test per rule.

use proptest::prelude::*;

use super::*;

#[test]
fn apply_then_revert_restores_the_machine() {
    let place = Place::new();
    let before = Machine::new(&[("ignore", 0)]);
    let mut machine = before.clone();
    let report = place.up(&mut machine, &server("a")).unwrap();
    assert_eq!(keys(&report.steps), ["tunnel", "tunnel/ignore", "ignore", "a"]);
    let journal = place.journal();
    let previous: Vec<Option<u32>> = journal.entries().map(|entry| entry.previous).collect();
    assert_eq!(previous, [None, Some(0), Some(0), None], "the sysctl is read once it exists");
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(keys(&report.steps), ["a", "ignore", "tunnel/ignore", "tunnel"]);
    assert_eq!(report.notes, []);
    assert_eq!(machine.state, before.state);
    assert!(!place.path().exists());
}

fn entries(place: &Place) -> Vec<Entry<String, u32, String>> {
    place.journal().entries().cloned().collect()
}

/// Undoing the change of `forward` does not undo its side effects.
fn hardened() -> Machine {
    Machine::new(&[("forward", 0), ("nic/forward", 1), ("redirects", 0)])
}

#[test]
fn revert_restores_side_effects() {
    let place = Place::new();
    let before = hardened();
    let mut machine = before.clone();
    place.up(&mut machine, &[desired_item("a", "forward", 1)]).unwrap();
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(keys(&report.steps), ["forward", "nic/forward", "redirects"]);
    assert_eq!(machine.state, before.state);
    // A rollback does the same.
    machine.fails_at_write = Some(machine.writes + 2);
    place
        .up(&mut machine, &[desired_item("a", "forward", 1), desired_item("a", "b", 1)])
        .unwrap_err();
    assert_eq!(machine.state, before.state);
    assert!(!place.path().exists());
}

#[test]
fn dry_run_includes_side_effects() {
    let mut machine = hardened();
    let desired = [desired_item("a", "forward", 1)];
    let place = Place::new();
    place.up(&mut machine, &desired).unwrap();
    let mut journal = place.journal().dry_run();
    let mut dry_run = DryRun::new(&mut machine);
    let report = Engine::new(&mut dry_run, &mut journal).revert(&owners(&desired)).unwrap();
    assert_eq!(keys(&report.steps), ["forward", "nic/forward", "redirects"]);
    assert_eq!(machine.state["forward"], 1);
}

#[test]
fn apply_twice_makes_no_changes() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0)]);
    place.up(&mut machine, &server("a")).unwrap();
    let (state, journal) = (machine.state.clone(), entries(&place));
    assert_eq!(place.up(&mut machine, &server("a")).unwrap().steps, []);
    assert_eq!(machine.state, state);
    assert_eq!(entries(&place), journal);
}

#[test]
fn revert_keeps_what_was_in_sync_before() {
    let place = Place::new();
    let mut machine = Machine::new(&[("tunnel", 1), ("tunnel/ignore", 1), ("ignore", 1)]);
    let report = place.up(&mut machine, &server("a")).unwrap();
    assert_eq!(keys(&report.steps), ["a"]);
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(keys(&report.steps), ["a"]);
    assert_eq!(machine.state["tunnel"], 1);
    assert_eq!(machine.state["ignore"], 1);
}

#[test]
fn apply_keeps_acceptable_value() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 8)]);
    let mut desired = desired_item("a", "ignore", 1);
    desired.acceptable = vec![2, 8];
    assert_eq!(place.up(&mut machine, &[desired]).unwrap().steps, []);
    assert_eq!(machine.state["ignore"], 8);
}

#[test]
fn revert_keeps_key_with_another_owner() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0)]);
    let before = machine.state.clone();
    place.up(&mut machine, &server("a")).unwrap();
    assert_eq!(keys(&place.up(&mut machine, &server("b")).unwrap().steps), ["b"]);
    assert_eq!(keys(&place.down(&mut machine, &["a"]).unwrap().steps), ["a"]);
    assert_eq!(machine.state["ignore"], 1);
    place.down(&mut machine, &["b"]).unwrap();
    assert_eq!(machine.state, before);
}

#[test]
fn apply_reverts_what_is_no_longer_desired_last() {
    let place = Place::new();
    let mut machine = Machine::default();
    place
        .up(&mut machine, &[desired_item("web", "service", 1), desired_item("web", "one", 1)])
        .unwrap();
    let report =
        place.up(&mut machine, &[desired_item("web", "service", 1), desired_item("web", "two", 1)]);
    assert_eq!(keys(&report.unwrap().steps), ["two", "one"]);
    assert!(!machine.state.contains_key("one"));
    assert!(machine.state.contains_key("service"));
}

#[test]
fn revert_keeps_value_changed_since_with_a_note() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0)]);
    place.up(&mut machine, &server("a")).unwrap();
    machine.set("ignore", Some(2));
    let report = place.down(&mut machine, &["a"]).unwrap();
    let note = Note::Changed { key: "ignore".to_owned(), actual: 2, ours: Some(1) };
    assert_eq!(note.to_string(), "ignore was set to 1 and is 2 now: left alone");
    assert_eq!(report.notes, [note]);
    assert_eq!(machine.state, Machine::new(&[("ignore", 2)]).state);
    assert!(!place.path().exists());
}

#[test]
fn revert_removes_what_we_made_even_if_changed_since() {
    let place = Place::new();
    let mut machine = Machine::default();
    place.up(&mut machine, &[desired_item("web", "service", 1)]).unwrap();
    machine.set("service", Some(7));
    place.down(&mut machine, &["web"]).unwrap();
    assert_eq!(machine.state, BTreeMap::new());
}

#[test]
fn revert_of_missing_key_is_ok() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0)]);
    place.up(&mut machine, &server("a")).unwrap();
    machine.set("tunnel", None);
    machine.set("a", None);
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(keys(&report.steps), ["ignore"]);
    assert_eq!(report.notes, []);
    assert_eq!(machine.state, Machine::new(&[("ignore", 0)]).state);
}

#[test]
fn revert_refills_an_empty_place() {
    let place = Place::new();
    let mut machine = Machine::new(&[("place", 1), ("other", 1)]);
    let desired = [desired_item("a", "place", 2), desired_item("a", "other", 2)];
    place.up(&mut machine, &desired).unwrap();
    machine.set("place", None);
    machine.set("other", None);
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(keys(&report.steps), ["place"]);
    assert_eq!(machine.state, Machine::new(&[("place", 1)]).state);
}

#[test]
fn revert_notes_what_cannot_be_removed() {
    let place = Place::new();
    let mut machine = Machine::default();
    place.up(&mut machine, &[desired_item("a", "tunnel", 1)]).unwrap();
    machine.ignored.push("tunnel".to_owned());
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(report.notes, [Note::Remains { key: "tunnel".to_owned(), actual: 1 }]);
    assert!(!place.path().exists());
}

#[test]
fn revert_of_nothing_makes_no_changes() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0)]);
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!((report.steps, report.notes), (vec![], vec![]));
    assert_eq!(machine.writes, 0);
}

#[test]
fn apply_rolls_back_when_a_change_is_refused() {
    for late in [false, true] {
        for failing in 1..=4 {
            let place = Place::new();
            let mut machine = Machine::new(&[("ignore", 0)]);
            let before = machine.state.clone();
            machine.fails_at_write = Some(failing);
            machine.fails_late = late;
            let failure = place.up(&mut machine, &server("a")).unwrap_err();
            assert!(matches!(failure.cause, Cause::System(Refused)));
            assert_eq!(failure.done.len(), failing - 1);
            assert_eq!(failure.rolled_back.len(), failing - usize::from(!late));
            let failed = server("a")[failing - 1].key.clone();
            assert_eq!(failure.failed.unwrap().key, failed);
            assert_eq!(machine.state, before);
            assert!(!place.path().exists());
        }
    }
}

#[test]
fn roll_back_keeps_changes_of_earlier_runs() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0)]);
    place.up(&mut machine, &server("a")).unwrap();
    let (state, journal) = (machine.state.clone(), entries(&place));
    machine.fails_at_write = Some(machine.writes + 1);
    place.up(&mut machine, &server("b")).unwrap_err();
    assert_eq!(machine.state, state);
    assert_eq!(entries(&place), journal, "the owner b is removed");
}

#[test]
fn apply_rolls_back_when_a_value_does_not_stay() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0)]);
    let before = machine.state.clone();
    machine.ignored.push("ignore".to_owned());
    let failure = place.up(&mut machine, &server("a")).unwrap_err();
    assert_eq!(
        failure.cause.to_string(),
        "ignore is 0 after it was set to 1: does another program manage it?"
    );
    assert_eq!(keys(&failure.rolled_back), ["a", "tunnel/ignore", "tunnel"]);
    assert_eq!(machine.state, before);
}

#[test]
fn failed_roll_back_stays_in_the_journal() {
    let place = Place::new();
    let mut machine = Machine { fails_at_write: Some(2), ..Machine::default() };
    let desired = [desired_item("a", "one", 1), desired_item("a", "tunnel/ignore", 1)];
    let failure = place.up(&mut machine, &desired).unwrap_err();
    assert!(failure.stuck.is_empty());
    // The second write is refused since the tunnel is missing, the third (the undo) as the test says.
    machine.writes = 0;
    machine.fails_at_write = Some(3);
    let failure = place.up(&mut machine, &desired).unwrap_err();
    assert_eq!(failure.stuck.len(), 1);
    assert_eq!(place.journal().entries().count(), 1);
    place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(machine.state, BTreeMap::new());
}

#[test]
fn revert_continues_after_failure_and_finishes_later() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0)]);
    let before = machine.state.clone();
    place.up(&mut machine, &server("a")).unwrap();
    machine.fails_at_write = Some(machine.writes + 2);
    let failure = place.down(&mut machine, &["a"]).unwrap_err();
    assert!(matches!(failure.cause, Cause::Incomplete));
    assert_eq!(keys(&failure.done), ["a", "tunnel/ignore", "tunnel"]);
    assert_eq!(failure.stuck[0].0, "ignore");
    // A run for any owner reverts what is left.
    assert_eq!(keys(&place.down(&mut machine, &["other"]).unwrap().steps), ["ignore"]);
    assert_eq!(machine.state, before);
}

#[test]
fn dry_run_reports_the_same_and_changes_nothing() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0)]);
    let before = machine.state.clone();
    let mut journal = place.journal().dry_run();
    let mut dry_run = DryRun::new(&mut machine);
    let desired = server("a");
    let dry = Engine::new(&mut dry_run, &mut journal).apply(&owners(&desired), &desired).unwrap();
    let commands: Vec<String> = dry.steps.iter().map(DryRun::<Machine>::command).collect();
    assert_eq!(
        commands,
        ["set tunnel Some(1)", "set tunnel/ignore Some(1)", "set ignore Some(1)", "set a Some(1)"]
    );
    assert_eq!((machine.state.clone(), machine.writes), (before, 0));
    assert!(!place.path().exists());
}

#[test]
fn status_has_actual_and_previous_values() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0)]);
    let mut journal = place.journal();
    let findings = Engine::new(&mut machine, &mut journal).status(&server("a")).unwrap();
    assert!(findings.iter().all(|finding| !finding.in_sync && finding.journalled.is_none()));
    place.up(&mut machine, &server("a")).unwrap();
    machine.set("ignore", Some(3));
    let mut journal = place.journal();
    let findings = Engine::new(&mut machine, &mut journal).status(&server("a")).unwrap();
    let met: Vec<bool> = findings.iter().map(|finding| finding.in_sync).collect();
    assert_eq!(met, [true, true, false, true]);
    assert_eq!((findings[2].actual, findings[2].desired), (Some(3), Some(1)));
    assert_eq!(findings[2].journalled, Some(Some(0)));
}

#[test]
fn apply_refuses_conflict_with_another_owner_before_any_change() {
    let place = Place::new();
    let mut machine = Machine::new(&[("route", 0), ("ignore", 0)]);
    place.up(&mut machine, &[desired_item("a", "route", 1)]).unwrap();
    let (state, journal) = (machine.state.clone(), entries(&place));
    for desired in [
        vec![desired_item("b", "ignore", 1), desired_item("b", "route", 2)],
        vec![desired_item("b", "ignore", 1), desired_item("c", "ignore", 2)],
    ] {
        let failure = place.up(&mut machine, &desired).unwrap_err();
        assert!(matches!(failure.cause, Cause::Conflict { .. }), "{failure:?}");
        assert_eq!((machine.state.clone(), entries(&place)), (state.clone(), journal.clone()));
    }
    let failure = place.up(&mut machine, &[desired_item("b", "route", 2)]).unwrap_err();
    assert_eq!(
        failure.cause.to_string(),
        "route is to be 2 for \"b\", but \"a\" needs it to be 1: give both the same value, or \
         take the other down first"
    );
    // The only owner may change its desired value.
    place.up(&mut machine, &[desired_item("a", "route", 3)]).unwrap();
    assert_eq!(machine.state["route"], 3);
    place.up(&mut machine, &[desired_item("b", "route", 3)]).unwrap();
    place.up(&mut machine, &[desired_item("a", "route", 4)]).unwrap_err();
    place.down(&mut machine, &["b"]).unwrap();
    place.up(&mut machine, &[desired_item("a", "route", 4)]).unwrap();
    place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(machine.state, Machine::new(&[("route", 0), ("ignore", 0)]).state);
}

#[test]
fn value_acceptable_to_both_owners_is_no_conflict() {
    let place = Place::new();
    let mut machine = Machine::new(&[("filter", 1)]);
    let tolerant = |owner, value, acceptable: &[u32]| Desired {
        acceptable: acceptable.to_vec(),
        ..desired_item(owner, "filter", value)
    };
    place.up(&mut machine, &[tolerant("a", 0, &[2, 3])]).unwrap();
    place.up(&mut machine, &[tolerant("b", 2, &[0])]).unwrap();
    assert_eq!(machine.state["filter"], 0, "it was acceptable already");
    place.up(&mut machine, &[tolerant("c", 2, &[])]).unwrap();
    assert_eq!(machine.state["filter"], 2, "acceptable to the others");
    // 3 is not acceptable to one of them.
    place.up(&mut machine, &[tolerant("d", 3, &[])]).unwrap_err();
    assert_eq!(machine.state["filter"], 2);
}

fn absent(owner: &str, key: &str) -> Desired<String, u32, String> {
    Desired { value: None, ..desired_item(owner, key, 0) }
}

#[test]
fn absent_key_is_removed_and_restored_by_revert() {
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
fn revert_keeps_replacement_of_removed_key_with_a_note() {
    let place = Place::new();
    let mut machine = Machine::new(&[("old", 7)]);
    place.up(&mut machine, &[absent("a", "old")]).unwrap();
    machine.set("old", Some(8));
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(report.notes[0].to_string(), "old was removed and is 8 now: left alone");
    assert_eq!(machine.state["old"], 8);
}

#[test]
fn revert_notes_orphaned_key_and_continues() {
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

const POOL: [&str; 2] = ["entry/pool", "entry/pool/ours"];

fn pool() -> Vec<Desired<String, u32, String>> {
    POOL.iter().map(|key| desired_item("a", key, 1)).collect()
}

#[test]
fn parent_with_unmanaged_child_stays_until_child_is_gone() {
    let place = Place::new();
    let mut machine = Machine::default();
    place.up(&mut machine, &pool()).unwrap();
    machine.set("entry/pool/theirs", Some(7));
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(keys(&report.steps), ["entry/pool/ours"]);
    let [Note::InUse { key, child, .. }] = &report.notes[..] else { panic!("{report:?}") };
    assert_eq!((key.as_str(), child.as_str()), ("entry/pool", "entry/pool/theirs"));
    assert_eq!(machine.state["entry/pool/theirs"], 7);

    // Once it is desired again, it is managed as before.
    place.up(&mut machine, &pool()).unwrap();
    place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(machine.state.len(), 2);

    // Any run removes it once it has no unmanaged child.
    machine.set("entry/pool/theirs", None);
    let report = place.down(&mut machine, &["b"]).unwrap();
    assert_eq!((keys(&report.steps), report.notes.len()), (vec!["entry/pool"], 0));
    assert_eq!(machine.state, BTreeMap::new());
    assert!(!place.path().exists());
}

#[test]
fn restored_child_keeps_its_parent() {
    let place = Place::new();
    let mut machine = Machine::default();
    place.up(&mut machine, &pool()).unwrap();
    machine.set("entry/pool/theirs", Some(7));
    let gone = Desired { value: None, ..desired_item("a", "entry/pool/theirs", 0) };
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
fn revert_notes_child_whose_parent_is_gone() {
    let place = Place::new();
    let mut machine = Machine::new(&[("entry/pool", 1), ("entry/pool/theirs", 7)]);
    let before = machine.state.clone();
    let gone = |key| Desired { value: None, ..desired_item("a", key, 0) };
    let desired = ["entry/pool/theirs", "entry/pool"].map(gone);
    // Both are restored, the parent first.
    place.up(&mut machine, &desired).unwrap();
    assert_eq!(machine.state, BTreeMap::new());
    place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(machine.state, before);
    // The parent was removed by someone else.
    place.up(&mut machine, &desired[..1]).unwrap();
    machine.set("entry/pool", None);
    let report = place.down(&mut machine, &["a"]).unwrap();
    let [Note::Orphaned { key, .. }] = &report.notes[..] else { panic!("{report:?}") };
    assert_eq!(key, "entry/pool/theirs");
    assert!(!place.path().exists());
}

#[test]
fn dry_run_sees_unmanaged_children() {
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

fn table(owner: &str, names: &[&str]) -> Vec<Desired<String, u32, String>> {
    names.iter().map(|name| desired_item(owner, &format!("entry/{name}"), 1)).collect()
}

#[test]
fn batched_neighbours_are_written_and_reverted_together() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0), ("entry/b", 5)]);
    let before = machine.state.clone();
    let mut desired = vec![desired_item("a", "ignore", 1)];
    desired.extend(table("a", &["b", "c", "d", "c"]));
    desired.push(desired_item("a", "address", 1));
    let report = place.up(&mut machine, &desired).unwrap();
    assert_eq!(keys(&report.steps), ["ignore", "entry/c", "entry/d", "entry/b", "address"]);
    assert_eq!(machine.batches, [1, 3, 1], "one by one outside the table");
    machine.batches.clear();
    let report = place.down(&mut machine, &["a"]).unwrap();
    assert_eq!(keys(&report.steps), ["address", "entry/d", "entry/c", "entry/b", "ignore"]);
    assert_eq!(machine.batches, [3]);
    assert_eq!(machine.state, before);
    assert!(!place.path().exists());
}

#[test]
fn apply_rolls_back_batch_when_one_change_is_refused() {
    for late in [false, true] {
        for failing in 1..=4 {
            let place = Place::new();
            let mut machine = Machine { fails_late: late, ..Machine::new(&[("ignore", 0)]) };
            let before = machine.state.clone();
            machine.fails_at_write = Some(failing);
            let mut desired = vec![desired_item("a", "ignore", 1)];
            desired.extend(table("a", &["b", "c", "d"]));
            let failure = place.up(&mut machine, &desired).unwrap_err();
            assert_eq!(failure.failed.unwrap().key, desired[failing - 1].key);
            assert_eq!(machine.state, before);
            assert!(!place.path().exists());
        }
    }
}

#[test]
fn revert_with_unknown_outcome_stays_in_the_journal() {
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

proptest! {
    #[test]
    fn any_order_of_runs_restores_the_machine(
        runs in prop::collection::vec((0..3_usize, any::<bool>()), 0..12),
        ignore in 0..3_u32,
        tunnel in any::<bool>(),
    ) {
        let place = Place::new();
        let mut machine = Machine::new(&[("ignore", ignore)]);
        if tunnel {
            machine.set("tunnel", Some(1));
        }
        let before = machine.state.clone();
        let addresses = ["a", "b", "c"];
        let mut held = [false; 3];
        for (which, up) in runs {
            let address = addresses[which];
            if up {
                place.up(&mut machine, &server(address)).unwrap();
            } else {
                place.down(&mut machine, &[address]).unwrap();
            }
            held[which] = up;
            for (address, held) in addresses.iter().zip(held) {
                prop_assert_eq!(machine.state.contains_key(*address), held);
            }
            if held.contains(&true) {
                prop_assert_eq!(machine.state["ignore"], 1);
            }
        }
        place.down(&mut machine, &addresses).unwrap();
        prop_assert_eq!(&machine.state, &before);
        prop_assert!(!place.path().exists());
    }
}

/// Interrupts a run once it has made that many changes.
struct Impatient {
    made: Vec<String>,
    patience: usize,
}

impl Impatient {
    fn new(patience: usize) -> Self {
        Self { made: Vec::new(), patience }
    }
}

impl Watcher<String, u32> for Impatient {
    fn made(&mut self, changes: &[Change<String, u32>]) {
        self.made.extend(changes.iter().map(|change| change.key.clone()));
    }

    fn interruption(&self) -> Option<&'static str> {
        (self.made.len() >= self.patience).then_some("SIGTERM")
    }
}

#[test]
fn interrupted_apply_finishes_its_step_and_rolls_back() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0)]);
    let before = machine.state.clone();
    let desired = server("address");
    let mut watcher = Impatient::new(2);
    let mut journal = place.journal();
    let failure = Engine::new(&mut machine, &mut journal)
        .watched_by(&mut watcher)
        .apply(&owners(&desired), &desired)
        .unwrap_err();
    assert_eq!(failure.cause.to_string(), "interrupted by SIGTERM");
    assert_eq!((keys(&failure.done), watcher.made.len()), (vec!["tunnel", "tunnel/ignore"], 2));
    assert_eq!(machine.state, before);
    assert!(!place.path().exists());
}

#[test]
fn interrupted_revert_keeps_the_rest_for_the_next_run() {
    let place = Place::new();
    let mut machine = Machine::new(&[("ignore", 0)]);
    let before = machine.state.clone();
    place.up(&mut machine, &server("address")).unwrap();
    let mut watcher = Impatient::new(1);
    let mut journal = place.journal();
    let failure = Engine::new(&mut machine, &mut journal)
        .watched_by(&mut watcher)
        .revert(&["address".to_owned()])
        .unwrap_err();
    assert!(failure.cause.to_string().contains("run the command again"), "{}", failure.cause);
    assert_eq!(keys(&failure.done), ["address"]);
    assert!(place.journal().damage().is_none());
    place.down(&mut machine, &[]).unwrap();
    assert_eq!(machine.state, before);
}

/// Another program adds the removed parent again, and a child; both are removed again.
#[test]
fn revert_restores_parent_before_child_that_was_changed_later() {
    let removed = |key: &str| Desired { value: None, ..desired_item("a", key, 0) };
    let place = Place::new();
    let mut machine = Machine::new(&[("entry/s", 1), ("entry/s/1", 1)]);
    place.up(&mut machine, &[removed("entry/s/1"), removed("entry/s")]).unwrap();
    machine.set("entry/s", Some(1));
    machine.set("entry/s/2", Some(1));
    let again = ["entry/s/2", "entry/s", "entry/s/1"].map(removed);
    let sysctl = [desired_item("a", "ignore", 1)];
    place.up(&mut machine, &[&sysctl[..], &again[..]].concat()).unwrap();
    assert!(machine.state.keys().all(|key| key == "ignore"), "{:?}", machine.state);
    place.down(&mut machine, &["a"]).unwrap();
    let restored: Vec<&str> = machine.state.keys().map(String::as_str).collect();
    assert_eq!(restored, ["entry/s", "entry/s/1", "entry/s/2"]);
}
