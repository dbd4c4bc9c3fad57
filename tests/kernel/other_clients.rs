//! Tables that another netlink client made, with what no command line of `ipvsadm` makes.

use std::net::Ipv4Addr;

use lvs::ipvs::{
    AddressFamily, Checksum, Client, Destination, Forwarding, Netmask, Persistence, Protocol,
    Request, Service, ServiceFlags, ServiceIdentity, Tunnel,
};

use crate::support::Host;

const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn tcp(port: u16) -> Service {
    Service::new(ServiceIdentity::tcp(VIP, port), "rr")
}

fn server(last: u8, port: u16, forwarding: Forwarding) -> Destination {
    Destination::new(Ipv4Addr::new(198, 51, 100, last), port, forwarding)
}

fn make(host: &Host, requests: &[Request]) {
    host.inside(|| {
        for (request, result) in
            requests.iter().zip(Client::connect().unwrap().execute_all(requests).unwrap())
        {
            assert!(result.is_ok(), "{request:?}: {result:?}");
        }
    });
}

/// The services and destinations of the kernel, without counters.
fn table(host: &Host) -> Vec<String> {
    host.inside(|| {
        let mut client = Client::connect().unwrap();
        let mut table: Vec<String> = Vec::new();
        for entry in client.services().unwrap() {
            table.push(format!("{:?}", entry.service));
            let destinations = client.bare_destinations(&entry.service.identity).unwrap();
            table.extend(
                destinations.iter().map(|it| format!("{:?} {it:?}", entry.service.identity)),
            );
        }
        table.sort();
        table
    })
}

fn persistent(service: Service, seconds: u32) -> Service {
    service.with_persistence(Persistence::new(seconds, Netmask::host(AddressFamily::Ipv4)))
}

#[test]
fn table_that_no_command_line_makes_is_saved_and_restored() {
    let host = Host::with_addresses();
    let one_packet = tcp(80).with_flags(ServiceFlags::ONE_PACKET | ServiceFlags::SCHEDULER_3);
    let gre = server(2, 80, Forwarding::Tunnel)
        .with_tunnel(Tunnel::Gre { checksum: Checksum::Remote })
        .with_weight(70_000);
    let mut requests: Vec<Request> = [
        one_packet.clone(),
        tcp(0),
        persistent(tcp(81), 0),
        persistent(tcp(82), 32 * 24 * 3600),
        persistent(tcp(83), 40_000_000),
    ]
    .map(Request::AddService)
    .into();
    requests.push(Request::AddDestination { service: one_packet.identity, destination: gre });
    make(&host, &requests);

    let (before, rules) = (table(&host), host.ipvsadm("-S -n").success());
    host.ipvsadm("-C").success();
    host.restore(&rules).success();
    assert_eq!(table(&host), before, "{rules}");
    host.shell(&format!("printf '%s' '{rules}' | {} -R --replace", crate::support::IPVSADM))
        .success();
    assert_eq!(table(&host), before, "{rules}");
}

#[test]
fn entry_without_a_command_is_named_and_the_rest_is_saved() {
    let host = Host::with_addresses();
    let of_protocol = |number, port| {
        let identity =
            ServiceIdentity::Address { protocol: Protocol(number), address: VIP.into(), port };
        Request::AddService(Service::new(identity, "rr"))
    };
    let web = tcp(80);
    let add = |destination| Request::AddDestination { service: web.identity, destination };
    make(
        &host,
        &[
            of_protocol(50, 0),
            of_protocol(136, 9),
            Request::AddService(web.clone()),
            Request::AddService(tcp(81).with_flags(ServiceFlags::from_bits_retain(0x40))),
            add(server(2, 80, Forwarding::Masquerade)),
            add(server(3, 80, Forwarding::Other(5))),
            add(server(4, 80, Forwarding::Tunnel).with_tunnel(Tunnel::Other(9))),
            add(server(5, 8080, Forwarding::DirectRouting)),
        ],
    );
    let saved = host.ipvsadm("-S -n");
    assert_eq!(saved.status, 1, "{saved:?}");
    let mut rules: Vec<_> = saved.output.lines().collect();
    rules.sort_unstable();
    assert_eq!(
        rules,
        [
            "-A -t 192.0.2.1:80 -s rr",
            "-A -t 192.0.2.1:81 -s rr",
            "-a -t 192.0.2.1:80 -r 198.51.100.2:80 -m -w 1",
            "-a -t 192.0.2.1:80 -r 198.51.100.5:8080 -g -w 1",
        ]
    );
    let mut named: Vec<_> = saved.errors.lines().collect();
    named.sort_unstable();
    assert_eq!(
        named,
        [
            "not saved as it is: destination 198.51.100.5:8080 of tcp 192.0.2.1:80: -R gives it port 80, \
             that of its service",
            "not saved as it is: service tcp 192.0.2.1:81: no option sets the flags 0x40",
            "not saved: destination 198.51.100.3:80 of tcp 192.0.2.1:80: no option sets forwarding \
             method 5",
            "not saved: destination 198.51.100.4:80 of tcp 192.0.2.1:80: no option names tunnel type 9",
            "not saved: service protocol 136 192.0.2.1:9: no option names protocol 136",
            "not saved: service protocol 50 192.0.2.1:0: no option names protocol 50",
        ]
    );
    host.ipvsadm("-C").success();
    host.restore(&saved.output).success();
    assert_eq!(host.ipvsadm("-S -n").success().lines().count(), 4);
}

#[test]
fn rule_with_an_unknown_option_does_not_stop_the_others() {
    let host = Host::with_addresses();
    let restored = host.restore(
        "-A -t 192.0.2.1:80 -s rr\n-A --xxx-service 192.0.2.1:0 -s rr\n-A -t 192.0.2.1:81 -s rr\n",
    );
    assert_eq!(restored.visible(), (255, "", "line 2: --xxx-service: unknown option"));
    let saved = host.ipvsadm("-S -n").success();
    assert_eq!(saved, "-A -t 192.0.2.1:80 -s rr\n-A -t 192.0.2.1:81 -s rr\n");
}

#[test]
fn restore_reads_the_file_that_is_its_argument() {
    let host = Host::with_addresses();
    host.ipvsadm("-A -t 192.0.2.1:80 -s rr").success();
    let (restore, state) = (format!("{}-restore", crate::support::IPVSADM), host.state_directory());
    let state = state.display();
    host.shell(&format!("mkdir -p {state}; echo '-A -f 7 -s rr' >{state}/rules")).success();
    let missing = host.shell(&format!("{restore} {state}/none </dev/null"));
    assert_eq!(missing.status, 1, "{missing:?}");
    assert_eq!(host.ipvsadm("-S -n").success(), "-A -t 192.0.2.1:80 -s rr\n");
    host.shell(&format!("{restore} {state}/rules </dev/null")).success();
    assert_eq!(host.ipvsadm("-S -n").success(), "-A -f 7 -s rr\n");
}

#[test]
fn unknown_state_of_connections_is_an_error() {
    let host = Host::with_addresses();
    let outcome = host.ipvsadm("-L -c --state ESTABLISHD --explain");
    assert_eq!((outcome.status, outcome.output.as_str()), (2, ""));
    assert!(outcome.errors.starts_with("unknown connection state `ESTABLISHD', known are NONE"));
    assert!(outcome.errors.ends_with("\nDid you mean ESTABLISHED?\n"), "{outcome:?}");
    host.ipvsadm("-L -c --state established").success();
    host.ipvsadm("-L -c --state C-SENT").success();
}
