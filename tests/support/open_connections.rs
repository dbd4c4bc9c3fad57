//! TCP connections that stay open, and a server for them.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::Host;

/// Far longer than an exchange takes, and shorter than a retransmission after a lost segment of an
/// established connection would be noticed by nobody.
const LIMIT: Duration = Duration::from_secs(4);

/// Makes a host answer each byte on port 80 with `name`, on any number of connections.
pub fn echo_on(host: &mut Host, name: u8) {
    host.serve_by(80, move |connection| {
        let mut connection = connection.try_clone().unwrap();
        thread::spawn(move || {
            let mut byte = [0];
            while connection.read_exact(&mut byte).is_ok() && connection.write_all(&[name]).is_ok()
            {
            }
        });
    });
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server of that name answers.
    Alive(u8),
    /// The client got a reset, or the end of the stream.
    Reset,
    /// Nobody answers: the client would wait until it gives up.
    Hangs,
}

/// Connections from one client, in the order in which they were opened.
pub struct OpenConnections(Vec<TcpStream>);

impl OpenConnections {
    /// Opens connections to port 80, and waits for an answer on each.
    pub fn open(client: &Host, address: &str, count: usize) -> Self {
        let server = SocketAddr::new(address.parse::<IpAddr>().unwrap(), 80);
        let opened = client.inside(|| {
            let open = |_| {
                let connection = TcpStream::connect_timeout(&server, LIMIT).unwrap();
                connection.set_read_timeout(Some(LIMIT)).unwrap();
                connection
            };
            (0..count).map(open).collect()
        });
        let mut opened = Self(opened);
        let fates = opened.fates();
        assert!(fates.iter().all(|fate| matches!(fate, Fate::Alive(_))), "{fates:?}");
        opened
    }

    /// Sends a byte on each, and waits for the answers.
    pub fn fates(&mut self) -> Vec<Fate> {
        for connection in &mut self.0 {
            // A connection that was reset refuses it.
            let _ = connection.write_all(b"?");
        }
        let fate = |connection: &mut TcpStream| {
            let mut byte = [0];
            match connection.read(&mut byte) {
                Ok(1) => Fate::Alive(byte[0]),
                Ok(_) => Fate::Reset,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Fate::Hangs,
                Err(_) => Fate::Reset,
            }
        };
        self.0.iter_mut().map(fate).collect()
    }

    /// The number of connections with that fate now.
    pub fn count(&mut self, fate: Fate) -> usize {
        self.fates().into_iter().filter(|it| *it == fate).count()
    }

    /// Closes those that the server of that name answers.
    pub fn close(&mut self, name: u8) {
        let mut fates = self.fates().into_iter();
        self.0.retain(|_| fates.next() != Some(Fate::Alive(name)));
    }
}
