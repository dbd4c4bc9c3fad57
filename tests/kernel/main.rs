//! Tests on a real kernel with IPVS. They run in a guest: `scripts/test kernel`.

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

mod bonding;
mod client;
mod direct_routing;
mod explanations;
mod faults;
mod json;
mod killed;
mod nat;
mod network_namespaces;
mod restore;
mod tunnelling;
