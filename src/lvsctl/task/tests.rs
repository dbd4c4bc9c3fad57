//! Tasks from command lines, and what is refused.

use clap::Parser;

use super::super::arguments::{Arguments, Command};
use super::super::role::task_of;
use super::*;

fn task(line: &str) -> Result<Task, Error> {
    let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
    let Command::Setup(command) = arguments.command else { panic!("{line} sets nothing up") };
    task_of(command).map(|(_, task)| task)
}

fn refusal(line: &str) -> String {
    task(line).unwrap_err().to_string()
}

#[test]
fn what_cannot_work_is_refused_with_its_cure() {
    let director = "lvsctl director up --mode tun --vip 192.0.2.1 --service tcp:80";
    let real = |more: &str| refusal(&format!("{director} {more}"));
    assert!(real("--real 192.0.2.1").contains("is also a --vip"));
    assert!(real("--real 192.0.2.2:81").contains("leave :81 out"));
    assert!(real("--real 192.0.2.2 --real 192.0.2.2,weight=2").contains("given twice"));
    assert!(real("--real 192.0.2.2:80 --service tcp:443").contains("--service tcp:443"));
    assert!(real("").contains("--real"));
    let none = refusal("lvsctl director up --mode tun --vip 192.0.2.1 --real 192.0.2.2");
    assert!(none.contains("--service"));
}

#[test]
fn ways_that_lead_nowhere_are_refused() {
    let server = |more: &str| refusal(&format!("lvsctl real-server up --vip 192.0.2.1 {more}"));
    assert!(server("--mode nat").contains("needs --gateway"));
    assert!(server("--mode dr --gateway 192.0.2.9").contains("is for --mode nat"));
    assert!(server("--mode nat --gateway 192.0.2.1").contains("is also a --vip"));
    assert!(server("--mode nat --gateway 2001:db8::9").contains("another family"));
    assert!(
        server("--mode nat --gateway 192.0.2.8 --gateway 192.0.2.9").contains("not the only one")
    );
    assert!(server("--mode tun --device eth0").contains("no meaning"));
    assert!(task("lvsctl real-server down --mode nat --vip 192.0.2.1").is_ok());
}

#[test]
fn each_virtual_address_has_the_real_servers_of_its_family() {
    let director = "lvsctl director up --mode nat --vip 192.0.2.1 --vip 2001:db8::1 \
                    --service tcp:80 --real 192.0.2.2:80 --real 192.0.2.2:8080";
    assert!(refusal(director).contains("the family of --vip 2001:db8::1"));
    let task = task(&format!("{director} --real [2001:db8::2]:81")).unwrap();
    let ports = |vip: usize| {
        let (_, destinations) = task.service(task.vips[vip], task.listeners[0]);
        destinations.iter().map(|destination| destination.port).collect::<Vec<u16>>()
    };
    assert_eq!((ports(0), ports(1)), (vec![80, 8080], vec![81]));
}

#[test]
fn what_is_repeated_counts_once() {
    let line = "lvsctl director up --mode tun --vip 192.0.2.1 --vip 192.0.2.1 \
                --service tcp:80 --service tcp:80 --real 192.0.2.2 --real 192.0.2.2";
    let task = task(line).unwrap();
    assert_eq!((task.vips.len(), task.listeners.len(), task.reals.len()), (1, 1, 1));
    assert_eq!(task.scheduler, "wlc");
}

#[test]
fn a_task_covers_its_own_claims_only() {
    let all = task("lvsctl director down --mode tun --vip 192.0.2.1").unwrap();
    assert!(all.covers("director tun 192.0.2.1"));
    assert!(all.covers("director tun 192.0.2.1 tcp:80"));
    assert!(!all.covers("director tun 192.0.2.10 tcp:80"));
    assert!(!all.covers("director tun 192.0.2.10"));
    assert!(!all.covers("director dr 192.0.2.1 tcp:80"));
    assert!(!all.covers("real-server tun 192.0.2.1"));
    let one = task("lvsctl director down --mode tun --vip 192.0.2.1 --service tcp:80").unwrap();
    assert!(one.covers("director tun 192.0.2.1 tcp:80"));
    assert!(!one.covers("director tun 192.0.2.1 tcp:8080"));
    assert!(!one.covers("director tun 192.0.2.1 udp:80"));
    assert!(!one.covers("director tun 192.0.2.1"));
    let server = task("lvsctl real-server down --mode tun --vip 192.0.2.1").unwrap();
    assert!(server.covers("real-server tun 192.0.2.1"));
    assert!(!server.covers("real-server tun 192.0.2.10"));
}
