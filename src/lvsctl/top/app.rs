//! The state of the screen, and what the keys do to it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::rows::{Group, Order, Row, visible};
use crate::lvsctl::health::Health;
use lvs::ipvs::{Rates, ServiceIdentity};
use lvs::table::Key;

/// What a key asks for besides a change of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    None,
    Quit,
    /// Look for drift and findings now.
    Examine,
    Drain(Key),
    Resume(Key),
}

/// What the keys are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    #[default]
    Table,
    /// Typing the filter.
    Filter,
    /// Drift and findings in place of the table.
    Findings,
    /// Answering whether to do that.
    Confirm(Action),
}

#[derive(Debug, Default)]
pub(super) struct App {
    pub(super) groups: Vec<Group>,
    /// Of all services.
    pub(super) totals: Rates,
    pub(super) daemons: Vec<String>,
    pub(super) health: Health,
    /// The time of the reading.
    pub(super) time: String,
    pub(super) mode: Mode,
    pub(super) order: Order,
    pub(super) filter: String,
    /// The only service to show.
    pub(super) only: Option<ServiceIdentity>,
    pub(super) is_paused: bool,
    /// The row with the cursor, which follows its key.
    pub(super) selected: Option<Key>,
    /// What became of the last action.
    pub(super) message: String,
}

impl App {
    pub(super) fn rows(&self) -> Vec<&Row> {
        visible(&self.groups, self.order, &self.filter, self.only)
    }

    /// The place of the cursor; the first row, if its row is gone.
    pub(super) fn place(&self, rows: &[&Row]) -> usize {
        rows.iter().position(|row| Some(row.key) == self.selected).unwrap_or(0)
    }

    pub(super) fn press(&mut self, key: KeyEvent) -> Action {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Action::Quit } else { Action::None };
        }
        match self.mode {
            Mode::Confirm(action) => {
                self.mode = Mode::Table;
                match key.code {
                    KeyCode::Char('y' | 'Y') => return action,
                    _ => "nothing was changed".clone_into(&mut self.message),
                }
            }
            Mode::Filter => self.edit_filter(key.code),
            Mode::Findings | Mode::Table => return self.command(key.code),
        }
        Action::None
    }

    fn edit_filter(&mut self, key: KeyCode) {
        match key {
            KeyCode::Char(character) => self.filter.push(character),
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Esc => {
                self.filter.clear();
                self.mode = Mode::Table;
            }
            KeyCode::Enter => self.mode = Mode::Table,
            _ => {}
        }
    }

    fn command(&mut self, key: KeyCode) -> Action {
        self.message.clear();
        match key {
            KeyCode::Char('q') => return Action::Quit,
            KeyCode::Char('f') if self.mode == Mode::Table => {
                self.mode = Mode::Findings;
                return Action::Examine;
            }
            KeyCode::Char('f') | KeyCode::Esc if self.mode == Mode::Findings => {
                self.mode = Mode::Table;
            }
            KeyCode::Char('s') => self.order = self.order.next(),
            KeyCode::Char('p' | ' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Esc => {
                self.only = None;
                self.filter.clear();
            }
            KeyCode::Enter => {
                let rows = self.rows();
                let service = rows.get(self.place(&rows)).and_then(|row| row.key.service());
                self.only = if self.only.is_some() { None } else { service };
            }
            KeyCode::Char('d') => self.ask(Action::Drain),
            KeyCode::Char('r') => self.ask(Action::Resume),
            KeyCode::Up | KeyCode::Char('k') => self.step(|at, _| at.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.step(|at, _| at.saturating_add(1)),
            KeyCode::PageUp => self.step(|at, _| at.saturating_sub(10)),
            KeyCode::PageDown => self.step(|at, _| at.saturating_add(10)),
            KeyCode::Home => self.step(|_, _| 0),
            KeyCode::End => self.step(|_, count| count),
            _ => {}
        }
        Action::None
    }

    fn step(&mut self, to: impl Fn(usize, usize) -> usize) {
        let rows = self.rows();
        let last = rows.len().saturating_sub(1);
        let at = to(self.place(&rows), last).min(last);
        self.selected = rows.get(at).map(|row| row.key);
    }

    fn ask(&mut self, action: fn(Key) -> Action) {
        let rows = self.rows();
        match rows.get(self.place(&rows)).map(|row| row.key) {
            Some(key @ Key::Destination { .. }) => self.mode = Mode::Confirm(action(key)),
            _ => "choose a real server first".clone_into(&mut self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::sample;
    use super::*;

    fn pressed(app: &mut App, keys: &[KeyCode]) -> Action {
        keys.iter().fold(Action::None, |_, key| app.press(KeyEvent::from(*key)))
    }

    fn chosen(app: &App) -> String {
        let rows = app.rows();
        rows[app.place(&rows)].title.clone()
    }

    #[test]
    fn cursor_stays_on_its_row_and_on_the_table() {
        let mut app = App { groups: sample(), ..App::default() };
        pressed(&mut app, &[KeyCode::Up, KeyCode::Down]);
        assert_eq!(chosen(&app), "198.51.100.2:80");
        // Sorted by active connections it is the last one.
        pressed(&mut app, &[KeyCode::Char('s')]);
        assert_eq!(chosen(&app), "198.51.100.2:80");
        pressed(&mut app, &[KeyCode::Down]);
        assert_eq!(chosen(&app), "198.51.100.2:80");
        pressed(&mut app, &[KeyCode::Enter]);
        assert_eq!(app.rows().len(), 3, "one service");
        app.groups.clear();
        assert_eq!(pressed(&mut app, &[KeyCode::PageDown, KeyCode::Char('d')]), Action::None);
        assert_eq!(app.message, "choose a real server first");
    }

    #[test]
    fn drain_needs_a_real_server_and_a_yes() {
        let mut app = App { groups: sample(), ..App::default() };
        let drain = [KeyCode::Down, KeyCode::Char('d')];
        assert_eq!(pressed(&mut app, &drain), Action::None);
        assert!(matches!(app.mode, Mode::Confirm(Action::Drain(_))));
        assert_eq!(pressed(&mut app, &[KeyCode::Enter]), Action::None);
        assert_eq!((app.mode, app.message.as_str()), (Mode::Table, "nothing was changed"));
        let key = app.selected.unwrap();
        assert_eq!(
            pressed(&mut app, &[KeyCode::Char('r'), KeyCode::Char('y')]),
            Action::Resume(key)
        );
        // These keys are text of a filter.
        pressed(&mut app, &[KeyCode::Char('/'), KeyCode::Char('q'), KeyCode::Char('d')]);
        assert_eq!((app.filter.as_str(), app.mode), ("qd", Mode::Filter));
        let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(app.press(control), Action::Quit);
    }
}
