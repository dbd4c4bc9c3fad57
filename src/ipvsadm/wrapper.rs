//! `ipvsadm-save` and `ipvsadm-restore`: the table to a file and back.
//!
//! In the reference they are scripts around `ipvsadm -S`, and around `ipvsadm -C` and `ipvsadm -R`, so
//! the messages of a restore name `ipvsadm`.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::command::Command;
use super::session::Console;
use lvs::netlink::reason;

/// Exit status for wrong usage and failures.
const FAILED: u8 = 1;

/// Arguments of a wrapper.
#[derive(Debug, PartialEq, Eq)]
struct Arguments<'a> {
    file: Option<&'a Path>,
    others: Vec<&'a OsStr>,
}

impl<'a> Arguments<'a> {
    /// Parses `--file PATH` and `--file=PATH`; `None` if the path is missing.
    fn of(words: &'a [OsString]) -> Option<Self> {
        let mut arguments = Self { file: None, others: Vec::new() };
        let mut words = words.iter().map(OsString::as_os_str);
        while let Some(word) = words.next() {
            let path = match word.as_bytes().strip_prefix(b"--file") {
                Some(b"") => Some(words.next()?),
                Some(rest) => rest.strip_prefix(b"=").map(OsStr::from_bytes),
                None => None,
            };
            match path {
                Some(path) if path.is_empty() => return None,
                Some(path) => arguments.file = Some(Path::new(path)),
                None => arguments.others.push(word),
            }
        }
        Some(arguments)
    }
}

/// Runs `ipvsadm-save`. `run` runs a command of `ipvsadm` and returns its status. As in the reference,
/// arguments without a dash are ignored.
pub(super) fn save(
    program: &str,
    words: &[OsString],
    console: &mut Console<'_>,
    run: impl FnOnce(&Command, &mut Console<'_>) -> u8,
) -> u8 {
    let known = |arguments: &Arguments<'_>| {
        arguments.others.iter().all(|word| *word == "-n" || !is_option(word))
    };
    let Some(arguments) = Arguments::of(words).filter(known) else {
        let name = file_name(program);
        return failed(
            console,
            &format!(
                "{name}: Script to save the IPVS table to stdout.\n\
             Usage: {name} [-n] [--file PATH], where -n writes numbers instead of names, and --file \
             replaces a file once the table is complete"
            ),
        );
    };
    let command = Command::Save { numeric: arguments.others.iter().any(|word| *word == "-n") };
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
        0 => match replace_file(path, &rules) {
            Ok(()) => 0,
            Err(error) => failed(console, &format!("ipvsadm-save: {error}")),
        },
        status => status,
    }
}

/// Runs `ipvsadm-restore`. As in the reference, other options are ignored. An argument without a dash is
/// the file: to ignore it, as the reference does, empties the table if standard input is empty.
pub(super) fn restore(
    words: &[OsString],
    console: &mut Console<'_>,
    run: impl FnOnce(&Command, &mut Console<'_>) -> u8,
) -> u8 {
    let files = Arguments::of(words).map(|Arguments { file, others }| {
        let others = others.into_iter().filter(|word| !is_option(word)).map(Path::new);
        file.into_iter().chain(others).collect::<Vec<_>>()
    });
    let path = match files.as_deref() {
        Some([]) => return run(&Command::ClearAndRestore, console),
        Some([path]) => *path,
        _ => return failed(console, "Usage: ipvsadm-restore [[--file] PATH]"),
    };
    let mut input = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) => {
            let path = path.display();
            return failed(
                console,
                &format!("ipvsadm-restore: cannot open {path}: {}", reason(&error)),
            );
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

fn is_option(word: &OsStr) -> bool {
    word.as_bytes().starts_with(b"-")
}

/// The file name of a program.
pub(super) fn file_name(program: &str) -> &str {
    Path::new(program).file_name().and_then(|name| name.to_str()).unwrap_or(program)
}

fn failed(console: &mut Console<'_>, message: &str) -> u8 {
    // A failure of standard error cannot be reported.
    let _ = writeln!(console.errors, "{message}");
    FAILED
}

/// A file could not be replaced, and is unchanged.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {}; the file is untouched", .path.display(), reason(.source))]
pub(crate) struct NotReplaced {
    action: &'static str,
    path: PathBuf,
    pub(crate) source: io::Error,
}

/// Replaces a file atomically: writes a new one in its directory, syncs it and renames it. Symbolic links
/// are followed, and the permissions of an existing file are kept.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> Result<(), NotReplaced> {
    let attempt = |action, result: io::Result<()>| {
        result.map_err(|source| NotReplaced { action, path: path.to_owned(), source })
    };
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    // Concurrent runs write files of their own; the last one stays.
    let mut name = target.clone().into_os_string();
    name.push(NEW);
    remove_leftovers(&name);
    name.push(std::process::id().to_string());
    let new = PathBuf::from(name);
    let replaced = attempt("write beside", write_synced(&new, &target, content))
        .and_then(|()| attempt("replace", fs::rename(&new, &target)));
    if replaced.is_err() {
        // The first failure is reported.
        let _ = fs::remove_file(&new);
        return replaced;
    }
    // The new name must be on disk, too.
    let directory = target.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new("."));
    attempt("sync the directory of", File::open(directory).and_then(|it| it.sync_all()))
}

