//! Names of network interfaces.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name in bytes, without its end (`IFNAMSIZ` is 16, `linux/if.h`).
const LONGEST: usize = 15;

/// A name that the kernel would give to an interface: 1 to 15 bytes, not `.` or `..`, without
/// slash, colon or white space. So it is one component of a path, and never leads out of it.
///
/// # Examples
///
/// ```
/// use programs::host::InterfaceName;
///
/// assert!("eth0.100".parse::<InterfaceName>().is_ok());
/// assert!("../../kernel".parse::<InterfaceName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceName(String);

/// A name that no interface can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot be the name of an interface: 1 to {LONGEST} bytes, no slash, colon or white space"
)]
pub struct InvalidInterfaceName(String);

impl InterfaceName {
    /// `tunl0`, the interface of the module `ipip` that takes packets from any tunnel's end.
    #[must_use]
    pub fn tunl0() -> Self {
        Self("tunl0".to_owned())
    }

    /// `ip6tnl0`, the same of the module `ip6_tunnel`.
    #[must_use]
    pub fn ip6tnl0() -> Self {
        Self("ip6tnl0".to_owned())
    }

    /// `lo`, the loopback.
    #[must_use]
    pub fn loopback() -> Self {
        Self("lo".to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rule is that of the kernel's `dev_valid_name` (`net/core/dev.c`), whose white space is that
/// of Latin-1: the no-break space, 0xa0, too.
fn is_valid(name: &str) -> bool {
    let forbidden = |byte| matches!(byte, b'/' | b':' | b' ' | b'\t'..=b'\r' | 0xa0 | 0);
    (1..=LONGEST).contains(&name.len())
        && !matches!(name, "." | "..")
        && !name.bytes().any(forbidden)
}

impl TryFrom<String> for InterfaceName {
    type Error = InvalidInterfaceName;

    fn try_from(name: String) -> Result<Self, InvalidInterfaceName> {
        if is_valid(&name) { Ok(Self(name)) } else { Err(InvalidInterfaceName(name)) }
    }
}

impl FromStr for InterfaceName {
    type Err = InvalidInterfaceName;

    fn from_str(name: &str) -> Result<Self, InvalidInterfaceName> {
        name.to_owned().try_into()
    }
}

impl From<InterfaceName> for String {
    fn from(name: InterfaceName) -> Self {
        name.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_the_kernel_takes() {
        for name in ["lo", "tunl0", "eth0.100", "a..b", "...", "fifteen-bytes-x", "ö"] {
            assert!(name.parse::<InterfaceName>().is_ok(), "{name}");
        }
    }

    #[test]
    fn refuses_what_the_kernel_refuses() {
        let bad = ["", ".", "..", "a/b", "../x", "eth0:1", "a b", "a\tb", "a\nb", "a\0b"];
        for name in bad.into_iter().chain(["sixteen-bytes-xx", "\u{e0}"]) {
            assert!(name.parse::<InterfaceName>().is_err(), "{name:?}");
        }
    }
}
