//! The process around a command: arguments, standard streams, exit status.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal};
use std::process::ExitCode;

use crate::ipvs::Client;
use crate::netlink::{Namespace, proc_net};

use super::console::Console;
use super::error::Error;
use super::grammar;
use super::run::run;
use super::system_names::SystemNames;

/// The program `ipvsadm`. The first argument is the name that it was called by.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut words = arguments.map(|word| word.to_string_lossy().into_owned());
    let program = words.next().unwrap_or_else(|| "ipvsadm".to_owned());
    let words: Vec<String> = words.collect();
    let mut output = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let mut console = Console {
        input: &mut io::stdin().lock(),
        output: &mut output,
        errors: &mut io::stderr().lock(),
        explains: io::stderr().is_terminal(),
    };
    let status = invoke(&program, &words, &mut console);
    // What could not be written has been reported; dropped, the buffer would try again.
    let _ = output.into_parts();
    ExitCode::from(status)
}

/// Runs one command line as the program `program`, and gives the exit status.
///
/// Of the process it uses the network namespace of this thread, the C library's names, and
/// POSIXLY_CORRECT in the environment. `--netns` moves this thread for good.
///
/// # Examples
///
/// ```
/// use lvs::ipvsadm::{Console, invoke};
///
/// let mut output = Vec::new();
/// let mut console = Console {
///     input: &mut std::io::empty(),
///     output: &mut output,
///     errors: &mut std::io::stderr(),
///     explains: false,
/// };
/// assert_eq!(invoke("ipvsadm", &["-v".to_owned()], &mut console), 0);
/// assert!(output.starts_with(b"ipvsadm v1.31 "));
/// ```
pub fn invoke(program: &str, words: &[String], console: &mut Console<'_>) -> u8 {
    let posixly_correct = env::var_os("POSIXLY_CORRECT").is_some();
    let names = &SystemNames;
    let mut parse_line = |line: &[String]| {
        grammar::parse_restore_line(program, line, names, posixly_correct).map_err(Error::from)
    };
    match grammar::parse(program, words, names, posixly_correct) {
        Ok((command, manner)) => {
            console.explains |= manner.explain;
            if let Some(Err(error)) = manner.namespace.as_ref().map(Namespace::enter) {
                return console.report(&error.into(), || None);
            }
            let connect = || match manner.no_load && !is_loaded() {
                true => Ok(None),
                false => Client::connect().map(Some),
            };
            run(&command, connect, &mut parse_line, names, console)
        }
        Err(error) => console.report(&error.into(), || None),
    }
}

/// Whether the kernel has IPVS already: it shows its table there since its beginning, in every
/// network namespace.
fn is_loaded() -> bool {
    proc_net().join("ip_vs").exists()
}
