//! The file as it is written: keys, defaults, and values that are checked as they are read.

mod director;
mod duration;
mod listen;
mod number_or_text;
mod persistence;
mod real;
mod service;
mod text;
mod text_or_table;
mod value;

use crate::policy::Mode;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::error::Mistake;
use super::{Error, check};

pub(super) use director::{Director, RealServerSettings};
pub use listen::Listen;
pub(crate) use listen::endpoint;
pub(super) use persistence::Persistence;
pub(super) use real::Real;
pub(super) use service::ServiceTable;
pub(super) use value::{Name, Unicast};
pub(crate) use value::{port, scheduler, unicast};

/// A file of a hundred thousand services is half as long.
const LONGEST: u64 = 64 << 20;

/// A cluster file, read and checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Cluster {
    #[serde(default)]
    pub(super) name: Name,
    pub(super) mode: Option<Mode>,
    #[serde(default)]
    pub(super) directors: Vec<Spanned<Unicast>>,
    #[serde(default)]
    pub(super) director: Director,
    #[serde(default)]
    pub(super) real_server: RealServerSettings,
    #[serde(default, rename = "service")]
    pub(super) services: Vec<ServiceTable>,
}

impl Cluster {
    /// Reads a file and checks it as a whole.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, is not TOML, has a key or value that is not known, or speaks of a
    /// set-up that cannot work: the first mistake, with its line and column.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let file = File::open(path);
        Self::read(file.map_err(|source| Error::Read { path: path.to_owned(), source })?, path)
    }

    /// The same of a file that is open.
    ///
    /// # Errors
    ///
    /// As [`Cluster::load`].
    pub fn read(file: impl Read, path: &Path) -> Result<Self, Error> {
        let read = |source| Error::Read { path: path.to_owned(), source };
        let mut text = String::new();
        let length = file.take(LONGEST + 1).read_to_string(&mut text).map_err(read)?;
        if length as u64 > LONGEST {
            let reason = format!("it is longer than {LONGEST} bytes");
            return Err(read(io::Error::new(io::ErrorKind::FileTooLarge, reason)));
        }
        Self::parse(&text).map_err(|mistake| mistake.in_file(path, &text))
    }

    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let cluster: Self = toml::from_str(text).map_err(|error| Mistake {
            message: error.message().to_owned(),
            span: error.span().unwrap_or_default(),
        })?;
        check::whole(&cluster)?;
        Ok(cluster)
    }

    /// The name by which the journal keeps apart what several files ask of one machine.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name.0
    }
}
