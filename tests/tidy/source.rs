//! The repository's Rust files as text, and the same text without comments, strings or tests.

use std::fs;
use std::path::{Path, PathBuf};

/// Directories at the root that hold no source of ours.
const SKIPPED: [&str; 4] = ["target", ".git", "bin", "bench-results"];

/// One file.
pub struct Source {
    /// From the root of the repository, with slashes.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// The root of the repository. Asked when the test runs: several checkouts share what is compiled, and what was
/// compiled in one of them would judge that one wherever it is started.
pub fn root() -> PathBuf {
    let root = std::env::var_os("CARGO_MANIFEST_DIR");
    root.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// Every file below the root whose name ends with `ending`, by path.
pub fn files(ending: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root(), ending, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(
        !found.is_empty(),
        "no file ends with {ending}: the walk is broken"
    );
    found
}

fn collect(directory: &Path, ending: &str, found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("a readable directory").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && !(directory == root() && SKIPPED.contains(&name.as_str())) {
            collect(&path, ending, found);
        } else if path.is_file() && name.ends_with(ending) {
            let below = path
                .strip_prefix(root())
                .expect("the walk starts at the root");
            found.push(Source {
                path: below.to_string_lossy().replace('\\', "/"),
                text: fs::read_to_string(&path).expect("source is UTF-8"),
            });
        }
    }
}

/// Whether everything in the file is there for tests, examples or measurements.
pub fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/')
        .any(|part| part == "tests" || part == "examples")
        || name == "tests.rs"
        || name.starts_with("test_")
}

/// What [`blank`] leaves in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Code alone.
    Code,
    /// Code and the content of strings.
    Strings,
}

/// Replaces comments (and strings) by spaces. Lines stay where they are.
pub fn blank(text: &str, keep: Keep) -> String {
    let from: Vec<char> = text.chars().collect();
    let mut to = String::with_capacity(text.len());
    let mut at = 0;
    while at < from.len() {
        let (end, is_string) = token(&from, at);
        let visible = end == at + 1 || (is_string && keep == Keep::Strings);
        for c in &from[at..end] {
            to.push(if visible || *c == '\n' { *c } else { ' ' });
        }
        at = end;
    }
    to
}

/// The end of the comment, string or character literal that begins at `at`, and whether it is a
/// string; `at + 1` if none begins there.
fn token(text: &[char], at: usize) -> (usize, bool) {
    let starts = |pattern: &str| {
        text[at..]
            .iter()
            .copied()
            .take(pattern.len())
            .eq(pattern.chars())
    };
    if starts("//") {
        let line = text[at..].iter().position(|c| *c == '\n');
        return (line.map_or(text.len(), |length| at + length), false);
    }
    if starts("/*") {
        return (block_comment(text, at), false);
    }
    let before_is_name = at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_');
    if text[at] == 'r' && !before_is_name || (text[at] == 'r' && at > 0 && text[at - 1] == 'b') {
        let hashes = text[at + 1..].iter().take_while(|c| **c == '#').count();
        if text.get(at + 1 + hashes) == Some(&'"') {
            return (raw_string(text, at + 2 + hashes, hashes), true);
        }
    }
    if text[at] == '"' {
        return (quoted(text, at + 1, '"'), true);
    }
    // A character, not a lifetime: 'x' or '\...'.
    if text[at] == '\'' && (text.get(at + 1) == Some(&'\\') || text.get(at + 2) == Some(&'\'')) {
        return (quoted(text, at + 1, '\''), true);
    }
    (at + 1, false)
}

fn block_comment(text: &[char], at: usize) -> usize {
    let (mut depth, mut next) = (0, at);
    while next < text.len() {
        match (text[next], text.get(next + 1)) {
            ('/', Some('*')) => (depth, next) = (depth + 1, next + 2),
            ('*', Some('/')) if depth == 1 => return next + 2,
            ('*', Some('/')) => (depth, next) = (depth - 1, next + 2),
            _ => next += 1,
        }
    }
    text.len()
}

fn raw_string(text: &[char], from: usize, hashes: usize) -> usize {
    let closes = |at: usize| {
        text[at] == '"' && text[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes
    };
    (from..text.len())
        .find(|at| closes(*at))
        .map_or(text.len(), |at| at + 1 + hashes)
}

fn quoted(text: &[char], from: usize, quote: char) -> usize {
    let mut next = from;
    while next < text.len() {
        match text[next] {
            '\\' => next += 2,
            c if c == quote => return next + 1,
            _ => next += 1,
        }
    }
    text.len()
}

/// Blanks every item behind `#[cfg(test)]`. Takes text whose comments and strings are blank.
pub fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut rest = code.to_owned();
    while let Some(start) = rest.find(MARK) {
        let end = item_end(&rest, start + MARK.len());
        let hole: String = rest[start..end]
            .chars()
            .map(|c| if c == '\n' { c } else { ' ' })
            .collect();
        rest.replace_range(start..end, &hole);
    }
    rest
}

/// The end of the item that begins at `from`: its first `;`, or the brace that closes its first one.
pub fn item_end(code: &str, from: usize) -> usize {
    let (mut braces, mut others) = (0_i32, 0_i32);
    for (at, c) in code[from..].char_indices() {
        match c {
            '{' => braces += 1,
            '}' => braces -= 1,
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            _ => {}
        }
        let ends = (c == '}' && braces == 0) || (c == ';' && braces == 0 && others == 0);
        if ends {
            return from + at + 1;
        }
    }
    code.len()
}

/// The line, counted from one, of a byte offset.
pub fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

#[test]
fn comments_and_strings_are_blanked_and_lines_stay() {
    let text =
        "a(\"x \\\" y\"); // c\nlet c = '\"'; /* d /* e */\n f */ g<'a>(r#\"h\" i\"#, b\"j\")";
    let code = blank(text, Keep::Code);
    assert_eq!(
        code.split_whitespace().collect::<Vec<_>>().join(" "),
        "a( ); let c = ; g<'a>( , b )"
    );
    assert_eq!(code.matches('\n').count(), text.matches('\n').count());
    let strings = blank(text, Keep::Strings);
    assert!(strings.contains("h\" i") && strings.contains("\"j\"") && !strings.contains("// c"));
}

#[test]
fn items_for_tests_are_blanked_and_nothing_else() {
    let code = "fn a() { b(); }\n#[cfg(test)]\nmod c {\n fn d() { [e; 2] }\n}\nfn f() {}\n#[cfg(test)]\nmod g;\nfn h() {}";
    let left = without_tests(code);
    assert!(
        ["b()", "fn f()", "fn h()"]
            .iter()
            .all(|kept| left.contains(kept)),
        "{left}"
    );
    assert!(!left.contains("fn d") && !left.contains("mod g"), "{left}");
}

#[test]
fn files_of_tests_are_told_by_their_path() {
    let tests = [
        "store/src/wal/tests/crash.rs",
        "store/src/wal/tests.rs",
        "tests/kit/src/lib.rs",
    ];
    assert!(tests.iter().all(|path| is_test_file(path)));
    assert!(!is_test_file("store/src/wal/log.rs") && !is_test_file("src/latest.rs"));
}
