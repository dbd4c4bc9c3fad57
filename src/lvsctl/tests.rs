//! Command lines: exit codes and streams, what is refused, and each mode as a shell script.

use super::role::task_of;
use super::*;
use crate::engine::Change;
use crate::host::machine::{Key, Value};
use crate::host::{Address, DefaultRouteMss, InterfaceName, NextHop, Route};
use crate::policy::{ActualState, Duty, Owner, desired};
use lvs::ipvs::AddressFamily;

/// Exit code, standard output, standard error.
fn lvsctl(line: &str) -> (u8, String, String) {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let words = line.split_whitespace().map(OsString::from);
    let code = run(words, &mut output, &mut errors);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (code, text(output), text(errors))
}

#[test]
fn help_goes_to_stdout_and_misuse_to_stderr() {
    let (code, output, errors) = lvsctl("lvsctl --help");
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(output.contains("real-server"));
    let (code, output, errors) = lvsctl("lvsctl director up --mode tun --vip 192.0.2.1/32");
    assert_eq!((code, output.as_str()), (1, ""));
    assert!(errors.contains("write 192.0.2.1"), "{errors}");
    let (code, _, errors) = lvsctl("lvsctl director up --mode nat --vip 192.0.2.1");
    assert_eq!(code, 1);
    assert!(errors.starts_with("lvsctl: director up needs at least one --service"), "{errors}");
}

#[test]
fn validate_needs_no_machine_and_names_the_place_of_a_mistake() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let validated = |text: &str| {
        std::fs::write(&path, text).unwrap();
        lvsctl(&format!("lvsctl validate {}", path.display()))
    };
    let file = "mode = \"nat\"\ndirectors = [\"192.0.2.9\"]\n[[service]]\n\
                listen = \"tcp://192.0.2.1:80\"\nscheduler = \"sh\"\n\
                real = [\"198.51.100.2\", \"198.51.100.3\"]\n";
    let (code, output, errors) = validated(file);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(output.ends_with("file: valid: cluster default, 1 service, 2 destinations\n"));
    // Every real server is looked at, not only this machine.
    let (code, _, errors) = validated(&file.replace("directors = [\"192.0.2.9\"]\n", ""));
    assert!(code == 1 && errors.contains("has no director"), "{errors}");
    let (code, _, errors) = validated(&file.replace("tcp://", "http://"));
    assert!(code == 1 && errors.contains("file:4:10: "), "{errors}");
    let (code, output, _) =
        validated("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 1.2.3.4 -m\n");
    assert_eq!(code, 0);
    assert!(output.ends_with("valid: ruleset, 1 service, 1 destination\n"), "{output}");
    assert_eq!(validated("-A -t 192.0.2.1:80 -s rr\n-x\n").0, 1);
    let (code, _, errors) = validated(&file.replace("\"sh\"", "\"roundrobin\""));
    assert!(code == 1 && errors.contains("no scheduler roundrobin: did you mean rr?"), "{errors}");
    let (code, _, errors) = validated("-A -t 192.0.2.1:80 -s rrr\n");
    assert!(code == 1 && errors.contains("no scheduler rrr: did you mean rr?"), "{errors}");
    let wrong = "[director.parameters]\nsync_threshold = [50, 3]\n";
    assert!(validated(&format!("{file}{wrong}")).2.contains("smaller than the period"));
}

#[test]
fn damaged_journal_stops_every_command() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().display();
    let inode = {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata("/proc/self/ns/net").unwrap().ino()
    };
    let path = directory.path().join(format!("net-{inode}.journal"));
    std::fs::write(&path, "{").unwrap();
    for verb in ["up", "up --dry-run", "down", "status"] {
        let line =
            format!("lvsctl real-server {verb} --mode tun --vip 192.0.2.1 --state-dir {place}");
        let (code, output, errors) = lvsctl(&line);
        assert_eq!((code, output.as_str()), (1, ""));
        assert!(errors.contains("is damaged"), "{errors}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{");
    }
}

