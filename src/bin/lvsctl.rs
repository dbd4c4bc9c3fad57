//! `lvsctl`, the companion of `ipvsadm`: sets up, reverts and diagnoses directors and real servers.

use std::io::{self, BufWriter};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut output = BufWriter::new(io::stdout().lock());
    let code = programs::lvsctl::run(std::env::args_os(), &mut output, &mut io::stderr().lock());
    ExitCode::from(code)
}
