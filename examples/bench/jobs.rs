//! The jobs, each run by the original, by our program and by its floor in turn.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::{Figures, Start, own};
use crate::workload::{self, Shape};

/// What to measure, and how often.
pub(crate) struct Plan {
    pub(crate) ours: String,
    /// Our lvsctl.
    pub(crate) companion: String,
    pub(crate) reference: String,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) connections: u32,
    pub(crate) runs: usize,
    pub(crate) reference_runs: usize,
}

/// A row of the report.
pub(crate) struct Row {
    pub(crate) job: String,
    pub(crate) reference: Figures,
    pub(crate) ours: Figures,
    pub(crate) floor: Option<(&'static str, Figures)>,
}

/// All results.
pub(crate) struct Measured {
    pub(crate) rows: Vec<Row>,
    /// Start-up of the programs of the first row.
    pub(crate) starts: Vec<Start>,
}

/// The cost of a job without our work.
enum Floor<'a> {
    /// This program, which measures its own time.
    Own(&'static str, &'a [&'a str]),
    /// Another program.
    Program(&'static str, &'a str, &'a [&'a str]),
}

/// Runs of the start-up job, which is short.
const STARTS: usize = 50;

pub(crate) fn run(plan: &Plan) -> Measured {
    shell("modprobe -a ip_vs ip_vs_wlc dummy");
    let bench = Bench { plan, directory: PathBuf::from("/dev/shm") };
    let start = bench.start();
    let starts = bench.starts(&start);
    let mut rows = vec![start];
    for shape in &plan.shapes {
        rows.extend(bench.table(*shape));
    }
    if plan.connections > 0 {
        rows.push(bench.connections());
    }
    Measured { rows, starts }
}

struct Bench<'a> {
    plan: &'a Plan,
    directory: PathBuf,
}

