//! Random commands with random kills, while another process changes the host, too: after the last `down`
//! the host is as that process alone would have left it. `scripts/torture [SEED] [RUNS]` runs more.

use std::env;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::cluster_file::ClusterFile;
use crate::support::random::Random;
use crate::support::{Host, LVSCTL, assert_same, root};

/// How many runs `scripts/test` makes, and the first seed.
const RUNS: u64 = 3;
const SEED: u64 = 1;

const VIPS: [&str; 4] = ["203.0.113.10", "203.0.113.11", "2001:db8:1::10", "2001:db8:1::11"];

/// A host whose interfaces have the same hardware addresses each time.
fn host() -> Host {
    let host = Host::new();
    host.shell(
        "ip link add eth0 address 02:00:00:00:00:01 type dummy && \
         ip link add eth1 address 02:00:00:00:00:02 type dummy && \
         ip link set eth0 up && ip link set eth1 up && \
         ip address add 203.0.113.1/24 dev eth0 && \
         ip address add 2001:db8:1::1/64 dev eth0 nodad && \
         ip route add default via 203.0.113.254 && \
         ip -6 route add default via 2001:db8:1::254 dev eth0 metric 1",
    )
    .success();
    host
}

/// A role, its mode and its virtual address.
fn role(random: &mut Random) -> String {
    let (mode, vip) = (random.of(&["nat", "tun", "dr"]), random.of(&VIPS));
    let (net, gateway) = match vip.contains(':') {
        true => ("2001:db8:1::", "2001:db8:1::253"),
        false => ("203.0.113.", "203.0.113.253"),
    };
    let device = if mode == "dr" { " --device eth0" } else { "" };
    match random.below(2) {
        0 => {
            let weight = random.below(4);
            let port = 80 + random.below(2);
            format!(
                "director up --mode {mode} --vip {vip} --service tcp:{port} --real {net}2,weight={weight} \
                 --real {net}3"
            )
        }
        _ if mode == "nat" => {
            format!("real-server up --mode nat --vip {vip} --gateway {gateway} --device eth0")
        }
        _ => format!("real-server up --mode {mode} --vip {vip}{device}"),
    }
}

/// The same command with another verb.
fn down(up: &str) -> String {
    up.split(" --service").next().unwrap().replacen(" up ", " down ", 1)
}

fn cluster(random: &mut Random) -> String {
    let mode = random.of(&["nat", "tun", "dr"]);
    let real = 2 + random.below(3);
    let (vip, net) = match random.below(2) {
        0 => ("203.0.113.20", "203.0.113."),
        _ => ("[2001:db8:1::20]", "2001:db8:1::"),
    };
    format!(
        "name = \"torture\"\nmode = \"{mode}\"\ndirectors = [\"203.0.113.1\"]\n[[service]]\n\
         listen = \"tcp://{vip}:80\"\nreal = [\"{net}{real}\", \"{net}5\"]\n"
    )
}

/// A change that another process makes: on interfaces, addresses and services of its own.
fn other(random: &mut Random) -> String {
    let number = random.below(40);
    let verb = random.of(&["add", "del"]);
    match random.below(4) {
        0 => format!("ip address {verb} 10.9.0.{number}/32 dev eth1"),
        1 => format!("ip route {verb} 10.8.{number}.0/24 dev eth1 metric 7"),
        2 => format!("ip -6 route {verb} 2001:db8:{number}::/48 dev eth1 metric 7"),
        _ => {
            let option = if verb == "add" { "-A" } else { "-D" };
            let scheduler = if verb == "add" { " -s rr" } else { "" };
            format!("ipvsadm {option} -t 192.0.2.{number}:443{scheduler}")
        }
    }
}

