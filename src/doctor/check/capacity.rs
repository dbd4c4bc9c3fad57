//! Sizes.

use crate::doctor::Step;
use crate::doctor::case::{Case, Fault};

/// Connections a bucket from which on looking one up is slow.
const CROWDED: u64 = 2;

pub(super) fn connection_table_is_large_enough(case: &Case<'_>) -> Vec<Fault> {
    let Some(table) = &case.facts.table else {
        return Vec::new();
    };
    let connections: u64 = case
        .destinations()
        .map(|(_, it)| {
            u64::from(it.active_connections)
                + u64::from(it.inactive_connections)
                + u64::from(it.persistent_connections)
        })
        .sum();
    let buckets = u64::from(table.connection_buckets);
    if buckets == 0 || connections <= buckets.saturating_mul(CROWDED) {
        return Vec::new();
    }
    // Up to 20 on every kernel.
    let bits = connections.next_power_of_two().trailing_zeros().min(20);
    vec![Fault {
        title:
            "the connection table is far too small: each packet costs more the more connections \
                there are"
                .to_owned(),
        found: format!("{connections} connections in {buckets} buckets (ipvsadm -L)"),
        expected: format!("2^{bits} buckets, from the next time that ip_vs is loaded"),
        repair: vec![Step::Shell {
            fix: format!("echo options ip_vs conn_tab_bits={bits} > /etc/modprobe.d/ip_vs.conf"),
            undo: Some("rm /etc/modprobe.d/ip_vs.conf".to_owned()),
        }],
    }]
}
