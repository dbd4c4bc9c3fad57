//! Runs of `lvsctl` that are killed at each of their steps in turn.

use crate::support::{Host, LVSCTL, assert_same};

/// A step is written to the journal (or a new journal takes the place of the old), which is synced, and
/// then done: death at the write is death after the step before, death at the sync of what has the
/// journal is death before this one is done. Questions to the kernel change nothing, so that death at
/// them is no other.
const CALLS: &str = "rename,write,fsync,fdatasync,unlink";

/// Whether the run was killed at that call, and did not end before.
fn killed(host: &Host, line: &str, number: u32) -> bool {
    let state = host.state_directory().display();
    let run = host.shell(&format!(
        "strace -f -o /dev/null -e trace={CALLS} -e inject={CALLS}:signal=KILL:when={number} \
         {LVSCTL} --state-dir {state} {line}"
    ));
    run.status != 0
}

/// Kills `up` and `down` everywhere, and asserts that the next run of either finishes the job.
#[track_caller]
pub(crate) fn anywhere(host: &Host, up: &str, down: &str) {
    // A module that was loaded by the first run may have made an interface that stays.
    host.lvsctl(up).success();
    host.lvsctl(down).success();
    let before = host.everything();
    host.lvsctl(up).success();
    let complete = host.everything();
    for (line, other) in [(up, down), (down, up)] {
        let mut deaths = 0;
        host.lvsctl(other).success();
        while killed(host, line, deaths + 1) {
            deaths += 1;
            assert!(deaths < 400, "{line} is not finished after {deaths} calls");
            // Half of the times it is finished, half of the times taken back.
            let next = if deaths % 2 == 0 { line } else { other };
            host.lvsctl(next).success();
            let goal = if next == up { &complete } else { &before };
            let when = format!("{line}, killed at call {deaths}, then {next}");
            assert_same(&host.everything(), goal, &when);
            if next != other {
                host.lvsctl(other).success();
            }
        }
        assert!(deaths > 4, "{line} was killed {deaths} times only");
        println!("{line}: killed {deaths} times, finished each time");
    }
    host.lvsctl(down).success();
    assert_same(&host.everything(), &before, "at the end");
}