#[test]
fn missing_file_is_named_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cluster.toml");
    for verb in ["apply", "diff", "down", "status"] {
        let (code, output, errors) = lvsctl(&format!("lvsctl {verb} {}", path.display()));
        assert_eq!((code, output.as_str()), (1, ""));
        let expected = format!("lvsctl: cannot read {}: No such file or directory", path.display());
        assert!(errors.starts_with(&expected), "{errors}");
    }
}

/// A pipe whose reader is gone.
struct Closed(io::ErrorKind);

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn closed_pipe_ends_quietly_and_full_disk_fails() {
    let directory = tempfile::tempdir().unwrap();
    let line = format!(
        "lvsctl real-server status --mode tun --vip 192.0.2.1 --state-dir {}",
        directory.path().display()
    );
    for (kind, expected) in [(io::ErrorKind::BrokenPipe, 0), (io::ErrorKind::StorageFull, 1)] {
        let mut errors = Vec::new();
        let words = line.split_whitespace().map(OsString::from);
        assert_eq!(run(words, &mut Closed(kind), &mut errors), expected);
        assert_eq!(errors.is_empty(), expected == 0);
    }
}

fn try_task(line: &str) -> Result<Task, Error> {
    let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
    let Command::Setup(command) = arguments.command else { panic!("{line} sets nothing up") };
    task_of(command).map(|(_, task)| task)
}

fn covers(task: &Task, owner: &str) -> bool {
    task.covers(&Owner::from(owner.to_owned()))
}

fn task(line: &str) -> Task {
    try_task(line).unwrap()
}

fn refusal(line: &str) -> String {
    try_task(line).unwrap_err().to_string()
}

#[test]
fn impossible_director_is_refused_with_a_fix() {
    let director = "lvsctl director up --mode tun --vip 192.0.2.1 --service tcp:80";
    let real = |more: &str| refusal(&format!("{director} {more}"));
    assert!(real("--real 192.0.2.1").contains("is also a --vip"));
    assert!(real("--real 192.0.2.2:81").contains("omit :81"));
    assert!(real("--real 192.0.2.2 --real 192.0.2.2,weight=2").contains("given twice"));
    assert!(real("--real 192.0.2.2:80 --service tcp:443").contains("--service tcp:443"));
    assert!(real("").contains("--real"));
    let none = refusal("lvsctl director up --mode tun --vip 192.0.2.1 --real 192.0.2.2");
    assert!(none.contains("--service"));
}

#[test]
fn impossible_gateway_or_device_is_refused() {
    let server = |more: &str| refusal(&format!("lvsctl real-server up --vip 192.0.2.1 {more}"));
    assert!(server("--mode nat").contains("needs --gateway"));
    assert!(server("--mode dr --gateway 192.0.2.9").contains("is for --mode nat"));
    assert!(server("--mode nat --gateway 192.0.2.1").contains("is also a --vip"));
    assert!(server("--mode nat --gateway 2001:db8::9").contains("another address family"));
    assert!(
        server("--mode nat --gateway 192.0.2.8 --gateway 192.0.2.9").contains("not the only one")
    );
    assert!(server("--mode tun --device eth0").contains("not used here"));
    assert!(try_task("lvsctl real-server down --mode nat --vip 192.0.2.1").is_ok());
}

#[test]
fn vip_gets_the_real_servers_of_its_family() {
    let director = "lvsctl director up --mode nat --vip 192.0.2.1 --vip 2001:db8::1 \
                    --service tcp:80 --real 192.0.2.2:80 --real 192.0.2.2:8080";
    assert!(refusal(director).contains("the family of --vip 2001:db8::1"));
    let task = task(&format!("{director} --real [2001:db8::2]:81"));
    let ports = |vip: usize| {
        let duties = task.duties();
        let services = duties.iter().filter_map(|owned| match &owned.duty {
            Duty::Service(_, destinations) => Some(destinations),
            _ => None,
        });
        let services: Vec<_> = services.collect();
        services[vip].iter().map(|destination| destination.port).collect::<Vec<u16>>()
    };
    assert_eq!((ports(0), ports(1)), (vec![80, 8080], vec![81]));
}

#[test]
fn repeated_option_counts_once() {
    let line = "lvsctl director up --mode tun --vip 192.0.2.1 --vip 192.0.2.1 \
                --service tcp:80 --service tcp:80 --real 192.0.2.2 --real 192.0.2.2";
    let task = task(line);
    assert_eq!((task.vips.len(), task.listeners.len(), task.reals.len()), (1, 1, 1));
    assert_eq!(task.scheduler, "wlc");
}

