//! Data on stdout: tables for people, JSON for programs.

use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// What a command writes its data as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns under upper-case headings.
    Table,
    /// One JSON document, or one object per line where there is no end.
    Json,
}

/// Writes data. A reader that went away (`| head`) ends the program quietly.
pub fn data(text: &str) {
    let mut out = io::stdout().lock();
    if out
        .write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_err()
    {
        std::process::exit(0);
    }
}

/// Writes one JSON document over several lines.
pub fn json_document(value: &impl Serialize) {
    let text = serde_json::to_string_pretty(value).expect("our values have string keys");
    data(&(text + "\n"));
}

/// Writes one JSON object on one line.
pub fn json_line(value: &Value) {
    data(&format!("{value}\n"));
}

/// Aligned columns with two spaces between them.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = headings
        .iter()
        .map(|heading| heading.chars().count())
        .collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let headings = headings
        .iter()
        .map(|heading| (*heading).to_owned())
        .collect();
    for row in std::iter::once(&headings).chain(rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Bytes for people: text as it is, everything else escaped.
pub fn show(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                letter if letter.is_control() => {
                    let _ = write!(text, "\\x{:02x}", letter as u32);
                }
                letter => text.push(letter),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Bytes for programs: a string if they are text, otherwise `{"hex": "..."}`.
pub fn json_bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "hex": hex(bytes) }),
    }
}

/// Two digits per byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `18.0MiB`.
pub fn size(bytes: u64) -> String {
    let units = [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1}{name}", bytes as f64 / *unit as f64),
        None => format!("{bytes}B"),
    }
}

/// A line on stderr that is overwritten while work goes on; plain lines, seldom, when nobody watches.
pub struct Progress {
    terminal: bool,
    last: std::time::Instant,
    drawn: bool,
}

impl Progress {
    /// Nothing is drawn yet.
    pub fn new() -> Progress {
        let terminal = io::stderr().is_terminal();
        Progress {
            terminal,
            last: std::time::Instant::now(),
            drawn: false,
        }
    }

    /// Says where the work stands. `share` is between 0 and 1 if the end is known.
    pub fn at(&mut self, share: Option<f64>, text: &str) {
        let pause_ms = if self.terminal { 100 } else { 5_000 };
        if self.last.elapsed().as_millis() < pause_ms {
            return;
        }
        self.last = std::time::Instant::now();
        if !self.terminal {
            eprintln!("{text}");
            return;
        }
        let bar = share.map_or(String::new(), |share| {
            let filled = (share.clamp(0.0, 1.0) * 30.0) as usize;
            format!(
                "[{}{}] {:>3.0}%  ",
                "#".repeat(filled),
                "-".repeat(30 - filled),
                share * 100.0
            )
        });
        eprint!("\r\x1b[K{bar}{text}");
        self.drawn = true;
    }

    /// Takes the line away.
    pub fn end(&mut self) {
        if self.drawn {
            eprint!("\r\x1b[K");
            self.drawn = false;
        }
    }
}

/// Asks before something is destroyed. `yes` answers for the user.
///
/// # Errors
/// The user said no, or nobody can be asked.
pub fn confirm(what: &str, yes: bool) -> super::error::Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(super::error::Error::usage(format!("not done: {what}"))
            .why("it cannot be undone, and there is no terminal to ask on")
            .fix("add --yes"));
    }
    eprint!("{what}\nGo on? [y/N] ");
    let mut answer = String::new();
    let _ = io::stdin().read_line(&mut answer);
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(super::error::Error::failure("not done: you said no")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_tail() {
        let rows = vec![
            vec!["a".into(), "leader".into()],
            vec!["long".into(), String::new()],
        ];
        assert_eq!(
            table(&["NAME", "ROLE"], &rows),
            "NAME  ROLE\na     leader\nlong\n"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_escaped() {
        assert_eq!(show(b"a\xffb\n\\"), "a\\xffb\\n\\\\");
        assert_eq!(json_bytes(b"\xff\x00"), json!({"hex": "ff00"}));
        assert_eq!(json_bytes("ä".as_bytes()), json!("ä"));
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(size(12), "12B");
        assert_eq!(size(18 << 20), "18.0MiB");
    }
}
