//! What a gap is about.

use std::collections::HashSet;

use crate::doctor::case::named;
use crate::doctor::{Intent, Step, Wish};
use crate::engine::Change;
use crate::host;
use lvs::ipvs::ServiceIdentity;
use lvs::table;

/// What has to be known of all gaps to say what one is about.
pub(super) struct Subjects {
    /// Services that are not in the table, and all of whose destinations are not.
    missing: HashSet<ServiceIdentity>,
    /// Tables of routes that a rule leads to.
    tables: HashSet<u32>,
}

impl Subjects {
    pub(super) fn new(intent: &Intent) -> Self {
        let missing = intent.wishes.iter().filter_map(|wish| match &wish.step {
            Step::Table(Change { key: table::Key::Service(service), from: None, .. }) => {
                Some(*service)
            }
            _ => None,
        });
        let tables = intent.wishes.iter().filter_map(|wish| match wish.host() {
            Some(host::Key::Rule { table, .. }) => Some(*table),
            _ => None,
        });
        Self { missing: missing.collect(), tables: tables.collect() }
    }

    /// The check that a gap belongs to, and what it is about: gaps of one subject are one finding.
    pub(super) fn of(&self, gap: &Wish) -> (&'static str, String) {
        let director = gap.is_of_director();
        match &gap.step {
            Step::Host(change) => match &change.key {
                host::Key::Link(device) | host::Key::LinkUp(device)
                    if is_tunnel(device.as_str()) =>
                {
                    ("K3", device.to_string())
                }
                host::Key::FouPort { port, .. } => ("M6", port.to_string()),
                host::Key::Rule { .. } => ("M1", String::new()),
                host::Key::FullRoute(route) if self.tables.contains(&route.table) => {
                    ("M1", String::new())
                }
                host::Key::Address { address, .. } if director => ("A16", address.to_string()),
                host::Key::Address { address, .. } => ("A1", address.to_string()),
                host::Key::Route { device, .. } => ("A20", device.to_string()),
                host::Key::DefaultRoute(_) => ("N2", String::new()),
                host::Key::Sysctl(sysctl) => {
                    let about = sysctl.parameter().map(|(device, name)| match name {
                        "rp_filter" => device.to_owned(),
                        _ => String::new(),
                    });
                    (of_parameter(gap).unwrap_or("V5"), about.unwrap_or_default())
                }
                host::Key::Link(_)
                | host::Key::LinkUp(_)
                | host::Key::Port(_)
                | host::Key::Mtu(_)
                | host::Key::FullAddress { .. }
                | host::Key::FullRoute(_) => ("I2", String::new()),
            },
            Step::Table(change) => match change.key.service() {
                Some(service) if self.missing.contains(&service) => ("H21", named(service)),
                Some(service) if is_weight(change) => ("H23", named(service)),
                Some(service) => ("H22", named(service)),
                None if change.key == table::Key::Timeouts => ("H24", String::new()),
                None => ("H4", change.key.to_string()),
            },
            Step::Shell { .. } => ("H22", String::new()),
        }
    }
}

/// The check that knows a parameter.
pub(super) fn of_parameter(gap: &Wish) -> Option<&'static str> {
    let Some(host::Key::Sysctl(sysctl)) = gap.host() else {
        return None;
    };
    Some(match sysctl.parameter() {
        Some((device, "rp_filter")) if is_tunnel(device) => "P1",
        Some((_, "rp_filter")) if gap.is_of_director() => "P4",
        Some((_, "rp_filter")) => "P3",
        Some(_) => "N4",
        None => match sysctl.to_string().rsplit('/').next() {
            Some("ip_forward") => "N1",
            Some("accept_redirects") => "N4",
            _ => "V5",
        },
    })
}

/// The ends of tunnels are called so by the kernel, or by lvsctl.
fn is_tunnel(device: &str) -> bool {
    matches!(device, "tunl0" | "sit0" | "gre0" | "ip6tnl0" | "ip6gre0")
        || device.starts_with("lvs-")
}

/// Whether nothing but the weight differs, which whoever watches real servers may have set.
fn is_weight(change: &Change<table::Key, table::Value>) -> bool {
    match (&change.from, &change.to) {
        (Some(table::Value::Destination(from)), Some(table::Value::Destination(to))) => {
            let mut same = from.clone();
            same.weight = to.weight;
            same == *to
        }
        _ => false,
    }
}
