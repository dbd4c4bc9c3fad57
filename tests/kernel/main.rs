//! Tests on a real kernel with IPVS. They run in a guest: `scripts/test kernel`.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod bonding;
mod check;
mod client;
mod cluster_file;
mod confirm;
mod copied_scripts;
mod destination_order;
mod direct_routing;
mod draining;
mod explanations;
mod faults;
mod host_state;
mod hostile_input;
mod json;
mod killed;
mod listing;
mod monitoring;
mod nat;
mod network_namespaces;
mod old_journals;
mod operation;
mod other_clients;
mod restore;
mod reverse_path;
mod routes_of_replies;
mod ruleset;
mod saves;
mod scripts;
mod takeover;
mod top;
mod torture;
mod tracing;
mod transfers;
mod trust;
mod tunnelling;
mod undo;
mod user_namespaces;
