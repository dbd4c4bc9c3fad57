//! Values of the file that are written as a string, a number or a table.
//!
//! Not `try_from` of serde: its errors arise when toml has left the value already, and for an element
//! of an array they point to the whole array. Nor an untagged enum, which loses message and place.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};

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
