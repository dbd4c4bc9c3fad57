//! `ipvsadm-save` and `ipvsadm-restore`: the table to a file and back.
//!
//! The reference's are scripts around `ipvsadm -S`, and around `ipvsadm -C` and `ipvsadm -R`.
//! Messages of a restore therefore speak of `ipvsadm`.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::command::Command;
use super::console::Console;
use super::rules_file;

/// Status of a misused or failed wrapper.
const FAILED: u8 = 1;

/// Arguments of a wrapper.
#[derive(Debug, PartialEq, Eq)]
struct Arguments<'a> {
    file: Option<PathBuf>,
    others: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    /// Takes `--file PATH` and `--file=PATH` out of the words; `None` where the path is missing.
    fn of(words: &'a [String]) -> Option<Self> {
        let mut arguments = Self { file: None, others: Vec::new() };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let path = match word.strip_prefix("--file") {
                Some("") => Some(words.next()?),
                Some(rest) => rest.strip_prefix('='),
                None => None,
            };
            match path {
                Some("") => return None,
                Some(path) => arguments.file = Some(PathBuf::from(path)),
                None => arguments.others.push(word),
            }
        }
        Some(arguments)
    }
}

/// Runs `ipvsadm-save`. `run` runs a command of `ipvsadm` and gives its status.
///
/// As with the reference, words without a dash count for nothing.
pub(super) fn save(
    program: &str,
    words: &[String],
    console: &mut Console<'_>,
    run: impl FnOnce(&Command, &mut Console<'_>) -> u8,
) -> u8 {
    let known = |arguments: &Arguments<'_>| {
        arguments.others.iter().all(|word| *word == "-n" || !word.starts_with('-'))
    };
    let Some(arguments) = Arguments::of(words).filter(known) else {
        let name = file_name(program);
        return failed(
            console,
            &format!(
                "{name}: Script to save the IPVS table to stdout.\n\
             Usage: {name} [-n] [--file PATH], where -n writes numbers for names, and --file \
             replaces that file once all is written"
            ),
        );
    };
    let command = Command::Save { numeric: arguments.others.contains(&"-n") };
    let Some(path) = arguments.file else {
        return run(&command, console);
    };
    let mut rules = Vec::new();
    let mut into_memory = Console {
        input: &mut *console.input,
        output: &mut rules,
        errors: &mut *console.errors,
        explains: console.explains,
    };
    match run(&command, &mut into_memory) {
        0 => match rules_file::replace(&path, &rules) {
            Ok(()) => 0,
            Err(error) => failed(console, &format!("ipvsadm-save: {error}")),
        },
        status => status,
    }
}

