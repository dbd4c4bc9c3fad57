//! Lines read and printed.

use std::net::{IpAddr, Ipv4Addr};

use super::fake_names::{FakeNames, HOSTS};
use super::option::{Legality, Row};
use super::rows::LANGUAGE;
use super::syntax::{Style, append_destination, append_identity, append_service, scheduler_flags};
use super::{Error, Names, NoNames, UsageError, parse, parse_line, words};
use crate::ipvs::{
    AddressFamily, Checksum, Destination, Forwarding, Netmask, Persistence, Protocol, Request,
    Service, ServiceFlags, ServiceIdentity, Tunnel,
};

fn identity_text(identity: &ServiceIdentity, names: Option<&dyn Names>) -> String {
    let mut text = String::new();
    append_identity(&mut text, identity, names);
    text
}

fn service_line(service: &Service, names: Option<&dyn Names>) -> String {
    let mut line = format!("-A {}", identity_text(&service.identity, names));
    append_service(&mut line, service, Style::Full);
    line
}

fn destination_line(service: &ServiceIdentity, destination: &Destination) -> String {
    let mut line = format!("-a {}", identity_text(service, None));
    append_destination(&mut line, service, destination, Style::Full, None);
    line
}

fn web() -> ServiceIdentity {
    ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80)
}

/// As the reference writes them.
#[test]
fn service_prints_as_the_reference_saves_it() {
    let mut service = Service::new(web(), "rr");
    assert_eq!(service_line(&service, None), "-A -t 192.0.2.1:80 -s rr");
    service.persistence =
        Some(Persistence::new(360, Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0))));
    assert_eq!(service_line(&service, None), "-A -t 192.0.2.1:80 -s rr -p 360 -M 255.255.255.0");

    let phone = ServiceIdentity::udp(Ipv4Addr::new(192, 0, 2, 1), 5060);
    let mut service = Service::new(phone, "rr");
    service.persistence_engine = Some("sip".to_owned());
    service.flags = ServiceFlags::ONE_PACKET;
    assert_eq!(service_line(&service, None), "-A -u 192.0.2.1:5060 -s rr --pe sip -o");

    let identity = ServiceIdentity::Mark { mark: 5, family: AddressFamily::Ipv6 };
    let mut service = Service::new(identity, "sh");
    service.flags = ServiceFlags::from_bits_retain(0x18);
    assert_eq!(service_line(&service, None), "-A -f 5 -6 -s sh -b sh-fallback,sh-port");

    let identity = ServiceIdentity::Address {
        protocol: Protocol::SCTP,
        address: "2001:db8::1".parse().unwrap(),
        port: 99,
    };
    let mut service = Service::new(identity, "wlc");
    service.persistence = Some(Persistence::new(30, Netmask::Ipv6(64)));
    assert_eq!(
        service_line(&service, None),
        "-A --sctp-service [2001:db8::1]:99 -s wlc -p 30 -M 64"
    );
}

/// The reference saves these so that it cannot read them.
#[test]
fn large_mark_and_third_flag_print_so_that_they_read_back() {
    let identity = ServiceIdentity::Mark { mark: 3_000_000_000, family: AddressFamily::Ipv4 };
    assert_eq!(service_line(&Service::new(identity, "none"), None), "-A -f 3000000000 -s none");
    let mut hashed = Service::new(web(), "sh");
    hashed.flags = ServiceFlags::from_bits_retain(0x20);
    assert_eq!(service_line(&hashed, None), "-A -t 192.0.2.1:80 -s sh -b flag-3");
}

#[test]
fn name_prints_where_it_reads_back() {
    let names = FakeNames(&[("vip.example", "192.0.2.1")]);
    let service = Service::new(web(), "rr");
    assert_eq!(service_line(&service, Some(&names)), "-A -t vip.example:http -s rr");
}

