//! Random command lines, most of them valid.

/// Pseudo-random numbers (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn number(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % u64::try_from(below).unwrap()).unwrap()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.number(100) < percent
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.number(choices.len())]
    }
}

const COMMANDS: &[&str] = &[
    "-A",
    "-A",
    "-A",
    "-A",
    "-E",
    "-D",
    "-a",
    "-a",
    "-a",
    "-a",
    "-e",
    "-e",
    "-d",
    "-L",
    "-L",
    "-Z",
    "-S",
    "-C",
    "--set",
    "--add-service",
    "--add-server",
    "--list",
    "-ln",
    "-Ln",
    "-Ln",
    "-Sn",
    "-E",
    "-D",
    "--edit-server",
    "--delete-service",
    "--save",
    "--zero",
    "--start-daemon",
    "--stop-daemon",
];
const SERVICES: &[&str] = &[
    "-t 192.0.2.1:80",
    "-t 192.0.2.1:80",
    "-t 192.0.2.1:80",
    "-u 192.0.2.1:53",
    "-t 192.0.2.2",
    "--sctp-service 192.0.2.1:80",
    "-t [2001:db8::80]:80",
    "-f 1",
    "-f 1 -6",
    "-f 2147483647",
    "--tcp-service=192.0.2.3:http",
    "-t vip.example:https",
    "-t10.0.0.1:80",
    "-t 300.1.1.1:80",
    "-t 2001:db8::80",
    "-t",
    "-f 0",
    "-u :80",
    "-u [::1]:domain",
    "-t 3232235777:1",
    "-f x",
    "-t 192.0.2.2:www",
    "-t [::ffff:192.0.2.9]:80",
    "-f 1 --ipv6",
    "-f 5",
    "-t 127.1:80",
    "-u 0xc0000201:53",
    "-t 192.0.2.1:65536",
    "--fwmark-service=1",
    "-t [192.0.2.1]:80",
    "-t 192.0.2.41:80",
    "-6 -f 1",
];
const SERVICE_OPTIONS: &[&str] = &[
    "-s rr",
    "-s wrr",
    "-s sh -b sh-port",
    "-s mh -b mh-fallback,mh-port",
    "-s lc",
    "-p",
    "-p 60",
    "-p 0",
    "-p300",
    "-M 255.255.255.0",
    "-M 64",
    "-M 0.0.0.0",
    "-o",
    "--pe sip",
    "-s nosuch",
    "-b flag-1,flag-3",
    "-b bogus",
    "-s sed",
    "--persistent=20",
    "--scheduler wlc",
    "-M 300",
    "-op",
    "-s fo",
    "-s dh",
    "--netmask 255.255.0.0",
    "-M rs1.example",
    "--pe nosuch",
    "--ops",
    "--sched-flags flag-2",
    "-b sh-fallback",
    "-s none",
    "-p 2678401",
    "-M 0",
    "-b flag-1,",
];
const SERVERS: &[&str] = &[
    "-r 198.51.100.2",
    "-r 198.51.100.2",
    "-r 198.51.100.2:80",
    "-r 198.51.100.3:8080",
    "-r 198.51.100.4:http",
    "-r [2001:db8::e]:80",
    "-r 2001:db8::f",
    "-r rs1.example",
    "-r 224.0.0.1",
    "-r 0.0.0.0:80",
    "-r 198.51.100.5:99999",
    "-r",
    "--real-server=198.51.100.6",
    "-r127.0.0.1",
    "-r 198.51.100.2:0",
    "-r [::1]:80",
    "-r rs1.example:http",
    "-r 10.1:80",
    "-r fe80::1",
    "-r 198.51.100.3:8080",
    "-r 192.0.2.1:80",
    "-r [2001:db8::e]:http",
    "-r 198.51.100.7:",
];
const SERVER_OPTIONS: &[&str] = &[
    "-m",
    "-i",
    "-g",
    "-m",
    "-i",
    "-w 0",
    "-w 5",
    "-w 100000",
    "-w -1",
    "-w x",
    "-x 10",
    "-x 10 -y 5",
    "-y 7",
    "-i --tun-type gue --tun-port 6080",
    "-i --tun-type gre --tun-csum",
    "--tun-type ipip",
    "-i --tun-type gue",
    "--tun-remcsum",
    "--tun-port 0",
    "-mw9",
    "--weight=3",
    "--masquerading",
    "-x 0",
    "-y 0",
    "--u-threshold=4",
    "--l-threshold 2",
    "-x 2147483648",
    "-i --tun-type gue --tun-port 1 --tun-remcsum",
    "-i --tun-type gre",
    "--tun-nocsum",
    "--tun-type bogus",
    "--ipip",
    "--gatewaying",
    "-w 2147483648",
    "-w= 5",
    "-gw2",
];
const LISTING_OPTIONS: &[&str] = &[
    "-n",
    "-n",
    "-n",
    "--stats",
    "--rate",
    "--thresholds",
    "--persistent-conn",
    "--tun-info",
    "--exact",
    "-X",
    "--nosort",
    "--sort",
    "--daemon",
    "--timeout",
    "-c",
    "--syncid 3",
    "-nX",
    "--syncid 300",
    "--numeric",
    "--connection",
    "-6",
    "-nc",
];
const ODDITIES: &[&str] = &[
    "-q",
    "--bogus",
    "foo",
    "--",
    "-",
    "-6",
    "-n=1",
    "-A",
    "-L",
    "-h",
    "--stats=1",
    "-w",
    "-C",
    "-f",
    "",
    "-v",
    "--numer",
    "-Z",
    "--set",
    "--sort",
    "-=",
    "-t=",
    "---",
    "--list",
];

