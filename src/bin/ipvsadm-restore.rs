//! `ipvsadm-restore`, under whatever name: replaces the IPVS table by what standard input or a file says.

use std::process::ExitCode;

use lvs::ipvsadm::Program;

fn main() -> ExitCode {
    lvs::ipvsadm::main(Some(Program::Restore), std::env::args_os())
}