/// Runs a command, and ends it with a signal after a while. Returns its errors if it ended with another
/// status than 0 and 1: conflicts of two roles are refused.
fn run(host: &Host, line: &str, signal: Option<(i32, Duration)>) -> Result<(), String> {
    let mut command = Command::new(LVSCTL);
    command.arg("--state-dir").arg(host.state_directory()).args(line.split_whitespace());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = host.inside(|| command.spawn().unwrap());
    if let Some((signal, pause)) = signal {
        std::thread::sleep(pause);
        // SAFETY: it is our child, which has not been reaped yet.
        #[allow(unsafe_code)]
        unsafe {
            libc::kill(libc::pid_t::try_from(child.id()).unwrap(), signal);
        }
    }
    let ended = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
    let killed = signal.is_some() && ended.status.code().is_none();
    let expected = killed || matches!(ended.status.code(), Some(0 | 1));
    let damaged = errors.contains("damaged") || errors.contains("panicked");
    if expected && !damaged { Ok(()) } else { Err(format!("{line}: {:?}\n{errors}", ended.status)) }
}

/// All state, without the random address that the kernel gave `ip6tnl0`.
fn state(host: &Host) -> String {
    let state = host.everything();
    state.lines().map(|line| line.split(" permaddr ").next().unwrap().to_owned() + "\n").collect()
}

fn torture(seed: u64) {
    let mut random = Random::new(seed);
    let host = host();
    let file = ClusterFile::new(&format!("torture-{seed}"), &cluster(&mut random));
    let (mut downs, mut log) = (vec![file.line("down")], Vec::new());
    // Units of another machine: below this directory.
    let below = format!("/run/torture-root-{seed}");
    fs::create_dir(&below).unwrap();
    let install = file.line(&format!("install --role director --root {below}"));
    let uninstall = format!("uninstall --root {below} torture");
    let mut others: Vec<String> = (0..10).map(|_| other(&mut random)).collect();
    others.insert(0, "ipvsadm -A -t 192.0.2.99:443 -s rr".to_owned());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for line in &others {
                host.shell(line);
            }
            over.store(true, Ordering::Relaxed);
        });
        while !over.load(Ordering::Relaxed) || log.len() < 5 {
            let line = match random.below(8) {
                0 => {
                    file.write(&cluster(&mut random));
                    file.line("apply --role director")
                }
                1 => file.line("down"),
                6 => install.clone(),
                7 => uninstall.clone(),
                2 => {
                    let at = random.below(downs.len() as u64);
                    downs[usize::try_from(at).unwrap()].clone()
                }
                _ => {
                    let up = role(&mut random);
                    if !downs.contains(&down(&up)) {
                        downs.push(down(&up));
                    }
                    up
                }
            };
            let pause = Duration::from_millis(random.below(150));
            let signal = match random.below(4) {
                0 => Some((libc::SIGKILL, pause)),
                1 => Some((libc::SIGTERM, pause)),
                _ => None,
            };
            log.push(format!("{line} {signal:?}"));
            if let Err(errors) = run(&host, &line, signal) {
                panic!("seed {seed}: {errors}\nafter\n{}", log.join("\n"));
            }
        }
    });
    let end = [install, uninstall];
    for line in downs.iter().chain(&end) {
        let outcome = host.lvsctl_inside(line);
        assert_eq!(
            outcome.status,
            0,
            "seed {seed}: {line}: {outcome:?}\nafter\n{}",
            log.join("\n")
        );
    }
    let twin = self::host();
    for line in &others {
        twin.shell(line);
    }
    let left = host.lvsctl_inside("status");
    let when = format!("seed {seed}: {left:?}\nafter\n{}", log.join("\n"));
    assert_same(&state(&host), &state(&twin), &when);
    assert_eq!(host.left_in_state_directory(), ["log"], "{when}");
    let installed = Command::new("find").args([&below, "!", "-type", "d"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&installed.stdout), "", "{when}");
    fs::remove_dir_all(&below).unwrap();
    let _ = fs::remove_dir_all(host.state_directory());
}

#[test]
fn last_down_reverts_all_after_random_commands_and_kills() {
    root("modprobe -a ip_vs ip_vs_rr ip_vs_wlc ipip ip6_tunnel");
    let number = |name: &str, default| match env::var(name) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => default,
    };
    let (seed, runs) = (number("LVS_TORTURE_SEED", SEED), number("LVS_TORTURE_RUNS", RUNS));
    for seed in seed..seed + runs {
        let began = Instant::now();
        torture(seed);
        println!("seed {seed}: in order, {:.1} s", began.elapsed().as_secs_f64());
    }
}
