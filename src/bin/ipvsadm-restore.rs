//! `ipvsadm-restore`, also under another name: replaces the IPVS table by that of standard input or
//! a file.

use std::process::ExitCode;

use programs::ipvsadm::Program;

fn main() -> ExitCode {
    ExitCode::from(programs::ipvsadm::main(Some(Program::Restore), std::env::args_os()))
}
