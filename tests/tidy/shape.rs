//! How long functions and files may be, and that every room begins with an essay.

use super::source::{Keep, blank, files, is_test_file, item_end, line_of, without_tests};
use super::{Violation, none};

/// Longer functions are listed by the test, for reviewers to ask why.
const FUNCTION_LISTED: usize = 70;
/// Longer functions fail.
const FUNCTION_MAX: usize = 120;
/// Longer files fail.
const FILE_MAX: usize = 500;

/// Functions that were longer before the rule, with a bound. Split them; never add one.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];

/// Files that were longer before the rule, with a bound. Split them; never add one.
const LONG_FILES: &[(&str, usize)] = &[];

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// Every function with a body. Takes text whose comments and strings are blank.
fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let starts_word = !code[..at]
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_');
        let name: String = code[at + 3..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let end = item_end(code, at);
        if !starts_word || name.is_empty() || !code[at..end].ends_with('}') {
            continue;
        }
        found.push(Function {
            name,
            line: line_of(code, at),
            lines: code[at..end].matches('\n').count() + 1,
        });
    }
    found
}

/// Functions that are too long. Prints those a reviewer should look at.
fn check_functions(path: &str, text: &str, known: &[(&str, &str, usize)]) -> Vec<Violation> {
    if is_test_file(path) {
        return Vec::new();
    }
    let code = without_tests(&blank(text, Keep::Code));
    let mut violations = Vec::new();
    for function in functions(&code) {
        if function.lines > FUNCTION_LISTED {
            println!(
                "{path}:{}: {} has {} lines",
                function.line, function.name, function.lines
            );
        }
        let bound = known
            .iter()
            .find(|(file, name, _)| *file == path && *name == function.name)
            .map_or(FUNCTION_MAX, |(.., bound)| *bound);
        if function.lines > bound {
            let what = format!(
                "{} has {} lines, at most {bound}: split it",
                function.name, function.lines
            );
            violations.push(Violation::new(path, function.line, what));
        }
    }
    violations
}

fn check_file(path: &str, text: &str, known: &[(&str, usize)]) -> Vec<Violation> {
    let lines = text.lines().count();
    let bound = known
        .iter()
        .find(|(file, _)| *file == path)
        .map_or(FILE_MAX, |(_, bound)| *bound);
    match lines > bound {
        true => vec![Violation::new(
            path,
            0,
            format!("{lines} lines, at most {bound}: split it by nouns"),
        )],
        false => Vec::new(),
    }
}

/// A room says what it is for before anything else. Rooms of tests may be brief about it.
fn check_essay(path: &str, text: &str) -> Vec<Violation> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if !["mod.rs", "lib.rs", "main.rs"].contains(&name) {
        return Vec::new();
    }
    let essay: Vec<&str> = text
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .collect();
    let words: usize = essay
        .iter()
        .map(|line| line.split_whitespace().count() - 1)
        .sum();
    let least = if is_test_file(path) { 6 } else { 15 };
    match words < least {
        true => vec![Violation::new(
            path,
            1,
            "no essay: begin with //! and say what this room is for, what may enter, what never happens here",
        )],
        false => Vec::new(),
    }
}

#[test]
fn functions_are_short() {
    let sources = files(".rs");
    let found = sources
        .iter()
        .flat_map(|s| check_functions(&s.path, &s.text, LONG_FUNCTIONS));
    let mut violations: Vec<_> = found.collect();
    for (path, name, _) in LONG_FUNCTIONS {
        let text = sources
            .iter()
            .find(|s| s.path == *path)
            .map_or("", |s| s.text.as_str());
        let code = without_tests(&blank(text, Keep::Code));
        if !functions(&code)
            .iter()
            .any(|f| f.name == *name && f.lines > FUNCTION_MAX)
        {
            let what = format!("{name} is short now: take it off the list in tests/tidy");
            violations.push(Violation::new(path, 0, what));
        }
    }
    none(&violations);
}

#[test]
fn files_are_short() {
    let sources = files(".rs");
    let found = sources
        .iter()
        .flat_map(|s| check_file(&s.path, &s.text, LONG_FILES));
    let mut violations: Vec<_> = found.collect();
    for (path, _) in LONG_FILES {
        let text = sources
            .iter()
            .find(|s| s.path == *path)
            .map_or("", |s| s.text.as_str());
        if text.lines().count() <= FILE_MAX {
            violations.push(Violation::new(
                path,
                0,
                "short now: take it off the list in tests/tidy",
            ));
        }
    }
    none(&violations);
}

#[test]
fn rooms_begin_with_an_essay() {
    let sources = files(".rs");
    none(
        &sources
            .iter()
            .flat_map(|s| check_essay(&s.path, &s.text))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_long_function_is_found_and_a_long_test_is_not() {
    let body = "    let x = \"}\";\n".repeat(FUNCTION_MAX);
    let long = format!(
        "impl A {{\nfn short(&self) -> [u8; 4] {{ [0; 4] }}\nasync fn long(a: &[u8; 2]) {{\n{body}}}\n}}\n"
    );
    let violations = check_functions("src/a.rs", &long, &[]);
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(violations[0].line, 3);
    assert!(violations[0].what.contains("long has 122 lines"));
    assert_eq!(
        check_functions("src/a.rs", &long, &[("src/a.rs", "long", 122)]),
        []
    );
    assert_eq!(
        check_functions(
            "src/a.rs",
            &format!("#[cfg(test)]\nmod tests {{\n{long}}}"),
            &[]
        ),
        []
    );
    assert_eq!(check_functions("src/a/tests.rs", &long, &[]), []);
}

#[test]
fn a_declaration_is_no_function_with_a_body() {
    let code = "trait A {\nfn a(&self) -> u8;\nfn b() {}\n}\ntype F = fn (u8);";
    let names: Vec<_> = functions(code).into_iter().map(|f| f.name).collect();
    assert_eq!(names, ["b"]);
}

#[test]
fn a_long_file_is_found() {
    let long = "\n".repeat(FILE_MAX + 1);
    assert_eq!(check_file("src/a.rs", &long, &[]).len(), 1);
    assert_eq!(check_file("src/a.rs", &long, &[("src/a.rs", 501)]), []);
}

#[test]
fn a_missing_essay_is_found() {
    assert_eq!(check_essay("src/a/mod.rs", "pub mod b;").len(), 1);
    assert_eq!(check_essay("src/a/mod.rs", "//! todo\n").len(), 1);
    assert_eq!(check_essay("src/a/b.rs", "pub mod b;"), []);
}
