//! Files as a whole: duties of a machine, and refusals with their place.

use std::net::IpAddr;
use std::path::Path;

use super::*;
use crate::policy::{AddressDuty, Duty, Mode, Role};
use lvs::ipvs::{Daemon, DaemonState, Forwarding, ServiceFlags, ServiceIdentity, Timeouts, Tunnel};

const FULL: &str = r#"
mode = "nat"
directors = ["192.168.20.254", "2001:db8::fe"]

[director]
vip-device = "eth0"
timeouts = { tcp = 900, tcp-fin = "2m", udp = "300s" }

[[director.sync]]
state = "master"
interface = "eth1"
id = 7

[[service]]
listen = "tcp://198.51.100.17:80"
scheduler = "rr"
persistence = { timeout = "5m", netmask = "255.255.255.0" }
real = [
  "192.168.20.1",
  "192.168.20.2:4002",
  { address = "192.168.20.3:80", weight = 2 },
  { address = "192.168.20.4:8080", upper-threshold = 1000, lower-threshold = 800 },
]

[[service]]
listen = "fwmark://7"
vips = ["198.51.100.18"]
mode = "tun"
scheduler = "mh"
flags = ["mh-port", "mh-fallback"]
real = [{ address = "192.168.20.5", tunnel = { type = "gue", port = 6080, checksum = "remote" } }]
"#;

