//! Runs that are killed at every operation, and what the next run makes of it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::*;

/// Runs `act` and says whether it lived to the end.
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
        let mut machine = Machine::new(&[("ignore", 0), ("foreign", 5)]);
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
        let initial = Machine::new(&[("ignore", 0), ("foreign", 5)]);
        assert_eq!(machine.state, initial.state, "killed at operation {dies_at}");
        assert!(!place.path().exists());
        if survived {
            assert!(dies_at > 3, "killed before and after a write at least");
            return;
        }
    }
}

#[test]
fn a_batch_killed_anywhere_is_given_back() {
    for dies_at in 0.. {
        let place = Place::new();
        let mut machine = Machine::new(&[("entry/b", 5)]);
        let desired = ["a", "b", "c"].map(|name| want("web", &format!("entry/{name}"), 1));
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

const NOTHING: [(&str, u32); 2] = [("ignore", 0), ("foreign", 5)];
const WITH_A: [(&str, u32); 5] =
    [("ignore", 1), ("foreign", 5), ("tunnel", 1), ("tunnel/ignore", 1), ("a", 1)];

#[test]
fn up_killed_anywhere_is_finished_by_up() {
    killed_everywhere(&[], Run::Up("a"), &[Run::Up("a")], &WITH_A);
}

#[test]
fn up_killed_anywhere_is_undone_by_down() {
    killed_everywhere(&[], Run::Up("a"), &[Run::Down("a")], &NOTHING);
}

#[test]
fn down_killed_anywhere_is_finished_by_down() {
    killed_everywhere(&[Run::Up("a")], Run::Down("a"), &[Run::Down("a")], &NOTHING);
}

#[test]
fn down_killed_anywhere_is_reverted_by_up() {
    killed_everywhere(&[Run::Up("a")], Run::Down("a"), &[Run::Up("a")], &WITH_A);
}

#[test]
fn the_second_of_two_killed_leaves_the_first() {
    let cure = [Run::Down("b")];
    killed_everywhere(&[Run::Up("a")], Run::Up("b"), &cure, &WITH_A);
    killed_everywhere(&[Run::Up("a"), Run::Up("b")], Run::Down("b"), &cure, &WITH_A);
}
