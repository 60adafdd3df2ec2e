//! The rules of the house, as tests: who may name what, how long things may be, why dependencies are
//! here.
//!
//! Every rule is a pure function from text to violations, and a row of data that says where it holds.
//! Beside each rule stands a test that shows it a bad sample, because a rule that cannot fail is
//! none. Nothing here compiles or runs the project: files are read as text, comments and strings are
//! blanked where a rule is about code, and that is all.
//!
//! A rule that came late has a list of what was there before it. Such a list only gets shorter: an
//! entry that is no longer needed fails the test, too.

mod links;
mod manifests;
mod shape;
mod source;
mod unrun;
mod words;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path from the root of the repository.
    pub path: String,
    /// Counted from one; zero if the whole file is meant.
    pub line: usize,
    /// What is wrong, and what to do.
    pub what: String,
}

impl Violation {
    /// A violation at a line.
    pub fn new(path: &str, line: usize, what: impl Into<String>) -> Violation {
        Violation {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

/// Fails the test with all of them, one per line.
fn none(violations: &[Violation]) {
    let lines: Vec<String> = violations
        .iter()
        .map(|v| format!("  {}:{}: {}", v.path, v.line, v.what))
        .collect();
    assert!(
        lines.is_empty(),
        "{} violations\n{}",
        lines.len(),
        lines.join("\n")
    );
}
