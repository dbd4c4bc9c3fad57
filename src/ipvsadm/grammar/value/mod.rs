//! How values are written on a command line.

mod address;
mod integer;
mod netmask;
mod scheduler_flags;
mod text;

pub(super) use address::{address_and_port, multicast_group, network};
pub(super) use integer::integer;
pub(super) use netmask::netmask;
pub(super) use scheduler_flags::scheduler_flags;
pub(super) use text::cut;
