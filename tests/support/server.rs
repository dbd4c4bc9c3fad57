//! A server within the test process: starting a process for every answer takes most of a test's time.

use std::io::Read;
use std::net::{IpAddr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Answers one connection after the other, until it is dropped.
pub struct Server {
    listener: TcpListener,
    worker: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a port of every address in the network namespace of this thread.
    pub fn new(port: u16, answer: impl Fn(&mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).unwrap();
        let accepting = listener.try_clone().unwrap();
        let worker = thread::spawn(move || {
            for connection in accepting.incoming() {
                let Ok(mut connection) = connection else { return };
                answer(&mut connection);
            }
        });
        Self { listener, worker: Some(worker) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A listener that is shut down accepts no more; std has `shutdown` for streams only.
        let socket = OwnedFd::from(self.listener.try_clone().unwrap());
        let _ = TcpStream::from(socket).shutdown(Shutdown::Both);
        let _ = self.worker.take().unwrap().join();
    }
}

/// The answer of a server within the limit, or `nobody`.
pub fn ask(address: &str, port: u16, limit: Duration) -> String {
    let server = SocketAddr::new(address.parse::<IpAddr>().unwrap(), port);
    let mut answer = String::new();
    let heard = TcpStream::connect_timeout(&server, limit).and_then(|mut connection| {
        connection.set_read_timeout(Some(limit))?;
        connection.read_to_string(&mut answer)
    });
    if heard.is_err() { "nobody".to_owned() } else { answer.trim().to_owned() }
}
