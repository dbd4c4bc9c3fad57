//! Timeouts of connections.

use serde::{Deserialize, Serialize};

/// How long the kernel keeps an idle connection, in seconds.
///
/// When they are set, 0 leaves a value as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timeouts {
    /// Established TCP connections.
    pub tcp: u32,
    /// TCP connections after a FIN.
    pub tcp_fin: u32,
    /// UDP.
    pub udp: u32,
}
