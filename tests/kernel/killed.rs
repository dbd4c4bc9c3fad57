//! Runs of `lvsctl` that are killed at each of their steps.

use std::env;
use std::process::Command;

use crate::support::kill::killed_at;
use crate::support::{Host, LVSCTL, assert_same};

/// Kills `up` and `down` at every second step, or at every one with `LVS_KILL_EVERY=1`, and asserts that
/// the next run of either completes the job.
///
/// A change is written to the journal, which is synced, and then made: a kill at the write is one
/// after the previous change, a kill at the sync one before this change. Renaming a new journal and
/// removing an empty one are steps between two changes, too.
#[track_caller]
pub(crate) fn at_any_step(host: &Host, up: &str, down: &str) {
    let run = |line: &str| host.lvsctl_inside(line).success();
    // A module that the first run loads may add an interface that stays.
    run(up);
    run(down);
    let before = host.everything();
    run(up);
    let complete = host.everything();
    let every = env::var("LVS_KILL_EVERY").map_or(2, |number| number.parse().unwrap());
    for (line, other, first) in [(up, down, 1), (down, up, every)] {
        let mut kills = 0;
        run(other);
        for step in (first..).step_by(every) {
            if !killed(host, line, u32::try_from(step).unwrap()) {
                break;
            }
            kills += 1;
            assert!(step < 400, "{line} is not finished after {step} steps");
            // Every second time the next run reverts instead.
            let next = if kills % 2 == 0 { line } else { other };
            run(next);
            let goal = if next == up { &complete } else { &before };
            let when = format!("{line}, killed at step {step}, then {next}");
            assert_same(&host.everything(), goal, &when);
            if next != other {
                run(other);
            }
        }
        assert!(kills > 4, "{line} was killed {kills} times only");
        println!("{line}: killed {kills} times, finished each time");
    }
    run(down);
    assert_same(&host.everything(), &before, "at the end");
}

/// Whether the run was killed at that step; it may end before.
pub(crate) fn killed(host: &Host, line: &str, step: u32) -> bool {
    host.inside(|| {
        let mut command = Command::new(LVSCTL);
        command.arg("--state-dir").arg(host.state_directory()).args(line.split_whitespace());
        killed_at(&mut command, step)
    })
}
