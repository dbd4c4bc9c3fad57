//! `ipvsadm`, the drop-in for ipvsadm 1.31. A link to it or copy of it that is called
//! `ipvsadm-save` or `ipvsadm-restore` is that program.

#![no_main]

use programs::ipvsadm::Program;

const PROGRAM: Option<Program> = None;

#[path = "../start.rs"]
mod start;
