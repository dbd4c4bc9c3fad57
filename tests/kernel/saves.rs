//! What a table that is read while others change the kernel's comes to.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use lvs::ipvs::{Client, Request, Service, ServiceIdentity};
use programs::ipvsadm::{Console, invoke};

use crate::support::Host;

/// Rules of so many services with a destination each.
fn rules(services: u16) -> String {
    let rule = |port| {
        format!("-A -t 192.0.2.1:{port} -s rr\n-a -t 192.0.2.1:{port} -r 198.51.100.2:{port} -g\n")
    };
    (1..=services).map(rule).collect()
}

/// The status, and what is written, of a command of this process.
fn ipvsadm(line: &str) -> (u8, String) {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let mut output = Vec::new();
    let mut console = Console {
        input: &mut std::io::empty(),
        output: &mut output,
        errors: &mut std::io::stderr(),
        explains: false,
    };
    let status = invoke("ipvsadm", &words, &mut console);
    (status, String::from_utf8(output).unwrap())
}

/// Calls `work` while another network namespace adds and deletes services.
fn beside_changes_of_another_namespace(work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    let other = Host::with_addresses();
    thread::scope(|scope| {
        scope.spawn(|| {
            other.inside(|| {
                let mut client = Client::connect().unwrap();
                let add: Vec<_> = (0..600)
                    .map(|index| Ipv4Addr::from_bits(0x0a00_0000 + index))
                    .map(|address| Service::new(ServiceIdentity::tcp(address, 80), "rr"))
                    .map(Request::AddService)
                    .collect();
                while !done.load(Ordering::Relaxed) {
                    client.execute_all(&add).unwrap();
                    client.flush().unwrap();
                }
            });
        });
        // Also if it panics.
        let _end = Set(&done);
        work();
    });
}

struct Set<'a>(&'a AtomicBool);

impl Drop for Set<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn every_save_is_complete_beside_changes_of_another_namespace() {
    const SERVICES: u16 = 80;
    let host = Host::with_addresses();
    host.restore(&rules(SERVICES)).success();
    let mut expected = Vec::new();
    beside_changes_of_another_namespace(|| {
        host.inside(|| {
            for save in 0..200 {
                let (status, rules) = ipvsadm("-S -n");
                assert_eq!(status, 0);
                let mut rules: Vec<_> = rules.lines().map(str::to_owned).collect();
                rules.sort();
                if save == 0 {
                    assert_eq!(rules.len(), 2 * usize::from(SERVICES));
                    expected.clone_from(&rules);
                }
                assert!(rules == expected, "save {save} has {} lines", rules.len());
            }
        });
    });
}

#[test]
fn every_dump_of_many_services_is_complete_beside_changes_of_another_namespace() {
    const SERVICES: u16 = 1000;
    let host = Host::with_addresses();
    host.restore(&rules(SERVICES)).success();
    beside_changes_of_another_namespace(|| {
        host.inside(|| {
            let mut client = Client::connect().unwrap();
            for dump in 0..20 {
                let services = client.services().unwrap();
                assert_eq!(services.len(), usize::from(SERVICES), "dump {dump}");
            }
        });
    });
}
