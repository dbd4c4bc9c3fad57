//! The programs `ipvsadm` and `lvsctl`, as a library for their binaries and tests. Not an API: programs
//! use the crate `lvs`.
//!
//! The rooms; imports point downward only, from `lvsctl` to the crate `lvs`:
//!
//! | room | what it holds |
//! |---|---|
//! | `trace` | what is sent to and received from the kernel, for `LVS_LOG` and `--verbose` |
//! | [`ipvsadm`] | the drop-in for ipvsadm 1.31 |
//! | [`engine`] | desired and actual state, plan, apply, verify, roll back, journal, lock, dry run |
//! | [`host`] | this machine: links, addresses, routes and sysctls |
//! | [`policy`] | what a role needs of a machine |
//! | `config` | the cluster file, and what it makes of one machine |
//! | `path` | what the kernel does with a packet, stage by stage |
//! | [`doctor`] | findings: what is wrong with a machine, why, and how to fix it |
//! | [`lvsctl`] | the companion: command line and reports |

#![allow(rustdoc::private_intra_doc_links, reason = "its pages are for those who work on it")]
#![allow(missing_docs, reason = "not an API: names say it, where they can")]

mod config;
pub mod doctor;
pub mod engine;
#[cfg(any(fuzzing, test))]
pub mod fuzz;
pub mod host;
pub mod ipvsadm;
pub mod lvsctl;
mod path;
pub mod policy;
mod trace;
