//! The connection through which the network is changed.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BufMut;
use rtnetlink::sys::{AsyncSocket, Socket, SocketAddr, TokioSocket};
use rtnetlink::{Error as Failed, Handle};
use tokio::runtime::{Builder, Runtime};

use super::Error;
use super::state::describe;
use crate::trace;

/// netlink-proto never answers a request whose reply was lost in a full buffer.
const SECONDS: u64 = 10;

/// A connection of rtnetlink, driven while a change waits for its acknowledgement.
pub(super) struct Changes {
    runtime: Runtime,
    handle: Handle,
}

impl Changes {
    pub(super) fn open() -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
        let entered = runtime.enter();
        let (connection, handle, _) =
            rtnetlink::new_connection_with_socket::<TracedSocket>().map_err(Error::Start)?;
        drop(entered);
        runtime.spawn(connection);
        Ok(Self { runtime, handle })
    }

    /// Sends the request that `change` makes, and waits until the kernel made the change.
    pub(super) fn make<F>(
        &self,
        what: String,
        change: impl FnOnce(&Handle) -> F,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<(), Failed>>,
    {
        let limit = Duration::from_secs(SECONDS);
        let answer = async { tokio::time::timeout(limit, change(&self.handle)).await };
        match self.runtime.block_on(answer) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Failed::NetlinkError(message))) => {
                Err(Error::Refused { what, errno: -message.raw_code() })
            }
            Ok(Err(other)) => Err(Error::Garbled { what, reason: other.to_string() }),
            Err(_) => Err(Error::TimedOut { what, seconds: SECONDS }),
        }
    }
}

/// A socket of rtnetlink that traces every datagram.
struct TracedSocket(TokioSocket);

impl AsyncSocket for TracedSocket {
    fn socket_ref(&self) -> &Socket {
        self.0.socket_ref()
    }

    fn socket_mut(&mut self) -> &mut Socket {
        self.0.socket_mut()
    }

    fn new(protocol: isize) -> io::Result<Self> {
        TokioSocket::new(protocol).map(Self)
    }

    fn poll_send(&self, context: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = ready!(self.0.poll_send(context, datagram));
        trace::sent(datagram, describe);
        Poll::Ready(outcome)
    }

    fn poll_send_to(
        &self,
        context: &mut Context<'_>,
        datagram: &[u8],
        to: &SocketAddr,
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(self.0.poll_send_to(context, datagram, to));
        trace::sent(datagram, describe);
        Poll::Ready(outcome)
    }

    fn poll_recv<B: BufMut>(
        &self,
        context: &mut Context<'_>,
        buffer: &mut B,
    ) -> Poll<io::Result<()>> {
        self.poll_recv_from(context, buffer).map_ok(|_| ())
    }

    fn poll_recv_from<B: BufMut>(
        &self,
        context: &mut Context<'_>,
        buffer: &mut B,
    ) -> Poll<io::Result<SocketAddr>> {
        // A `BufMut` cannot be read back.
        let (datagram, from) = ready!(self.poll_recv_from_full(context))?;
        buffer.put_slice(&datagram);
        Poll::Ready(Ok(from))
    }

    fn poll_recv_from_full(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Vec<u8>, SocketAddr)>> {
        let datagram = ready!(self.0.poll_recv_from_full(context))?;
        trace::received(&datagram.0, describe);
        Poll::Ready(Ok(datagram))
    }
}
