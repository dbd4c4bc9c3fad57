//! Adds a service with two real servers and prints the table.
//!
//! Needs root: `cargo run --example add_service`.

#![allow(clippy::print_stdout)]

use std::net::Ipv4Addr;

use lvs::ipvs::{Client, Destination, Forwarding, Service, ServiceIdentity};
use lvs::netlink::Error;

fn main() -> Result<(), Error> {
    let web = ServiceIdentity::tcp(Ipv4Addr::new(127, 0, 0, 10), 80);
    let mut ipvs = Client::connect()?;
    ipvs.add_service(&Service::new(web, "rr"))?;
    for last in [2, 3] {
        let address = Ipv4Addr::new(127, 0, 0, last);
        ipvs.add_destination(&web, &Destination::new(address, 8080, Forwarding::Masquerade))?;
    }
    println!("IPVS {}", ipvs.info()?.version);
    for entry in ipvs.services()? {
        println!("{:?} {}", entry.service.identity, entry.service.scheduler);
        for destination in ipvs.destinations(&entry.service.identity)? {
            println!("  {:?}", destination.destination);
        }
    }
    Ok(())
}
