//! What is said about bad lines. The expected texts were seen of ipvsadm 1.31.

use super::super::{UsageError, parse, parse_restore_line};
use super::words;
use crate::ipvsadm::fake_names::VIP_EXAMPLE;

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
fn the_first_option_must_be_a_command() {
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
fn option_errors_name_the_element() {
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
fn a_second_command_is_named_by_the_element_read_last() {
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
fn repeated_options_are_met_before_their_values() {
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
fn values() {
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
fn operands_then_scheduler_flags_then_legality() {
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
fn what_makes_no_sense() {
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
fn the_first_problem_of_a_line_wins() {
    assert_refused("-A -w x -q", "illegal weight specified", 2);
    assert_refused("-A -q -w x", "-q: unknown option", 255);
    assert_refused("-L -b foo --bogus", "--bogus: unknown option", 255);
    assert_refused("-L -n -n -q", "multiple 'numeric' options specified", 2);
}

#[test]
fn with_posixly_correct_an_operand_ends_the_options() {
    let parse = |line| refused(parse("/sbin/ipvsadm", &words(line), &VIP_EXAMPLE, true));
    assert_eq!(parse("foo -L"), (HINT.to_owned(), 255));
    assert_eq!(parse("-L foo -q"), ("unexpected argument foo".to_owned(), 2));
    assert_eq!(parse("--set 1 2 3 -q").0, "unexpected argument -q");
}

#[test]
fn a_restore_has_no_restore_in_it() {
    let parse =
        |line| refused(parse_restore_line("/sbin/ipvsadm", &words(line), &VIP_EXAMPLE, false));
    assert_eq!(parse("-R"), (HINT.to_owned(), 255));
    assert_eq!(parse("# comment"), (HINT.to_owned(), 255));
    assert_eq!(parse("-R foo").0, "unexpected argument foo");
    assert_eq!(parse("-R -q"), ("-q: unknown option".to_owned(), 255));
    assert_eq!(parse("-A -f -2147483649").1, 2);
}

#[test]
fn options_of_our_own() {
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
fn a_line_of_a_restore_has_no_option_of_the_whole_run() {
    let parse = |line| parse_restore_line("/sbin/ipvsadm", &words(line), &VIP_EXAMPLE, false);
    for (line, name) in
        [("-C --netns blue", "netns"), ("-L --no-load", "no-load"), ("-C --explain", "explain")]
    {
        let text = format!("the '{name}' option is not allowed in restore input");
        assert_eq!(refused(parse(line)), (text, 2));
    }
    assert!(parse("-L --json").is_ok());
}
