//! `lvsctl doctor` on a real kernel: silent where all is well, and right where one thing is broken.
//! They run in a guest: `scripts/test kernel`. Setting up hosts takes most of the time, so that each
//! test breaks the same few of them in turn.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod cluster;
mod cluster_file;
mod direct_routing;
mod director;
mod healthy;
mod nat;
mod only_looks;
mod probes;
mod repairs;
mod snapshot;
mod tunnelling;