impl Bench<'_> {
    fn start(&self) -> Row {
        self.fresh_host();
        let floor = Floor::Program("`true`", "true", &[]);
        self.job("`-Ln`, empty table", &["-Ln"], floor, STARTS, STARTS)
    }

    fn starts(&self, row: &Row) -> Vec<Start> {
        let mut starts = vec![
            Start::of("ipvsadm 1.31", &self.plan.reference, &["-Ln"], &row.reference),
            Start::of("ours", &self.plan.ours, &["-Ln"], &row.ours),
        ];
        let floor = row.floor.as_ref();
        starts.extend(floor.map(|(name, figures)| Start::of(name, "true", &[], figures)));
        starts
    }

    fn table(&self, shape: Shape) -> Vec<Row> {
        let Shape { services, destinations } = shape;
        let text = format!("{services}x{destinations}");
        let (runs, reference_runs) = (self.plan.runs, self.plan.reference_runs);
        let list: &[&str] = &["floor", "list", &text];
        let mut rows = vec![self.restore(shape, &text)];
        for (words, floor) in [
            (&["-Ln"][..], Floor::Program("`cat`", "cat", &["/proc/net/ip_vs"])),
            (&["-Ln", "--stats"], Floor::Own("dumps", list)),
            (&["-S", "-n"], Floor::Own("dumps", list)),
        ] {
            let job = format!("`{}`, {shape}", words.join(" "));
            rows.push(self.job(&job, words, floor, runs, reference_runs));
        }
        rows.extend(self.companion(shape));
        rows
    }

    /// What lvsctl does with the table, beside what it takes to read it. The original has no such
    /// commands.
    fn companion(&self, shape: Shape) -> [Row; 3] {
        self.fresh_host();
        let path = |name| self.directory.join(name);
        let rules = shape.rules();
        let (start, end) = rules.trim_end().rsplit_once("-w 1").unwrap();
        let files =
            [(path("rules"), rules.clone()), (path("other"), format!("{start}-w 2{end}\n"))];
        for (file, text) in &files {
            fs::write(file, text).unwrap();
        }
        let state = path("state");
        let directory = ["--state-dir", state.to_str().unwrap()];
        let apply = |file: usize| {
            let words = [&directory[..], &["apply", files[file].0.to_str().unwrap()]].concat();
            self.beside(&words, &["-S", "-n"], 1)
        };
        apply(0);
        let (mut ours, mut floor) = (Figures::default(), Figures::default());
        for number in 0..self.plan.runs {
            let (of_run, of_floor) = apply((number + 1) % 2);
            ours.add(of_run);
            floor.add(of_floor);
        }
        let row = |job: &str, label, (ours, floor)| Row {
            job: format!("`lvsctl {job}, {shape}"),
            reference: Figures::default(),
            ours,
            floor: Some((label, floor)),
        };
        let metrics = [&directory[..], &["metrics", "--per", "destination"]].concat();
        let metrics = self.beside(&metrics, &["-Ln", "--stats"], self.plan.runs);
        // The virtual addresses, without which the first finding is that they are missing.
        shell("ip route add local 192.168.0.0/16 dev lo");
        let doctor = [&directory[..], &["doctor"]].concat();
        let doctor = self.beside(&doctor, &["-Ln", "--stats"], self.plan.runs);
        fs::remove_dir_all(&state).unwrap();
        [
            row("apply` of 1 weight", "`-S -n`", (ours, floor)),
            row("metrics --per destination`", "`-Ln --stats`", metrics),
            row("doctor`", "`-Ln --stats`", doctor),
        ]
    }

    /// The companion, and in turn with it our ipvsadm.
    fn beside(&self, words: &[&str], floor: &[&str], runs: usize) -> (Figures, Figures) {
        let (nothing, output) = (Path::new("/dev/null"), self.directory.join("output"));
        let (mut ours, mut of_floor) = (Figures::default(), Figures::default());
        for _ in 0..runs {
            ours.run(&self.plan.companion, words, nothing, &output);
            of_floor.run(&self.plan.ours, floor, nothing, &output);
        }
        (ours, of_floor)
    }

    /// Each run starts with an empty table, and all must leave the same one.
    fn restore(&self, shape: Shape, text: &str) -> Row {
        let rules = self.directory.join("rules");
        fs::write(&rules, shape.rules()).unwrap();
        let nothing = Path::new("/dev/null");
        let (mut reference, mut ours, mut floor) = Default::default();
        let mut saved: Option<Vec<u8>> = None;
        let mut check = || {
            let output = self.directory.join("saved");
            Figures::default().run(&self.plan.ours, &["-S", "-n"], nothing, &output);
            let table = fs::read(output).unwrap();
            assert_eq!(table.iter().filter(|byte| **byte == b'\n').count(), lines(shape));
            let first = saved.get_or_insert_with(|| table.clone());
            assert!(*first == table, "the tables after -R differ");
        };
        for number in 0..self.plan.runs.max(self.plan.reference_runs) {
            for (program, figures, runs) in [
                (&self.plan.reference, &mut reference, self.plan.reference_runs),
                (&self.plan.ours, &mut ours, self.plan.runs),
            ] {
                if number < runs {
                    self.fresh_host();
                    Figures::run(figures, program, &["-R"], &rules, nothing);
                    check();
                }
            }
            self.fresh_host();
            Figures::run_floor(&mut floor, &["floor", "restore", text]);
            check();
        }
        Row { job: format!("`-R`, {shape}"), reference, ours, floor: Some(("requests", floor)) }
    }

    fn connections(&self) -> Row {
        self.fresh_host();
        let service = format!("{}:{}", workload::SERVICE, workload::PORT);
        let ours = &self.plan.ours;
        shell(&format!(
            "{ours} --set 0 0 86400 && {ours} -A -u {service} -s wlc && \
             {ours} -a -u {service} -r 10.0.0.2 -m && ip address add {}/32 dev lo",
            workload::SERVICE
        ));
        let count = self.plan.connections;
        own(&["connections", &count.to_string()]);
        let floor = Floor::Program("`cat`", "cat", &["/proc/net/ip_vs_conn"]);
        // Many minutes each: the kernel's time grows with the square of the connections.
        let (runs, reference_runs) = (self.plan.runs.min(3), self.plan.reference_runs.min(1));
        let job = format!("`-Lcn`, {count} connections");
        self.job(&job, &["-Lcn"], floor, runs, reference_runs)
    }

    fn job(
        &self,
        job: &str,
        words: &[&str],
        floor: Floor<'_>,
        runs: usize,
        reference_runs: usize,
    ) -> Row {
        let nothing = Path::new("/dev/null");
        let path = |name| self.directory.join(name);
        let (theirs, mine, other) = (path("reference"), path("ours"), path("floor"));
        let (mut reference, mut ours) = (Figures::default(), Figures::default());
        let mut floor_figures = Figures::default();
        let mut label = None;
        for number in 0..runs.max(reference_runs) {
            if number < reference_runs {
                reference.run(&self.plan.reference, words, nothing, &theirs);
            }
            if number < runs {
                ours.run(&self.plan.ours, words, nothing, &mine);
            }
            match floor {
                _ if number >= runs => {}
                Floor::Own(name, words) => {
                    floor_figures.run_floor(words);
                    label = Some(name);
                }
                Floor::Program(name, program, words) => {
                    floor_figures.run(program, words, nothing, &other);
                    label = Some(name);
                }
            }
        }
        if reference_runs > 0 && !words.contains(&"-Lcn") {
            assert!(fs::read(theirs).unwrap() == fs::read(mine).unwrap(), "{job}: not the same");
        }
        let floor = label.map(|label| (label, floor_figures));
        Row { job: job.to_owned(), reference, ours, floor }
    }

    /// Moves to a new network namespace: the kernel keeps deleted destinations for two minutes, and
    /// searches them all whenever one is added (`ip_vs_trash_get_dest`).
    #[allow(unsafe_code)]
    fn fresh_host(&self) {
        shell(&format!("{} -C", self.plan.ours));
        // Kept until the end: the kernel would remove the old namespace in the background.
        std::mem::forget(File::open("/proc/self/ns/net").unwrap());
        // SAFETY: a bare system call.
        let left = unsafe { libc::unshare(libc::CLONE_NEWNET) };
        assert_eq!(left, 0, "{}", io::Error::last_os_error());
        shell(
            "ip link set lo up && ip link add dummy0 type dummy && \
             ip address add 10.0.0.1/8 dev dummy0 && ip link set dummy0 up",
        );
    }
}

fn shell(line: &str) {
    let status = Command::new("sh").args(["-c", line]).status().unwrap();
    assert!(status.success(), "{line}");
}

fn lines(shape: Shape) -> usize {
    (shape.services * (shape.destinations + 1)) as usize
}
