//! Whole lines: what good ones mean, and what is said about bad ones. The expected error texts were
//! seen of ipvsadm 1.31.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{UsageError, network, parse, parse_restore_line};
use crate::ipvsadm::names::fake::VIP_EXAMPLE;
use crate::ipvsadm::{Choice, Command, CountBy, Format, Listing, Manner, Network, Place, Subject};
use lvs::ipvs::{
    AddressFamily, Checksum, Daemon, DaemonState, Destination, Forwarding, Netmask, Persistence,
    Protocol, Request, Service, ServiceFlags, ServiceIdentity, Timeouts, Tunnel,
};
use lvs::netlink::Namespace;

/// The elements of a line; two blanks have an empty element between them.
pub(super) fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

const WEB: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const REAL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// The command of a line, which the scanner alone reads the same.
#[track_caller]
fn command(line: &str) -> Command {
    let read = parse("ipvsadm", &words(line), &VIP_EXAMPLE, false);
    let restored = parse_restore_line("ipvsadm", &words(line), &VIP_EXAMPLE, false);
    let (read, _) = read.unwrap();
    if read != Command::Restore {
        assert_eq!(Ok(&read), restored.as_ref(), "{line:?}");
    }
    read
}

#[track_caller]
fn request(line: &str) -> Request {
    match command(line) {
        Command::Change(request) => request,
        other => panic!("{line:?} is {other:?}"),
    }
}

#[track_caller]
fn service(line: &str) -> Service {
    match request(line) {
        Request::AddService(service) | Request::EditService(service) => service,
        other => panic!("{line:?} is {other:?}"),
    }
}

#[track_caller]
fn destination(line: &str) -> Destination {
    match request(line) {
        Request::AddDestination { destination: it, .. }
        | Request::EditDestination { destination: it, .. } => it,
        other => panic!("{line:?} is {other:?}"),
    }
}

#[track_caller]
fn listing(line: &str) -> Listing {
    match command(line) {
        Command::List(listing) => listing,
        other => panic!("{line:?} is {other:?}"),
    }
}

fn mark(mark: u32, family: AddressFamily) -> ServiceIdentity {
    ServiceIdentity::Mark { mark, family }
}

#[test]
fn service_without_options_has_defaults() {
    let web = Service::new(ServiceIdentity::tcp(WEB, 80), "wlc");
    for line in [
        "-A -t 192.0.2.1:80",
        "-At192.0.2.1:80",
        "--add-service --tcp-service=192.0.2.1:80 --sort --sort",
        "-A -t 192.0.2.1:http -s  --pe  -b ,",
    ] {
        assert_eq!(request(line), Request::AddService(web.clone()), "{line:?}");
    }
    let ipv6 = service("-E --sctp-service [2001:db8::80]:80 -s rr");
    assert_eq!(ipv6.identity.protocol(), Protocol::SCTP);
    assert_eq!(ipv6.persistence, None);
}

#[test]
fn service_with_every_option_has_every_attribute() {
    let line = "-A -u 192.0.2.1:80 -s mh -p60 -M 255.255.255.0 -o --pe sip -b mh-port,flag-3";
    assert_eq!(
        service(line),
        Service::new(ServiceIdentity::udp(WEB, 80), "mh")
            .with_flags(ServiceFlags::from_bits_retain(0x04 | 0x10 | 0x20))
            .with_persistence(Persistence::new(60, Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0))))
            .with_persistence_engine("sip")
    );
}

#[test]
fn persistence_without_value_is_360_seconds() {
    let timeout = |line| service(line).persistence.unwrap().timeout;
    assert_eq!(timeout("-A -p -f 1"), 360);
    assert_eq!(timeout("-A -f 1 -p"), 360);
    assert_eq!(timeout("-Ap 50 -f 1"), 50);
    assert_eq!(timeout("-A -f 1 --persistent=2678400"), 2_678_400);
    assert_eq!(service("-A -t 192.0.2.1 -p").identity.port(), 0);
}

