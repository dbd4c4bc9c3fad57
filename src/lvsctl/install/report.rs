//! What `install` and `uninstall` did, for people and for programs.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::json;

use super::changes::{self, Change, Content};
use super::hint::Hint;
use crate::lvsctl::Error;
use crate::lvsctl::arguments::Options;

/// What is to be done, and what to say of it.
pub(super) struct Report<'a> {
    pub(super) cluster: &'a str,
    pub(super) title: String,
    /// The command that makes systemd see it.
    pub(super) next: String,
    pub(super) changes: Vec<Change>,
    /// A file that a person changed.
    pub(super) kept: Option<PathBuf>,
    pub(super) hints: Vec<Hint>,
}

impl Report<'_> {
    pub(super) fn carry_out(&self, options: &Options) -> Result<(), Error> {
        if options.dry_run { Ok(()) } else { changes::make(&self.changes) }
    }

    pub(super) fn tell(&self, options: &Options, output: &mut dyn Write) -> io::Result<()> {
        if options.json {
            self.write_json(output)
        } else if options.dry_run {
            self.write_dry(output)
        } else {
            self.write(output)
        }
    }

    fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        for change in &self.changes {
            let path = change.path.display();
            match &change.after {
                Some(Content::Text(_)) => writeln!(output, "wrote {path}")?,
                Some(Content::Link(_)) => writeln!(output, "linked {path}")?,
                None => writeln!(output, "removed {path}")?,
            }
        }
        for hint in &self.hints {
            writeln!(output, "note: {hint}")?;
        }
        if let Some(path) = &self.kept {
            writeln!(output, "note: {} is yours, and stays", path.display())?;
        }
        match self.changes.len() {
            0 => writeln!(output, "{}: nothing to do", self.title),
            count => {
                let files = if count == 1 { "file" } else { "files" };
                writeln!(output, "{}: {count} {files}; now type:\n  {}", self.title, self.next)
            }
        }
    }

    /// The commands alone, so that they can be kept as a script.
    fn write_dry(&self, output: &mut dyn Write) -> io::Result<()> {
        const END: &str = "end of the file";
        for hint in &self.hints {
            writeln!(output, "# {}", hint.to_string().replace('\n', "\n# "))?;
        }
        if self.changes.is_empty() {
            return writeln!(output, "# nothing to do");
        }
        for Change { path, after, .. } in &self.changes {
            if let (Some(_), Some(directory)) = (after, path.parent()) {
                writeln!(output, "mkdir -p {}", directory.display())?;
            }
            let path = path.display();
            match after {
                Some(Content::Text(text)) => {
                    writeln!(output, "cat >{path} <<'{END}'")?;
                    output.write_all(text)?;
                    writeln!(output, "{END}")?;
                }
                Some(Content::Link(target)) => {
                    writeln!(output, "ln -s {} {path}", target.display())?;
                }
                None => writeln!(output, "rm {path}")?,
            }
        }
        writeln!(output, "{}", self.next)
    }

    /// `{"schema":1,"cluster":"…","files":[{"path":"…","action":"write"}],"kept":null,"hints":[…],
    /// "next":"…"}`; an action is `write`, `link` or `remove`, a hint has `interface`, `manager`, `file`
    /// and `text`.
    fn write_json(&self, output: &mut dyn Write) -> io::Result<()> {
        let files = self.changes.iter().map(|change| {
            let action = match &change.after {
                Some(Content::Text(_)) => "write",
                Some(Content::Link(_)) => "link",
                None => "remove",
            };
            json!({"path": change.path, "action": action})
        });
        let object = json!({
            "schema": 1,
            "cluster": self.cluster,
            "files": files.collect::<Vec<_>>(),
            "kept": self.kept,
            "hints": self.hints.iter().map(Hint::json).collect::<Vec<_>>(),
            "next": self.next,
        });
        writeln!(output, "{object}")
    }
}
