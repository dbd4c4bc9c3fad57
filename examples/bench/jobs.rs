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
        rows.push(self.apply(shape));
        rows
    }

    /// Each run changes one weight. The original has no such command.
    fn apply(&self, shape: Shape) -> Row {
        self.fresh_host();
        let nothing = Path::new("/dev/null");
        let path = |name| self.directory.join(name);
        let rules = shape.rules();
        let (start, end) = rules.trim_end().rsplit_once("-w 1").unwrap();
        let files =
            [(path("rules"), rules.clone()), (path("other"), format!("{start}-w 2{end}\n"))];
        for (file, text) in &files {
            fs::write(file, text).unwrap();
        }
        let state = path("state");
        let words = |file: &Path| {
            let words = ["--state-dir", state.to_str().unwrap(), "apply", file.to_str().unwrap()];
            words.map(str::to_owned)
        };
        let (mut ours, mut floor) = (Figures::default(), Figures::default());
        for number in 0..=self.plan.runs {
            let words = words(&files[number % 2].0);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            // The first run adds the table and is not measured.
            let mut first = Figures::default();
            let figures = if number == 0 { &mut first } else { &mut ours };
            figures.run(&self.plan.companion, &words, nothing, nothing);
            if number > 0 {
                floor.run(&self.plan.ours, &["-S", "-n"], nothing, nothing);
            }
        }
        fs::remove_dir_all(state).unwrap();
        let job = format!("`lvsctl apply`, 1 weight of {shape}");
        Row { job, reference: Figures::default(), ours, floor: Some(("`-S -n`", floor)) }
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
