//! The one seam between this crate and a kernel, so that a test can play the kernel.

use std::io;

/// Carries datagrams to a kernel and back.
///
/// [`super::Socket`] is the real one. An error of kind [`io::ErrorKind::WouldBlock`] from
/// [`Transport::receive`] means that the time limit passed; `ENOBUFS` means that replies were lost.
pub trait Transport {
    /// Sends one datagram, which may hold any number of messages.
    ///
    /// # Errors
    ///
    /// Whatever the socket says.
    fn send(&mut self, datagram: &[u8]) -> io::Result<()>;

    /// Receives one datagram into `buffer` and gives its length, which is larger than the buffer
    /// where the datagram did not fit.
    ///
    /// # Errors
    ///
    /// Whatever the socket says.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
}
