//! Mistakes that people make, each with the second line that they get.

use super::explain;
use crate::ipvsadm::names::fake::FakeNames;
use crate::ipvsadm::{parse, parse_restore_line};

/// Words of a line; `''` is an empty one.
fn words(line: &str) -> Vec<String> {
    line.split(' ').map(|word| word.replace("''", "")).collect()
}

fn explained(line: &str) -> String {
    let words = words(line);
    let error = parse("ipvsadm", &words, &FakeNames(&[]), false).unwrap_err();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    explain(&error, &words).unwrap_or_else(|| panic!("{line}: {error} is not explained"))
}

const MISTAKES: &[(&str, &str)] = &[
    // Dashes, quotes and blanks of word processors.
    (
        "\u{2013}L \u{2013}n",
        "`–L` has an en dash (U+2013), as word processors and web pages write it: type -L",
    ),
    (
        "-L \u{2013}n",
        "`–n` has an en dash (U+2013), as word processors and web pages write it: type -n",
    ),
    (
        "-L \u{2014}stats",
        "`—stats` has an em dash (U+2014), as word processors and web pages write it: type --stats",
    ),
    (
        "-A -t \u{201c}192.0.2.1:80\u{201d}",
        "`“192.0.2.1:80”` has a typographic quote (U+201C), as word processors and web pages write it: type 192.0.2.1:80",
    ),
    (
        "-A -t 192.0.2.1:80\u{a0} -s rr",
        "`192.0.2.1:80\\u{a0}` has an invisible space (U+00A0), as word processors and web pages write it: type 192.0.2.1:80",
    ),
    // Commands.
    ("list", "Commands begin with a dash: -L instead of `list`."),
    ("show", "Commands begin with a dash: -L instead of `show`."),
    ("add -t 192.0.2.1:80", "Commands begin with a dash: -A instead of `add`."),
    ("-n -L", "The command comes first: ipvsadm -L -n …"),
    ("-nL", "The command is the first letter: -L… instead of -nL."),
    (
        "-t 192.0.2.1:80 -s rr",
        "No command comes first, but -t: -A adds a service, -a a real server, -L lists the table (see ipvsadm -h).",
    ),
    ("--add -t 192.0.2.1:80", "There is no command --add: did you mean --add-service?"),
    ("--lst", "There is no command --lst: did you mean --list?"),
    (
        "foo",
        "`foo` is not a command: a line begins with one, such as -L, -A or -a (see ipvsadm -h).",
    ),
    (
        "-A -t 192.0.2.1:80 -a -r 198.51.100.2",
        "One call has one command, and here are -A and -a: add the service first, then each real server with a call of its own.",
    ),
    (
        "-C -L",
        "One call has one command, and here are -C and -L: call ipvsadm once for each, or give them to ipvsadm -R, one per line.",
    ),
    // Options.
    ("-L --stat", "There is no option --stat: did you mean --stats?"),
    ("-L -stats", "Long options have two dashes: --stats instead of -stats."),
    ("-L --numer", "There is no option --numer: did you mean --numeric?"),
    ("-L --bogus", "There is no option --bogus: see ipvsadm -h."),
    ("-Lnq", "There is no option -q: see ipvsadm -h."),
    ("-L -N", "There is no option -N: did you mean -n (--numeric)?"),
    (
        "-A -t 192.0.2.1:80 --schedular rr",
        "There is no option --schedular: did you mean --scheduler?",
    ),
    (
        "-A -t 192.0.2.1:80 -scheduler rr",
        "Long options have two dashes: --scheduler instead of -scheduler.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -weight 5",
        "Long options have two dashes: --weight instead of -weight.",
    ),
    ("-A -t", "-t takes ADDRESS[:PORT]: write it behind the option."),
    ("--start-daemon", "--start-daemon takes master|backup: write it behind the option."),
    ("-L --stats=5", "--stats takes no value: leave out `=5`."),
    (
        "-A -t 192.0.2.1:80 -u 192.0.2.1:80",
        "-t and -u name two services: each needs a call of its own.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -g -m",
        "-g and -m are two forwarding methods: choose one of -g (direct routing), -i (tunnelling) and -m (NAT).",
    ),
    ("-a -t 192.0.2.1:80 -r 198.51.100.2 -w 1 -w 2", "-w is given twice: leave one out."),
    (
        "-A -s rr",
        "Name the service: -t ADDRESS:PORT for TCP, -u for UDP, --sctp-service, or -f MARK.",
    ),
    ("-a -t 192.0.2.1:80 -m", "Name the real server: -r ADDRESS[:PORT]."),
    (
        "-a -t 192.0.2.1:80 -s rr",
        "-s belongs to -A, -E, and the case counts: did you mean -A instead of -a?",
    ),
    (
        "-A -t 192.0.2.1:80 -r 198.51.100.2 -m",
        "-r belongs to -a, -e, -d, and the case counts: did you mean -a instead of -A?",
    ),
    (
        "-D -t 192.0.2.1:80 -r 198.51.100.2",
        "-r belongs to -a, -e, -d, and the case counts: did you mean -d instead of -D?",
    ),
    ("-L -w 5", "-w belongs to -a, -e: leave it out with -L."),
    ("-L --client 192.0.2.0/24", "--client chooses among connections: add -c."),
    (
        "-L -c --stats",
        "--stats, --rate, --thresholds and --persistent-conn choose columns of services: leave them out with -c, --timeout and --daemon.",
    ),
    ("-L -c --timeout", "--timeout and --connection exclude each other: leave one out."),
    ("-L --netns", "--netns takes NAME|PATH|PID: write it behind the option."),
    // What stands alone.
    ("-R /etc/ipvsadm.rules", "-R reads standard input: ipvsadm -R </etc/ipvsadm.rules"),
    ("-S /etc/ipvsadm.rules", "-S writes to standard output: ipvsadm -S >/etc/ipvsadm.rules"),
    ("-L 192.0.2.1:80", "-t or -u comes before the address of a service: -t 192.0.2.1:80."),
    ("-L stats", "Options begin with dashes: did you mean --stats?"),
    ("-A 192.0.2.1:80 -s rr", "-t or -u comes before the address of a service: -t 192.0.2.1:80."),
    ("-A -t 192.0.2.1 80 -s rr", "Address and port are one word: 192.0.2.1:80."),
    ("-A -t 192.0.2.1 :80 -s rr", "Address and port are one word, without a blank: 192.0.2.1:80."),
    (
        "-a -t 192.0.2.1:80 198.51.100.2 -m",
        "-r comes before the address of a real server: -r 198.51.100.2.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -m 5",
        "-m takes no value: leave out `5`, or put its option before it.",
    ),
    (
        "--set 900 120",
        "Three timeouts in seconds follow --set, for TCP, TCP after a FIN, and UDP, such as `--set 900 120 300`; 0 leaves one as it is.",
    ),
    ("--set 900 120 300 5", "--set takes three timeouts, and nothing else."),
    (
        "--set 15m 120 300",
        "Timeouts are whole seconds up to 2678400 (31 days), or 0 to leave one as it is, without a unit: 15m is 900.",
    ),
    // Addresses and ports.
    ("-A -t 192.0.2.1:htp", "There is no port named `htp`: did you mean http?"),
    ("-A -t 192.0.2.1/32:80", "-t takes one address, without a prefix length: 192.0.2.1:80."),
    ("-A -t 192.0.2.0/24", "-t takes one address, without a prefix length: 192.0.2.0."),
    (
        "-A -t 192.0.2.300:80",
        "`300` in `192.0.2.300` is too large: each of the four numbers ends at 255.",
    ),
    (
        "-A -t 192.0.2.1.80",
        "`192.0.2.1.80` has five parts: is the last one the port, 192.0.2.1:80?",
    ),
    ("-A -t 192.0.2..1:80", "A number is missing at a dot of `192.0.2..1`."),
    ("-A -t 192.0.2.08:80", "`08` in `192.0.2.08` begins with 0 and so is octal: leave out the 0."),
    ("-A -t 192.0.2.1:99999", "Port 99999 is too large: ports end at 65535."),
    ("-A -t 192.0.2.1:-1", "`-1` is not a port: write one decimal number from 0 to 65535."),
    (
        "-A -t 192.0.2.1:",
        "The port behind the colon is missing: is a variable of a script not set?",
    ),
    ("-A -t :80", "The address before `:80` is missing."),
    ("-A -t 80", "`80` is a number alone: write ADDRESS:PORT, such as 192.0.2.1:80."),
    ("-A -t 80:192.0.2.1", "The address comes first: 192.0.2.1:80."),
    ("-A -t 192.0.2.1,80", "`,` does not belong into `192.0.2.1,80`: write ADDRESS:PORT."),
    (
        "-A -t http://192.0.2.1:80/",
        "`http://` belongs to a URL: -t takes ADDRESS:PORT, here 192.0.2.1:80.",
    ),
    ("-A -t ''", "The value of -t is empty: is a variable of a script not set?"),
    (
        "-A -t www.example.com:80",
        "The host name `www.example.com` has no IPv4 address: see `getent ahostsv4 www.example.com`. Names need DNS or /etc/hosts, and are looked up for IPv4 only; addresses always work.",
    ),
    ("-A -t 192.0.2.1:80:80", "`192.0.2.1:80:80` has more than one colon: write ADDRESS:PORT."),
    (
        "-A -t 192.0.2.1",
        "Add the port, as in 192.0.2.1:80; or -p, since a persistent service may stand for every port.",
    ),
    (
        "-A -t 2001:db8::10:80 -s rr",
        "2001:db8::10:80 is read as an IPv6 address without a port: with port 80, write [2001:db8::10]:80.",
    ),
    (
        "-A -t 2001:db8::10:http -s rr",
        "An IPv6 address with a port stands in brackets: [2001:db8::10]:http.",
    ),
    (
        "-A -t [2001:db8::10] -s rr",
        "A port follows the brackets, as in [2001:db8::10]:80; without a port, write 2001:db8::10.",
    ),
    (
        "-A -t [2001:db8::10]80 -s rr",
        "A colon belongs between `]` and the port: [2001:db8::10]:80.",
    ),
    ("-A -t [2001:db8::10:80 -s rr", "`[2001:db8::10:80` lacks the closing bracket."),
    ("-A -t [2001:db8::g]:80 -s rr", "`2001:db8::g` is not an IPv6 address."),
    ("-A -t [www.example.com]:80", "Brackets are for IPv6 addresses: write www.example.com:80."),
    ("-A -t fe80::1%eth0 -p", "`fe80::1%eth0` has a zone, which IPVS does not know: leave it out."),
    (
        "-A -t 2001:db8::10::1 -s rr",
        "`2001:db8::10::1` is not an IPv6 address; with a port, it stands in brackets: [ADDRESS]:PORT.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.256",
        "`256` in `198.51.100.256` is too large: each of the four numbers ends at 255.",
    ),
    (
        "-a -t 192.0.2.1:80 -r rs1",
        "The host name `rs1` has no IPv4 address: see `getent ahostsv4 rs1`. Names need DNS or /etc/hosts, and are looked up for IPv4 only; addresses always work.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 2001:db8::5 -m",
        "One of service and real server is IPv4, the other IPv6: only tunnelling (-i) can connect them.",
    ),
    ("-L -c --vip 192.0.2.1/32", "--vip takes one address, without a prefix length: 192.0.2.1."),
    (
        "-L -c --client 192.0.2.0/33",
        "--client takes an address, or a network such as 192.0.2.0/24 or 2001:db8::/32.",
    ),
    ("-L -c --state ESTABLISHD", "Did you mean ESTABLISHED?"),
    ("-L -c --count-by service", "--count-by is one of client, vip, real, state."),
    ("-L -c --count-by vips", "Did you mean --count-by vip?"),
    // Marks.
    ("-A -f 0x10 -s rr", "-f takes the mark in decimal: -f 16."),
    (
        "-A -f 0 -s rr",
        "0 is the mark of packets without one: use a mark from 1 on, and set it with `iptables -t mangle … -j MARK --set-mark`.",
    ),
    ("-A -f 7/0xff -s rr", "IPVS compares the whole mark, without a mask: -f 7."),
    (
        "-A -f web -s rr",
        "-f takes a firewall mark, a whole number from 1 to 4294967295: not `web`.",
    ),
    (
        "-A -f 192.0.2.1:80 -s rr",
        "-f takes a firewall mark; for an address, use -t 192.0.2.1:80 or -u 192.0.2.1:80.",
    ),
    ("-A -6 -f 7 -s rr", "-6 follows the firewall mark that it belongs to: -f MARK -6."),
    (
        "-A -t [2001:db8::1]:80 -6 -s rr",
        "-6 is for firewall marks; an address shows its family: leave out -6.",
    ),
    // Values.
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -w -1",
        "-w takes a whole number from 0 to 2147483647: -1 is negative.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -w 50%",
        "-w takes a whole number from 0 to 2147483647: `50%` is a percentage.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -w 0.5",
        "-w takes a whole number from 0 to 2147483647: `0.5` is not whole.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -w 9999999999",
        "-w takes a whole number from 0 to 2147483647: 9999999999 is outside of that.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -w -m",
        "-w takes a whole number from 0 to 2147483647: the next option, -m, stands in its place.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -w ''",
        "-w takes a whole number from 0 to 2147483647: the value is empty (is a variable of a script not set?).",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -x many",
        "-x takes a whole number from 0 to 2147483647: `many` is not a decimal number.",
    ),
    (
        "-A -t 192.0.2.1:80 -p 5m",
        "Timeouts are whole seconds from 1 to 2678400 (31 days), without a unit: 5m is 300.",
    ),
    ("-A -t 192.0.2.1:80 -p 0", "Timeouts are whole seconds from 1 to 2678400 (31 days): not 0."),
    (
        "-A -t 192.0.2.1:80 -p 9999999",
        "Timeouts are whole seconds from 1 to 2678400 (31 days): not 9999999.",
    ),
    ("-A -t 192.0.2.1:80 -p 300 -M /24", "For IPv4, -M takes a mask in numbers: -M 255.255.255.0."),
    (
        "-A -t [2001:db8::1]:80 -p 300 -M ffff::",
        "With an IPv6 service -M takes a prefix length from 1 to 128, such as -M 64.",
    ),
    (
        "-A -t 192.0.2.1:80 -o",
        "-o schedules every packet by itself, which breaks the connections of TCP and SCTP: leave it out, or name a service of UDP (-u).",
    ),
    (
        "-A -t 192.0.2.1:80 -s sh -b sh-prt",
        "There is no scheduler flag sh-prt: did you mean sh-port?",
    ),
    (
        "-A -t 192.0.2.1:80 -s rr -b sh-port",
        "sh-port is a flag of the scheduler sh, and this is rr: add -s sh.",
    ),
    (
        "-A -t 192.0.2.1:80 -b sh-port",
        "sh-port is a flag of the scheduler sh, and this is wlc, the default: add -s sh.",
    ),
    (
        "-A -t 192.0.2.1:80 -b x",
        "The scheduler flags are sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2, flag-3.",
    ),
    ("-a -t 192.0.2.1:80 -r 198.51.100.2 -i --tun-type geu", "Did you mean --tun-type gue?"),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -i --tun-type vxlan",
        "--tun-type is one of ipip, gue, gre.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -i --tun-type gue",
        "GUE needs the UDP port on which the real server decapsulates: --tun-port PORT.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -i --tun-type gre --tun-port 5",
        "Tunnels of type gre have no tun-port: leave --tun-port out, or choose another --tun-type.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -m --tun-type ipip",
        "--tun-type and the like describe the tunnel of -i: add -i, or leave them out.",
    ),
    (
        "-a -t 192.0.2.1:80 -r 198.51.100.2 -i --tun-type gue --tun-port 70000",
        "--tun-port takes a whole number from 1 to 65535: 70000 is outside of that.",
    ),
    ("--start-daemon mastr", "Did you mean --start-daemon master?"),
    ("--start-daemon both", "--start-daemon is one of master, backup."),
    (
        "--start-daemon master --syncid 256",
        "--syncid takes a whole number from 0 to 255: 256 is outside of that.",
    ),
    (
        "--start-daemon master --mcast-ttl 0",
        "--mcast-ttl takes a whole number from 1 to 255: 0 is outside of that.",
    ),
    (
        "--start-daemon master --mcast-group 192.0.2.1",
        "--mcast-group takes an IPv4 multicast address, 224.0.0.0 to 239.255.255.255.",
    ),
    (
        "--start-daemon master --sync-maxlen 70000",
        "--sync-maxlen takes a whole number from 1 to 65507: 70000 is outside of that.",
    ),
];

#[test]
fn mistake_gets_a_second_line_that_helps() {
    let wrong: Vec<String> = MISTAKES
        .iter()
        .filter(|(line, expected)| explained(line) != *expected)
        .map(|(line, _)| format!("    ({line:?}, {:?}),\n", explained(line)))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.concat());
}

#[test]
fn mistake_in_a_rule_gets_a_second_line_too() {
    for (line, expected) in [
        (
            "-A -t 192.0.2.1:80 -s rr --netns x",
            "--netns belongs to the call that reads the input: ipvsadm -R --netns … <FILE",
        ),
        (
            "-A -t \"192.0.2.1:80\" -s rr",
            "Standard input is not read by a shell: leave out the quotes.",
        ),
        (
            "virtual_server 192.0.2.1 80 {",
            "`virtual_server` is not a command: a line begins with one, such as -L, -A or -a (see ipvsadm -h).",
        ),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let error = parse_restore_line("ipvsadm", &words, &FakeNames(&[]), false).unwrap_err();
        assert_eq!(explain(&error, &words).as_deref(), Some(expected), "{line}");
    }
}
