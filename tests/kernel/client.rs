//! Every method of the library's client, against the kernel.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lvs::ipvs::{
    AddressFamily, Checksum, Client, Daemon, DaemonState, Destination, Forwarding, Netmask,
    Persistence, Request, Service, ServiceFlags, ServiceIdentity, Timeouts, Tunnel,
};
use lvs::netlink::Socket;

use crate::support::Host;

fn client() -> Client<Socket> {
    Client::connect().unwrap()
}

/// The services in a fixed order.
fn configured(client: &mut Client<Socket>) -> Vec<Service> {
    let entries = client.services().unwrap().into_iter();
    let mut services: Vec<_> = entries.map(|entry| entry.service).collect();
    services.sort_by_key(|service| format!("{:?}", service.identity));
    services
}

#[test]
fn services_are_dumped_as_added_edited_and_deleted() {
    Host::with_addresses().inside(|| {
        let mut client = client();
        assert_eq!(client.info().unwrap().version.to_string(), "1.2.1");
        assert_eq!(client.services().unwrap(), []);

        let plain = Service::new(ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80), "rr");
        let persistent =
            Service::new(ServiceIdentity::tcp("2001:db8::1".parse::<Ipv6Addr>().unwrap(), 0), "sh")
                .with_flags(ServiceFlags::SCHEDULER_2)
                .with_persistence(Persistence::new(300, Netmask::Ipv6(64)));
        let mark = ServiceIdentity::Mark { mark: 3_000_000_000, family: AddressFamily::Ipv6 };
        let one_packet = Service::new(ServiceIdentity::udp(Ipv4Addr::new(192, 0, 2, 1), 53), "wlc")
            .with_flags(ServiceFlags::ONE_PACKET);
        let mut expected = vec![plain.clone(), persistent, Service::new(mark, "wlc"), one_packet];
        expected.sort_by_key(|service| format!("{:?}", service.identity));
        for service in &expected {
            client.add_service(service).unwrap();
        }
        assert_eq!(configured(&mut client), expected);

        let again = client.add_service(&plain).unwrap_err();
        assert_eq!(again.errno(), Some(libc::EEXIST));
        let unknown = Service::new(ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 81), "nosuch");
        assert_eq!(client.add_service(&unknown).unwrap_err().errno(), Some(libc::ENOENT));

        client.edit_service(&Service::new(plain.identity, "lc")).unwrap();
        assert_eq!(client.service(&plain.identity).unwrap().service.scheduler, "lc");
        client.delete_service(&plain.identity).unwrap();
        assert_eq!(client.service(&plain.identity).unwrap_err().errno(), Some(libc::ESRCH));
        client.flush().unwrap();
        assert_eq!(client.services().unwrap(), []);
    });
}

#[test]
fn destinations_are_dumped_as_added_edited_and_deleted() {
    Host::with_addresses().inside(|| {
        let mut client = client();
        let web = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80);
        client.add_service(&Service::new(web, "rr")).unwrap();
        let nat = Destination::new(Ipv4Addr::new(198, 51, 100, 2), 8080, Forwarding::Masquerade)
            .with_weight(7)
            .with_thresholds(100, 50);
        let gue = Destination::new(Ipv4Addr::new(198, 51, 100, 3), 80, Forwarding::Tunnel)
            .with_tunnel(Tunnel::Gue { port: 6080, checksum: Checksum::Remote });
        let mixed =
            Destination::new("2001:db8::4".parse::<IpAddr>().unwrap(), 80, Forwarding::Tunnel)
                .with_tunnel(Tunnel::Gre { checksum: Checksum::Full });
        let direct =
            Destination::new(Ipv4Addr::new(198, 51, 100, 5), 80, Forwarding::DirectRouting);
        let expected = vec![direct, mixed, gue.clone(), nat];
        for destination in expected.iter().rev() {
            client.add_destination(&web, destination).unwrap();
        }
        let found = |client: &mut Client<Socket>| -> Vec<Destination> {
            client.destinations(&web).unwrap().into_iter().map(|entry| entry.destination).collect()
        };
        // The kernel lists the newest first.
        assert_eq!(found(&mut client), expected);

        let drained = gue.clone().with_weight(0);
        client.edit_destination(&web, &drained).unwrap();
        assert!(found(&mut client).contains(&drained));
        client.delete_destination(&web, gue.address, gue.port).unwrap();
        assert_eq!(found(&mut client).len(), 3);
        let gone = client.delete_destination(&web, gue.address, gue.port).unwrap_err();
        assert_eq!(gone.errno(), Some(libc::ENOENT));
    });
}

#[test]
fn timeouts_and_daemons_are_dumped_as_set() {
    Host::with_addresses().inside(|| {
        let mut client = client();
        client.set_timeouts(&Timeouts::new(1000, 0, 77)).unwrap();
        assert_eq!(client.timeouts().unwrap(), Timeouts::new(1000, 120, 77));

        let master = Daemon::new(DaemonState::Master, "dummy0", 7)
            .with_maximum_length(1400)
            .with_group("ff02::99".parse::<IpAddr>().unwrap())
            .with_port(9999)
            .with_time_to_live(3);
        client.start_daemon(&master).unwrap();
        assert_eq!(client.daemons().unwrap(), std::slice::from_ref(&master));
        client.stop_daemon(DaemonState::Master, 7).unwrap();
        assert_eq!(client.daemons().unwrap(), []);

        // If it is stopped before its thread has run, the kernel never reports the outcome (`EINTR`).
        let mut again = master;
        again.group = None;
        client.start_daemon(&again).unwrap();
        client.stop_daemon(DaemonState::Master, 7).unwrap();
        let stopped = client.stop_daemon(DaemonState::Master, 7).unwrap_err();
        assert_eq!(stopped.errno(), Some(libc::ESRCH));
    });
}

#[test]
fn batch_reports_each_error_at_its_request() {
    Host::with_addresses().inside(|| {
        let mut client = client();
        let service = |index: u32| {
            let address = Ipv4Addr::from_bits(0x0a00_0000 + index);
            Service::new(ServiceIdentity::tcp(address, 80), "rr")
        };
        // Every third request repeats the one before it.
        let requests: Vec<_> = (0..3000)
            .map(|index| Request::AddService(service(index - u32::from(index % 3 == 2))))
            .collect();
        let results = client.execute_all(&requests).unwrap();
        assert_eq!(results.len(), requests.len());
        for (index, result) in results.iter().enumerate() {
            let errno = result.as_ref().err().and_then(lvs::netlink::Error::errno);
            assert_eq!(errno, (index % 3 == 2).then_some(libc::EEXIST), "request {index}");
        }
        assert_eq!(client.services().unwrap().len(), 2000);

        // All of them fail: no reply may be lost for lack of buffer space.
        let results = client.execute_all(&requests).unwrap();
        assert!(results.iter().all(|result| {
            result.as_ref().is_err_and(|error| error.errno() == Some(libc::EEXIST))
        }));
    });
}