#[test]
fn destination_prints_as_the_reference_saves_it() {
    let server = |address: &str, port, forwarding| {
        Destination::new(address.parse::<IpAddr>().unwrap(), port, forwarding)
    };
    let masqueraded = server("198.51.100.4", 8080, Forwarding::Masquerade);
    assert_eq!(
        destination_line(&web(), &masqueraded),
        "-a -t 192.0.2.1:80 -r 198.51.100.4:8080 -m -w 1"
    );
    let mut limited = server("198.51.100.6", 80, Forwarding::DirectRouting);
    limited.upper_threshold = 100;
    limited.lower_threshold = 50;
    assert_eq!(
        destination_line(&web(), &limited),
        "-a -t 192.0.2.1:80 -r 198.51.100.6:80 -g -w 1 -x 100 -y 50"
    );
    let mark = ServiceIdentity::Mark { mark: 5, family: AddressFamily::Ipv4 };
    let local = server("2001:db8::5", 0, Forwarding::Local);
    assert_eq!(destination_line(&mark, &local), "-a -f 5 -r [2001:db8::5]:0 -g -w 1");
}

#[test]
fn tunnel_prints_type_port_and_checksum() {
    let line = |tunnel| {
        let address = Ipv4Addr::new(198, 51, 100, 7);
        let mut server = Destination::new(address, 80, Forwarding::Tunnel);
        server.tunnel = tunnel;
        destination_line(&web(), &server)
    };
    let gue = |checksum| Tunnel::Gue { port: 6080, checksum };
    let full = Checksum::Full;
    let cases = [
        (Tunnel::Ipip, "--tun-type ipip"),
        (gue(Checksum::None), "--tun-type gue --tun-port 6080 --tun-nocsum"),
        (gue(full), "--tun-type gue --tun-port 6080 --tun-csum"),
        (gue(Checksum::Remote), "--tun-type gue --tun-port 6080 --tun-remcsum"),
        (Tunnel::Gre { checksum: full }, "--tun-type gre --tun-csum"),
    ];
    for (tunnel, options) in cases {
        let expected = format!("-a -t 192.0.2.1:80 -r 198.51.100.7:80 -i -w 1 {options}");
        assert_eq!(line(tunnel), expected);
    }
}