#[test]
fn long_names_are_cut_to_what_the_kernel_keeps() {
    let long = service("-A -f 1 -s abcdefghijklmnopq --pe abcdefghijklmnopq");
    assert_eq!(long.scheduler, "abcdefghijklmno");
    assert_eq!(long.persistence_engine.as_deref(), Some("abcdefghijklmnop"));
}

#[test]
fn netmask_is_read_for_the_family_that_is_known_before_it() {
    let mask = |line: &str| service(&format!("{line} -p")).persistence.unwrap().netmask;
    assert_eq!(mask("-A -f 1 -M 64"), Netmask::Ipv4(Ipv4Addr::new(0, 0, 0, 64)));
    assert_eq!(mask("-A -M 64 -f 1"), Netmask::Ipv4(Ipv4Addr::new(0, 0, 0, 64)));
    assert_eq!(mask("-A -f 1 -6 -M 64"), Netmask::Ipv6(64));
    assert_eq!(mask("-A -f 1 -6 -M 64 -6"), Netmask::Ipv6(128));
    assert_eq!(mask("-A -f 1 -M 255.255.255.0 -6"), Netmask::Ipv6(128));
    assert_eq!(mask("-A -M 64 -t [::1]:80"), Netmask::Ipv6(128));
}

#[test]
fn mark_of_a_restore_may_be_negative() {
    let identity = |line| service(line).identity;
    assert_eq!(identity("-A -f 4294967295"), mark(u32::MAX, AddressFamily::Ipv4));
    assert_eq!(identity("-A -f 7 -6"), mark(7, AddressFamily::Ipv6));
    let restored = parse_restore_line("ipvsadm", &words("-D -f -1294967296"), &VIP_EXAMPLE, false);
    assert_eq!(
        restored,
        Ok(Command::Change(Request::DeleteService(mark(3_000_000_000, AddressFamily::Ipv4))))
    );
}

#[test]
fn destination_without_options_has_defaults() {
    assert_eq!(
        request("-a -t 192.0.2.1:80 -r 198.51.100.2"),
        Request::AddDestination {
            service: ServiceIdentity::tcp(WEB, 80),
            destination: Destination::new(REAL, 80, Forwarding::DirectRouting)
        }
    );
    let full = destination("-e -f 1 -r 198.51.100.2 -mw5 -x 9 -y 7");
    assert_eq!(full.forwarding, Forwarding::Masquerade);
    assert_eq!((full.weight, full.upper_threshold, full.lower_threshold), (5, 9, 7));
}

#[test]
fn port_of_a_destination_depends_on_the_method() {
    let port = |line| destination(line).port;
    assert_eq!(port("-a -t 192.0.2.1:80 -r 198.51.100.2:8080 -m"), 8080);
    assert_eq!(port("-a -t 192.0.2.1:80 -r 198.51.100.2:8080 -g"), 80);
    assert_eq!(port("-a -t 192.0.2.1:80 -r 198.51.100.2:8080 -i"), 80);
    assert_eq!(port("-a -t 192.0.2.1:81 -r 198.51.100.2 -m"), 81);
    assert_eq!(port("-a -r 198.51.100.2 -t 192.0.2.1:81 -m"), 0);
    assert_eq!(port("-a -r 198.51.100.2 -t 192.0.2.1:81"), 81);
    assert_eq!(port("-a -f 1 -r 198.51.100.2:http -g"), 80);
    assert_eq!(port("-a -f 1 -r 198.51.100.2"), 0);
    assert_eq!(
        request("-d -t 192.0.2.1:80 -r 198.51.100.2:8080"),
        Request::DeleteDestination {
            service: ServiceIdentity::tcp(WEB, 80),
            address: REAL.into(),
            port: 8080
        }
    );
}

