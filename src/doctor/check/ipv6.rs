//! Virtual addresses of IPv6.

use crate::doctor::Step;
use crate::doctor::case::{Case, Fault, give, take};
use crate::host::AddressState;

pub(super) fn no_duplicate(case: &Case<'_>) -> Vec<Fault> {
    let mut addresses = case.virtual_addresses();
    addresses.extend(case.held().map(|served| served.address));
    let duplicates = case
        .network()
        .addresses
        .iter()
        .filter(|state| state.duplicate && addresses.contains(&state.assigned.address));
    let fault = |state| {
        let state: &AddressState = state;
        let (address, device) = (state.assigned.address, &state.assigned.device);
        Fault {
            title: format!("{address} is not in use: another machine on the wire has it too"),
            found: format!("{address} on {device} is marked dadfailed"),
            expected: "an address without duplicate address detection (nodad)".to_owned(),
            repair: vec![take_what_was_asked_for(state), give(address, device)],
        }
    };
    duplicates.map(fault).collect()
}

/// As [`take`]; taken back, the address is asked for on the wire again.
fn take_what_was_asked_for(state: &AddressState) -> Step {
    let mut step = take(state);
    if let Step::Host(change) = &mut step {
        change.from = Some("valid_lft forever".to_owned());
    }
    step
}

pub(super) fn not_the_source(case: &Case<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for source in &case.network().sources {
        let address = source.source;
        if !address.is_ipv6() || !case.held().any(|served| served.address == address) {
            continue;
        }
        for state in case.places(address) {
            let (prefix, device) = (state.assigned.prefix, &state.assigned.device);
            let change = format!("ip -6 address change {address}/{prefix} dev {device}");
            faults.push(Fault {
                title: format!(
                    "this machine's own connections have {address} as their source: the answers go \
                     to the director"
                ),
                found: format!("source {address} by the default route, dev {}", source.device),
                expected: "another address, the virtual one being deprecated".to_owned(),
                repair: vec![Step::Shell {
                    fix: format!("{change} preferred_lft 0"),
                    undo: Some(format!("{change} preferred_lft forever")),
                }],
            });
        }
    }
    faults
}
