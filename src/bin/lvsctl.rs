//! The companion of `ipvsadm`: directors and real servers, set up and taken back.

use std::io::{self, BufWriter};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut output = BufWriter::new(io::stdout().lock());
    let code = programs::lvsctl::run(std::env::args_os(), &mut output, &mut io::stderr().lock());
    ExitCode::from(code)
}