#[test]
fn tunnel_options_give_the_encapsulation() {
    let tunnel = |options: &str| {
        destination(&format!("-a -t 192.0.2.1:80 -r 2001:db8::2 -i{options}")).tunnel
    };
    assert_eq!(tunnel(""), Tunnel::Ipip);
    assert_eq!(
        tunnel(" --tun-type gue --tun-port 6080 --tun-remcsum"),
        Tunnel::Gue { port: 6080, checksum: Checksum::Remote }
    );
    assert_eq!(tunnel(" --tun-csum --tun-type=gre"), Tunnel::Gre { checksum: Checksum::Full });
}

#[test]
fn daemon_options_give_the_daemon() {
    let plain = Daemon::new(DaemonState::Backup, "eth0", 0);
    assert_eq!(request("--start-daemon backup --mcast-interface="), Request::StartDaemon(plain));
    let line = "--start-daemon=master --mcast-interface abcdefghijklmnopq --syncid 5 \
                --mcast-group ff02::81 --mcast-port 8849 --mcast-ttl 2 --sync-maxlen 1400";
    assert_eq!(
        request(line),
        Request::StartDaemon(
            Daemon::new(DaemonState::Master, "abcdefghijklmno", 5)
                .with_maximum_length(1400)
                .with_group(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x81))
                .with_port(8849)
                .with_time_to_live(2)
        )
    );
    assert_eq!(
        request("--stop-daemon backup --syncid 3"),
        Request::StopDaemon { state: DaemonState::Backup, sync_id: 3 }
    );
}

#[test]
fn command_without_options_is_a_request() {
    assert_eq!(request("-C"), Request::Flush);
    assert_eq!(request("-Z"), Request::Zero(None));
    assert_eq!(request("-Z -t 0.0.0.0"), Request::Zero(None));
    assert_eq!(request("-Z -u ::"), Request::Zero(None));
    assert_eq!(
        request("-Z -t 0.0.0.0:80"),
        Request::Zero(Some(ServiceIdentity::tcp(Ipv4Addr::UNSPECIFIED, 80)))
    );
    let timeouts = Timeouts::new(1, 0, 3);
    for line in ["--set 1 0 3", "1 --set 0 3", "1 0 3 --set", "--set -- 1 0 3"] {
        assert_eq!(request(line), Request::SetTimeouts(timeouts), "{line:?}");
    }
    assert_eq!(command("-S"), Command::Save { numeric: false });
    assert_eq!(command("-S -n"), Command::Save { numeric: true });
    assert_eq!(command("-R --"), Command::Restore);
}

#[test]
fn help_and_version_ignore_what_follows() {
    for line in ["-h", "--help", "-hq", "-h -Q foo", "foo -h", "-h -v"] {
        assert_eq!(command(line), Command::Help, "{line:?}");
    }
    assert_eq!(command("-v -q"), Command::Version);
}

#[test]
fn listing_has_what_its_options_say() {
    let everything = Listing {
        subject: Subject::Table,
        format: Format::Default,
        numeric: false,
        exact: false,
        sorted: true,
        json: false,
    };
    let nothing = (Command::List(everything.clone()), Manner::default());
    assert_eq!(parse("ipvsadm", &[], &VIP_EXAMPLE, false), Ok(nothing));
    assert_eq!(listing("-l --syncid 5"), everything);
    assert_eq!(
        listing("-LnX --nosort --sort --rate --thresholds"),
        Listing {
            subject: Subject::Table,
            format: Format::Rate,
            numeric: true,
            exact: true,
            sorted: false,
            json: false,
        }
    );
    let format = |line| listing(line).format;
    assert_eq!(format("-L --rate --stats"), Format::Stats);
    assert_eq!(format("-L --tun-info --persistent-conn"), Format::PersistentConnections);
    assert_eq!(format("-L --tun-info"), Format::TunnelInfo);
    assert_eq!(format("-L --thresholds --tun-info"), Format::Thresholds);

    let subject = |line| listing(line).subject;
    let connections = |engine_data, choice| Subject::Connections { engine_data, choice };
    assert_eq!(subject("-Lnc --persistent-conn"), connections(true, Choice::default()));
    assert_eq!(subject("-Lc"), connections(false, Choice::default()));
    assert_eq!(subject("-L --timeout -n"), Subject::Timeouts);
    assert_eq!(subject("-L --daemon --tun-info"), Subject::Daemons);
    assert_eq!(
        subject("-L -t 0.0.0.0"),
        Subject::Service(ServiceIdentity::tcp(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0))
    );
}

