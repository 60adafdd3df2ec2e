//! Links between documents lead somewhere.

use super::source::{files, root};
use super::{Violation, none};
use std::path::Path;

/// Pages that are written when there is something to say.
const TO_COME: &[&str] = &["docs/bench.md"];

/// Targets of Markdown links in a text, each with its line. Code blocks and code words have none.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("    ") {
            continue;
        }
        for part in line.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                found.push((index + 1, target));
            }
        }
    }
    found
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn has_anchor(text: &str, wanted: &str) -> bool {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| anchor(line.trim_start_matches('#')) == wanted)
}

/// Links of one page that lead nowhere. `read` gives the text of a file from its path.
fn check(path: &str, text: &str, read: &dyn Fn(&Path) -> Option<String>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (line, target) in links(text) {
        if target.contains("://") {
            continue;
        }
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let here = Path::new(path).parent().unwrap_or(Path::new(""));
        let page = match file {
            "" => Path::new(path).to_path_buf(),
            file => here.join(file),
        };
        let page = normal(&page);
        let lost = match read(Path::new(&page)) {
            None => !TO_COME.contains(&page.as_str()),
            Some(text) => !heading.is_empty() && !has_anchor(&text, heading),
        };
        if lost {
            violations.push(Violation::new(
                path,
                line,
                format!("{target} leads nowhere"),
            ));
        }
    }
    violations
}

/// Without `..` and `.`.
fn normal(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part.as_os_str().to_string_lossy().as_ref() {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part.to_owned()),
        }
    }
    parts.join("/")
}

#[test]
fn links_between_documents_lead_somewhere() {
    let read = |path: &Path| {
        let path = root().join(path);
        let is_there = path.exists();
        is_there.then(|| std::fs::read_to_string(path).unwrap_or_default())
    };
    let pages = files(".md");
    none(
        &pages
            .iter()
            .flat_map(|page| check(&page.path, &page.text, &read))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_lost_link_is_found() {
    let read =
        |path: &Path| (path == Path::new("A.md")).then(|| "# A\n## What it `is`, now\n".to_owned());
    let text = "[a](../A.md) [b](B.md)\n    [code](none.md)\n[c](../A.md#what-it-is-now) [d](../A.md#gone) [e](https://x/y)\n[f](bench.md)";
    let lines: Vec<_> = check("docs/x.md", text, &read)
        .into_iter()
        .map(|v| v.line)
        .collect();
    assert_eq!(lines, [1, 3]);
}
