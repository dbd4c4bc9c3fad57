//! `ipvsadm-restore`, also under another name: replaces the IPVS table by that of standard input or
//! a file.

#![no_main]

use programs::ipvsadm::Program;

const PROGRAM: Option<Program> = Some(Program::Restore);

#[path = "../start.rs"]
mod start;
