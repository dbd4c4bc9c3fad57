//! `lvsctl top`: services and real servers with their rates and connections, as the kernel counts them.
//!
//! On a terminal it is a table that follows the kernel; elsewhere it prints a line of JSON per reading.

mod app;
mod rows;
mod view;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Stdout, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use serde_json::Value as Json;

use super::arguments::{DrainFlags, Options, RealFlags, ResumeFlags, Then, TopFlags};
use super::health::Health;
use super::input::{Input, Labels};
use super::log::{Run, now};
use super::sample::{Sample, ServiceSample};
use super::values::Per;
use super::{Error, drain, report, wait};
use crate::ipvsadm;
use app::{Action, App};
use lvs::table::Key;

/// How often signals are looked for.
const PATIENCE: Duration = Duration::from_millis(200);

/// How often drift is looked for: that takes longer than reading the table.
const BETWEEN_HEALTH: Duration = Duration::from_secs(10);

pub(super) fn run(
    flags: &TopFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    wait::catch_signals();
    let input = flags.file.as_deref().map(|file| Input::load(file, flags.role, &Run::default()));
    let input = input.transpose()?;
    let labels = input.as_ref().map_or_else(Labels::new, Input::labels);
    let top = Top { flags, options, input, labels };
    match options.json || !io::stdout().is_terminal() {
        true => top.lines(output),
        false => top.screen(),
    }
}

struct Top<'a> {
    flags: &'a TopFlags,
    options: &'a Options,
    input: Option<Input>,
    labels: Labels,
}

impl Top<'_> {
    fn health(&self, with_findings: bool) -> Result<Health, Error> {
        let mut health = Health::of_drift(self.input.as_ref(), self.options)?;
        if with_findings {
            health.examine(self.flags.file.as_deref(), self.options)?;
        }
        Ok(health)
    }

    fn lines(&self, output: &mut dyn Write) -> Result<u8, Error> {
        loop {
            let sample = Sample::take(Per::Destination)?;
            let mut object = self.health(false)?.json();
            if let Some(object) = object.as_object_mut() {
                object.insert("schema".to_owned(), 1.into());
                object.insert("time".to_owned(), now().into());
                let services: io::Result<Vec<Json>> =
                    sample.services.iter().map(|it| self.service(it)).collect();
                object.insert("services".to_owned(), services?.into());
            }
            writeln!(output, "{object}")?;
            output.flush()?;
            if !wait::tick(self.flags.interval) {
                return Ok(0);
            }
        }
    }

    /// As `ipvsadm -L --json` has it, with names.
    fn service(
        &self,
        ServiceSample { service: entry, destinations }: &ServiceSample,
    ) -> io::Result<Json> {
        let identity = entry.service.identity;
        let mut service = ipvsadm::service_json(entry, destinations)?;
        report::insert_label(&mut service, self.labels.get(&Key::Service(identity)));
        let rows = service.get_mut("destinations").and_then(Json::as_array_mut);
        for (row, entry) in rows.into_iter().flatten().zip(destinations) {
            let key = Key::of(identity, &entry.destination);
            report::insert_label(row, self.labels.get(&key));
        }
        Ok(service)
    }

    fn screen(&self) -> Result<u8, Error> {
        let mut screen = Screen::open()?;
        let mut app = App { health: self.health(false)?, ..App::default() };
        let (mut next, mut next_health) = (Instant::now(), Instant::now() + BETWEEN_HEALTH);
        while wait::signal().is_none() {
            if !app.is_paused && Instant::now() >= next {
                self.read(&mut app)?;
                if Instant::now() >= next_health {
                    app.health.drift = self.health(false)?.drift;
                    next_health = Instant::now() + BETWEEN_HEALTH;
                }
                next = Instant::now() + self.flags.interval;
            }
            screen.0.draw(|frame| view::draw(frame, &app))?;
            let left = next.saturating_duration_since(Instant::now());
            if !event::poll(if app.is_paused { PATIENCE } else { left.min(PATIENCE) })? {
                continue;
            }
            let Event::Key(key) = event::read()? else { continue };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            match app.press(key) {
                Action::None => {}
                Action::Quit => break,
                Action::Examine => app.health = self.health(true)?,
                action @ (Action::Drain(key) | Action::Resume(key)) => {
                    app.message = self.change(action, key);
                    self.read(&mut app)?;
                }
            }
        }
        Ok(0)
    }

    fn read(&self, app: &mut App) -> Result<(), Error> {
        let sample = Sample::take(Per::Destination)?;
        app.groups = rows::groups(&sample, &self.labels);
        app.totals = rows::total(&app.groups);
        let daemon = |it: &lvs::ipvs::Daemon| format!("sync {} {}", it.state.name(), it.interface);
        app.daemons = sample.daemons.iter().map(daemon).collect();
        app.time = now();
        Ok(())
    }

    /// Drains or resumes a destination, as the commands do, and returns what they say at the end.
    fn change(&self, action: Action, key: Key) -> String {
        let Key::Destination { service, address, port } = key else { return String::new() };
        let server = RealFlags { real: (address, Some(port)), service: Some(service) };
        let verb = if matches!(action, Action::Drain(_)) { "drain" } else { "resume" };
        let real = SocketAddr::new(address, port).to_string();
        let words = ["lvsctl", verb, &real, "--service", &Key::Service(service).to_string()];
        let run = Run::of(&words.map(OsString::from));
        let options = Options { json: false, run: run.clone(), ..self.options.clone() };
        let mut said = Vec::new();
        let outcome = match action {
            Action::Drain(_) => {
                let (within, then) = (Duration::ZERO, Then::Keep);
                drain::drain(&DrainFlags { server, within, then, cut: false }, &options, &mut said)
            }
            _ => drain::resume(&ResumeFlags { server, over: None }, &options, &mut said),
        };
        run.end(&outcome);
        match outcome {
            Err(error) => error.to_string().replace('\n', " "),
            Ok(_) => String::from_utf8_lossy(&said).lines().last().unwrap_or_default().to_owned(),
        }
    }
}

/// The terminal, which is as before once this is dropped.
struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    fn open() -> io::Result<Self> {
        let screen = Self(Terminal::new(CrosstermBackend::new(io::stdout()))?);
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Where the terminal is gone, nothing is to be restored.
        let _ = disable_raw_mode();
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    }
}
