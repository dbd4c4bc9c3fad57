//! Bytes to and from the kernel over netlink. Knows nothing of IPVS.
//!
//! [`Socket`] carries datagrams; a `Connection` makes a conversation of them: one request and its
//! acknowledgement or answer, a whole listing, or many requests in few datagrams. A family's
//! payloads are plain types with the traits of `netlink-packet-generic`.

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
pub use connection::Connection;
pub use error::{Error, ErrorKind};
#[doc(hidden)]
pub use message::Payload;
pub(crate) use message::{Content, Incoming, Messages};
pub use namespace::{Namespace, NamespaceError, proc_net};
pub use socket::{Socket, Transport};
