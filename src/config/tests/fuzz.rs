//! Any text as a file, variables and flags: a configuration, or words about everything that is wrong.

use super::*;
use crate::config::explain;
use crate::config::nearest::nearest;
use crate::config::problem::Problem;
use keelson_fuzz::{Form, Target};
use std::path::Path;

/// Lines that begin with `>` are flags, those with `$` variables; the others are the file.
struct Sources {
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    file: String,
}

fn sources(input: &[u8]) -> Sources {
    let text = String::from_utf8_lossy(input);
    let mut sources = Sources {
        arguments: Vec::new(),
        variables: Vec::new(),
        file: String::new(),
    };
    for line in text.lines() {
        // Another file than ours could be one without an end.
        let elsewhere = line.contains("config-file") || line.contains("CONFIG_FILE");
        if elsewhere {
            continue;
        }
        if let Some(flag) = line.strip_prefix('>') {
            sources.arguments.push(flag.to_owned());
        } else if let Some((name, value)) = line.strip_prefix('$').and_then(|it| it.split_once('='))
        {
            let (name, value) = (name.to_owned(), value.to_owned());
            sources.variables.push((name, value));
        } else {
            sources.file.push_str(line);
            sources.file.push('\n');
        }
    }
    sources
}

/// Every problem has words, and every key that is nearly an option is told which one.
fn check_problems(problems: &[Problem], file: &str) {
    assert!(!problems.is_empty(), "refused without a reason");
    for problem in problems {
        assert!(!problem.what.trim().is_empty(), "{problem:?}");
    }
    let yaml = serde_yaml_ng::from_str::<serde_yaml_ng::Value>(file);
    let Ok(serde_yaml_ng::Value::Mapping(mapping)) = yaml else {
        return;
    };
    let names = || OPTIONS.iter().map(|option| option.name);
    for key in mapping.keys().filter_map(|key| key.as_str()) {
        if names().any(|name| name == key) || key.ends_with("transport-security") {
            continue;
        }
        let told = problems
            .iter()
            .find(|it| it.what.contains(&format!("{key:?}")));
        let told = told.unwrap_or_else(|| panic!("nobody is told of {key:?}: {problems:?}"));
        if let Some(near) = nearest(key, names()) {
            let fix = told.fix.clone().unwrap_or_default();
            assert!(
                fix.contains(near),
                "{key:?} is nearly {near}, and told {fix:?}"
            );
        }
    }
}

fn check(directory: &Path, input: &[u8]) {
    let Sources {
        mut arguments,
        variables,
        file,
    } = sources(input);
    let path = directory.join("c.yaml");
    std::fs::write(&path, &file).expect("a file in the scratch directory");
    arguments.insert(0, format!("--config-file={}", path.display()));
    for personality in [Personality::Keelson, Personality::Etcd] {
        match load(personality, &arguments, &variables) {
            Ok(Outcome::Settings(settings)) => {
                assert_eq!(settings.values.len(), OPTIONS.len());
                assert!(!explain::rows(&settings, true).is_empty());
                if let Err(problems) = Member::from_settings(&settings) {
                    assert!(problems.iter().all(|problem| !problem.what.is_empty()));
                }
            }
            Ok(Outcome::Help | Outcome::Version) => {}
            Err(problems) => check_problems(&problems, &file),
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<String> = vec![
        "name: a\nmax-txn-ops: 7\nheartbeat-interval: 100\nelection-timeout: 1000\n".to_owned(),
        ">--nmae\n>a\n>--max-txn-ops=many\n$ETCD_NAME=b\n$ETCD_NMAE=c\nlog-level: wran\n".to_owned(),
        "initial-cluster: a=http://h:1,b=http://[::1]:2\nlisten-peer-urls: [\"http://0.0.0.0:2380\"]\n"
            .to_owned(),
        "auto-compaction-mode: revision\nauto-compaction-retention: '1000'\n".to_owned(),
        "quota-backend-bytes: 8GiB\nclient-transport-security:\n  cert-file: ''\n".to_owned(),
        "a: &a [*b]\n? {x: y}\n: - 1\n  - !!binary x\n".to_owned(),
    ];
    // Each option once: in the file, as a flag, as a variable.
    for options in OPTIONS.chunks(6) {
        let mut text = String::new();
        for (at, option) in options.iter().enumerate() {
            text += &match at % 3 {
                0 => format!("{}: {:?}\n", option.name, option.default),
                1 => format!(">--{}={}\n", option.name, option.default),
                _ => format!("${}={}\n", option.variable(), option.default),
            };
        }
        seeds.push(text);
    }
    seeds.into_iter().map(String::into_bytes).collect()
}

const WORDS: &[&str] = &[
    "true",
    "false",
    "null",
    ": ",
    "\n",
    "- ",
    "9223372036854775807",
    "18446744073709551615",
    "-1",
    "0",
    "1h30m",
    "ms",
    "s",
    "d",
    "GiB",
    "1e300",
    "0.0000001",
    "http://",
    "unix://",
    "[::]:1",
    "0.0.0.0:0",
    "periodic",
    "revision",
    "existing",
    ">--",
    "$ETCD_",
    "heartbeat-interval",
    "election-timeout",
    "auto-compaction-retention",
    "initial-cluster",
    "quota-backend-bytes",
    "é",
    "{",
    "}",
    "[",
    "]",
    "&a",
    "*a",
];

/// Files, variables and flags.
#[test]
fn fuzz_config() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let check = |input: &[u8]| check(directory.path(), input);
    Target::new("config", Form::Text(WORDS))
        .length_max(1024)
        .run(seeds(), check);
}
