//! The IPVS table, by the dumps that `ipvsadm -L` makes, and a sample of its connections.

use crate::doctor::facts::{Destinations, HalfOpen, Table};
use lvs::ipvs::Client;
use lvs::netlink::{self, Socket};
use lvs::proc::ConnectionTable;
use lvs::table::Error;

/// The connection table may have millions of lines; a sample will do.
const CONNECTIONS_READ: usize = 10_000;
const HALF_OPEN_KEPT: usize = 256;

pub(super) fn read() -> Result<Table, Error> {
    let open = |source| Error::Open { source };
    let mut client = Socket::new().and_then(Client::new).map_err(open)?;
    dump(&mut client).map_err(|source| Error::List { source })
}

fn dump(client: &mut Client<Socket>) -> Result<Table, netlink::Error> {
    let connection_buckets = client.info()?.table_size;
    let (timeouts, daemons) = (client.timeouts()?, client.daemons()?);
    let mut services = Vec::new();
    for service in client.services()? {
        let destinations = client.destinations(&service.service.identity)?;
        services.push(Destinations { service, destinations });
    }
    Ok(Table { connection_buckets, timeouts, daemons, services, half_open: half_open() })
}

/// A line that cannot be read ends the sample.
fn half_open() -> Vec<HalfOpen> {
    let mut found = Vec::new();
    let Ok(mut connections) = ConnectionTable::open() else {
        return found;
    };
    for _ in 0..CONNECTIONS_READ {
        let Ok(Some(connection)) = connections.next() else {
            break;
        };
        if connection.state == b"SYN_RECV" && found.len() < HALF_OPEN_KEPT {
            found.push(HalfOpen {
                client: connection.client.ip(),
                service: connection.service,
                destination: connection.destination,
            });
        }
    }
    found
}
