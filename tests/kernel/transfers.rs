//! Transfers that continue while `lvsctl apply` changes the table.

use std::fmt::Write as _;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::cluster::Cluster;

const VIP: &str = "192.168.10.11";
const TRANSFERS: usize = 200;
/// Bytes that a server sends for each byte that it receives.
const PIECE: usize = 2000;

/// Serves all connections: a piece for each byte, until the client closes.
fn serve(stop: &AtomicBool) {
    let listener = TcpListener::bind((VIP, 5000)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut clients: Vec<TcpStream> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        while let Ok((client, _)) = listener.accept() {
            client.set_nonblocking(true).unwrap();
            clients.push(client);
        }
        clients.retain_mut(|client| match client.read(&mut [0]) {
            Ok(0) => false,
            Ok(_) => client.write_all(&[b'x'; PIECE]).is_ok(),
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        });
        thread::sleep(Duration::from_millis(1));
    }
}

/// Keeps all transfers open, and requests a piece of each in turn until `enough`. Returns the number
/// of complete transfers.
fn transfer(open: &AtomicBool, enough: &AtomicBool) -> usize {
    let connect = |_| TcpStream::connect((VIP, 5000)).unwrap();
    let mut transfers: Vec<TcpStream> = (0..TRANSFERS).map(connect).collect();
    let mut whole = vec![true; TRANSFERS];
    loop {
        let last = enough.load(Ordering::Relaxed);
        for (transfer, whole) in transfers.iter_mut().zip(&mut whole) {
            transfer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut piece = [0; PIECE];
            *whole &= transfer.write_all(b"?").is_ok() && transfer.read_exact(&mut piece).is_ok();
        }
        // Each has been answered once before anything changes.
        open.store(true, Ordering::Relaxed);
        if last {
            return whole.iter().filter(|whole| **whole).count();
        }
    }
}

/// The service of the transfers, 249 others with two real servers each, and 50 from `from` on.
fn table(weight: u32, from: u32) -> String {
    let mut rules = String::new();
    let mut service = |port: u32| {
        writeln!(rules, "-A -t {VIP}:{port} -s rr").unwrap();
        for last in [2, 3] {
            writeln!(rules, "-a -t {VIP}:{port} -r 192.168.10.{last}:{port} -g -w {weight}")
                .unwrap();
        }
    };
    service(5000);
    (0..249).chain(from..from + 50).for_each(|number| service(10_000 + number));
    rules
}

#[test]
fn transfers_continue_while_apply_changes_the_table() {
    let cluster = Cluster::on_one_switch();
    let Cluster { client, director, real_servers } = &cluster;
    director.shell(&format!("ip address add {VIP}/32 dev eth0")).success();
    for server in real_servers {
        server.lvsctl(&format!("real-server up --mode dr --vip {VIP}")).success();
    }
    let path = director.state_directory().with_extension("rules");
    let apply = |rules: String| {
        fs::write(&path, rules).unwrap();
        director.lvsctl(&format!("apply {}", path.display())).success()
    };
    apply(table(1, 1000));
    let [stop, open, enough] = [const { AtomicBool::new(false) }; 3];
    let (whole, applied) = thread::scope(|scope| {
        for server in real_servers {
            scope.spawn(|| server.inside(|| serve(&stop)));
        }
        let transfers = scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            client.inside(|| transfer(&open, &enough))
        });
        while !open.load(Ordering::Relaxed) && !transfers.is_finished() {
            thread::sleep(Duration::from_millis(10));
        }
        let applied = apply(table(5, 2000));
        enough.store(true, Ordering::Relaxed);
        let whole = transfers.join();
        stop.store(true, Ordering::Relaxed);
        (whole.unwrap(), applied)
    });
    let count = |word: &str| applied.lines().filter(|line| line.contains(word)).count();
    let counts = ["ipvsadm -e", "ipvsadm -A", "ipvsadm -D"].map(count);
    assert_eq!(counts, [500, 50, 50]);
    assert_eq!(whole, TRANSFERS, "transfers that were whole");
    // The director forwarded them to both real servers.
    let rows = director.ipvsadm(&format!("-Ln --stats -t {VIP}:5000")).success();
    assert_eq!(rows.lines().filter(|row| row.contains(" 100 ")).count(), 2, "{rows}");
}