#[test]
fn option_that_the_reference_lacks_is_read() {
    let everything = listing("-L");
    assert_eq!(listing("-L --json"), Listing { json: true, ..everything });
    let choice = |line: &str| match listing(line).subject {
        Subject::Connections { choice, .. } => choice,
        other => panic!("{other:?}"),
    };
    assert_eq!(choice("-Lc --json"), Choice::default());
    let (one, two) = ("192.0.2.0".parse().unwrap(), "2001:db8::2".parse().unwrap());
    assert_eq!(
        choice("-Lnc --client 192.0.2.0/24 --vip [2001:db8::2]:80 --real 192.0.2.0 --state none"),
        Choice {
            client: Some(Network { address: one, prefix: 24 }),
            service: Some(Place { address: two, port: Some(80) }),
            destination: Some(Place { address: one, port: None }),
            state: Some("none".to_owned()),
            count_by: None,
            origin: false,
        }
    );
    assert!(choice("-Lnc --origin").origin);
    for by in CountBy::ALL {
        let line = format!("-Lc --count-by {}", by.name());
        assert_eq!(choice(&line).count_by, Some(by));
    }

    let manner = |line: &str| parse("ipvsadm", &words(line), &VIP_EXAMPLE, false).unwrap().1;
    assert_eq!(manner("-L --json"), Manner::default());
    let all = Manner {
        namespace: Some(Namespace::Named("blue".to_owned())),
        no_load: true,
        explain: true,
    };
    assert_eq!(manner("-S -n --netns=blue --no-load --explain"), all);
    for command in [
        "-A -f 1",
        "-E -f 1",
        "-D -f 1",
        "-C",
        "-L",
        "-a -f 1 -r 192.0.2.1",
        "-d -f 1 -r 192.0.2.1",
        "-e -f 1 -r 192.0.2.1",
        "--set 1 2 3",
        "--start-daemon master",
        "--stop-daemon master",
        "-R",
        "-S",
        "-Z",
    ] {
        let manner = manner(&format!("{command} --explain --netns 1"));
        assert_eq!((manner.namespace, manner.explain), (Some(Namespace::Process(1)), true));
    }
}

#[test]
fn client_is_an_address_or_a_network() {
    let network = |text| {
        let Network { address, prefix } = network(text, &VIP_EXAMPLE)?;
        Some(format!("{address}/{prefix}"))
    };
    assert_eq!(network("192.0.2.0/24").as_deref(), Some("192.0.2.0/24"));
    assert_eq!(network("10/8").as_deref(), Some("0.0.0.10/8"), "as everywhere");
    assert_eq!(network("192.0.2.1").as_deref(), Some("192.0.2.1/32"));
    assert_eq!(network("::/0").as_deref(), Some("::/0"));
    assert_eq!(network("2001:db8::1").as_deref(), Some("2001:db8::1/128"));
    for wrong in ["", "/8", "192.0.2.0/33", "192.0.2.0/", "::/129", "192.0.2.0/-1", "no.name"] {
        assert_eq!(network(wrong), None, "{wrong}");
    }
}

const HINT: &str = "Try `/sbin/ipvsadm -h' or '/sbin/ipvsadm --help' for more information.";

