//! Runs of `lvsctl` that are killed at each of their steps in turn.

use std::process::Command;

use crate::support::doomed::dies_at;
use crate::support::{Host, LVSCTL, assert_same};

/// Kills `up` and `down` everywhere, and asserts that the next run of either finishes the job.
///
/// A change is written to the journal, which is synced, and then made: death at the write is death
/// after the change before, death at the sync is death before this one is made. So are the renaming
/// of a new journal, and the removal of one that is done with, between two changes.
#[track_caller]
pub(crate) fn anywhere(host: &Host, up: &str, down: &str) {
    let run = |line: &str| host.lvsctl_inside(line).success();
    // A module that was loaded by the first run may have made an interface that stays.
    run(up);
    run(down);
    let before = host.everything();
    run(up);
    let complete = host.everything();
    for (line, other) in [(up, down), (down, up)] {
        let mut deaths = 0;
        run(other);
        while killed(host, line, deaths + 1) {
            deaths += 1;
            assert!(deaths < 400, "{line} is not finished after {deaths} steps");
            // Half of the times it is finished, half of the times taken back.
            let next = if deaths % 2 == 0 { line } else { other };
            run(next);
            let goal = if next == up { &complete } else { &before };
            let when = format!("{line}, killed at step {deaths}, then {next}");
            assert_same(&host.everything(), goal, &when);
            if next != other {
                run(other);
            }
        }
        assert!(deaths > 4, "{line} was killed {deaths} times only");
        println!("{line}: killed {deaths} times, finished each time");
    }
    run(down);
    assert_same(&host.everything(), &before, "at the end");
}

/// Whether the run was killed at that step, and did not end before.
fn killed(host: &Host, line: &str, step: u32) -> bool {
    host.inside(|| {
        let mut command = Command::new(LVSCTL);
        command.arg("--state-dir").arg(host.state_directory()).args(line.split_whitespace());
        dies_at(&mut command, step)
    })
}
