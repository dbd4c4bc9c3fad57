//! The connection table, `/proc/net/ip_vs_conn`, and the same with origins, `/proc/net/ip_vs_conn_sync`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;

use super::{Error, address, fields, parsed, port, protocol, read_line};
use crate::ipvs::Protocol;
use crate::netlink::proc_net;

/// The path for error texts; the file that is read is that of the thread.
const PATH: &str = "/proc/net/ip_vs_conn";

/// A connection or a persistence template: a line of `/proc/net/ip_vs_conn`.
///
/// Texts are bytes, because the data of a persistence engine comes from packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection<'a> {
    /// Protocol: `TCP`, `UDP`, `SCTP`, or `IP` for a template of a mark.
    pub protocol: &'a [u8],
    /// Address and port of the client; port 0 in a template.
    pub client: SocketAddr,
    /// Virtual address and port; in a template of a mark the mark as an IPv4 address.
    pub service: SocketAddr,
    /// Address and port of the real server.
    pub destination: SocketAddr,
    /// State, such as `ESTABLISHED`.
    pub state: &'a [u8],
    /// Seconds until the connection expires, unless a packet comes.
    pub seconds: u32,
    /// `LOCAL`, or `SYNC` if another director sent it; only in `/proc/net/ip_vs_conn_sync`.
    pub origin: Option<&'a [u8]>,
    /// Name of the persistence engine and its data, up to the first blank.
    pub engine: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Connection<'a> {
    /// Parses a line, with or without its newline. Fails with [`Error::EmptyLine`] or
    /// [`Error::UnexpectedLine`].
    pub fn parse(line: &'a [u8]) -> Result<Self, Error> {
        match Self::parse_line(line) {
            Some(connection) => Ok(connection),
            None if line.trim_ascii().is_empty() => Err(Error::EmptyLine { path: PATH }),
            None => Err(Error::UnexpectedLine { path: PATH }),
        }
    }

    fn parse_line(line: &'a [u8]) -> Option<Self> {
        let mut fields = fields(line);
        let protocol = fields.next()?;
        let mut endpoint =
            || Some(SocketAddr::new(address(fields.next()?)?, port(fields.next()?)?));
        let (client, service, destination) = (endpoint()?, endpoint()?, endpoint()?);
        let state = fields.next()?;
        let mut seconds = fields.next()?;
        let origin = [&b"LOCAL"[..], b"SYNC"].contains(&seconds).then_some(seconds);
        if origin.is_some() {
            seconds = fields.next()?;
        }
        Some(Self {
            protocol,
            client,
            service,
            destination,
            state,
            seconds: parsed(seconds)?,
            origin,
            engine: fields.next().zip(fields.next()),
        })
    }

    /// The number of a protocol with ports; `None` for `IP`, `AH` and `ESP`.
    #[must_use]
    pub const fn transport(&self) -> Option<Protocol> {
        protocol(self.protocol)
    }
}

/// Reads the connection table one line at a time, in constant memory.
///
/// Before Linux 6.14 the time grows with the square of the number of connections.
pub struct ConnectionTable<R = Box<dyn BufRead>> {
    input: R,
    line: Vec<u8>,
}

impl ConnectionTable {
    /// Opens the table of the calling thread's network namespace. Fails with [`Error::Open`], or as
    /// [`ConnectionTable::new`].
    pub fn open() -> Result<Self, Error> {
        Self::open_file("ip_vs_conn")
    }

    /// The same with the origin of each connection, and without the data of persistence engines.
    pub fn open_with_origins() -> Result<Self, Error> {
        Self::open_file("ip_vs_conn_sync")
    }

    fn open_file(name: &str) -> Result<Self, Error> {
        let file = File::open(proc_net().join(name))
            .map_err(|source| Error::Open { path: PATH, source })?;
        Self::new(Box::new(BufReader::new(file)))
    }

    /// A table without connections, for a kernel without IPVS.
    #[must_use]
    pub fn empty() -> Self {
        Self { input: Box::new(io::empty()), line: Vec::new() }
    }
}

impl<R: BufRead> ConnectionTable<R> {
    /// Reads the header of a table. Fails with [`Error::Read`], or with [`Error::UnexpectedLine`] if
    /// there is none.
    pub fn new(input: R) -> Result<Self, Error> {
        let mut table = Self { input, line: Vec::new() };
        match table.next_line()? {
            Some(_) => Ok(table),
            None => Err(Error::UnexpectedLine { path: PATH }),
        }
    }

