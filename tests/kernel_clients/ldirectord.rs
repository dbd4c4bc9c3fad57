//! ldirectord, which calls ipvsadm for every change and parses its listing.

use std::fs;

use crate::support::{Host, IPVSADM, LVSCTL, Network, root};
use crate::wait_for_rules;

/// A director with ldirectord, for which `/usr/sbin/ipvsadm` is our program.
struct Director {
    host: Host,
    directory: String,
}

impl Director {
    fn new(network: &Network) -> Self {
        root("modprobe ip_vs");
        let host = network.host("192.168.10.1/24");
        host.shell("ip address add 192.168.10.10/32 dev eth0").success();
        let directory = host.state_directory().display().to_string();
        fs::create_dir_all(&directory).unwrap();
        // Logs the command lines of ldirectord.
        let program =
            format!("#!/bin/sh\necho \"$*\" >>{directory}/calls\nexec {IPVSADM} \"$@\"\n");
        fs::write(format!("{directory}/ipvsadm"), program).unwrap();
        root(&format!("chmod 755 {directory}/ipvsadm"));
        Self { host, directory }
    }

    fn configure(&self, text: &str) {
        let file = format!("{}/ldirectord.cf", self.directory);
        // Replaced by rename: ldirectord reads it again when it changes.
        fs::write(format!("{file}.new"), text).unwrap();
        fs::rename(format!("{file}.new"), file).unwrap();
    }

    fn start(&mut self) {
        let directory = &self.directory;
        self.host.start(&format!(
            "exec unshare --mount sh -c 'mount --bind {directory}/ipvsadm /usr/sbin/ipvsadm && \
             exec ldirectord {directory}/ldirectord.cf start' >{directory}/log 2>&1"
        ));
    }

    fn calls(&self) -> String {
        fs::read_to_string(format!("{}/calls", self.directory)).unwrap()
    }

    #[track_caller]
    fn wait_for(&self, rules: &str, when: &str) {
        let log = fs::read_to_string(format!("{}/log", self.directory)).unwrap_or_default();
        wait_for_rules(&self.host, rules, &format!("{when}\n{log}"));
    }
}

#[test]
fn ldirectord_connect_check_removes_and_adds_real_servers() {
    let network = Network::new();
    let mut director = Director::new(&network);
    let [mut first, mut second] = ["192.168.10.2/24", "192.168.10.3/24"].map(|at| network.host(at));
    first.serve(80, "first");
    second.serve(80, "second");
    let configuration = |weight: u32| {
        format!(
            "checktimeout=2\ncheckinterval=1\nautoreload=yes\nquiescent=no\nsupervised=yes\n\
             virtual=192.168.10.10:80\n\
             \treal=192.168.10.2:80 masq {weight}\n\
             \treal=192.168.10.3:80 masq 1 \"<5\" \"<9\"\n\
             \tfallback=127.0.0.1:80 masq\n\
             \tscheduler=wrr\n\tpersistent=600\n\tnetmask=255.255.255.0\n\
             \tprotocol=tcp\n\tchecktype=connect\n"
        )
    };
    director.configure(&configuration(3));
    director.start();

    let service = "-A -t 192.168.10.10:80 -s wrr -p 600 -M 255.255.255.0\n";
    let server = |address: &str, weight: u32| {
        format!("-a -t 192.168.10.10:80 -r {address}:80 -m -w {weight}\n")
    };
    let one = server("192.168.10.2", 3);
    let other = server("192.168.10.3", 1);
    director.wait_for(&format!("{service}{one}{other}"), "both alive");

    second.stop_serving(80);
    director.wait_for(&format!("{service}{one}"), "the second is dead");
    first.stop_serving(80);
    let fallback = server("127.0.0.1", 1);
    director.wait_for(&format!("{service}{fallback}"), "both dead");
    second.serve(80, "second");
    director.wait_for(&format!("{service}{other}"), "the second is back");
    first.serve(80, "first");
    director.wait_for(&format!("{service}{one}{other}"), "both back");

    director.configure(&configuration(7));
    let edited = server("192.168.10.2", 7);
    director.wait_for(&format!("{service}{edited}{other}"), "another weight in the file");

    let calls = director.calls();
    for command in ["-A -t 192.168.10.10:80 ", "-a -t ", "-e -t ", "-d -t ", "-L -n"] {
        assert!(calls.lines().any(|call| call.starts_with(command)), "{command}: {calls}");
    }
}

#[test]
fn ldirectord_external_check_quiesces_real_servers_of_fwmark() {
    let network = Network::new();
    let mut director = Director::new(&network);
    let directory = director.directory.clone();
    let check = format!("{directory}/check");
    fs::write(&check, format!("#!/bin/sh\ntest -e {directory}/alive-$3\n")).unwrap();
    root(&format!("chmod 755 {check}; touch {directory}/alive-192.168.10.2"));
    director.configure(&format!(
        "checktimeout=2\ncheckinterval=1\nautoreload=no\nquiescent=yes\nsupervised=yes\n\
         virtual=5\n\
         \treal=192.168.10.2 gate 2\n\
         \treal=192.168.10.3 ipip 4\n\
         \tscheduler=wlc\n\tprotocol=fwm\n\tchecktype=external\n\tcheckcommand={check}\n",
    ));
    director.start();

    let table = |first: u32, second: u32| {
        format!(
            "-A -f 5 -s wlc\n-a -f 5 -r 192.168.10.2:0 -g -w {first}\n\
             -a -f 5 -r 192.168.10.3:0 -i -w {second} --tun-type ipip\n"
        )
    };
    director.wait_for(&table(2, 0), "the second was never alive");
    root(&format!("touch {directory}/alive-192.168.10.3"));
    director.wait_for(&table(2, 4), "both alive");
    root(&format!("rm {directory}/alive-192.168.10.2"));
    director.wait_for(&table(0, 4), "the first is quiesced");
    root(&format!("touch {directory}/alive-192.168.10.2"));
    director.wait_for(&table(2, 4), "both back");
}

#[test]
fn ldirectord_external_check_removes_real_server_that_lacks_the_virtual_address() {
    let network = Network::new();
    let mut director = Director::new(&network);
    let mut server = network.host("192.168.10.2/24");
    server.serve(80, "first");
    server
        .shell("ip address add 192.168.10.10/32 dev lo; sysctl -qw net.ipv4.conf.all.arp_ignore=1");
    let check = format!("{}/check", director.directory);
    let script = format!(
        "#!/bin/sh\nexec {LVSCTL} check \"tcp://$1:$2\" --real \"$3:$4\" --mode dr --timeout 1\n"
    );
    fs::write(&check, script).unwrap();
    root(&format!("chmod 755 {check}"));
    director.configure(&format!(
        "checktimeout=5\ncheckinterval=1\nquiescent=no\nsupervised=yes\n\
         virtual=192.168.10.10:80\n\treal=192.168.10.2:80 gate 1\n\tscheduler=rr\n\tprotocol=tcp\n\
         \tchecktype=external\n\tcheckcommand={check}\n"
    ));
    director.start();
    let service = "-A -t 192.168.10.10:80 -s rr\n";
    let whole = format!("{service}-a -t 192.168.10.10:80 -r 192.168.10.2:80 -g -w 1\n");
    director.wait_for(&whole, "both are up");
    server.shell("ip address del 192.168.10.10/32 dev lo").success();
    director.wait_for(service, "the address is gone");
    server.shell("ip address add 192.168.10.10/32 dev lo").success();
    director.wait_for(&whole, "the address is back");
}
