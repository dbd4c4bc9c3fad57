//! `ipvsadm-restore`, under whatever name: replaces the IPVS table by what standard input or a file says.

use std::process::ExitCode;

use programs::ipvsadm::Program;

fn main() -> ExitCode {
    ExitCode::from(programs::ipvsadm::main(Some(Program::Restore), std::env::args_os()))
}