#[test]
fn task_covers_its_own_owners_only() {
    let all = task("lvsctl director down --mode tun --vip 192.0.2.1");
    assert!(covers(&all, "director tun 192.0.2.1"));
    assert!(covers(&all, "director tun 192.0.2.1 tcp:80"));
    assert!(!covers(&all, "director tun 192.0.2.10 tcp:80"));
    assert!(!covers(&all, "director tun 192.0.2.10"));
    assert!(!covers(&all, "director dr 192.0.2.1 tcp:80"));
    assert!(!covers(&all, "real-server tun 192.0.2.1"));
    let one = task("lvsctl director down --mode tun --vip 192.0.2.1 --service tcp:80");
    assert!(covers(&one, "director tun 192.0.2.1 tcp:80"));
    assert!(!covers(&one, "director tun 192.0.2.1 tcp:8080"));
    assert!(!covers(&one, "director tun 192.0.2.1 udp:80"));
    assert!(!covers(&one, "director tun 192.0.2.1"));
    let server = task("lvsctl real-server down --mode tun --vip 192.0.2.1");
    assert!(covers(&server, "real-server tun 192.0.2.1"));
    assert!(!covers(&server, "real-server tun 192.0.2.10"));
}

/// A machine whose `all/rp_filter` is that.
fn filtering(of_all: &str) -> ActualState {
    ActualState { reverse_path_filter: Some(of_all.to_owned()), ..ActualState::default() }
}

fn route(to: &str, prefix: u8, gateway: Option<&str>, device: &str) -> Route {
    let interface = Some(device.parse::<InterfaceName>().unwrap().into());
    let gateway = gateway.map(|gateway| gateway.parse().unwrap());
    Route::new(to.parse().unwrap(), prefix, NextHop { gateway, interface, ..NextHop::default() })
}

/// A machine with an outside and an inside leg, for both families; the way out is outside.
fn two_legs() -> ActualState {
    let mut found = filtering("0");
    found.topology.routes = vec![
        route("0.0.0.0", 0, Some("198.51.100.1"), "outside"),
        route("198.51.100.0", 24, None, "outside"),
        route("192.168.20.0", 24, None, "inside"),
        route("::", 0, Some("fe80::1"), "outside"),
        route("2001:db8:1::", 64, None, "outside"),
        route("2001:db8:2::", 64, None, "inside"),
    ];
    found
}

/// The shell commands that lead from nothing to what is desired, each once.
fn script(task: &Task, found: &ActualState) -> Vec<String> {
    let mut steps: Vec<Change<Key, Value>> = Vec::new();
    for item in desired(&task.duties(), found).unwrap() {
        if !steps.iter().any(|step| step.key == item.key) {
            steps.push(Change { key: item.key, from: None, to: item.value });
        }
    }
    report::commands(&steps)
}

#[test]
fn tun_real_server_suppresses_arp_before_it_gets_the_vip() {
    let task = task("lvsctl real-server up --mode tun --vip 192.168.10.10");
    assert_eq!(
        script(&task, &filtering("0")),
        [
            "modprobe ipip",
            "echo 1 > /proc/sys/net/ipv4/conf/tunl0/arp_ignore",
            "echo 2 > /proc/sys/net/ipv4/conf/tunl0/arp_announce",
            "echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore",
            "echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce",
            "echo 0 > /proc/sys/net/ipv4/conf/tunl0/rp_filter",
            "ip link set tunl0 up",
            "ip address add 192.168.10.10/32 dev tunl0",
            "ip route add 192.168.10.10/32 dev tunl0 scope link",
        ]
    );
}

