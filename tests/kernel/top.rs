//! `lvsctl top` on a terminal, by tmux, and in a pipe.

use std::time::{Duration, Instant};

use crate::support::cluster_file::ClusterFile;
use crate::support::{Host, LVSCTL};

const FILE: &str = r#"
name = "shop"
mode = "dr"
directors = ["192.168.10.1"]
[[service]]
listen = "tcp://192.168.10.10:80"
name = "web"
scheduler = "rr"
real = [{ address = "192.168.10.2", name = "red" }, { address = "192.168.10.3", weight = 5 }]
[[service]]
listen = "udp://192.168.10.11:53"
name = "dns"
real = ["192.168.10.2"]
"#;

/// A shell in a terminal of 80 columns and 24 rows.
struct Terminal<'a> {
    host: &'a Host,
    socket: String,
}

impl<'a> Terminal<'a> {
    fn open(host: &'a Host) -> Self {
        let terminal = Self { host, socket: format!("/run/tmux-{}", host.name()) };
        // What is printed behind a command says that the shell is back.
        terminal
            .tmux("-f /dev/null new-session -d -x 80 -y 24 'PS1=READY; export PS1; exec sh -i'");
        terminal.shows("READY");
        terminal
    }

    fn tmux(&self, words: &str) -> String {
        self.host
            .shell(&format!("TERM=xterm LC_ALL=C.UTF-8 tmux -S {} {words}", self.socket))
            .success()
    }

    fn screen(&self) -> String {
        self.tmux("capture-pane -p")
    }

    /// Waits until the words are on the screen, and returns it.
    #[track_caller]
    fn shows(&self, words: &str) -> String {
        let started = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(words) {
                return screen;
            }
            assert!(started.elapsed() < Duration::from_secs(15), "no {words:?}:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn press(&self, keys: &str) {
        self.tmux(&format!("send-keys {keys}"));
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.host.shell(&format!("tmux -S {} kill-server", self.socket));
    }
}

fn director() -> (Host, ClusterFile) {
    let director = Host::with_addresses();
    director.shell("ip address add 192.168.10.1/24 dev eth0").success();
    let file = ClusterFile::new(&format!("top-{}", director.name()), FILE);
    director.lvsctl_inside(&file.line("apply")).success();
    (director, file)
}

#[test]
fn top_shows_sorts_and_filters_in_any_size_and_drains_after_a_question() {
    let (director, file) = director();
    let terminal = Terminal::open(&director);
    let state = director.state_directory().display();
    let command = file.line(&format!("{LVSCTL} --state-dir {state} top --interval 0.2"));
    terminal.press(&format!("'clear; {command}' Enter"));
    let screen = terminal.shows("drift 0");
    println!("{screen}");
    assert!(screen.contains("2 services, sorted by table"), "{screen}");
    assert!(screen.contains("\nweb tcp 192.168.10.10:80"), "{screen}");
    assert!(screen.contains("\n  red 192.168.10.2:80"), "{screen}");
    assert!(screen.contains("q quit") && screen.lines().all(|line| line.chars().count() <= 80));

    // Only what has the word, and all of its service.
    terminal.press("/ d n s Enter");
    let screen = terminal.shows("only rows with \"dns\"");
    assert!(screen.contains("192.168.10.2:53") && !screen.contains("web"), "{screen}");
    // Escape with a key behind it would be another key.
    terminal.press("Escape");
    terminal.shows("web tcp 192.168.10.10:80");
    terminal.press("s s");
    terminal.shows("sorted by conn/s");

    terminal.tmux("resize-window -x 120 -y 30");
    let started = Instant::now();
    while terminal.screen().lines().all(|line| line.chars().count() < 100) {
        assert!(started.elapsed() < Duration::from_secs(15), "{}", terminal.screen());
    }
    println!("{}", terminal.screen());
    // Anything but yes leaves all as it is.
    terminal.press("Home d");
    terminal.shows("choose a real server first");
    terminal.press("/ r e d Enter Down d");
    terminal.shows("drain destination 192.168.10.2:80 of tcp 192.168.10.10:80? It keeps");
    terminal.press("n");
    terminal.shows("nothing was changed");
    assert!(director.reference("-Sn").success().contains("192.168.10.2:80 -g -w 1"));
    terminal.press("d y");
    terminal.shows("192.168.10.2:80 is drained: it stays with weight 0 until lvsctl resume");
    assert!(director.reference("-Sn").success().contains("192.168.10.2:80 -g -w 0"));
    terminal.press("r y");
    terminal.shows("192.168.10.2:80 is back");
    assert!(director.reference("-Sn").success().contains("192.168.10.2:80 -g -w 1"));
    assert!(
        director
            .lvsctl_inside("log")
            .success()
            .contains("lvsctl resume 192.168.10.2:80 --service ")
    );

    director.reference("-e -t 192.168.10.10:80 -r 192.168.10.3 -g -w 9").success();
    terminal.press("f");
    let screen = terminal.shows("drift: destination 192.168.10.3:80 of tcp 192.168.10.10:80");
    println!("{screen}");
    terminal.press("q");
    terminal.shows("READY");
}

#[test]
fn terminal_is_restored_after_a_signal_and_after_an_error() {
    let (director, file) = director();
    let terminal = Terminal::open(&director);
    let pid = format!("/run/pid-{}", director.name());
    let command = file.line(&format!("{LVSCTL} top"));
    terminal.press(&format!("'clear; sh -c \"echo \\$\\$ >{pid}; exec {command}\"' Enter"));
    terminal.shows("drift ");
    assert_eq!(terminal.tmux("display-message -p '#{alternate_on}'"), "1\n");
    director.shell(&format!("kill -TERM $(cat {pid})")).success();
    let restored = |when: &str| {
        terminal.press("'clear; stty -a; echo EN''D' Enter");
        let settings = terminal.shows("\nEND");
        assert!(settings.contains(" icanon") && settings.contains(" echo "), "{when}: {settings}");
        assert_eq!(terminal.tmux("display-message -p '#{alternate_on}'"), "0\n", "{when}");
    };
    terminal.shows("READY");
    restored("after SIGTERM");
    // The file of the kernel that it reads is out of its reach.
    terminal.press(&format!("'clear; {LVSCTL} top --role director /nowhere; echo rc $?' Enter"));
    terminal.shows("lvsctl: cannot read /nowhere: No such file or directory\nrc 1");
    restored("after an error");
}

#[test]
fn top_prints_a_line_of_json_per_reading_in_a_pipe() {
    let (director, file) = director();
    let line = file.line(&format!("{LVSCTL} top --interval 0.2"));
    let lines = director.shell(&format!("{line} | head -n 2")).success();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    for words in [
        r#""schema":1"#,
        r#""name":"web""#,
        r#""name":"red""#,
        r#""drift":[]"#,
        r#""weight":5"#,
        r#""rates":{"#,
    ] {
        assert!(lines.lines().all(|line| line.contains(words)), "{words}: {lines}");
    }
}