fn refused<T: std::fmt::Debug>(result: Result<T, UsageError>) -> (String, u8) {
    let error = result.unwrap_err();
    (error.to_string(), error.exit_code())
}

#[track_caller]
fn assert_refused(line: &str, text: &str, exit_code: u8) {
    let result = parse("/sbin/ipvsadm", &words(line), &VIP_EXAMPLE, false);
    assert_eq!(
        result.map_err(|error| (error.to_string(), error.exit_code())),
        Err((text.to_owned(), exit_code)),
        "{line:?}"
    );
}

#[test]
fn line_whose_first_option_is_no_command_gets_the_hint() {
    for line in [
        "",
        "foo",
        "--",
        "-- -L",
        "-n -L",
        "-nL",
        "-q",
        "-?",
        "--usage",
        "--lis",
        "--list=foo",
        "-L=1",
        "--set=1",
        "--start-daemon",
        "-h=1",
        "--help=1",
        "-6 -L",
        "-- -h",
    ] {
        assert_refused(line, HINT, 255);
    }
}

#[test]
fn option_error_names_the_element() {
    for (line, text) in [
        ("-Lq", "-Lq: unknown option"),
        ("-L -nq", "-nq: unknown option"),
        ("-L --numer", "--numer: unknown option"),
        ("-L --NUMERIC", "--NUMERIC: unknown option"),
        ("-L ---n", "---n: unknown option"),
        ("-L --=x", "--=x: unknown option"),
        ("-L -I 5", "-I: unknown option"),
        ("-A -p -5", "-5: unknown option"),
        ("--set -1 2 3", "-1: unknown option"),
        ("-L -t", "-t: missing argument"),
        ("-Lt", "-Lt: missing argument"),
        ("-A --syncid", "--syncid: missing argument"),
        ("-L --stats=3", "--stats=3: option does not take an argument"),
        ("-L -n=1", "-n=1: option does not take an argument"),
        ("-L -n=", "-n=: option does not take an argument"),
    ] {
        assert_refused(line, text, 255);
    }
}

#[test]
fn second_command_is_named_by_the_element_read_last() {
    for (line, text) in [
        ("-L -C", "invalid option `-C'"),
        ("-LL", "invalid option `-LL'"),
        ("-l -L", "invalid option `-L'"),
        ("-L --help", "invalid option `--help'"),
        ("-L foo -v", "invalid option `-v'"),
        ("--start-daemon master --stop-daemon master", "invalid option `master'"),
        ("-L --start-daemon=x", "invalid option `--start-daemon=x'"),
    ] {
        assert_refused(line, text, 2);
    }
}

#[test]
fn repeated_option_is_refused_before_its_value() {
    let service = "multiple 'service-address' options specified";
    for (line, text) in [
        ("-L -n -n", "multiple 'numeric' options specified"),
        ("-Lnn", "multiple 'numeric' options specified"),
        ("-A -t 192.0.2.1:80 --tcp-service=", service),
        ("-A -f 1 --sctp-service 192.0.2.1:80", service),
        ("-a -m -g", "multiple 'forwarding-method' options specified"),
        ("-a -mmw", "multiple 'forwarding-method' options specified"),
    ] {
        assert_refused(line, text, 2);
    }
}

