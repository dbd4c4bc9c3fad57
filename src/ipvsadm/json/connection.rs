//! A connection, or a template of persistence.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use lvs::proc;
use serde::Serialize;

/// Texts that are no UTF-8 have U+FFFD in place of what is not.
#[derive(Serialize)]
pub(super) struct Connection<'a> {
    protocol: String,
    state: Cow<'a, str>,
    /// Seconds.
    expires: u32,
    client: Endpoint,
    r#virtual: Endpoint,
    destination: Endpoint,
    persistence_engine: Option<Cow<'a, str>>,
    engine_data: Option<Cow<'a, str>>,
}

/// How many connections have something in common.
#[derive(Serialize)]
pub(super) struct Count<'a> {
    pub(super) key: &'a str,
    pub(super) connections: u64,
}

#[derive(Serialize)]
struct Endpoint {
    address: IpAddr,
    port: u16,
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { address: address.ip(), port: address.port() }
    }
}

impl<'a> From<&proc::Connection<'a>> for Connection<'a> {
    fn from(connection: &proc::Connection<'a>) -> Self {
        let (engine, data) = connection.engine.unzip();
        Self {
            // As services spell it.
            protocol: String::from_utf8_lossy(connection.protocol).to_lowercase(),
            state: String::from_utf8_lossy(connection.state),
            expires: connection.seconds,
            client: connection.client.into(),
            r#virtual: connection.service.into(),
            destination: connection.destination.into(),
            persistence_engine: engine.map(String::from_utf8_lossy),
            engine_data: data.map(String::from_utf8_lossy),
        }
    }
}
