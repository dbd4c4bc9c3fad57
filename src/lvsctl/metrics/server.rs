//! A small HTTP server: one page, one request at a time, and a limit for everything.
//!
//! A scrape comes every few seconds from one or two places, so that nothing is gained from serving
//! several at once; and a client that is slow loses its connection.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::text::Format;
use crate::lvsctl::Error;

/// The longest request, in bytes.
const LONGEST: usize = 8 << 10;

const MOST_HEADERS: usize = 64;

/// How long a client may take for its request, and for each part of the reply.
const PATIENCE: Duration = Duration::from_secs(3);

/// After a failure to accept, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Page(Format),
    Index,
    Nothing,
    OtherMethod,
}

pub(super) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process ends.
    pub(super) fn serve(
        &self,
        page: impl Fn(Format, &mut dyn Write) -> Result<(), Error>,
    ) -> Result<Infallible, Error> {
        loop {
            match self.listener.accept() {
                // A client that goes away is its own loss.
                Ok((connection, _)) => drop(answer(connection, &page)),
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }
}

fn answer(
    mut connection: TcpStream,
    page: impl Fn(Format, &mut dyn Write) -> Result<(), Error>,
) -> io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let Some((wanted, with_body)) = request(&mut connection)? else {
        return reply(&mut connection, "400 Bad Request", "text/plain", b"bad request\n", true);
    };
    let mut body = Vec::new();
    let (status, kind) = match wanted {
        Wanted::Page(format) => match page(format, &mut body) {
            Ok(()) => ("200 OK", format.content_type()),
            Err(error) => {
                body = format!("{error}\n").into_bytes();
                ("500 Internal Server Error", "text/plain; charset=utf-8")
            }
        },
        Wanted::Index => {
            body.extend_from_slice(b"<a href=\"/metrics\">Metrics of IPVS</a>\n");
            ("200 OK", "text/html; charset=utf-8")
        }
        Wanted::Nothing => {
            body.extend_from_slice(b"see /metrics\n");
            ("404 Not Found", "text/plain")
        }
        Wanted::OtherMethod => ("405 Method Not Allowed\r\nAllow: GET, HEAD", "text/plain"),
    };
    reply(&mut connection, status, kind, &body, with_body)
}

fn reply(
    connection: &mut TcpStream,
    status: &str,
    kind: &str,
    body: &[u8],
    with_body: bool,
) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    connection.write_all(head.as_bytes())?;
    if with_body {
        connection.write_all(body)?;
    }
    connection.flush()
}

/// Reads a request, and returns what it asks for and whether the reply has a body; `None` if it is
/// malformed or too long.
fn request(connection: &mut TcpStream) -> io::Result<Option<(Wanted, bool)>> {
    let started = Instant::now();
    let (mut text, mut part) = (Vec::new(), [0; 1024]);
    while text.len() < LONGEST && started.elapsed() < PATIENCE {
        let count = connection.read(&mut part)?;
        text.extend_from_slice(part.get(..count).unwrap_or_default());
        match parsed(&text) {
            Err(_) => return Ok(None),
            Ok(Some(request)) => return Ok(Some(request)),
            Ok(None) if count == 0 => return Ok(None),
            Ok(None) => {}
        }
    }
    Ok(None)
}

/// `None` for a request that is not complete.
fn parsed(text: &[u8]) -> Result<Option<(Wanted, bool)>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    if request.parse(text)?.is_partial() {
        return Ok(None);
    }
    let path = request.path.unwrap_or_default().split('?').next();
    let open_metrics = request.headers.iter().any(|header| {
        let value = String::from_utf8_lossy(header.value);
        header.name.eq_ignore_ascii_case("accept") && value.contains("application/openmetrics-text")
    });
    let format = if open_metrics { Format::OpenMetrics } else { Format::Prometheus };
    Ok(Some(match (request.method, path) {
        (Some("GET"), Some("/metrics")) => (Wanted::Page(format), true),
        (Some("HEAD"), Some("/metrics")) => (Wanted::Page(format), false),
        (Some("GET"), Some("/")) => (Wanted::Index, true),
        (Some("GET"), _) => (Wanted::Nothing, true),
        _ => (Wanted::OtherMethod, true),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        let wanted = |text: &str| parsed(text.as_bytes()).ok().flatten();
        let page = |format| Some((Wanted::Page(format), true));
        assert_eq!(wanted("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), page(Format::Prometheus));
        assert_eq!(wanted("GET /metrics?x=1 HTTP/1.0\r\n\r\n"), page(Format::Prometheus));
        let accept = "GET /metrics HTTP/1.1\r\naccept: application/openmetrics-text;version=1.0.0\
                      ,text/plain;q=0.5\r\n\r\n";
        assert_eq!(wanted(accept), page(Format::OpenMetrics));
        assert_eq!(wanted("GET / HTTP/1.1\r\n\r\n"), Some((Wanted::Index, true)));
        assert_eq!(wanted("GET /etc/passwd HTTP/1.1\r\n\r\n"), Some((Wanted::Nothing, true)));
        assert_eq!(wanted("POST /metrics HTTP/1.1\r\n\r\n"), Some((Wanted::OtherMethod, true)));
        assert_eq!(wanted("GET /metrics HTTP/1.1\r\nHost"), None, "not complete");
        assert!(parsed(b"\x16\x03\x01 TLS\r\n\r\n").is_err());
    }
}