#[test]
fn tun_real_server_lowers_the_mss_before_it_gets_the_vip() {
    let mut found = two_legs();
    found.mtus = [("inside", 9000), ("outside", 1500)]
        .map(|(name, mtu)| (name.parse().unwrap(), mtu))
        .into();
    found.default_routes = [(AddressFamily::Ipv4, 0), (AddressFamily::Ipv6, 1024)]
        .map(|(family, metric)| DefaultRouteMss { family, metric, advmss: None })
        .into();
    for (vip, ip, metric, mss) in [
        ("192.168.20.10", "ip", 0, 8940),
        ("198.51.100.10", "ip", 0, 1440),
        ("203.0.113.10", "ip", 0, 1440),
        ("2001:db8:2::10", "ip -6", 1024, 8900),
    ] {
        let line = format!("lvsctl real-server up --mode tun --vip {vip}");
        let lines = script(&task(&line), &found);
        let place = |line: &str| lines.iter().position(|step| step.starts_with(line));
        let route = format!(
            "{ip} route replace $({ip} route show default metric {metric} | \
             sed 's/ advmss [0-9]*//;q') advmss {mss}"
        );
        assert!(place(&route).unwrap() < place("ip address add").unwrap(), "{lines:?}");
        let without = script(&task(&format!("{line} --no-advmss")), &found);
        assert_eq!(without.len() + 1, lines.len(), "{without:?}");
    }
}

#[test]
fn tun_director_gets_the_vip_after_the_services() {
    let task = task(
        "lvsctl director up --mode tun --vip 192.168.10.10 --service tcp:80 --scheduler rr \
         --real 192.168.10.2 --real 192.168.10.3,weight=2",
    );
    assert_eq!(
        script(&task, &filtering("1")),
        [
            "modprobe ipip",
            "ip link set tunl0 up",
            "ipvsadm -A -t 192.168.10.10:80 -s rr",
            "ipvsadm -a -t 192.168.10.10:80 -r 192.168.10.2:80 -i -w 1",
            "ipvsadm -a -t 192.168.10.10:80 -r 192.168.10.3:80 -i -w 2",
            "ip address add 192.168.10.10/32 dev tunl0",
            "ip route add 192.168.10.10/32 dev tunl0 scope link",
        ]
    );
}

#[test]
fn each_vip_and_service_has_its_own_owner() {
    let line = "lvsctl director up --mode tun --vip 192.0.2.1 --vip 192.0.2.2 \
                --service tcp:80 --service udp:53 --real 192.0.2.9";
    let task = task(line);
    let expected = [
        "director tun 192.0.2.1 tcp:80",
        "director tun 192.0.2.1 udp:53",
        "director tun 192.0.2.2 tcp:80",
        "director tun 192.0.2.2 udp:53",
    ];
    let mut wanting: Vec<String> = desired(&task.duties(), &ActualState::default())
        .unwrap()
        .into_iter()
        .map(|item| item.owner.to_string())
        .collect();
    wanting.sort();
    wanting.dedup();
    assert_eq!(wanting, expected);
}

#[test]
fn nat_director_enables_forwarding_first() {
    let line = "lvsctl director up --mode nat --vip 198.51.100.17 --service tcp:80 --scheduler rr \
                --real 192.168.20.1 --real 192.168.20.2:4002";
    assert_eq!(
        script(&task(line), &two_legs()),
        [
            "echo 1 > /proc/sys/net/ipv4/ip_forward",
            "echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects",
            "echo 0 > /proc/sys/net/ipv4/conf/outside/send_redirects",
            "echo 0 > /proc/sys/net/ipv4/conf/inside/send_redirects",
            "ipvsadm -A -t 198.51.100.17:80 -s rr",
            "ipvsadm -a -t 198.51.100.17:80 -r 192.168.20.1:80 -m -w 1",
            "ipvsadm -a -t 198.51.100.17:80 -r 192.168.20.2:4002 -m -w 1",
            "ip address add 198.51.100.17/32 dev outside",
        ]
    );
}

#[test]
fn ipv6_nat_director_keeps_its_default_route() {
    let line = "lvsctl director up --mode nat --vip 2001:db8:1::17 --service tcp:80 --scheduler rr \
                --real [2001:db8:2::1]:8080";
    assert_eq!(
        script(&task(line), &two_legs()),
        [
            "echo 2 > /proc/sys/net/ipv6/conf/outside/accept_ra",
            "echo 2 > /proc/sys/net/ipv6/conf/inside/accept_ra",
            "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding",
            "ipvsadm -A -t [2001:db8:1::17]:80 -s rr",
            "ipvsadm -a -t [2001:db8:1::17]:80 -r [2001:db8:2::1]:8080 -m -w 1",
            "ip address add 2001:db8:1::17/128 dev outside preferred_lft 0 nodad",
        ]
    );
}

