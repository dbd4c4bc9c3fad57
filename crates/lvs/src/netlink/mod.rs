//! Bytes to and from the kernel over netlink. Knows nothing of IPVS.
//!
//! [`Socket`] carries datagrams; a `Connection` makes a conversation of them: one request and its
//! acknowledgement or answer, a whole listing, or many requests in few datagrams. A family's
//! payloads are plain types with the traits of `netlink-packet-generic`.

mod batch;
mod connection;
mod error;
mod extended_ack;
#[doc(hidden)]
pub mod fake_kernel;
mod family;
mod incoming;
mod namespace;
mod outgoing;
mod socket;
#[cfg(test)]
mod tests;
mod transport;

// Their traits are those of a dependency that is not stable yet.
#[doc(hidden)]
pub use connection::Connection;
pub use error::{Error, ErrorKind};
pub(crate) use incoming::{Content, Incoming, Messages};
pub use namespace::{Namespace, NamespaceError, proc_net};
#[doc(hidden)]
pub use outgoing::Payload;
pub use socket::Socket;
pub use transport::Transport;
