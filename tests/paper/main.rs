//! Manual pages, completions and the unit, held against the option tables.

#![cfg(test)]

mod completions;
mod legal_options;
mod links;
mod pages;
mod unit;

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::Arg;

/// The options of `ipvsadm`: long spelling, short spellings, and whether an argument must follow.
fn options() -> Vec<(String, Vec<char>, bool)> {
    let command = programs::ipvsadm::command_line();
    let options = command.get_arguments().filter(|it| it.get_long().is_some());
    let options: Vec<_> = options.map(spellings).collect();
    assert!(options.len() > 50, "the table was not read");
    options
}

fn spellings(option: &Arg) -> (String, Vec<char>, bool) {
    let mut shorts: Vec<char> = option.get_short().into_iter().collect();
    shorts.extend(option.get_visible_short_aliases().unwrap_or_default());
    let takes = option.get_num_args().is_none_or(|range| range.min_values() > 0);
    (option.get_long().unwrap().to_owned(), shorts, takes)
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
