//! The kernel parameters of IPVS, `net.ipv4.vs`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::host::{IPVS_PARAMETERS, IpvsParameter, SYNC_THRESHOLD, Sysctl};

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
            let Some(known) = IPVS_PARAMETERS.iter().find(|it| it.name == key) else {
                return Err(A::Error::custom(unknown(&key)));
            };
            let value = map.next_value::<i64>()?;
            let IpvsParameter { name, least, most, .. } = *known;
            if !(least..=most).contains(&value) {
                return Err(A::Error::custom(format!("{name} = {value} is not {least} to {most}")));
            }
            parameters.insert(name, value.to_string());
        }
        Ok(Parameters(parameters))
    }
}

fn unknown(key: &str) -> String {
    let numbers = IPVS_PARAMETERS.iter().map(|it| it.name);
    let names: Vec<&str> = numbers.chain([SYNC_THRESHOLD]).collect();
    format!("{key:?} is not a parameter of net.ipv4.vs: {}", names.join(", "))
}

/// Every name with its range, for the test of the schema.
#[cfg(test)]
pub(super) fn ranges() -> impl Iterator<Item = (&'static str, i64, i64)> {
    IPVS_PARAMETERS.iter().map(|it| (it.name, it.least, it.most))
}
