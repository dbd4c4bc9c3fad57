//! The command line of `lvsctl doctor`.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::doctor::Symptom;
use crate::lvsctl::values;
use crate::policy::Role;

#[derive(Debug, Args)]
pub(in crate::lvsctl) struct DoctorFlags {
    /// Cluster file, or ruleset as written by `ipvsadm -S`: the desired state of this machine.
    #[arg(conflicts_with_all = ["undo", "watch"])]
    pub(super) file: Option<PathBuf>,
    /// Role of this machine; by default, its addresses decide.
    #[arg(long, requires = "file", value_parser = values::role())]
    pub(super) role: Option<Role>,
    /// Make the repairs that lvsctl can make itself, after showing them.
    #[arg(long)]
    pub(super) fix: bool,
    /// Do not ask before making repairs.
    #[arg(long, requires = "fix")]
    pub(super) yes: bool,
    /// Revert all repairs of --fix.
    #[arg(long, conflicts_with = "fix")]
    pub(super) undo: bool,
    /// What you observe; the checks that explain it come first.
    #[arg(long)]
    pub(super) symptom: Option<Symptom>,
    /// Read the counters twice, SECONDS apart, and show those that increased.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["fix", "undo", "symptom"],
          value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub(super) watch: Option<u64>,
    /// Probe for duplicate VIPs (ARP/ND) and for the path MTU to tunnel real servers.
    #[arg(long, conflicts_with_all = ["from", "undo", "watch"])]
    pub(super) probe: bool,
    /// Read a file written by `lvsctl snapshot`, here or on another machine.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fix", "undo", "watch"])]
    pub(super) from: Option<PathBuf>,
}

impl ValueEnum for Symptom {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = self.described();
        Some(PossibleValue::new(name).help(help))
    }
}
