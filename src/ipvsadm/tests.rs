//! Ruleset commands against a fake kernel: answers that no kernel of the lab gives.

use std::io;

use super::names::fake::FakeNames;
use super::program::run;
use super::{Command, Console, parse};
use lvs::ipvs::Client;
use lvs::netlink::fake_kernel::{Answer, FAMILY, FakeKernel, Seen, end, message, outcome};

/// `IPVS_CMD_*` of `linux/ip_vs.h`.
const GET_SERVICE: u8 = 4;
const GET_DESTINATION: u8 = 8;
const GET_DAEMON: u8 = 11;
const GET_CONFIG: u8 = 13;
const GET_INFO: u8 = 15;

/// More than the 32 bits in which the reference decodes the counters of a destination.
const MANY: u64 = (5 << 32) + 7;

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = ((4 + value.len()) as u16).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn number(kind: u16, value: u32) -> Vec<u8> {
    attribute(kind, &value.to_ne_bytes())
}

/// `IPVS_STATS_ATTR_*`: five counters and five rates, each one more than the one before.
fn stats(first: u64) -> Vec<u8> {
    let value = |index: u16| attribute(index, &(first + u64::from(index) - 1).to_ne_bytes());
    (1..=10).flat_map(value).collect()
}

fn service() -> Vec<u8> {
    let flags = [2_u32.to_ne_bytes(), u32::MAX.to_ne_bytes()].concat();
    let nest = [
        attribute(1, &2_u16.to_ne_bytes()),
        attribute(2, &6_u16.to_ne_bytes()),
        attribute(3, &[192, 0, 2, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        attribute(4, &80_u16.to_be_bytes()),
        attribute(6, b"rr\0"),
        attribute(7, &flags),
        number(8, 0),
        attribute(9, &[255; 4]),
        attribute(12, &stats(MANY)),
    ];
    attribute(1, &nest.concat())
}

fn destination() -> Vec<u8> {
    let nest = [
        attribute(11, &2_u16.to_ne_bytes()),
        attribute(1, &[198, 51, 100, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        attribute(2, &80_u16.to_be_bytes()),
        number(3, 2),
        number(4, 1),
        number(5, 0),
        number(6, 0),
        number(7, 3),
        number(8, 4),
        number(9, 5),
        attribute(12, &stats(MANY)),
    ];
    attribute(2, &nest.concat())
}

/// One service with one destination. What is `refused` is answered with EPERM.
fn answer(seen: &[Seen], refused: Option<u8>) -> Vec<Answer> {
    let [question] = seen else { panic!("one question at a time") };
    let sequence = question.header.sequence_number;
    let command = question.payload[0];
    let reply = |command: u8, attributes: &[u8]| {
        Ok(message(FAMILY, 0, sequence, &[&[command, 1, 0, 0], attributes].concat()))
    };
    if refused == Some(command) {
        return vec![Ok(outcome(sequence, libc::EPERM))];
    }
    let done = Ok(end(sequence, 0));
    match command {
        GET_INFO => {
            let info = [number(1, 0x0001_0201), number(2, 4096)].concat();
            vec![reply(14, &info), Ok(outcome(sequence, 0))]
        }
        GET_SERVICE => vec![reply(1, &service()), done],
        GET_DESTINATION => vec![reply(5, &destination()), done],
        other => panic!("nobody asks for {other}"),
    }
}

/// Status, standard output and standard error.
fn ipvsadm(line: &str, refused: Option<u8>) -> (u8, String, String) {
    let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
    let (command, manner) = parse("ipvsadm", &words, &FakeNames(&[]), false).unwrap();
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut console = Console {
        input: &mut io::empty(),
        output: &mut output,
        errors: &mut errors,
        explains: manner.explain,
    };
    let connect = || match manner.no_load {
        true => Ok(None),
        false => Client::new(FakeKernel::new(|seen: &[Seen]| answer(seen, refused))).map(Some),
    };
    let mut parse = |_: &[&str]| Ok(Command::Help);
    let status = run(&command, connect, &mut parse, &FakeNames(&[]), &mut console);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status, text(output), text(errors))
}

#[test]
fn counters_above_32_bits_are_exact() {
    let (status, output, _) = ipvsadm("-L -n --stats --exact", None);
    assert_eq!(status, 0);
    let rows: Vec<_> = output.lines().skip(3).collect();
    assert_eq!(
        rows,
        [
            "TCP  192.0.2.10:80                21474836487 21474836488 21474836489 21474836490 21474836491",
            "  -> 198.51.100.2:80              21474836487 21474836488 21474836489 21474836490 21474836491",
        ]
    );
    let (_, output, _) = ipvsadm("-L -n --stats", None);
    assert_eq!(
        output.lines().last(),
        Some("  -> 198.51.100.2:80                21474M   21474M   21474M   21474M   21474M")
    );
    let (_, output, _) = ipvsadm("-L -n --rate --exact", None);
    assert_eq!(
        output.lines().last(),
        Some(
            "  -> 198.51.100.2:80              21474836492 21474836493 21474836494 21474836495 21474836496"
        )
    );
}

#[test]
fn json_of_a_table_has_every_attribute() {
    let stats = "{\"connections\":21474836487,\"packets_in\":21474836488,\
        \"packets_out\":21474836489,\"bytes_in\":21474836490,\"bytes_out\":21474836491,\
        \"rates\":{\"connections\":21474836492,\"packets_in\":21474836493,\
        \"packets_out\":21474836494,\"bytes_in\":21474836495,\"bytes_out\":21474836496}}";
    let destination = format!(
        "{{\"family\":\"ipv4\",\"address\":\"198.51.100.2\",\"port\":80,\"forward\":\"tunnel\",\
         \"weight\":1,\"active_connections\":3,\"inactive_connections\":4,\
         \"persistent_connections\":5,\"thresholds\":{{\"upper\":0,\"lower\":0}},\
         \"tunnel\":{{\"type\":\"ipip\",\"port\":null,\"checksum\":null}},\"stats\":{stats}}}"
    );
    let expected = format!(
        "{{\"schema\":1,\"version\":\"1.2.1\",\"table_size\":4096,\"services\":[\
         {{\"family\":\"ipv4\",\"protocol\":\"tcp\",\"address\":\"192.0.2.10\",\"port\":80,\
         \"scheduler\":\"rr\",\"flags\":[],\"persistence\":null,\"persistence_engine\":null,\
         \"stats\":{stats},\"destinations\":[{destination}]}}]}}\n"
    );
    assert_eq!(ipvsadm("-L --json", None), (0, expected, String::new()));
}

#[test]
fn refused_listing_of_timeouts_or_daemons_is_silent() {
    for (line, command) in [("-L --timeout", GET_CONFIG), ("-L --daemon", GET_DAEMON)] {
        let nothing = (1, String::new(), String::new());
        assert_eq!(ipvsadm(line, Some(command)), nothing, "{line}");
        let (status, output, errors) = ipvsadm(&format!("{line} --explain"), Some(command));
        assert_eq!((status, output.as_str()), (1, ""));
        assert!(errors.contains("CAP_NET_ADMIN"), "{errors}");
        assert_eq!(errors.lines().count(), 1);
    }
    let (status, _, errors) = ipvsadm("-L", Some(GET_SERVICE));
    assert_eq!((status, errors.as_str()), (1, "Permission denied (you must be root)\n"));
}

#[test]
fn table_is_empty_if_ipvs_is_not_loaded() {
    let columns = "Prot LocalAddress:Port Scheduler Flags\n  \
        -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n";
    let table = format!("IP Virtual Server version 0.0.0 (size=0)\n{columns}");
    for (line, expected) in [
        ("-L --no-load", table.as_str()),
        ("-S --no-load", ""),
        ("-L --timeout --no-load", ""),
        ("-L --daemon --no-load", ""),
        (
            "-L --no-load --json",
            "{\"schema\":1,\"version\":\"0.0.0\",\"table_size\":0,\"services\":[]}\n",
        ),
        ("-L -c --no-load --json", "{\"schema\":1,\"connections\":[]}\n"),
        ("-L --timeout --no-load --json", "{\"schema\":1,\"timeouts\":null}\n"),
        ("-L --daemon --no-load --json", "{\"schema\":1,\"daemons\":[]}\n"),
    ] {
        let (status, output, errors) = ipvsadm(line, None);
        assert_eq!((status, output.as_str()), (0, expected), "{line}");
        assert!(errors.starts_with("IPVS is not loaded, and --no-load keeps it so"), "{line}");
    }
    let (status, _, errors) = ipvsadm("-L -t 192.0.2.10:80 --no-load", None);
    assert_eq!((status, errors.lines().last()), (1, Some("No such service")));
}