/// Runs `ipvsadm-restore`, in the same way. As with the reference, other words count for nothing.
pub(super) fn restore(
    words: &[String],
    console: &mut Console<'_>,
    run: impl FnOnce(&Command, &mut Console<'_>) -> u8,
) -> u8 {
    let Some(arguments) = Arguments::of(words) else {
        return failed(console, "Usage: ipvsadm-restore [--file PATH]");
    };
    let Some(path) = arguments.file else {
        return run(&Command::ClearAndRestore, console);
    };
    let mut input = match File::open(&path) {
        Ok(file) => BufReader::new(file),
        Err(error) => {
            let path = path.display();
            return failed(console, &format!("ipvsadm-restore: cannot open {path}: {error}"));
        }
    };
    let mut from_file = Console {
        input: &mut input,
        output: &mut *console.output,
        errors: &mut *console.errors,
        explains: console.explains,
    };
    run(&Command::ClearAndRestore, &mut from_file)
}

/// The last part of the name that a program was called by.
pub(super) fn file_name(program: &str) -> &str {
    Path::new(program).file_name().and_then(|name| name.to_str()).unwrap_or(program)
}

fn failed(console: &mut Console<'_>, message: &str) -> u8 {
    // Nobody can be told that standard error fails.
    let _ = writeln!(console.errors, "{message}");
    FAILED
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Status, errors, the command that was run, and the input that it had.
    type Seen = (u8, String, Option<Command>, String);

    fn run(
        wrapper: impl FnOnce(&mut Console<'_>, &mut dyn FnMut(&Command, &mut Console<'_>) -> u8) -> u8,
        result: u8,
    ) -> Seen {
        let (mut errors, mut command, mut input) = (Vec::new(), None, String::new());
        let mut run = |it: &Command, console: &mut Console<'_>| {
            command = Some(it.clone());
            console.input.read_to_string(&mut input).unwrap();
            console.output.write_all(b"-C\n").unwrap();
            result
        };
        let mut console = Console {
            input: &mut io::empty(),
            output: &mut io::sink(),
            errors: &mut errors,
            explains: false,
        };
        let status = wrapper(&mut console, &mut run);
        (status, String::from_utf8(errors).unwrap(), command, input)
    }

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn saved(line: &str, result: u8) -> Seen {
        run(|console, run| save("/usr/sbin/ipvsadm-save", &words(line), console, run), result)
    }

    fn restored(line: &str) -> Seen {
        run(|console, run| restore(&words(line), console, run), 0)
    }

    #[test]
    fn a_save_takes_the_options_of_the_reference() {
        let plain = Some(Command::Save { numeric: false });
        let numeric = Some(Command::Save { numeric: true });
        for (line, command) in
            [("", &plain), ("-n", &numeric), ("foo -n -n", &numeric), ("foo", &plain)]
        {
            assert_eq!(
                saved(line, 0),
                (0, String::new(), command.clone(), String::new()),
                "{line}"
            );
        }
        for line in [
            "-x",
            "-nn",
            "-n foo -x",
            "--",
            "-",
            "--numeric",
            "-h",
            "--files x",
            "--file",
            "--file=",
        ] {
            let (status, errors, command, _) = saved(line, 0);
            assert_eq!((status, command), (1, None), "{line}");
            assert!(errors.starts_with("ipvsadm-save: Script to save the IPVS table to stdout.\n"));
            assert_eq!(errors.lines().count(), 2);
        }
        assert_eq!(saved("-n", 2).0, 2);
    }

    #[test]
    fn a_save_replaces_the_file_only_when_all_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules");
        std::fs::write(&path, "old\n").unwrap();
        assert_eq!(saved(&format!("-n --file {}", path.display()), 1).0, 1);
        assert_eq!(std::fs::read(&path).unwrap(), b"old\n");
        assert_eq!(saved(&format!("--file={}", path.display()), 0).0, 0);
        assert_eq!(std::fs::read(&path).unwrap(), b"-C\n");
        let (status, errors, ..) =
            saved(&format!("--file {}/no/rules", directory.path().display()), 0);
        assert_eq!(status, 1);
        assert!(errors.contains("no/rules: No such file"), "{errors}");
    }

    #[test]
    fn a_restore_reads_standard_input_or_a_file() {
        let replace = Some(Command::ClearAndRestore);
        for line in ["", "-n", "foo --help"] {
            assert_eq!(restored(line), (0, String::new(), replace.clone(), String::new()));
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules");
        let line = format!("--file {}", path.display());
        let (status, errors, command, _) = restored(&line);
        assert_eq!((status, command), (1, None));
        assert!(errors.contains("cannot open"), "{errors}");
        std::fs::write(&path, "-Z\n").unwrap();
        assert_eq!(restored(&line), (0, String::new(), replace, "-Z\n".to_owned()));
        assert_eq!(restored("--file").0, 1);
    }

    #[test]
    fn a_program_is_known_by_the_last_part_of_its_name() {
        assert_eq!(file_name("/usr/sbin/ipvsadm-save"), "ipvsadm-save");
        assert_eq!(file_name("ipvsadm"), "ipvsadm");
        assert_eq!(file_name(""), "");
    }
}
