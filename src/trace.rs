//! Traces what is sent to and received from the kernel, for `LVS_LOG` and `lvsctl --verbose`.
//!
//! Off by default. Each event becomes one line on standard error.

use std::env;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;

use lvs::netlink::{Error, Socket, Transport};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber, span};

/// The target of netlink messages.
const NETLINK: &str = "netlink";

/// Bytes of a line at most.
const LONGEST_LINE: usize = 1024;

/// Starts tracing as the environment variable `LVS_LOG` says: `debug` traces what is sent and
/// written, `trace` also what is received. Empty, `0` and `off` trace nothing, any other value is
/// `debug`.
pub(crate) fn from_environment() {
    match env::var_os("LVS_LOG").as_ref().map(|value| value.to_str()) {
        None | Some(Some("" | "0" | "off")) => {}
        Some(Some("trace")) => start(LevelFilter::TRACE),
        _ => start(LevelFilter::DEBUG),
    }
}

/// Starts tracing for the rest of the process; the first call decides.
#[cold]
pub(crate) fn start(level: LevelFilter) {
    // A descriptor of its own: `main` holds the lock of standard error while other threads trace.
    if let Ok(output) = io::stderr().as_fd().try_clone_to_owned() {
        let _ = tracing::subscriber::set_global_default(Log { level, output: output.into() });
    }
}

/// Writes events as lines `TARGET: MESSAGE`.
struct Log {
    level: LevelFilter,
    output: File,
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{}:", event.metadata().target()));
        event.record(&mut line);
        line.0.push('\n');
        // Tracing must not fail what it traces.
        let _ = (&self.output).write_all(line.0.as_bytes());
    }

    // There are no spans.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        self.0.push(' ');
        // Names and texts of the kernel must not control the terminal.
        for char in format!("{value:?}").chars() {
            let _ = match char.is_control() {
                true => write!(self.0, "{}", char.escape_default()),
                false => self.0.write_char(char),
            };
        }
    }
}

/// A generic netlink transport that traces every datagram.
#[derive(Debug)]
pub(crate) struct Traced<T> {
    transport: T,
    describe: fn(&[u8]) -> Vec<String>,
}

/// Opens a traced socket for IPVS.
pub(crate) fn socket() -> Result<Traced<Socket>, Error> {
    Ok(Traced { transport: Socket::new()?, describe: ipvs })
}

/// Opens a traced socket for another family, whose messages are shown as bytes.
pub(crate) fn socket_of_other_family() -> Result<Traced<Socket>, Error> {
    Ok(Traced { transport: Socket::new()?, describe: hex })
}

/// Opens a traced socket for route netlink, whose datagrams `describe` makes lines of.
pub(crate) fn route_socket(describe: fn(&[u8]) -> Vec<String>) -> Result<Traced<Socket>, Error> {
    Ok(Traced { transport: Socket::route()?, describe })
}

impl<T: Transport> Transport for Traced<T> {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        sent(datagram, self.describe);
        self.transport.send(datagram)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.transport.receive(buffer)?;
        received(buffer.get(..length).unwrap_or(buffer), self.describe);
        Ok(length)
    }
}

pub(crate) fn sent(datagram: &[u8], describe: fn(&[u8]) -> Vec<String>) {
    if tracing::enabled!(target: NETLINK, Level::DEBUG) {
        for line in describe(datagram) {
            tracing::debug!(target: NETLINK, "send {line}");
        }
    }
}

pub(crate) fn received(datagram: &[u8], describe: fn(&[u8]) -> Vec<String>) {
    if tracing::enabled!(target: NETLINK, Level::TRACE) {
        for line in describe(datagram) {
            tracing::trace!(target: NETLINK, "recv {line}");
        }
    }
}

fn ipvs(datagram: &[u8]) -> Vec<String> {
    lvs::ipvs::describe(datagram).collect()
}

fn hex(datagram: &[u8]) -> Vec<String> {
    let shown = datagram.iter().take(LONGEST_LINE / 2);
    let hex: String = shown.map(|byte| format!("{byte:02x}")).collect();
    vec![format!("{} bytes: {hex}", datagram.len())]
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use lvs::ipvs::{Client, Service, ServiceIdentity};
    use lvs::netlink::fake_kernel::{FakeKernel, Seen, outcome};

    /// What is traced while `run` runs.
    fn traced(level: LevelFilter, run: impl FnOnce()) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        let output = file.reopen().unwrap();
        tracing::subscriber::with_default(Log { level, output }, run);
        std::fs::read_to_string(file.path()).unwrap()
    }

    fn add_existing_service() {
        let transport = FakeKernel::new(|seen: &[Seen]| {
            let last = seen[seen.len() - 1].sequence();
            vec![Ok([outcome(seen[0].sequence(), libc::EEXIST), outcome(last, 0)].concat())]
        });
        let mut client = Client::new(Traced { transport, describe: ipvs }).unwrap();
        let service = Service::new(ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80), "rr");
        client.add_service(&service).unwrap_err();
    }

    #[test]
    fn level_trace_shows_the_request_and_its_errno() {
        let text = traced(LevelFilter::TRACE, add_existing_service);
        assert!(
            text.starts_with("netlink: send seq 1 request,ack: CTRL GETFAMILY \"IPVS\"\n"),
            "{text}"
        );
        assert!(text.contains("netlink: send seq 2 request: NEW_SERVICE {"), "{text}");
        assert!(text.contains("netlink: recv seq 2 flags 0x0: ERROR File exists\n"), "{text}");
    }

    #[test]
    fn level_debug_shows_requests_only() {
        let text = traced(LevelFilter::DEBUG, add_existing_service);
        assert!(text.contains("NEW_SERVICE") && !text.contains("recv"), "{text}");
    }

    #[test]
    fn control_characters_are_escaped() {
        let text = traced(LevelFilter::DEBUG, || tracing::debug!(target: "t", "a\u{1b}[2Jb\n"));
        assert_eq!(text, "t: a\\u{1b}[2Jb\\n\n");
    }
}