#[test]
fn wrong_value_names_its_option() {
    let address = "illegal virtual server address[:port] specified";
    for (line, text) in [
        ("-L -w foo", "illegal weight specified"),
        ("-a -w 2147483648", "illegal weight specified"),
        ("-a -w -1", "illegal weight specified"),
        ("-a -w==5", "illegal weight specified"),
        ("-a -x -1", "illegal u_threshold specified"),
        ("-a -y x", "illegal l_threshold specified"),
        ("-A -p 0", "invalid timeout value `0' specified"),
        ("-A -p 2678401", "invalid timeout value `2678401' specified"),
        ("-A -p=", "invalid timeout value `' specified"),
        ("-A --persistent=", "invalid timeout value `' specified"),
        ("-A -po", "invalid timeout value `o' specified"),
        ("--start-daemon master --syncid 256", "illegal syncid specified"),
        ("--start-daemon master --mcast-port 0", "illegal mcast-port specified"),
        ("--start-daemon master --mcast-ttl 256", "illegal mcast-ttl specified"),
        ("--start-daemon master --sync-maxlen 65508", "illegal sync-maxlen specified"),
        ("--start-daemon master --mcast-group ::1", "invalid IPv6 mcast-group `::1'"),
        ("--start-daemon master --mcast-group 1.2.3.4", "invalid IPv4 mcast-group `1.2.3.4'"),
        ("--start-daemon Master", "illegal start-daemon parameter specified"),
        ("--start-daemon= -L", "illegal start-daemon parameter specified"),
        ("--stop-daemon x", "illegal start_daemon specified"),
        ("-a --tun-port 0", "illegal tunnel port specified"),
        ("-a --tun-type GUE", "illegal tunnel type specified"),
        ("-A -f 0", "invalid fwmark value `0' specified"),
        ("-A -f -1", "invalid fwmark value `-1' specified"),
        ("-A -f 4294967296", "invalid fwmark value `4294967296' specified"),
        ("-A -t 80", address),
        ("-A -u 192.0.2.1:http", address),
        ("-A -t --", address),
        ("-a -r 192.0.2.1:http", "illegal real server address[:port] specified"),
        ("-A -M x", "illegal virtual server persistent mask specified"),
        ("-A -t ::1 -M 129", "illegal ipv6 netmask specified"),
        ("-A -f 1 -6 -M 0", "illegal ipv6 netmask specified"),
        ("-L -6", "-6 used before -f\n"),
        ("-A -t ::1 -6 -q", "-6 used before -f\n"),
    ] {
        assert_refused(line, text, 2);
    }
}