const DAEMONS: &[&str] = &["master", "backup", "master", "backup", "Master", ""];
const DAEMON_OPTIONS: &[&str] = &[
    "--mcast-interface dummy0",
    "--mcast-interface dummy0",
    "--mcast-interface eth0",
    "--mcast-interface nosuch",
    "--syncid 7",
    "--syncid 256",
    "--mcast-group 224.0.0.99",
    "--mcast-group ff02::99",
    "--mcast-group 192.0.2.1",
    "--mcast-port 9999",
    "--mcast-port 0",
    "--mcast-ttl 3",
    "--sync-maxlen 1400",
    "--sync-maxlen 65508",
];

/// One command line, in most cases valid. Marks from 2^31 on, `-b ,` and names that `-S` truncates are
/// deliberate differences, which the fixed cases cover.
pub(super) fn line(dice: &mut Dice) -> String {
    let command = dice.of(COMMANDS);
    let mut words = Vec::new();
    let some = |words: &mut Vec<_>, dice: &mut Dice, choices: &[&'static str], percent: usize| {
        while dice.chance(percent) {
            let word = dice.of(choices);
            words.push(word);
        }
    };
    match command {
        "-A" | "-E" | "--add-service" => some(&mut words, dice, SERVICE_OPTIONS, 45),
        "--start-daemon" | "--stop-daemon" => {
            words.push(dice.of(DAEMONS));
            some(
                &mut words,
                dice,
                DAEMON_OPTIONS,
                if command == "--start-daemon" { 60 } else { 5 },
            );
        }
        "-a" | "-e" | "-d" | "--add-server" | "--edit-server" => {
            some(&mut words, dice, SERVER_OPTIONS, if command == "-d" { 5 } else { 45 });
            if dice.chance(96) {
                words.push(dice.of(SERVERS));
            }
        }
        "--set" => {
            for _ in 0..if dice.chance(85) { 3 } else { dice.number(5) } {
                words.push(dice.of(&["0", "1", "900", "2678400", "2678401", "x", "-1"]));
            }
        }
        _ => {
            some(&mut words, dice, LISTING_OPTIONS, if command.starts_with("-S") { 5 } else { 50 })
        }
    }
    let service = match command {
        "-A" | "-E" | "-D" | "-a" | "-e" | "-d" => 97,
        "--add-service" | "--delete-service" | "--add-server" | "--edit-server" => 97,
        "-L" | "-Z" | "-Ln" => 30,
        _ => 3,
    };
    if dice.chance(service) {
        // Before or after the others: the order matters for -r, -M and -6.
        let place = dice.number(words.len() + 1);
        words.insert(place, dice.of(SERVICES));
    }
    if dice.chance(6) {
        let place = dice.number(words.len() + 1);
        words.insert(place, dice.of(ODDITIES));
    }
    if words.is_empty() { command.to_owned() } else { format!("{command} {}", words.join(" ")) }
}
