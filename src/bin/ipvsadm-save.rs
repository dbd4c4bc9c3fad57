//! `ipvsadm-save`, also under another name: writes the IPVS table to standard output or a file.

use std::process::ExitCode;

use programs::ipvsadm::Program;

fn main() -> ExitCode {
    ExitCode::from(programs::ipvsadm::main(Some(Program::Save), std::env::args_os()))
}
