//! `metrics`: the table and its counters for Prometheus, as text, as a file, or over HTTP.

mod server;
mod text;

use std::io::Write;

use super::Error;
use super::arguments::MetricsFlags;
use super::input;
use super::sample::Sample;
use crate::ipvsadm;

use text::Format;

pub(super) fn run(flags: &MetricsFlags, output: &mut dyn Write) -> Result<u8, Error> {
    let names = input::labels(flags.file.as_deref())?;
    let page = |format: Format, output: &mut dyn Write| -> Result<(), Error> {
        let sample = Sample::take(flags.per)?;
        Ok(text::write(&sample, &names, format, output)?)
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
