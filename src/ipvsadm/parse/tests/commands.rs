//! What good lines mean.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::{network, parse, parse_restore_line};
use super::words;
use crate::ipvsadm::fake_names::VIP_EXAMPLE;
use crate::ipvsadm::{Choice, Command, CountBy, Format, Listing, Manner, Network, Place, Subject};
use lvs::ipvs::{
    AddressFamily, Checksum, Daemon, DaemonState, Destination, Forwarding, Netmask, Persistence,
    Protocol, Request, Service, ServiceFlags, ServiceIdentity, Timeouts, Tunnel,
};
use lvs::netlink::Namespace;

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
fn a_service_has_defaults() {
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
fn a_service_with_everything() {
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
fn persistence_is_360_seconds_unless_said() {
    let timeout = |line| service(line).persistence.unwrap().timeout;
    assert_eq!(timeout("-A -p -f 1"), 360);
    assert_eq!(timeout("-A -f 1 -p"), 360);
    assert_eq!(timeout("-Ap 50 -f 1"), 50);
    assert_eq!(timeout("-A -f 1 --persistent=2678400"), 2_678_400);
    assert_eq!(service("-A -t 192.0.2.1 -p").identity.port(), 0);
}

#[test]
fn names_are_cut_to_what_the_kernel_keeps() {
    let long = service("-A -f 1 -s abcdefghijklmnopq --pe abcdefghijklmnopq");
    assert_eq!(long.scheduler, "abcdefghijklmno");
    assert_eq!(long.persistence_engine.as_deref(), Some("abcdefghijklmnop"));
}

#[test]
fn a_mask_means_what_the_line_has_said_before_it() {
    let mask = |line: &str| service(&format!("{line} -p")).persistence.unwrap().netmask;
    assert_eq!(mask("-A -f 1 -M 64"), Netmask::Ipv4(Ipv4Addr::new(0, 0, 0, 64)));
    assert_eq!(mask("-A -M 64 -f 1"), Netmask::Ipv4(Ipv4Addr::new(0, 0, 0, 64)));
    assert_eq!(mask("-A -f 1 -6 -M 64"), Netmask::Ipv6(64));
    assert_eq!(mask("-A -f 1 -6 -M 64 -6"), Netmask::Ipv6(128));
    assert_eq!(mask("-A -f 1 -M 255.255.255.0 -6"), Netmask::Ipv6(128));
    assert_eq!(mask("-A -M 64 -t [::1]:80"), Netmask::Ipv6(128));
}

#[test]
fn marks() {
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
fn a_destination_has_defaults() {
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
fn the_port_of_a_destination() {
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
fn tunnels() {
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
fn daemons() {
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
fn commands_without_values() {
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
fn help_and_version_act_at_once() {
    for line in ["-h", "--help", "-hq", "-h -Q foo", "foo -h", "-h -v"] {
        assert_eq!(command(line), Command::Help, "{line:?}");
    }
    assert_eq!(command("-v -q"), Command::Version);
}

#[test]
fn listings() {
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
fn options_of_our_own() {
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
        }
    );
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
fn networks_of_clients() {
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
