//! The kernel parameters of IPVS, `net.ipv4.vs`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::host::Sysctl;

/// A parameter and the values that the kernel accepts.
struct Parameter {
    name: &'static str,
    least: i64,
    most: i64,
}

const fn flag(name: &'static str) -> Parameter {
    Parameter { name, least: 0, most: 1 }
}

const fn number(name: &'static str, least: i64, most: i64) -> Parameter {
    Parameter { name, least, most }
}

/// `Documentation/networking/ipvs-sysctl.rst` of the kernel. `sync_threshold` has two values, and
/// `est_cpulist` a list of processors: neither is a number.
const PARAMETERS: [Parameter; 30] = [
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

/// `[director.parameters]`: names as the kernel's, and their values as the kernel shows them.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters(BTreeMap<&'static str, String>);

impl Parameters {
    pub(super) fn sysctls(&self) -> Vec<(Sysctl, String)> {
        self.0.iter().map(|(name, value)| (Sysctl::of_ipvs(name), value.clone())).collect()
    }
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Parameters;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of parameters of net.ipv4.vs, such as expire_nodest_conn = 1")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parameters, A::Error> {
        let mut parameters = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == SYNC_THRESHOLD {
                let [threshold, period] = map.next_value::<[u32; 2]>()?;
                // `proc_do_sync_threshold` of the kernel refuses other values.
                if period != 0 && threshold >= period || period > i32::MAX as u32 {
                    return Err(A::Error::custom(format!(
                        "sync_threshold = [{threshold}, {period}]: the first packet must be \
                         smaller than the period, as in [3, 50]"
                    )));
                }
                parameters.insert(SYNC_THRESHOLD, format!("{threshold}\t{period}"));
                continue;
            }
            let Some(known) = PARAMETERS.iter().find(|it| it.name == key) else {
                return Err(A::Error::custom(unknown(&key)));
            };
            let value = map.next_value::<i64>()?;
            let Parameter { name, least, most } = *known;
            if !(least..=most).contains(&value) {
                return Err(A::Error::custom(format!("{name} = {value} is not {least} to {most}")));
            }
            parameters.insert(name, value.to_string());
        }
        Ok(Parameters(parameters))
    }
}

const SYNC_THRESHOLD: &str = "sync_threshold";

fn unknown(key: &str) -> String {
    let names: Vec<&str> = PARAMETERS.iter().map(|it| it.name).chain([SYNC_THRESHOLD]).collect();
    format!("{key:?} is not a parameter of net.ipv4.vs: {}", names.join(", "))
}

/// Every name with its range, for the test of the schema.
#[cfg(test)]
pub(super) fn ranges() -> impl Iterator<Item = (&'static str, i64, i64)> {
    PARAMETERS.iter().map(|it| (it.name, it.least, it.most))
}
