//! Netlink, independent of IPVS: datagrams to and from the kernel, network namespaces, and the errors
//! of an exchange.
//!
//! [`Socket`] is the real [`Transport`]; a test or a trace can put another in its place.

mod connection;
mod error;
#[doc(hidden)]
pub mod fake_kernel;
mod family;
mod message;
mod namespace;
mod socket;
#[cfg(test)]
mod tests;

// Their traits are those of a dependency that is not stable yet.
#[doc(hidden)]
pub use connection::{Connection, Dump};
pub use error::{Error, ErrorKind, reason};
#[doc(hidden)]
pub use message::{Content, Incoming, Messages, Payload, Reply};
pub use namespace::{Namespace, NamespaceError, proc_net};
pub use socket::{Socket, Transport};
