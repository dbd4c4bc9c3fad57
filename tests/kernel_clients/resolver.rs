//! A slow resolver: a listing with names waits once, not once per row.

use std::collections::HashSet;
use std::fs;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Host, IPVSADM, assert_same};

/// The delay of each answer.
const DELAY: Duration = Duration::from_secs(1);

/// A slow DNS server on 127.0.0.1 of the calling thread's network namespace that knows no name
/// (NXDOMAIN, RFC 1035 section 4.1.1).
fn serve_slowly(questions: usize) -> HashSet<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut asked = HashSet::new();
    let mut packet = [0_u8; 512];
    while asked.len() < questions {
        let (length, from) = socket.recv_from(&mut packet).unwrap();
        let mut answer = packet[..length].to_vec();
        asked.insert(answer[12..].to_vec());
        answer[2] |= 0x80;
        answer[3] = 0x83;
        let socket = socket.try_clone().unwrap();
        thread::spawn(move || {
            thread::sleep(DELAY);
            let _ = socket.send_to(&answer, from);
        });
    }
    asked
}

#[test]
fn listing_with_slow_resolver_waits_once_for_all_names() {
    const SERVERS: usize = 100;
    let host = Host::with_addresses();
    let directory = host.state_directory();
    fs::create_dir_all(directory).unwrap();
    fs::write(directory.join("nsswitch.conf"), "hosts: dns\nservices: files\n").unwrap();
    fs::write(directory.join("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
    let mut rules = "-A -t 198.51.100.1:81 -s rr\n".to_owned();
    for number in 1..=SERVERS {
        rules += &format!("-a -t 198.51.100.1:81 -r 198.51.100.{number}:81 -m -w 1\n");
    }
    fs::write(directory.join("rules"), rules).unwrap();
    let at = directory.display();
    host.shell(&format!("{IPVSADM} -R <{at}/rules")).success();

    let (asked, (listing, took)) = thread::scope(|scope| {
        let server = scope.spawn(|| host.inside(|| serve_slowly(SERVERS)));
        let line = format!(
            "unshare --mount sh -c 'mount --bind {at}/nsswitch.conf /etc/nsswitch.conf && \
             mount --bind {at}/resolv.conf /etc/resolv.conf && exec {IPVSADM} -L'"
        );
        let start = Instant::now();
        let listing = host.shell(&line).success();
        let took = start.elapsed();
        (server.join().unwrap(), (listing, took))
    });
    assert_eq!(asked.len(), SERVERS);
    // Neither the hosts nor port 81 have a name.
    assert_same(&listing, &host.ipvsadm("-Ln").success(), "without names");
    println!("{SERVERS} names of a resolver that takes {DELAY:?}: {took:?}");
    // One after the other takes a hundred times the delay.
    assert!(took < DELAY * 20, "{took:?}");
}
