//! `ipvsadm`, the drop-in for ipvsadm 1.31. A link or copy of it that is called `ipvsadm-save` or
//! `ipvsadm-restore` is that program.

use std::process::ExitCode;

fn main() -> ExitCode {
    programs::ipvsadm::main(None, std::env::args_os())
}