#[test]
fn checks_go_from_operands_to_scheduler_flags_to_legality() {
    let three = "--set option requires 3 timeout values";
    for (line, text) in [
        ("--set a 2", three),
        ("--set 1 a 3 4", "invalid timeout value `a' specified"),
        ("--set -- -1 2 3", "invalid timeout value `-1' specified"),
        ("--set 1 2 3 4 -n", "unexpected argument 4"),
        ("--set 1 2 3 -b x -n", "invalid scheduler flag `x'"),
        ("foo -L", "unexpected argument foo"),
        ("-L -- -n", "unexpected argument -n"),
        ("-A -p -", "unexpected argument -"),
        ("-L ", "unexpected argument "),
        ("-S -b foo bar", "unexpected argument bar"),
        ("-L -b sh-port", "incompatible scheduler flag `sh-port'"),
        ("-list", "Illegal 'scheduler' option with the 'list' command"),
        ("-L -b ", "Illegal 'sched-flags' option with the 'list' command"),
        ("-A -b mh-port -s sh", "incompatible scheduler flag `mh-port'"),
        (
            "-A -w 1",
            "You need to supply the 'service-address' option for the 'add-service' command",
        ),
        ("-d -f 1", "You need to supply the 'real-server' option for the 'delete-server' command"),
        ("-Z -n", "Illegal 'numeric' option with the 'zero' command"),
    ] {
        assert_refused(line, text, 2);
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let columns = "options conflicts in the list command";
    let family = "Different address family is allowed only for tunneling servers";
    let tunnel = "Tunnel options conflict with forward method";
    for (line, text) in [
        ("-L -c --rate", columns),
        ("-L --timeout --stats", columns),
        ("-L --daemon --persistent-conn", columns),
        ("-A -t 192.0.2.1", "Zero port specified for non-persistent service"),
        ("-A -t 192.0.2.1 -o", "Zero port specified for non-persistent service"),
        ("-A -t 192.0.2.1:80 -o", "One-Packet Scheduling is only for UDP virtual services"),
        ("-a -t 192.0.2.1:80 -r ::1 -m", family),
        ("-a -f 1 -r ::1 --tun-csum", family),
        ("-a -t 192.0.2.1:80 -r 192.0.2.2 --tun-type ipip", tunnel),
        (
            "-a -t 192.0.2.1:80 -r 192.0.2.2 -i --tun-type gue",
            "You need to supply the 'tun-port' option for the 'gue' tunnel type",
        ),
        (
            "-a -t 192.0.2.1:80 -r 192.0.2.2 -i --tun-nocsum",
            "Illegal 'tun-nocsum' option with the 'ipip' tunnel type",
        ),
    ] {
        assert_refused(line, text, 2);
    }
}

#[test]
fn first_mistake_of_a_line_is_reported() {
    assert_refused("-A -w x -q", "illegal weight specified", 2);
    assert_refused("-A -q -w x", "-q: unknown option", 255);
    assert_refused("-L -b foo --bogus", "--bogus: unknown option", 255);
    assert_refused("-L -n -n -q", "multiple 'numeric' options specified", 2);
}

#[test]
fn posixly_correct_stops_option_parsing_at_the_first_operand() {
    let parse = |line| refused(parse("/sbin/ipvsadm", &words(line), &VIP_EXAMPLE, true));
    assert_eq!(parse("foo -L"), (HINT.to_owned(), 255));
    assert_eq!(parse("-L foo -q"), ("unexpected argument foo".to_owned(), 2));
    assert_eq!(parse("--set 1 2 3 -q").0, "unexpected argument -q");
}

#[test]
fn restore_inside_a_restore_is_refused() {
    let parse =
        |line| refused(parse_restore_line("/sbin/ipvsadm", &words(line), &VIP_EXAMPLE, false));
    assert_eq!(parse("-R"), (HINT.to_owned(), 255));
    assert_eq!(parse("# comment"), (HINT.to_owned(), 255));
    assert_eq!(parse("-R foo").0, "unexpected argument foo");
    assert_eq!(parse("-R -q"), ("-q: unknown option".to_owned(), 255));
    assert_eq!(parse("-A -f -2147483649").1, 2);
}

#[test]
fn wrong_value_of_an_option_that_the_reference_lacks_names_it() {
    for (line, text) in [
        ("-A -f 1 --json", "Illegal 'json' option with the 'add-service' command"),
        ("-S --json", "Illegal 'json' option with the 'save' command"),
        ("-C --no-load", "Illegal 'no-load' option with the 'flush' command"),
        ("-L --json --json", "multiple 'json' options specified"),
        ("-Lc --client 192.0.2.0/33", "illegal client address[/prefix] specified"),
        ("-Lc --vip 192.0.2.1:http", "illegal virtual address[:port] specified"),
        ("-Lc --real 80", "illegal real server address[:port] specified"),
        ("-Lc --count-by vips", "illegal count-by specified"),
        (
            "-L --stats --state NONE",
            "You need to supply the 'connection' option for the 'state' option",
        ),
        ("-S --vip 192.0.2.1", "Illegal 'vip' option with the 'save' command"),
        ("-L --netns a --netns=a", "multiple 'netns' options specified"),
    ] {
        assert_refused(line, text, 2);
    }
    assert_refused("-L --netns", "--netns: missing argument", 255);
    assert_refused("--json -L", HINT, 255);
}

#[test]
fn option_of_the_whole_run_is_refused_in_a_restore() {
    let parse = |line| parse_restore_line("/sbin/ipvsadm", &words(line), &VIP_EXAMPLE, false);
    for (line, name) in
        [("-C --netns blue", "netns"), ("-L --no-load", "no-load"), ("-C --explain", "explain")]
    {
        let text = format!("the '{name}' option is not allowed in restore input");
        assert_eq!(refused(parse(line)), (text, 2));
    }
    assert!(parse("-L --json").is_ok());
}
