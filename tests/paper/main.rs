//! Manual pages, completions and the unit, held against the option tables.

#![cfg(test)]

mod completions;
#[path = "../../examples/completions.rs"]
#[allow(dead_code, reason = "a program of its own too")]
mod generator;
mod legal_options;
mod links;
mod pages;
mod unit;

use std::fs;
use std::path::Path;
use std::process::Command;

use programs::ipvsadm::OPTIONS;

/// Commands and options of `ipvsadm`: long spelling, short spellings, and whether an argument must
/// follow.
fn options() -> Vec<(String, Vec<char>, bool)> {
    let spellings = |row: &lvs::ruleset::syntax::Row| {
        let takes = row.argument == lvs::ruleset::syntax::Argument::Required;
        (row.long.to_owned(), row.shorts.chars().collect(), takes)
    };
    OPTIONS.rows().map(spellings).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(program);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; see scripts/packages"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}
