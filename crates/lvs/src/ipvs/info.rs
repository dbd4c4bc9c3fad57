//! What the kernel says of IPVS itself.

use std::fmt;

use crate::netlink::proc_net;

/// Version of IPVS in the kernel, as `0x00MMmmpp` on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, major, minor, patch] = self.0.to_be_bytes();
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// The answer to `IPVS_CMD_GET_INFO`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Info {
    /// Version of IPVS.
    pub version: Version,
    /// Number of buckets of the connection table. Newer kernels say 0 until a service exists.
    pub table_size: u32,
}

/// Whether the kernel has IPVS already, told without loading it: it shows its table there since its
/// beginning, in every network namespace.
#[must_use]
pub fn is_loaded() -> bool {
    proc_net().join("ip_vs").exists()
}