/// Between the name of a file and the process that writes a new one.
const NEW: &str = ".new-";

/// Removes the files of runs that were killed.
fn remove_leftovers(path: &OsStr) {
    let path = Path::new(path);
    let prefix = path.file_name().and_then(OsStr::to_str);
    let Some((directory, prefix)) = path.parent().zip(prefix) else { return };
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse::<u32>().ok());
        let is_over = |process: u32| {
            process == std::process::id() || !Path::new("/proc").join(process.to_string()).exists()
        };
        if process.is_some_and(is_over) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn write_synced(new: &Path, target: &Path, content: &[u8]) -> io::Result<()> {
    let present = match fs::metadata(target) {
        Ok(present) if present.is_file() => Some(present),
        Ok(_) => return Err(io::Error::other("it is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // Not through a symbolic link that somebody put there.
    let mut file = File::options().write(true).create_new(true).mode(0o644).open(new)?;
    if let Some(present) = present {
        file.set_permissions(present.permissions())?;
    }
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

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

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn saved(line: &str, result: u8) -> Seen {
        run(|console, run| save("/usr/sbin/ipvsadm-save", &words(line), console, run), result)
    }

    fn restored(line: &str) -> Seen {
        run(|console, run| restore(&words(line), console, run), 0)
    }

    #[test]
    fn save_accepts_the_options_of_the_reference() {
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
    fn save_replaces_the_file_only_when_the_table_is_complete() {
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
    fn restore_reads_standard_input_or_a_file() {
        let replace = Some(Command::ClearAndRestore);
        for line in ["", "-n", "--help"] {
            assert_eq!(restored(line), (0, String::new(), replace.clone(), String::new()));
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules");
        let line = format!("--file {}", path.display());
        let (status, errors, command, _) = restored(&line);
        assert_eq!((status, command), (1, None));
        assert!(errors.contains("cannot open"), "{errors}");
        std::fs::write(&path, "-Z\n").unwrap();
        let from_file = (0, String::new(), replace, "-Z\n".to_owned());
        assert_eq!(restored(&line), from_file);
        assert_eq!(restored(&format!("-n {}", path.display())), from_file);
        for line in ["--file", "no-such-file", &format!("{line} foo")] {
            let (status, errors, command, _) = restored(line);
            assert_eq!((status, command), (1, None), "{line}: {errors}");
        }
    }

    #[test]
    fn file_name_need_not_be_utf8() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(OsStr::from_bytes(b"rules\xff"));
        let option = |name: &str| {
            let mut option = OsString::from(name);
            option.push(&path);
            option
        };
        run(|console, run| save("ipvsadm-save", &[option("--file=")], console, run), 0);
        assert_eq!(std::fs::read(&path).unwrap(), b"-C\n");
        for words in [vec![option("--file=")], vec![option("")]] {
            let (status, _, _, input) = run(|console, run| restore(&words, console, run), 0);
            assert_eq!((status, input.as_str()), (0, "-C\n"));
        }
    }

    #[test]
    fn program_is_known_by_its_file_name() {
        assert_eq!(file_name("/usr/sbin/ipvsadm-save"), "ipvsadm-save");
        assert_eq!(file_name("ipvsadm"), "ipvsadm");
        assert_eq!(file_name(""), "");
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn replaced_file_keeps_its_permissions() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules");
        replace_file(&path, b"one\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\n");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        replace_file(&path, b"two\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(directory.path()), ["rules"]);
    }

    #[test]
    fn replaced_link_stays_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("rules"), directory.path().join("link"));
        fs::write(&path, "one\n").unwrap();
        symlink("rules", &link).unwrap();
        replace_file(&link, b"two\n").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"two\n");
    }

    #[test]
    fn failed_replacement_leaves_no_new_file() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing/rules");
        let error = replace_file(&missing, b"two\n").unwrap_err().to_string();
        assert!(error.contains("missing/rules: No such file or directory"), "{error}");
        let error = replace_file(directory.path(), b"two\n").unwrap_err().to_string();
        assert!(error.contains("not a regular file"), "{error}");
        assert!(names(directory.path()).is_empty());
    }
}
