//! Measures `ipvsadm` beside the original and beside a floor; `scripts/bench` runs it in the guest.
//!
//! The floor of a job is what it costs without any of our work: the same requests, encoded before
//! the clock starts, or `cat` of the kernel's file.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement may fail loudly"
)]

mod connections;
mod floor;
mod jobs;
mod measure;
mod report;
mod start;
mod table;

use std::path::Path;

use jobs::Plan;
use table::Shape;

const USAGE: &str =
    "Usage: bench --ours PROGRAM --companion PROGRAM [--reference PROGRAM] [--table SERVICESxDESTINATIONS]...
       [--connections N] [--runs N] [--reference-runs N]";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        // Each floor is a process of its own: what it holds must not count as memory of the others.
        ["floor", "restore", shape] => floor::restore(&shape.parse().expect(USAGE)),
        ["floor", "list", shape] => floor::list(&shape.parse().expect(USAGE)),
        ["run", input, output, program, ref words @ ..] => {
            measure::run(input, output, program, words);
        }
        ["connections", count] => connections::make(count.parse().expect(USAGE)),
        _ => {
            assert!(
                Path::new("/run/lab-guest").exists(),
                "it clears this machine's table: run it in the guest, with scripts/bench"
            );
            report::print(&jobs::run(&plan(&words)));
        }
    }
}

fn plan(words: &[&str]) -> Plan {
    let mut plan = Plan {
        ours: String::new(),
        companion: String::new(),
        reference: "/usr/sbin/ipvsadm".to_owned(),
        shapes: Vec::new(),
        connections: 0,
        runs: 5,
        reference_runs: 3,
    };
    for pair in words.chunks(2) {
        let [option, value] = *pair else { panic!("{USAGE}") };
        match option {
            "--ours" => value.clone_into(&mut plan.ours),
            "--companion" => value.clone_into(&mut plan.companion),
            "--reference" => value.clone_into(&mut plan.reference),
            "--table" => plan.shapes.push(value.parse::<Shape>().expect(USAGE)),
            "--connections" => plan.connections = value.parse().expect(USAGE),
            "--runs" => plan.runs = value.parse().expect(USAGE),
            "--reference-runs" => plan.reference_runs = value.parse().expect(USAGE),
            _ => panic!("{USAGE}"),
        }
    }
    let programs = [&plan.ours, &plan.companion];
    assert!(programs.iter().all(|it| !it.is_empty()) && plan.runs > 0, "{USAGE}");
    plan
}
