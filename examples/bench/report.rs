//! The figures as a table for a README.

use crate::jobs::{Measured, Row};
use crate::start::Start;

pub(crate) fn print(Measured { rows, starts }: &Measured) {
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
