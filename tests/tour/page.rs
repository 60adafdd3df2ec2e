//! A page with commands in it, and whether what they print is what stands there.

/// A command and what stands below it.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// Its line on the page.
    pub line: usize,
    /// Without the prompt.
    pub command: String,
    /// Lines, without those that are empty.
    pub expected: Vec<String>,
}

/// The commands of all `console` blocks, in order.
pub fn parse(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_inside = false;
    for (index, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            is_inside = line == "```console";
        } else if !is_inside {
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                line: index + 1,
                command: command.to_owned(),
                expected: Vec::new(),
            });
        } else if let Some(step) = steps.last_mut()
            && !line.trim().is_empty()
        {
            step.expected.push(line.to_owned());
        }
    }
    steps
}

/// Whether a text is what the lines say. Runs of blanks are one, empty lines do not count; `…` is anything
/// on a line, and any number of lines if it stands alone.
pub fn agrees(expected: &[String], text: &str) -> bool {
    let found: Vec<String> = text
        .lines()
        .map(words)
        .filter(|line| !line.is_empty())
        .collect();
    let expected: Vec<String> = expected.iter().map(|line| words(line)).collect();
    lines_agree(&expected, &found)
}

fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lines_agree(expected: &[String], found: &[String]) -> bool {
    match expected.split_first() {
        None => found.is_empty(),
        Some((any, rest)) if any == "…" => {
            (0..=found.len()).any(|from| lines_agree(rest, &found[from..]))
        }
        Some((line, rest)) => match found.split_first() {
            Some((first, others)) => line_agrees(line, first) && lines_agree(rest, others),
            None => false,
        },
    }
}

fn line_agrees(expected: &str, found: &str) -> bool {
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = found.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        if is_last {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[test]
fn commands_and_what_stands_below_them_are_found() {
    let page = "text\n$ not this\n```console\n$ a b\nc  d\n\n$ e\n```\n```\n$ nor this\n```\n";
    let steps = parse(page);
    assert_eq!(steps.len(), 2);
    assert_eq!((steps[0].line, steps[0].command.as_str()), (4, "a b"));
    assert_eq!(steps[0].expected, ["c  d"]);
    assert!(steps[1].expected.is_empty());
}

#[test]
fn what_is_printed_differs_or_agrees() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (expected, found) in [
        ("", ""),
        ("a b", "a   b\n"),
        ("a … c", "a b c"),
        ("web-… 1/1", "web-x-y 1/1"),
        ("…\nlast", "one\ntwo\nlast"),
        ("…\nlast", "last"),
        ("first\n…", "first\n"),
        ("…", ""),
    ] {
        assert!(agrees(&lines(expected), found), "{expected:?} {found:?}");
    }
    for (expected, found) in [
        ("", "a"),
        ("a", ""),
        ("a b", "a c"),
        ("a … c", "a b d"),
        ("…\nlast", "last\nafter"),
        ("web-… 1/1", "web-x 0/1"),
    ] {
        assert!(!agrees(&lines(expected), found), "{expected:?} {found:?}");
    }
}
