//! `lvsctl doctor` on a real kernel: silent where all is well, and right where one thing is broken.
//! They run in a guest: `scripts/test kernel`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

#[path = "../support/mod.rs"]
mod support;

mod cluster;
mod command;
mod direct_routing;
mod healthy;
mod nat;
mod table;
mod tunnelling;
