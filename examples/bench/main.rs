//! Compares `ipvsadm` with the original and with a floor; `scripts/bench` runs it in the guest.
//!
//! The floor of a job is its cost without any of our work: the same requests, encoded before the
//! clock starts, or `cat` of the kernel's file.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement may fail loudly"
)]

mod jobs;
mod measure;
mod workload;

use std::path::Path;

use jobs::{Measured, Plan, Row};
use measure::Start;
use workload::Shape;

const USAGE: &str =
    "Usage: bench --ours PROGRAM --companion PROGRAM [--reference PROGRAM] [--table SERVICESxDESTINATIONS]...
       [--connections N] [--runs N] [--reference-runs N]";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        // Each floor is a separate process: its memory must not count as that of the others.
        ["floor", "restore", shape] => measure::floor_of_restore(&shape.parse().expect(USAGE)),
        ["floor", "list", shape] => measure::floor_of_list(&shape.parse().expect(USAGE)),
        ["run", input, output, program, ref words @ ..] => {
            measure::run(input, output, program, words);
        }
        ["connections", count] => workload::connect(count.parse().expect(USAGE)),
        _ => {
            assert!(
                Path::new("/run/lab-guest").exists(),
                "it clears the table of this machine: run it in the guest, with scripts/bench"
            );
            print(&jobs::run(&plan(&words)));
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

/// Prints the figures as tables in Markdown.
fn print(Measured { rows, starts }: &Measured) {
    print_rows(rows);
    println!();
    print_starts(starts);
}

fn print_rows(rows: &[Row]) {
    println!(
        "| Job | ipvsadm 1.31 | ours | times faster | floor | times the floor | memory 1.31 | memory ours |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for Row { job, reference, ours, floor } in rows {
        let ratio = |over: Option<f64>, under: Option<f64>| match (over, under) {
            (Some(over), Some(under)) => format!("{:.1}", over / under),
            _ => String::new(),
        };
        let (label, floor) = match floor {
            Some((label, figures)) => (*label, figures.median()),
            None => ("", None),
        };
        println!(
            "| {job} | {} | {} | {} | {} {label} | {} | {} | {} |",
            seconds(reference.median()),
            seconds(ours.median()),
            ratio(reference.median(), ours.median()),
            seconds(floor),
            ratio(ours.median(), floor),
            memory(reference.peak()),
            memory(ours.peak()),
        );
    }
}

fn print_starts(starts: &[Start]) {
    println!("| `-Ln`, empty table | instructions | page faults |");
    println!("|---|--:|--:|");
    for Start { program, instructions, faults } in starts {
        println!("| {program} | {instructions} | {faults} |");
    }
}

fn seconds(time: Option<f64>) -> String {
    match time {
        Some(time) if time < 0.1 => format!("{:.2} ms", time * 1000.0),
        Some(time) => format!("{time:.2} s"),
        None => String::new(),
    }
}

fn memory(peak: Option<i64>) -> String {
    peak.map(|peak| format!("{:.1} MiB", peak as f64 / 1024.0)).unwrap_or_default()
}
