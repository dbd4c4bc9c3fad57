//! `metrics`: the table and its counters for Prometheus, as text, as a file, or over HTTP.

mod server;
mod text;

use std::io::Write;

use super::Error;
use super::arguments::{MetricsFlags, Options};
use super::health::Health;
use super::input::{self, Input};
use super::log::Run;
use super::sample::Sample;
use crate::ipvsadm;

use text::Format;

pub(super) fn run(
    flags: &MetricsFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let examines = flags.drift || flags.findings;
    let file = flags.file.as_deref();
    let input = file.filter(|_| examines).map(|it| Input::load(it, flags.role, &Run::default()));
    let input = input.transpose()?;
    let names = match &input {
        Some(input) => input.labels(),
        None => input::labels(file)?,
    };
    let health = || -> Result<Option<Health>, Error> {
        if !examines {
            return Ok(None);
        }
        let mut health = Health::of_drift(input.as_ref(), options)?;
        if flags.findings {
            health.examine(file, options)?;
        }
        Ok(Some(health))
    };
    let page = |format: Format, output: &mut dyn Write| -> Result<(), Error> {
        let sample = Sample::take(flags.per)?;
        Ok(text::write(&sample, &names, health()?.as_ref(), format, output)?)
    };
    match (flags.listen, &flags.output) {
        (Some(address), _) => {
            let unable = |source| Error::Listen { address, source };
            let server = server::Server::bind(address).map_err(unable)?;
            writeln!(output, "listening on http://{}/metrics", server.address())?;
            output.flush()?;
            match server.serve(page)? {}
        }
        (None, Some(file)) => {
            let mut content = Vec::new();
            page(Format::Prometheus, &mut content)?;
            Ok(ipvsadm::replace_file(file, &content).map(|()| 0)?)
        }
        (None, None) => page(Format::Prometheus, output).map(|()| 0),
    }
}