    /// The next connection, in the kernel's order; `None` after the last. Fails with [`Error::Read`],
    /// or as [`Connection::parse`]; then the next line can still be read.
    #[allow(clippy::should_implement_trait)] // A connection borrows from the table.
    pub fn next(&mut self) -> Result<Option<Connection<'_>>, Error> {
        self.next_line()?.map(Connection::parse).transpose()
    }

    /// The next line, for [`Connection::parse`]; `None` after the last. Fails with [`Error::Read`].
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, Error> {
        match read_line(&mut self.input, &mut self.line) {
            Ok(true) => Ok(Some(&self.line)),
            Ok(false) => Ok(None),
            Err(source) => Err(Error::Read { path: PATH, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parse_reads_every_field() {
        let line = b"UDP C0000201 9D1A 2001:0db8:0000:0000:0000:0000:0000:0001 0050 198.51.100.1 \
            0050 ESTABLISHED     119 sip a\xff data";
        let connection = Connection::parse(line).unwrap();
        assert_eq!(connection.protocol, b"UDP");
        assert_eq!(connection.client.to_string(), "192.0.2.1:40218");
        assert_eq!(connection.transport(), Some(Protocol::UDP));
        assert_eq!(connection.service.to_string(), "[2001:db8::1]:80");
        assert_eq!(connection.destination.to_string(), "198.51.100.1:80");
        assert_eq!(connection.state, b"ESTABLISHED");
        assert_eq!(connection.seconds, 119);
        assert_eq!(connection.engine, Some((&b"sip"[..], &b"a\xff"[..])));
    }

    #[test]
    fn parse_reads_the_origin_of_a_connection() {
        let line = b"TCP C0000201 9D1A C0000264 0050 C6336401 0050 ESTABLISHED SYNC       899";
        let connection = Connection::parse(line).unwrap();
        assert_eq!((connection.origin, connection.seconds), (Some(&b"SYNC"[..]), 899));
        assert!(Connection::parse(&line[..line.len() - 11]).is_err());
    }

    #[test]
    fn parse_ignores_an_engine_without_data() {
        let line = b"IP 00000001 0 00000007 0 C6336401 0 NONE 5 sip";
        let template = Connection::parse(line).unwrap();
        assert_eq!(template.engine, None);
        assert_eq!(template.service.to_string(), "0.0.0.7:0");
        assert_eq!(template.transport(), None);
    }

    #[test]
    fn parse_refuses_other_shapes() {
        let good = "TCP C0000201 9D1A C0000201 0050 C6336401 0050 NONE 119";
        assert!(Connection::parse(good.as_bytes()).is_ok());
        for bad in [
            "",
            "  ",
            "TCP",
            "TCP C0000201 9D1A C0000201 0050 C6336401 0050 NONE",
            "TCP C0000201 9D1A C0000201 0050 C6336401 0050 NONE -1",
            "TCP C0000201 9D1A C0000201 0050 C6336401 0050 NONE 99999999999",
            "TCP zz 9D1A C0000201 0050 C6336401 0050 NONE 119",
            "TCP C00002011 9D1A C0000201 0050 C6336401 0050 NONE 119",
            "TCP C0000201 1FFFF C0000201 0050 C6336401 0050 NONE 119",
        ] {
            assert!(Connection::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn table_ends_with_an_error_where_the_kernel_writes_something_else() {
        let open = |text: &'static str| ConnectionTable::new(text.as_bytes());
        assert!(matches!(open(""), Err(Error::UnexpectedLine { path: PATH })));
        let mut table = open("title\nTCP 1 1 7 0 C6336401 50 EST 59\n\nTCP\n").unwrap();
        assert_eq!(table.next().unwrap().unwrap().seconds, 59);
        assert!(matches!(table.next(), Err(Error::EmptyLine { path: PATH })));
        assert!(matches!(table.next(), Err(Error::UnexpectedLine { path: PATH })));
        assert!(table.next().unwrap().is_none());
    }

    proptest! {
        #[test]
        fn parse_never_panics(line: Vec<u8>) {
            let connection = Connection::parse(&line);
            prop_assert!(connection.ok().is_none_or(|connection| !connection.protocol.is_empty()));
        }

        #[test]
        fn parse_reads_back_every_ipv4_line(client: u32, ports: [u16; 3], seconds: u32) {
            let [a, b, c] = ports;
            let line = format!("TCP {client:08X} {a:04X} C0000201 {b:04X} C6336401 {c:04X} NONE {seconds:7}");
            let connection = Connection::parse(line.as_bytes()).unwrap();
            prop_assert_eq!(connection.client.ip(), IpAddr::from(client.to_be_bytes()));
            prop_assert_eq!(connection.service.port(), b);
            prop_assert_eq!(connection.destination.port(), c);
            prop_assert_eq!(connection.seconds, seconds);
        }
    }
}