fn load(path: &Path) -> Result<ClusterSpec, Error> {
    ClusterSpec::read(std::fs::File::open(path).unwrap(), path)
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn services(duties: &[Duty]) -> Vec<(&lvs::ipvs::Service, &[lvs::ipvs::Destination])> {
    let services = duties.iter().filter_map(|duty| match duty {
        Duty::Service(service, destinations) => Some((service, destinations.as_slice())),
        _ => None,
    });
    services.collect()
}

fn places(duties: &[Duty]) -> Vec<&AddressDuty> {
    let places = duties.iter().filter_map(|duty| match duty {
        Duty::Address(duty) => Some(duty),
        _ => None,
    });
    places.collect()
}

#[test]
fn director_gets_every_setting_of_the_file() {
    let cluster = ClusterSpec::parse(FULL).unwrap();
    let duties = cluster.duties(Role::Director, &[]).unwrap();
    let [(web, nodes), (marked, tunnelled)] = services(&duties)[..] else {
        panic!("{duties:?}");
    };
    assert_eq!(web.scheduler, "rr");
    let persistence = web.persistence.unwrap();
    assert_eq!(persistence.timeout, 300);
    assert_eq!(persistence.netmask.to_string(), "255.255.255.0");
    let ports: Vec<u16> = nodes.iter().map(|node| node.port).collect();
    assert_eq!(ports, [80, 4002, 80, 8080], "the service's own where none is given");
    assert!(nodes.iter().all(|node| node.forwarding == Forwarding::Masquerade));
    assert_eq!(nodes[2].weight, 2);
    assert_eq!((nodes[3].upper_threshold, nodes[3].lower_threshold), (1000, 800));
    assert!(matches!(marked.identity, ServiceIdentity::Mark { mark: 7, .. }));
    let flags = ServiceFlags::SCHEDULER_1.union(ServiceFlags::SCHEDULER_2);
    assert_eq!(marked.flags, flags);
    assert_eq!(tunnelled[0].forwarding, Forwarding::Tunnel);
    assert!(matches!(tunnelled[0].tunnel, Tunnel::Gue { port: 6080, .. }));
    let [outside, tunnel] = places(&duties)[..] else { panic!("{duties:?}") };
    assert_eq!(outside.device.as_ref().unwrap().as_str(), "eth0");
    assert_eq!(outside.reals.len(), 4);
    assert_eq!((tunnel.mode, &tunnel.device), (Mode::Tun, &None));
    let timeouts = Timeouts::new(900, 120, 300);
    assert!(duties.contains(&Duty::Timeouts(timeouts)));
    assert!(duties.iter().any(|duty| matches!(
        duty,
        Duty::Daemon(Daemon { state: DaemonState::Master, sync_id: 7, port: None, .. })
    )));
}

#[test]
fn role_follows_from_the_addresses_of_the_machine() {
    let cluster = ClusterSpec::parse(FULL).unwrap();
    let role = |own: &[&str]| cluster.role(&addresses(own));
    assert_eq!(role(&["127.0.0.1", "192.168.20.254"]), Ok(Role::Director));
    assert_eq!(role(&["192.168.20.3"]), Ok(Role::RealServer));
    assert_eq!(role(&["192.168.20.3", "2001:db8::fe"]), Ok(Role::Director));
    let unknown = role(&["127.0.0.1", "203.0.113.9"]).unwrap_err().to_string();
    assert!(unknown.contains("(203.0.113.9)") && unknown.contains("--role"), "{unknown}");
}

#[test]
fn real_server_gets_the_services_that_list_it() {
    let cluster = ClusterSpec::parse(FULL).unwrap();
    let of = |own: &str| cluster.duties(Role::RealServer, &addresses(&[own])).unwrap();
    let node = of("192.168.20.2");
    let [only] = places(&node)[..] else { panic!("{node:?}") };
    assert_eq!(only.vip.to_string(), "198.51.100.17");
    assert_eq!(only.gateway.unwrap().to_string(), "192.168.20.254", "of its family");
    let node = of("192.168.20.5");
    let [only] = places(&node)[..] else { panic!("{node:?}") };
    assert_eq!((only.mode, only.gateway), (Mode::Tun, None));
    assert_eq!(only.tunnels.len(), 1);
    assert_eq!(places(&of("203.0.113.1")).len(), 2, "forced: all of them");
}

#[test]
fn nat_real_server_without_gateway_is_refused() {
    let text = "mode = \"nat\"\n[[service]]\nlisten = \"tcp://192.0.2.1:80\"\n\
                real = [\"192.0.2.2\"]\n";
    let cluster = ClusterSpec::parse(text).unwrap();
    let error = cluster.duties(Role::RealServer, &[]).unwrap_err().to_string();
    assert!(error.contains("192.0.2.1") && error.contains("gateways"), "{error}");
}

/// `LINE:COLUMN: MESSAGE` and the marked text.
fn refusal(text: &str) -> String {
    let mistake = ClusterSpec::parse(text).unwrap_err();
    mistake.in_file(Path::new("cluster.toml"), text).to_string()
}

#[test]
fn mistake_is_reported_with_its_place() {
    let head = "mode = \"tun\"\n";
    let service =
        |rest: &str| format!("{head}[[service]]\nlisten = \"tcp://192.0.2.1:80\"\n{rest}");
    let real = |entry: &str| service(&format!("real = [{entry}]\n"));
    for (text, place, words) in [
        (format!("{head}moed = 1\n"), "2:1", "moed"),
        ("mode = \"tunnel\"".to_owned(), "1:8", "tunnel"),
        ("mode = ".to_owned(), "1:8", ""),
        (
            "directors = [\"192.0.2.300\"]".to_owned(),
            "1:14",
            "\"192.0.2.300\" is not an IP address",
        ),
        (real("\"192.0.2.2:81\""), "4:9", "omit :81"),
        (real("\"192.0.2.1\""), "4:9", "also a virtual address"),
        (real("\"192.0.2.2\", \"192.0.2.2\""), "4:22", "listed twice"),
        (real("\"www\""), "4:9", "not a host name"),
        (real("{ address = \"192.0.2.2\", wieght = 2 }"), "4:34", "wieght"),
        (real("{ address = \"192.0.2.2\", weight = -1 }"), "4:43", "2147483647"),
        (
            real("{ address = \"192.0.2.2\", tunnel = { type = \"gue\" } }"),
            "4:43",
            "needs its port",
        ),
        (
            real("{ address = \"192.0.2.2\", mode = \"nat\", tunnel = { type = \"gre\" } }"),
            "4:9",
            "for mode",
        ),
        (real("{ address = \"2001:db8::2\", mode = \"dr\" }"), "4:9", "another address family"),
        (
            real("{ address = \"192.0.2.2\", upper-threshold = 1, lower-threshold = 2 }"),
            "4:9",
            "above upper-threshold",
        ),
        (service("real = []\n"), "3:10", "no real server"),
        (service("scheduler = \"../x\"\nreal = [\"192.0.2.2\"]"), "4:13", "scheduler"),
        (service("flags = [\"sh-port\"]\nreal = [\"192.0.2.2\"]"), "4:10", "no such flag"),
        (service("vips = [\"192.0.2.9\"]\nreal = [\"192.0.2.2\"]"), "4:9", "firewall mark"),
        (service("one-packet = true\nreal = [\"192.0.2.2\"]"), "4:14", "UDP"),
        (service("persistence = \"5 m\"\nreal = [\"192.0.2.2\"]"), "4:15", "31 days"),
        (
            service("persistence = { netmask = 64 }\nreal = [\"192.0.2.2\"]"),
            "4:15",
            "other address family",
        ),
        (
            service("persistence = { netmask = \"255.255.255.0/24\" }\nreal = [\"192.0.2.2\"]"),
            "4:27",
            "not a netmask",
        ),
        (
            format!(
                "{}{}",
                real("\"192.0.2.2\""),
                "[[service]]\nlisten = \"tcp://192.0.2.1:80\"\nreal = []"
            ),
            "6:10",
            "already defined by another service",
        ),
        (real("\"192.0.2.2\"").replace(head, ""), "2:10", "no mode"),
        (real("\"192.0.2.2\"").replace(":80", ""), "3:10", "no port"),
        (
            format!("directors = [\"192.0.2.1\"]\n{}", real("\"192.0.2.2\"")),
            "1:14",
            "also a virtual",
        ),
        (format!("{head}[director]\nvip-device = \"a/b\"\n"), "3:14", "a/b"),
        (format!("{head}[director]\ntimeouts = {{ tcp = 0 }}\n"), "3:20", "31 days"),
        (
            format!(
                "{head}[[director.sync]]\nstate = \"master\"\ninterface = \"eth0\"\nid = 256\n"
            ),
            "5:6",
            "256",
        ),
        (
            format!(
                "{head}[[director.sync]]\nstate = \"backup\"\ninterface = \"eth0\"\ngroup = \"192.0.2.1\"\n"
            ),
            "5:9",
            "multicast",
        ),
        (format!("name = \"a b\"\n{head}"), "1:8", "letters"),
        (
            real("\"2001:db8::2\"")
                + "[[director.sync]]\nstate = \"backup\"\ninterface = \"eth0\"\n",
            "4:9",
            "no synchronization daemon",
        ),
    ] {
        let message = refusal(&text);
        assert!(message.starts_with(&format!("cluster.toml:{place}: ")), "{text}\n{message}");
        assert!(message.contains(words), "{text}\n{message}");
        assert!(message.lines().count() >= 3 && message.contains('^'), "{message}");
    }
}

#[test]
fn mistake_is_explained_in_words_of_the_file() {
    let head = "mode = \"tun\"\n";
    let service = "[[service]]\nlisten = \"tcp://192.0.2.1:80\"\n";
    let real = |real: &str| format!("{head}{service}real = [{real}]\n");
    let wrong: Vec<String> = [
        ("[service]\nlisten = \"tcp://192.0.2.1:80\"\n".to_owned(), "a list belongs here, not a table: write double brackets, as [[service]], once for each"),
        (real("{ address = \"192.0.2.2\", weight = \"3\" }"), "a whole number belongs here, not the text \"3\": leave out the quotes: 3"),
        (real("{ address = \"192.0.2.2\", weight = 2.5 }"), "a whole number belongs here, not 2.5"),
        (real("{ adress = \"192.0.2.2\" }"), "there is no key `adress` here: did you mean `address`?"),
        (real("{ weight = 2 }"), "the key `address` is missing here"),
        (real("7"), "\"7\" is not an IP address: write one such as 192.168.10.10, not a host name"),
        ("directors = \"192.0.2.8\"\n".to_owned(), "a list belongs here, not the text \"192.0.2.8\": write brackets: [\"192.0.2.8\"]"),
        ("[[services]]\n".to_owned(), "there is no key `services` here: did you mean `service`?"),
        ("moed = \"tun\"\n".to_owned(), "there is no key `moed` here: did you mean `mode`?"),
        ("bogus = 1\n".to_owned(), "there is no key `bogus` here; the keys are name, comment, mode, drain, directors, director, real-server, service"),
        ("mode = \"tunnel\"\n".to_owned(), "`tunnel` is not known here: did you mean `tun`?"),
        ("mode = \"ipvs\"\n".to_owned(), "`ipvs` is not known here; write one of nat, tun, dr"),
        ("mode = 1\n".to_owned(), "text in quotes belongs here"),
        ("mode = tun\n".to_owned(), "text stands in quotes: \"tun\""),
        ("mode = \u{201c}tun\u{201d}\n".to_owned(), "typographic quotes, as word processors write them: type \" instead"),
        ("mode \"tun\"\n".to_owned(), "an equals sign belongs between a key and its value"),
        ("mode = \"tun\n".to_owned(), "the closing quote is missing"),
        (format!("{head}{head}"), "this key is there twice: leave one of them out"),
        (format!("{head}[director]\nassign-vips = \"yes\"\n"), "true or false belongs here, not the text \"yes\": write it without quotes"),
        (format!("{head}[[director]]\n"), "text in quotes belongs here, not a table: write single brackets, since there is only one"),
        (format!("{head}{service}scheduler = [\"rr\"]\nreal = [\"192.0.2.2\"]\n"), "text in quotes belongs here, not a list: write one value, without brackets"),
        (format!("{head}[[service]]\nreal = [\"192.0.2.2\"]\n"), "the key `listen` is missing here"),
        (format!("{head}{service}real = \"192.0.2.2\"\n"), "a list belongs here, not the text \"192.0.2.2\": write brackets: [\"192.0.2.2\"]"),
        (
            format!("{head}[[director.sync]]\nstate = \"master\"\ninterface = \"eth0\"\nid = 256\n"),
            "256 is out of range: write a number from 0 to 255",
        ),
        (format!("{head}[real_server]\n"), "there is no key `real_server` here: did you mean `real-server`?"),
    ]
    .into_iter()
    .filter_map(|(text, expected)| {
        let message = refusal(&text);
        let first = message.lines().next().unwrap();
        let sentence = first.splitn(4, ':').last().unwrap().trim();
        (sentence != expected).then(|| format!("{text:?}\n  {sentence:?}\n"))
    })
    .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// Lists over several lines.
#[test]
fn mistake_in_a_list_is_reported_at_its_element() {
    let service =
        "mode = \"tun\"\n[[service]]\nlisten = \"tcp://192.0.2.1:80\"\nreal = [\"192.0.2.2\"]\n";
    let list = |key: &str, good: &str, bad: &str| {
        format!("{key} = [\n  {good}, # as it should be\n  {good}, {bad},\n]\n")
    };
    for (text, line, bad) in [
        (list("directors", "\"192.0.2.8\"", "\"192.0.2.300\""), 3, "\"192.0.2.300\""),
        (list("directors", "\"192.0.2.8\"", "7"), 3, "7"),
        (format!("{service}{}", list("vips", "\"192.0.2.8\"", "\"::\"")), 7, "\"::\""),
        (format!("{service}{}", list("flags", "\"sh-port\"", "\"sh\"")), 7, "\"sh\""),
        (format!("[real-server]\n{}", list("gateways", "\"192.0.2.8\"", "\"www\"")), 4, "\"www\""),
        (
            format!(
                "[[director.bond]]\nname = \"bond0\"\nmode = \"802.3ad\"\n{}",
                list("ports", "\"eth2\"", "\"a/b\"")
            ),
            6,
            "\"a/b\"",
        ),
        (
            "[[director.bond]]\nname = \"bond0\"\nmode = \"802.3ad\"\nports = [\n\"eth2\",\n\
             \"eth3\", \"eth2\"]\n"
                .to_owned(),
            6,
            "\"eth2\"",
        ),
        (
            service.replace("[\"192.0.2.2\"]", "[\n\"192.0.2.2\",\n{ address = \"192.0.2.3:x\" }]"),
            6,
            "\"192.0.2.3:x\"",
        ),
    ] {
        let message = refusal(&text);
        let lines: Vec<&str> = message.lines().collect();
        let [first, quoted, marks] = lines[..] else { panic!("{message}") };
        let column = quoted.rfind(bad).unwrap_or_else(|| panic!("{text}\n{message}")) - 1;
        assert!(first.starts_with(&format!("cluster.toml:{line}:{column}: ")), "{text}\n{message}");
        let expected = format!("{}{}", " ".repeat(column + 1), "^".repeat(bad.len()));
        assert_eq!(marks, expected, "{message}");
    }
}

#[test]
fn gre_with_and_without_checksum_on_one_address_is_refused() {
    let file = |second: &str| {
        let service = |port: u16, checksum: &str| {
            format!(
                "[[service]]\nlisten = \"tcp://192.0.2.1:{port}\"\nreal = [{{ address = \
                 \"192.0.2.2\", tunnel = {{ type = \"gre\", checksum = \"{checksum}\" }} }}]\n"
            )
        };
        format!("mode = \"tun\"\n{}{}", service(80, "none"), service(81, second))
    };
    assert!(ClusterSpec::parse(&file("none")).is_ok());
    let message = refusal(&file("full"));
    assert!(message.starts_with("cluster.toml:7:9: ") && message.contains("not both"), "{message}");
}

#[test]
fn unreadable_file_is_named() {
    let directory = load(Path::new("/")).unwrap_err().to_string();
    assert!(directory.contains("cannot read the cluster file /"), "{directory}");
}

#[test]
fn example_files_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/examples");
    let files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let cluster = load(&file).unwrap();
        let director = cluster.duties(Role::Director, &[]).unwrap();
        assert!(!services(&director).is_empty(), "{}", file.display());
        assert_eq!(places(&cluster.duties(Role::RealServer, &[]).unwrap()).len(), 1);
    }
}