#[test]
fn nat_real_server_replies_through_the_director() {
    let line = "lvsctl real-server up --mode nat --vip 198.51.100.17 --vip 2001:db8:1::17 \
                --gateway 192.168.20.254 --gateway 2001:db8:2::fe";
    assert_eq!(
        script(&task(line), &two_legs()),
        [
            "echo 0 > /proc/sys/net/ipv4/conf/all/accept_redirects",
            "echo 0 > /proc/sys/net/ipv4/conf/inside/accept_redirects",
            "ip route replace default via 192.168.20.254 dev inside",
            "echo 0 > /proc/sys/net/ipv6/conf/inside/accept_redirects",
            "ip -6 route replace default via 2001:db8:2::fe dev inside metric 1",
        ]
    );
}

#[test]
fn dr_real_server_suppresses_arp_and_has_the_vip_on_lo() {
    let line = "lvsctl real-server up --mode dr --vip 192.168.20.10 --vip 2001:db8:2::10";
    assert_eq!(
        script(&task(line), &two_legs()),
        [
            "echo 1 > /proc/sys/net/ipv4/conf/inside/arp_ignore",
            "echo 2 > /proc/sys/net/ipv4/conf/inside/arp_announce",
            "echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore",
            "echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce",
            // The way out is another interface. Where no filter is set, 0 does as well.
            "echo 2 > /proc/sys/net/ipv4/conf/inside/rp_filter",
            "ip address add 192.168.20.10/32 dev lo",
            "ip address add 2001:db8:2::10/128 dev lo preferred_lft 0 nodad",
        ]
    );
}

#[test]
fn dr_director_gets_the_vip_on_the_interface_of_its_subnet() {
    let up = |more: &str| {
        task(&format!(
            "lvsctl director up --mode dr --vip 198.51.100.17 --service tcp:80 --real \
             198.51.100.2 {more}"
        ))
    };
    let place = |task: &Task, found: &ActualState| {
        let steps = script(task, found).into_iter();
        steps.filter(|step| step.starts_with("ip address")).collect::<Vec<_>>()
    };
    let mut found = two_legs();
    assert_eq!(place(&up(""), &found), ["ip address add 198.51.100.17/32 dev outside"]);
    let named = up("--device dummy0");
    assert_eq!(place(&named, &found), ["ip address add 198.51.100.17/32 dev dummy0"]);
    // Where somebody gave it to the machine already, that will do.
    for (device, prefix) in [("lo", 32), ("bond0", 24)] {
        let address = "198.51.100.17".parse().unwrap();
        let device: InterfaceName = device.parse().unwrap();
        found.topology.addresses.push(Address::new(address, prefix, device.into()));
    }
    assert_eq!(place(&up(""), &found), ["ip address add 198.51.100.17/24 dev bond0"]);
    let error = desired(&up("").duties(), &ActualState::default()).unwrap_err().to_string();
    assert!(error.contains("--device"), "{error}");
}

#[test]
fn ipv6_tunnel_needs_no_arp_suppression() {
    let server = task("lvsctl real-server up --mode tun --vip 2001:db8:2::10");
    assert_eq!(
        script(&server, &two_legs()),
        [
            "modprobe ip6_tunnel",
            "ip link set ip6tnl0 up",
            "ip address add 2001:db8:2::10/128 dev ip6tnl0 preferred_lft 0 nodad",
        ]
    );
    let line = "lvsctl director up --mode tun --vip 2001:db8:2::10 --service tcp:80 --scheduler rr \
                --real 2001:db8:2::2";
    assert_eq!(
        script(&task(line), &two_legs()),
        [
            "ipvsadm -A -t [2001:db8:2::10]:80 -s rr",
            "ipvsadm -a -t [2001:db8:2::10]:80 -r [2001:db8:2::2]:80 -i -w 1",
            "ip address add 2001:db8:2::10/128 dev inside preferred_lft 0 nodad",
        ]
    );
}
