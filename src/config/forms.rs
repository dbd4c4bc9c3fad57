//! Values of the file that are written as a string, a number or a table, and the table of the kernel
//! parameters of IPVS.
//!
//! Not `try_from` of serde: its errors arise when toml has left the value already, and for an element
//! of an array they point to the whole array. Nor an untagged enum, which loses message and place.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};

use crate::host::{IPVS_PARAMETERS, IpvsParameter, SYNC_THRESHOLD, Sysctl};

/// Implements `Deserialize` by one of the functions of this file.
macro_rules! deserialize_by {
    ($read:ident: $($type:ty),+) => {$(
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::config::forms::$read(deserializer)
            }
        }
    )+};
}
pub(super) use deserialize_by;

pub(super) fn string<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_str(Scalar { numbers: false, value: PhantomData })
}

/// For values that can also be written as a number.
pub(super) fn string_or_number<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(Scalar { numbers: true, value: PhantomData })
}

struct Scalar<T> {
    numbers: bool,
    value: PhantomData<T>,
}

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Scalar<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.numbers { "a number or a string" } else { "a string" })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        match self.numbers {
            true => self.visit_str(&number.to_string()),
            false => Err(E::invalid_type(Unexpected::Signed(number), &self)),
        }
    }
}

/// A value with a short form, a string or number that `FromStr` reads, and a long one, a table.
pub(super) trait ShortOrTable: FromStr<Err = String> {
    type Table: for<'de> Deserialize<'de>;
    /// What the error about another type says is expected.
    const EXPECTED: &'static str;

    fn from_table(table: Self::Table) -> Result<Self, String>;
}

pub(super) fn short_or_table<'de, T: ShortOrTable, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(Forms(PhantomData))
}

struct Forms<T>(PhantomData<T>);

impl<'de, T: ShortOrTable> Visitor<'de> for Forms<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        let table = T::Table::deserialize(MapAccessDeserializer::new(map))?;
        T::from_table(table).map_err(A::Error::custom)
    }
}

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
        deserializer.deserialize_map(ParameterTable)
    }
}

struct ParameterTable;

impl<'de> Visitor<'de> for ParameterTable {
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