/// An address and a port as a ruleset holds them.
fn saved(address: &str, port: u16, protocol: Protocol) -> String {
    let address = address.parse().unwrap();
    let identity = ServiceIdentity::Address { protocol, address, port };
    let text = identity_text(&identity, Some(&HOSTS));
    text.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn address_prints_as_inet_ntop_does() {
    let text = |address: &str| {
        identity_text(&ServiceIdentity::tcp(address.parse::<IpAddr>().unwrap(), 80), None)
    };
    assert_eq!(text("192.0.2.1"), "-t 192.0.2.1:80");
    assert_eq!(text("2001:db8:0:0:1:0:0:0"), "-t [2001:db8:0:0:1::]:80");
    assert_eq!(text("::1"), "-t [::1]:80");
    assert_eq!(text("::"), "-t [::]:80");
    assert_eq!(text("::ffff:192.0.2.1"), "-t [::ffff:192.0.2.1]:80");
    // As inet_ntop(3) in glibc 2.36 writes them.
    assert_eq!(text("::192.0.2.1"), "-t [::192.0.2.1]:80");
    assert_eq!(text("::1:0"), "-t [::0.1.0.0]:80");
}

#[test]
fn name_that_reads_as_something_else_is_not_printed() {
    let tcp = |address, port| saved(address, port, Protocol::TCP);
    assert_eq!(tcp("198.51.100.6", 80), "s.ex:http");
    assert_eq!(tcp("198.51.100.6", 0), "s.ex:0");
    assert_eq!(saved("192.0.2.9", 53, Protocol::UDP), "192.0.2.9:domain");
    assert_eq!(tcp("192.0.2.9", 53), "192.0.2.9:53");
    assert_eq!(tcp("198.51.100.5", 80), "198.51.100.5:80", "the reference would cut it");
    assert_eq!(tcp("2001:db8::6", 443), "[2001:db8::6]:https", "names are looked up as IPv4");
    assert_eq!(tcp("192.0.2.20", 80), "first.example:http");
    assert_eq!(tcp("192.0.2.21", 80), "192.0.2.21:http", "the name is another address first");
    assert_eq!(tcp("192.0.2.22", 80), "192.0.2.22:http");
    assert_eq!(tcp("192.0.2.23", 80), "192.0.2.23:http");
}

#[test]
fn port_behind_a_mark_has_no_name() {
    let mark = ServiceIdentity::Mark { mark: 5, family: AddressFamily::Ipv4 };
    let server = Destination::new(Ipv4Addr::new(198, 51, 100, 6), 80, Forwarding::Masquerade);
    let mut line = String::new();
    append_destination(&mut line, &mark, &server, Style::Full, Some(&HOSTS));
    assert_eq!(line, " -r s.ex:80 -m -w 1");
}

#[test]
fn scheduler_flags_have_the_names_of_their_scheduler() {
    let names = |scheduler: &str, flags| {
        let mut service = Service::new(web(), scheduler);
        service.flags = ServiceFlags::from_bits_retain(flags);
        scheduler_flags(&service).collect::<Vec<_>>().join(",")
    };
    assert_eq!(names("sh", 0x18), "sh-fallback,sh-port");
    assert_eq!(names("mh", 0x10), "mh-port");
    assert_eq!(names("wrr", 0x38), "flag-1,flag-2,flag-3");
    assert_eq!(names("shx", 0x08), "flag-1");
    assert_eq!(names("sh", 0x07), "");
    assert_eq!(names("sh", 0x20), "flag-3");
    assert_eq!(names("mh", 0x38), "mh-fallback,mh-port,flag-3");
}

#[test]
fn scheduler_flags_read_in_any_number_and_order() {
    let flags = |text: &str, scheduler: &str| {
        let line = format!("-A -f 1 -s {scheduler} -b {text}");
        match parse_line(&line, &NoNames)? {
            Some(Request::AddService(service)) => Ok(service.flags.bits()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(flags("flag-1,flag-2,flag-3", "rr"), Ok(8 | 16 | 32));
    assert_eq!(flags(",sh-port,,flag-3,", "sh"), Ok(16 | 32));
    assert_eq!(flags("mh-fallback,mh-port,mh-port", "mh"), Ok(8 | 16));
    assert_eq!(flags(",", "rr"), Ok(0));
    let message = |text: &str, scheduler| {
        let error: UsageError = flags(text, scheduler).unwrap_err();
        error.to_string()
    };
    assert_eq!(message("mh-port,x", "sh"), "incompatible scheduler flag `mh-port'");
    assert_eq!(message("x,mh-port", "sh"), "invalid scheduler flag `x'");
    assert_eq!(message("sh-port", "wlc"), "incompatible scheduler flag `sh-port'");
    assert_eq!(message(&["flag-1"; 21].join(","), "rr"), "invalid scheduler flag `f'");
}

#[test]
fn words_of_a_line_end_at_a_comment() {
    let words = |line| words(line).collect::<Vec<_>>();
    assert_eq!(words("-A\t-t  a:80 -s rr \r"), ["-A", "-t", "a:80", "-s", "rr"]);
    assert_eq!(words("ipvsadm -C"), ["-C"]);
    assert_eq!(words("-C ipvsadm"), ["-C"]);
    assert_eq!(words("/sbin/ipvsadm -C"), ["/sbin/ipvsadm", "-C"]);
    assert_eq!(words("-C # everything -L"), ["-C"]);
    assert_eq!(words("-C a#b"), ["-C", "a#b"]);
    assert!(words("  # comment").is_empty());
    assert!(words("ipvsadm").is_empty());
}

/// Every kind of request, as it prints.
#[test]
fn printed_request_reads_back() {
    let text = "\
-A -t 192.0.2.1:80 -s rr -p 360 -M 255.255.255.0
-E -f 3000000000 -6 -s sh -p 30 -M 64 --pe sip -o -b sh-fallback,sh-port,flag-3
-D --sctp-service [2001:db8::1]:99
-a -t 192.0.2.1:80 -r 198.51.100.4:8080 -m -w 1
-e -u 192.0.2.1:53 -r [2001:db8::2]:53 -i -w 0 --tun-type gue --tun-port 6080 --tun-remcsum -x 9 -y 8
-a -f 5 -r 198.51.100.4:0 -i -w 2147483647 --tun-type ipip
-d -t 192.0.2.1:80 -r 198.51.100.4:8080
-C
-Z
-Z -t 192.0.2.1:80
--set 900 0 300
--start-daemon master --mcast-interface eth0 --syncid 7 --sync-maxlen 1400 --mcast-group ff02::81 --mcast-port 8849 --mcast-ttl 2
--start-daemon backup --mcast-interface eth0 --syncid 0
--stop-daemon backup --syncid 3
-A -f 5 -6 -s=#y-cqum
-A -f 5 -s=ipvsadm --pe=#
--start-daemon backup --mcast-interface=#0 --syncid 0
";
    let requests = parse(text, &NoNames).unwrap();
    let lines: Vec<_> = requests.iter().map(|request| format!("{request}\n")).collect();
    assert_eq!(lines.concat(), text);
}

#[test]
fn error_has_the_number_of_its_line() {
    let error = parse("# first\n-C\n-A -q\n-C", &NoNames).unwrap_err();
    let source = UsageError::UnknownOption("-q".to_owned());
    assert_eq!(error, Error { line: 3, source });
    for line in ["-L", "-S", "-R", "-h", "-A -f 1 -n"] {
        assert!(parse_line(line, &NoNames).is_err(), "{line} changes nothing");
    }
}

#[test]
fn exit_code_is_255_where_the_option_library_complains() {
    let hint = UsageError::NoCommand { program: "ipvsadm".to_owned() };
    assert_eq!((hint.exit_code(), hint.is_option_error()), (255, false));
    let unknown = UsageError::UnknownOption("-q".to_owned());
    assert_eq!((unknown.exit_code(), unknown.is_option_error()), (255, true));
    let value = UsageError::Illegal("weight");
    assert_eq!((value.exit_code(), value.is_option_error()), (2, false));
}

#[test]
fn first_wrong_place_gives_the_error() {
    let legality = Legality { required: 0b1_0000, legal: 0b111_1000, exclusive: 0b110_0000 };
    let user = "add-service";
    let kind = "command";
    let check = |given| legality.check(given, &LANGUAGE, (kind, user));
    let missing = Err(UsageError::MissingOption { name: "persistent", user, kind });
    let illegal = Err(UsageError::IllegalOption { name: "service-address", user, kind });
    let (first, later) = ("netmask", "real-server");
    assert_eq!(check(0b001_1000), Ok(()));
    assert_eq!(check(0b000_1000), missing);
    assert_eq!(check(0b000_0100), illegal);
    assert_eq!(check(0b1000_0000), missing);
    assert_eq!(check(0b111_0000), Err(UsageError::Conflict { later, first, user, kind }));
}

/// The tables of the printer name options that the scanner knows by the same ids.
#[test]
fn printed_option_is_the_one_that_is_read() {
    use super::print::{CHECKSUMS, METHODS, PROTOCOLS};
    let printed = PROTOCOLS.iter().map(|row| (row.0, row.2));
    let printed = printed.chain(METHODS.iter().map(|row| (row.0, row.2)));
    for (id, spelling) in printed.chain(CHECKSUMS.iter().map(|row| (row.0, row.2))) {
        let row: Option<&Row> = match spelling.strip_prefix("--") {
            Some(long) => LANGUAGE.long(long),
            None => spelling.chars().nth(1).and_then(|short| LANGUAGE.short(short)),
        };
        assert_eq!(row.map(|row| row.id), Some(id), "{spelling}");
    }
}
