//! `ipvsadm`, the drop-in for ipvsadm 1.31.

use std::process::ExitCode;

fn main() -> ExitCode {
    lvs::ipvsadm::main(std::env::args_os())
}
