//! Whole lines: how they are read, what they mean, what is said about bad ones.

mod agreement;
mod commands;
mod errors;

/// The elements of a line; two blanks have an empty element between them.
fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}
