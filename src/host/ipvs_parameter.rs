//! The kernel parameters of IPVS, `net.ipv4.vs`.

/// A parameter and the values that the kernel accepts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IpvsParameter {
    pub(crate) name: &'static str,
    pub(crate) least: i64,
    pub(crate) most: i64,
}

const fn flag(name: &'static str) -> IpvsParameter {
    IpvsParameter { name, least: 0, most: 1 }
}

const fn number(name: &'static str, least: i64, most: i64) -> IpvsParameter {
    IpvsParameter { name, least, most }
}

/// `Documentation/networking/ipvs-sysctl.rst` of the kernel. [`SYNC_THRESHOLD`] is not a
/// number, nor is `est_cpulist`.
pub(crate) const IPVS_PARAMETERS: [IpvsParameter; 30] = [
    number("am_droprate", 1, i32::MAX as i64),
    number("amemthresh", 0, i32::MAX as i64),
    flag("backup_only"),
    flag("cache_bypass"),
    number("conn_lfactor", -8, 8),
    number("conn_max", 0, i32::MAX as i64),
    number("conn_reuse_mode", 0, 3),
    flag("conntrack"),
    number("drop_entry", 0, 3),
    number("drop_packet", 0, 3),
    number("est_nice", -20, 19),
    flag("expire_nodest_conn"),
    flag("expire_quiescent_template"),
    flag("ignore_tunneled"),
    flag("nat_icmp_send"),
    flag("pmtu_disc"),
    flag("run_estimation"),
    flag("schedule_icmp"),
    number("secure_tcp", 0, 3),
    flag("sloppy_sctp"),
    flag("sloppy_tcp"),
    flag("snat_reroute"),
    number("svc_lfactor", -8, 8),
    flag("sync_persist_mode"),
    number("sync_ports", 1, 64),
    number("sync_qlen_max", 0, i32::MAX as i64),
    number("sync_refresh_period", 0, i32::MAX as i64),
    number("sync_retries", 0, 3),
    number("sync_sock_size", 0, i32::MAX as i64),
    flag("sync_version"),
];

/// It has two values: the packet of a connection with which it is synchronized, and after how many
/// packets it is again.
pub(crate) const SYNC_THRESHOLD: &str = "sync_threshold";
