//! The kernel parameters of IPVS, `net.ipv4.vs`.

/// A parameter and the values that the kernel accepts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IpvsParameter {
    pub(crate) name: &'static str,
    pub(crate) least: i64,
    pub(crate) most: i64,
    /// The first kernel that has it.
    pub(crate) since: &'static str,
}

const fn flag(name: &'static str, since: &'static str) -> IpvsParameter {
    number(name, 0, 1, since)
}

const fn number(name: &'static str, least: i64, most: i64, since: &'static str) -> IpvsParameter {
    IpvsParameter { name, least, most, since }
}

/// `Documentation/networking/ipvs-sysctl.rst` of the kernel. [`SYNC_THRESHOLD`] is not a
/// number, nor is `est_cpulist`.
pub(crate) const IPVS_PARAMETERS: [IpvsParameter; 30] = [
    number("am_droprate", 1, i32::MAX as i64, "2.6"),
    number("amemthresh", 0, i32::MAX as i64, "2.6"),
    flag("backup_only", "3.9"),
    flag("cache_bypass", "2.6"),
    number("conn_lfactor", -8, 8, "7.1"),
    number("conn_max", 0, i32::MAX as i64, "7.1"),
    number("conn_reuse_mode", 0, 3, "4.1"),
    flag("conntrack", "2.6.37"),
    number("drop_entry", 0, 3, "2.6"),
    number("drop_packet", 0, 3, "2.6"),
    number("est_nice", -20, 19, "6.2"),
    flag("expire_nodest_conn", "2.6"),
    flag("expire_quiescent_template", "2.6"),
    flag("ignore_tunneled", "4.4"),
    flag("nat_icmp_send", "2.6"),
    flag("pmtu_disc", "3.7"),
    flag("run_estimation", "5.16"),
    flag("schedule_icmp", "4.4"),
    number("secure_tcp", 0, 3, "2.6"),
    flag("sloppy_sctp", "3.11"),
    flag("sloppy_tcp", "3.11"),
    flag("snat_reroute", "2.6.37"),
    number("svc_lfactor", -8, 8, "7.1"),
    flag("sync_persist_mode", "3.11"),
    number("sync_ports", 1, 64, "3.5"),
    number("sync_qlen_max", 0, i32::MAX as i64, "3.5"),
    number("sync_refresh_period", 0, i32::MAX as i64, "3.5"),
    number("sync_retries", 0, 3, "3.5"),
    number("sync_sock_size", 0, i32::MAX as i64, "3.5"),
    flag("sync_version", "2.6.39"),
];

/// It has two values: the packet of a connection with which it is synchronized, and after how many
/// packets it is again.
pub(crate) const SYNC_THRESHOLD: &str = "sync_threshold";

/// The first kernel that has a parameter, by the name of its sysctl: `net/ipv4/vs/NAME`.
pub(crate) fn first_kernel(path: &str) -> Option<&'static str> {
    let name = path.strip_prefix("net/ipv4/vs/")?;
    Some(IPVS_PARAMETERS.iter().find(|it| it.name == name)?.since)
}
