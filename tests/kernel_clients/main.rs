//! Programs that administrators run with ipvsadm, here with ours in place of the reference. They run
//! in a guest: `scripts/test kernel`.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod keepalived;
mod ldirectord;
mod monitoring;
mod resolver;

use std::thread::sleep;
use std::time::{Duration, Instant};

use support::{Host, assert_same};

/// Waits until the reference saves these rules.
#[track_caller]
fn wait_for_rules(host: &Host, rules: &str, when: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let found = host.reference("-Sn").success();
        if found == rules || Instant::now() > end {
            return assert_same(&found, rules, when);
        }
        sleep(Duration::from_millis(200));
    }
}
