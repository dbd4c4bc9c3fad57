//! The verdict of `lvsctl doctor` against what happens to packets, on machines drawn by seed. A machine
//! works if every client is answered through the director, and nobody else answers for its address.
//! Runs in a guest: `scripts/agreement [SEED] [COUNT]`.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod lab;
mod plan;
mod verdict;

use std::collections::BTreeMap;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use plan::Plan;
use support::{Host, root};
use verdict::{Agreement, Class};

/// How many machines `scripts/test` draws, and the first seed.
const COUNT: u64 = 16;
const SEED: u64 = 300;

/// Most of the time of a dead machine is waiting.
const WORKERS: usize = 8;

#[test]
fn verdict_of_the_doctor_agrees_with_the_packets() {
    root(
        "modprobe -a ip_vs ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_sh ip_vs_mh ip_vs_sed ip_vs_nq \
         ip_vs_dh ip_vs_lblc ipip ip6_tunnel ip_gre ip6_gre fou fou6 bonding 8021q dummy sit",
    );
    let seeds = seeds();
    let switch = Host::new();
    let next = AtomicUsize::new(0);
    let table: Mutex<[BTreeMap<Class, Vec<u64>>; 3]> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) else {
                        return;
                    };
                    let plan = Plan::draw(seed);
                    let classes = catch_unwind(AssertUnwindSafe(|| {
                        let agreement = Agreement::of(&plan, &switch);
                        if seeds.len() == 1 || agreement.is_a_fault() {
                            println!("{agreement}");
                        }
                        agreement.classes
                    }));
                    let classes = classes.unwrap_or_else(|_| vec![Class::Broken]);
                    let mut table = table.lock().unwrap();
                    for (column, class) in table.iter_mut().zip(classes) {
                        column.entry(class).or_default().push(seed);
                    }
                }
            });
        }
    });
    let table = table.into_inner().unwrap();
    let mut wrong = 0;
    for (name, column) in ["with file", "without file", "repair"].into_iter().zip(&table) {
        println!("{name}:");
        for (class, seeds) in column {
            let seeds_shown: Vec<_> = seeds.iter().take(60).map(u64::to_string).collect();
            let shown = if class.is_listed() { seeds_shown.join(" ") } else { String::new() };
            println!("  {:>5}  {} {shown}", seeds.len(), class.text());
            wrong += if class.is_wrong() { seeds.len() } else { 0 };
        }
    }
    assert_eq!(wrong, 0, "false alarms and missed outages");
}

/// Those of `LVS_AGREEMENT_SEEDS`, which are numbers and ranges such as `7 100-160`.
fn seeds() -> Vec<u64> {
    let Ok(text) = env::var("LVS_AGREEMENT_SEEDS") else { return (SEED..SEED + COUNT).collect() };
    let number = |text: &str| text.parse::<u64>().unwrap();
    let words = text.split_whitespace().map(|word| match word.split_once('-') {
        Some((first, last)) => number(first)..=number(last),
        None => number(word)..=number(word),
    });
    words.flatten().collect()
}
