//! When a connection is synchronized with the other director.

use crate::doctor::context::Context;
use crate::doctor::finding::Fault;
use crate::host::{SYNC_THRESHOLD, Sysctl};
use lvs::ipvs::{DaemonState, Protocol};

/// The default of the kernel: with the first packet that has data, after the handshake.
const DEFAULT: (u32, u32) = (3, 50);

/// Measured with 60 connections that had a few packets each when the other director took over: all
/// live on with `3 50`, none with `1 50` or `5 50`. The first packet is a SYN, whose connection is not
/// established yet, so that with 1 the next chance is a whole period later.
pub(super) fn connections_are_synchronized_late(context: &Context<'_>) -> Option<Fault> {
    let sysctl = Sysctl::of_ipvs(SYNC_THRESHOLD);
    let refresh = context.number(&Sysctl::of_ipvs("sync_refresh_period")).unwrap_or_default();
    let mut daemons = context.facts.table.iter().flat_map(|table| &table.daemons);
    let sends = daemons.any(|daemon| daemon.state == DaemonState::Master);
    let value = context.network().sysctl(&sysctl)?;
    let (threshold, period) = parsed(value)?;
    if !sends || refresh > 0 {
        return None;
    }
    let first = match threshold {
        0 | 1 => threshold.saturating_add(period),
        later if later > DEFAULT.0 => later,
        _ => return None,
    };
    Some(Fault {
        title: format!(
            "the other director does not know connections with fewer than {first} packets: a \
             takeover loses them"
        ),
        found: format!("{sysctl} is {threshold} {period}"),
        expected: format!("{} {}, the default", DEFAULT.0, DEFAULT.1),
        repair: vec![context.set(sysctl, format!("{}\t{}", DEFAULT.0, DEFAULT.1))],
    })
}

/// Measured with 60 connections that another director took over without synchronization: with `mh` and
/// `sloppy_tcp` all live on, without `sloppy_tcp` none.
pub(super) fn takeover_loses_connections(context: &Context<'_>) -> Option<Fault> {
    let sysctl = Sysctl::of_ipvs("sloppy_tcp");
    let several = context.expectation.desired.as_ref().is_some_and(|it| it.directors > 1);
    let table = context.facts.table.as_ref()?;
    let tcp = || table.services.iter().filter(|it| it.identity().protocol() == Protocol::TCP);
    if !several || !table.daemons.is_empty() || context.number(&sysctl) != Some(0) {
        return None;
    }
    let service = tcp().next()?;
    // Where the client alone decides, both directors choose the same real server.
    let agree = tcp().all(|it| matches!(&*it.service.service.scheduler, "mh" | "sh"));
    Some(Fault {
        title: format!(
            "a takeover loses the connections of {}: they are not synchronized, and the other \
             director drops packets of TCP connections that it does not know",
            service.name()
        ),
        found: format!("no synchronization daemon, and {sysctl} is 0"),
        expected: match agree {
            true => "1, or a synchronization daemon".to_owned(),
            false => "a synchronization daemon; or the scheduler mh, and 1".to_owned(),
        },
        repair: agree.then(|| context.set(sysctl, 1)).into_iter().collect(),
    })
}

fn parsed(value: &str) -> Option<(u32, u32)> {
    let mut numbers = value.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
