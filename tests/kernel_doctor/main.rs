//! `lvsctl doctor` on a real kernel: no findings on healthy hosts, and exactly one if one thing is
//! broken. Runs in a guest: `scripts/test kernel`. Setting up hosts takes most of the time, so each
//! test breaks the same few in turn.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod agreement_cases;
mod cluster;
mod cluster_file;
mod direct_routing;
mod director;
mod nat;
mod only_looks;
mod path_base;
mod path_direct;
mod path_mark;
mod path_nat;
mod path_trace;
mod path_tunnel;
mod probes;
mod repairs;
mod repairs_by_claim;
mod snapshot;
mod tunnelling;
mod unknown_stages;
