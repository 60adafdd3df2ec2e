//! No test stands where nobody runs it.
//!
//! Libraries can say that they hold none, and then cargo does not build them a second time to look for some. All
//! of them say so of examples in documentation, so `make test` does not look for those at all.

use super::source::{Keep, Source, blank, files, line_of};
use super::{Violation, none};

/// Whether a manifest says `word = false` of its library.
fn says_no(manifest: &str, word: &str) -> bool {
    let mut section = "";
    manifest.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            section = line;
        }
        let plain = line.split('#').next().unwrap_or_default().replace(' ', "");
        section == "[lib]" && plain == format!("{word}=false")
    })
}

/// Tests in the source of a library that says it holds none.
fn check_tests(path: &str, text: &str) -> Vec<Violation> {
    let code = blank(text, Keep::Code);
    ["#[cfg(test)]", "#[test]", "#[tokio::test"]
        .iter()
        .flat_map(|mark| code.match_indices(mark))
        .map(|(at, _)| {
            let what = "the manifest says `test = false`, so nobody runs this: move it to tests/";
            Violation::new(path, line_of(&code, at), what)
        })
        .collect()
}

/// Blocks in documentation that rustdoc takes for examples: it compiles and runs what is not called something
/// else, and takes indented paragraphs, too.
fn check_documentation(path: &str, text: &str) -> Vec<Violation> {
    let (mut found, mut inside, mut before) = (Vec::new(), false, "");
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let documentation = line.strip_prefix("///").or(line.strip_prefix("//!"));
        let Some(documentation) = documentation else {
            (inside, before) = (false, "");
            continue;
        };
        let words = documentation.trim();
        let mut example = false;
        if words.starts_with("```") {
            example = !inside && words != "```text";
            inside = !inside;
        } else if !inside && before.is_empty() {
            example = documentation.starts_with("     ") && !words.is_empty();
        }
        if example {
            let what = "nobody runs examples: say ```text, and make what must hold a test";
            found.push(Violation::new(path, index + 1, what));
        }
        before = words;
    }
    found
}

/// Manifests of our libraries, each with the directory of its source.
fn libraries() -> Vec<(Source, String)> {
    let code = files("lib.rs");
    let found = files("Cargo.toml").into_iter().map(|manifest| {
        let room = manifest.path.replace("Cargo.toml", "src/");
        (manifest, room)
    });
    found
        .filter(|(_, room)| {
            let library = format!("{room}lib.rs");
            code.iter().any(|file| file.path == library)
        })
        .collect()
}

/// What `check` finds in the source of the libraries whose manifest says `word = false`.
fn found_where(word: &str, check: fn(&str, &str) -> Vec<Violation>) -> Vec<Violation> {
    let (libraries, code) = (libraries(), files(".rs"));
    let says = libraries.iter().filter(|(m, _)| says_no(&m.text, word));
    let rooms: Vec<&str> = says.map(|(_, room)| room.as_str()).collect();
    assert!(
        !rooms.is_empty(),
        "none says {word} = false: a rule is over"
    );
    let inside = |file: &&Source| rooms.iter().any(|room| file.path.starts_with(room));
    let files = code.iter().filter(inside);
    files.flat_map(|f| check(&f.path, &f.text)).collect()
}

#[test]
fn libraries_that_say_they_hold_no_tests_hold_none() {
    none(&found_where("test", check_tests));
}

#[test]
fn documentation_holds_nothing_that_would_have_to_run() {
    let looked_for = libraries().into_iter();
    let looked_for = looked_for.filter(|(m, _)| !says_no(&m.text, "doctest"));
    let what = "[lib] says nothing of `doctest = false`, and nobody runs examples";
    let mut found: Vec<_> = looked_for
        .map(|(m, _)| Violation::new(&m.path, 0, what))
        .collect();
    found.extend(found_where("doctest", check_documentation));
    none(&found);
}

#[test]
fn a_test_that_nobody_runs_is_found() {
    let manifest = "[package]\ntest = false\n[lib]\n test = false # why\n[dependencies]\n";
    assert!(says_no(manifest, "test") && !says_no(manifest, "doctest"));
    assert!(!says_no("[[bin]]\ntest = false\n", "test"));
    let code =
        "// #[test]\nfn a() {}\n#[cfg(test)]\nmod b {\n    #[tokio::test]\n    fn c() {}\n}\n";
    let mut lines: Vec<_> = check_tests("a.rs", code).iter().map(|v| v.line).collect();
    lines.sort_unstable();
    assert_eq!(lines, [3, 5]);
}

#[test]
fn an_example_in_documentation_is_found() {
    let lines = |text: &str| -> Vec<usize> {
        let found = check_documentation("a.rs", text);
        found.iter().map(|violation| violation.line).collect()
    };
    assert_eq!(
        lines("/// A.\n/// ```\n/// a();\n/// ```\nfn a() {}\n"),
        [2]
    );
    assert_eq!(lines("//! ```rust\n//! a();\n//! ```\n"), [1]);
    assert_eq!(lines("/// A.\n///\n///     a();\n"), [3]);
    assert_eq!(
        lines("/// ```text\n///     a\n/// ```\n// ```\nfn a() {}\n"),
        []
    );
    assert_eq!(lines("/// * A list,\n///     that goes on.\n"), []);
}
