//! The screen: two lines of totals, the table or the findings, a message, and the keys.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Row as Cells, Table, TableState, Wrap};

use super::app::{Action, App, Mode};
use super::rows::{Row, short};
use crate::lvsctl::escape::escaped;
use lvs::table::Key;

const TITLES: [&str; 9] =
    ["service, real server", "how", "weigh", "activ", "inact", "con/s", "pkt/s", "B/s<", "B/s>"];

/// One column takes what the others leave: 80 columns show an IPv4 address with its name.
const WIDTHS: [Constraint; 9] = [
    Constraint::Min(20),
    Constraint::Length(6),
    Constraint::Length(5),
    Constraint::Length(5),
    Constraint::Length(5),
    Constraint::Length(5),
    Constraint::Length(5),
    Constraint::Length(5),
    Constraint::Length(5),
];

const KEYS: &str =
    "q quit  s sort  / filter  p pause  Enter service  d drain  r resume  f findings";

pub(super) fn draw(frame: &mut Frame<'_>, app: &App) {
    let [head, body, message, keys] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(totals(app)), head);
    match app.mode {
        Mode::Findings => findings(frame, app, body),
        _ => table(frame, app, body),
    }
    frame.render_widget(Paragraph::new(escaped(&prompt(app))), message);
    frame.render_widget(Paragraph::new(KEYS).style(Style::new().add_modifier(Modifier::DIM)), keys);
}

fn totals(app: &App) -> Vec<Line<'static>> {
    let rates = &app.totals;
    let active: u64 = app.groups.iter().map(|group| u64::from(group.service.active)).sum();
    let state = if app.is_paused { "  PAUSED" } else { "" };
    vec![
        Line::from(format!(
            "lvsctl top {}{state}  {} services, sorted by {}  {}",
            app.time,
            app.groups.len(),
            app.order.name(),
            escaped(&app.daemons.join(", "))
        ))
        .style(Style::new().add_modifier(Modifier::BOLD)),
        Line::from(format!(
            "active {}  conn/s {}  pkt/s {} in {} out  B/s {} in {} out  {}",
            short(active),
            short(rates.connections),
            short(rates.packets_in),
            short(rates.packets_out),
            short(rates.bytes_in),
            short(rates.bytes_out),
            app.health
        )),
    ]
}

fn table(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let rows = app.rows();
    let place = app.place(&rows);
    // Only the rows of this page are made.
    let height = usize::from(area.height.saturating_sub(1)).max(1);
    let first = (place / height) * height;
    let page = rows.iter().skip(first).take(height).map(|row| cells(row));
    let header = Cells::new(TITLES).style(Style::new().add_modifier(Modifier::UNDERLINED));
    let table = Table::new(page, WIDTHS)
        .header(header)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let selected = (!rows.is_empty()).then_some(place - first);
    frame.render_stateful_widget(table, area, &mut TableState::new().with_selected(selected));
}

fn cells(row: &Row) -> Cells<'static> {
    let is_service = matches!(row.key, Key::Service(_));
    let indent = if is_service { "" } else { "  " };
    let rates = &row.rates;
    let number = |number: u64| format!("{:>5}", short(number));
    let cells = Cells::new([
        format!("{indent}{}", escaped(&row.title)),
        row.how.chars().take(6).collect(),
        row.weight.map_or_else(String::new, |weight| number(weight.into())),
        number(row.active.into()),
        number(row.inactive.into()),
        number(rates.connections),
        number(rates.packets_in.saturating_add(rates.packets_out)),
        number(rates.bytes_in),
        number(rates.bytes_out),
    ]);
    match row.weight {
        None => cells.style(Style::new().add_modifier(Modifier::BOLD)),
        Some(0) => cells.style(Style::new().add_modifier(Modifier::DIM)),
        Some(_) => cells,
    }
}

fn findings(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let lines: Vec<Line<'_>> =
        app.health.lines().iter().map(|line| Line::from(escaped(line))).collect();
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), area);
}

fn prompt(app: &App) -> String {
    match &app.mode {
        Mode::Filter => format!("/{}", app.filter),
        Mode::Confirm(Action::Drain(key)) => {
            format!("drain {key}? It keeps its connections [y/N]")
        }
        Mode::Confirm(Action::Resume(key)) => format!("resume {key}? [y/N]"),
        _ if !app.message.is_empty() => app.message.clone(),
        _ if !app.filter.is_empty() => format!("only rows with {:?}; Esc shows all", app.filter),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::rows::tests::sample;
    use super::*;

    fn screen(app: &App, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, app)).unwrap();
        let buffer = terminal.backend().buffer();
        let line = |row: u16| -> String {
            (0..width).map(|column| buffer[(column, row)].symbol()).collect()
        };
        (0..height).map(|row| line(row).trim_end().to_owned()).collect()
    }

    fn app() -> App {
        let groups = sample();
        let totals = super::super::rows::total(&groups);
        App { groups, totals, time: "12:00".to_owned(), ..App::default() }
    }

    #[test]
    fn screen_has_the_table_in_80_columns() {
        let lines = screen(&app(), 80, 24);
        assert_eq!(lines[0], "lvsctl top 12:00  2 services, sorted by table");
        assert_eq!(lines[1], "active 18  conn/s 0  pkt/s 0 in 0 out  B/s 161k in 0 out  drift 0");
        assert!(lines[2].starts_with("service, real server") && lines[2].ends_with("B/s>"));
        assert!(lines[3].starts_with("tcp 192.0.2.1:80") && lines[3].ends_with(" 80000     0"));
        let server = "  198.51.100.2:80";
        assert!(
            lines[4].starts_with(server) && lines[4].contains("tun        2     2"),
            "{lines:?}"
        );
        assert!(lines[6].starts_with("Shop tcp 192.0.2.1:81"), "{lines:?}");
        assert!(lines[23].starts_with("q quit") && lines[23].ends_with("f findings"));
    }

    #[test]
    fn any_size_and_any_name_can_be_drawn() {
        let mut app = app();
        app.groups[0].service.title = "\u{1b}[2J\u{4f60}\u{597d}".repeat(30);
        for (width, height) in [(1, 1), (2, 3), (20, 5), (80, 6), (400, 100)] {
            screen(&app, width, height);
        }
        assert!(screen(&app, 80, 24).iter().all(|line| !line.contains('\u{1b}')));
        // The page with the cursor is shown.
        app.selected = app.groups[1].servers[1].key.into();
        assert!(screen(&app, 80, 8).iter().any(|line| line.contains("198.51.100.9:80")));
        app.mode = Mode::Findings;
        assert!(screen(&app, 80, 8).contains(&"no drift, no findings".to_owned()));
        let key = app.groups[0].servers[0].key;
        app.mode = Mode::Confirm(Action::Drain(key));
        assert!(screen(&app, 80, 8)[6].starts_with("drain destination 198.51.100.2:80 of tcp"));
    }
}
