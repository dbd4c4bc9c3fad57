//! A line of `/proc/net/ip_vs_conn`: protocol, client, virtual and destination address each with a
//! port, state, seconds, and for templates of a persistence engine its name and data.

use lvs::ipvs::Protocol;

use super::endpoint::Endpoint;
use super::proc_text::{address, decimal, fields, port};

/// A connection as the kernel tells it. Texts are bytes: the data of an engine comes from packets.
pub(crate) struct Connection<'a> {
    pub(crate) protocol: &'a [u8],
    pub(crate) client: Endpoint,
    pub(crate) service: Endpoint,
    pub(crate) destination: Endpoint,
    pub(crate) state: &'a [u8],
    /// Until the kernel forgets it.
    pub(crate) seconds: u32,
    /// Name of the persistence engine and its data, up to the first blank.
    pub(crate) engine: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Connection<'a> {
    /// Reads a line; `None` where it does not have this shape.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = fields(line);
        let protocol = fields.next()?;
        // Other protocols (`IP` of a marked template, `AH`, `ESP`) have no named ports.
        let known = match protocol {
            b"TCP" => Some(Protocol::TCP),
            b"UDP" => Some(Protocol::UDP),
            b"SCTP" => Some(Protocol::SCTP),
            _ => None,
        };
        let mut endpoint = || {
            Some(Endpoint {
                address: address(fields.next()?)?,
                port: port(fields.next()?)?,
                protocol: known,
            })
        };
        Some(Self {
            protocol,
            client: endpoint()?,
            service: endpoint()?,
            destination: endpoint()?,
            state: fields.next()?,
            seconds: decimal(fields.next()?)?,
            engine: fields.next().zip(fields.next()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields() {
        let line = b"UDP C0000201 9D1A 2001:0db8:0000:0000:0000:0000:0000:0001 0050 198.51.100.1 \
            0050 ESTABLISHED     119 sip a\xff data";
        let connection = Connection::parse(line).unwrap();
        assert_eq!(connection.protocol, b"UDP");
        assert_eq!(connection.client.listed(None), "192.0.2.1:40218");
        assert_eq!(connection.client.protocol, Some(Protocol::UDP));
        assert_eq!(connection.service.listed(None), "[2001:db8::1]:80");
        assert_eq!(connection.destination.listed(None), "198.51.100.1:80");
        assert_eq!(connection.state, b"ESTABLISHED");
        assert_eq!(connection.seconds, 119);
        assert_eq!(connection.engine, Some((&b"sip"[..], &b"a\xff"[..])));
    }

    #[test]
    fn an_engine_without_data_is_none() {
        let line = b"IP 00000001 0 00000007 0 C6336401 0 NONE 5 sip";
        let template = Connection::parse(line).unwrap();
        assert_eq!(template.engine, None);
        assert_eq!(template.service.listed(None), "0.0.0.7:0");
        assert_eq!(template.service.protocol, None);
    }

    #[test]
    fn other_shapes_are_refused() {
        let good = "TCP C0000201 9D1A C0000201 0050 C6336401 0050 NONE 119";
        assert!(Connection::parse(good.as_bytes()).is_some());
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
            assert!(Connection::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line: Vec<u8>) {
            let connection = Connection::parse(&line);
            prop_assert!(connection.is_none_or(|connection| !connection.protocol.is_empty()));
        }

        #[test]
        fn every_ipv4_line_reads_back(client: u32, ports: [u16; 3], seconds: u32) {
            let [a, b, c] = ports;
            let line = format!("TCP {client:08X} {a:04X} C0000201 {b:04X} C6336401 {c:04X} NONE {seconds:7}");
            let connection = Connection::parse(line.as_bytes()).unwrap();
            prop_assert_eq!(connection.client.address, IpAddr::from(client.to_be_bytes()));
            prop_assert_eq!(connection.service.port, b);
            prop_assert_eq!(connection.destination.port, c);
            prop_assert_eq!(connection.seconds, seconds);
        }
    }
}
