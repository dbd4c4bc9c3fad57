//! `ipvsadm-save`, also under another name: writes the IPVS table to standard output or a file.

#![no_main]

use programs::ipvsadm::Program;

const PROGRAM: Option<Program> = Some(Program::Save);

#[path = "../start.rs"]
mod start;
