//! Links and commands of the pages in Markdown.

use std::fs;
use std::path::{Path, PathBuf};

use super::read;

/// The pages of the repository, relative to its root.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = Vec::new();
    for directory in ["", "docs", "docs/zh-CN", "crates/lvs"] {
        for entry in fs::read_dir(root.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    pages
}

/// The targets of `](target)` outside code blocks.
fn targets(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let mut targets = Vec::new();
    for line in text.lines() {
        in_code ^= line.starts_with("```");
        if !in_code {
            let after = line.split("](").skip(1);
            targets.extend(after.filter_map(|rest| rest.split_once(')')).map(|(it, _)| it));
        }
    }
    targets
}

/// The anchor that a heading gets on a code hosting site.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    words.chars().filter(|it| it.is_alphanumeric() || *it == '-').collect()
}

/// The lines of `console` blocks that begin with a prompt.
fn commands(text: &str) -> Vec<&str> {
    let mut in_console = false;
    let mut commands = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            in_console = line == "```console";
        } else if in_console && line.contains("# ") {
            commands.push(line);
        }
    }
    commands
}

#[test]
fn relative_links_of_every_page_have_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = pages();
    assert!(pages.len() > 8, "{pages:?}");
    let mut links = 0;
    for page in pages {
        let text = read(&page.display().to_string());
        for target in targets(&text).into_iter().filter(|it| !it.contains("://")) {
            let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
            let file = match path {
                "" => root.join(&page),
                _ => root.join(page.parent().unwrap()).join(path),
            };
            assert!(file.exists(), "{}: {target}", page.display());
            if !fragment.is_empty() {
                let text = fs::read_to_string(&file).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                let found = headings.any(|heading| anchor(heading) == fragment);
                assert!(found, "{}: {target}", page.display());
            }
            links += 1;
        }
    }
    assert!(links > 30, "{links}");
}

#[test]
fn readme_has_at_most_180_lines() {
    assert!(read("README.md").lines().count() <= 180);
}

#[test]
fn tutorials_of_both_languages_have_the_same_commands() {
    let english = read("docs/tutorial.md");
    let commands_in_english = commands(&english);
    assert!(commands_in_english.len() > 100);
    assert_eq!(commands(&read("docs/zh-CN/tutorial.md")), commands_in_english);
}

#[test]
fn pages_name_the_rust_version_of_the_workspace() {
    let needed = format!("Rust {} or later", env!("CARGO_PKG_RUST_VERSION"));
    for page in ["README.md", "CONTRIBUTING.md"] {
        assert!(read(page).contains(&needed), "{page}: {needed}");
    }
}
