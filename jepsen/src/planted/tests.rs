use super::hunt::said;
use super::*;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_mistake_has_a_hunt() {
    for plant in Plant::ALL {
        match how(*plant) {
            How::Tests { names, .. } => assert!(!names.is_empty(), "{plant:?}"),
            How::Seeds { most } => assert!(most > 0, "{plant:?}"),
            How::Statement { name, .. } => assert!(!name.is_empty(), "{plant:?}"),
        }
    }
}

#[test]
fn cheap_hunts_come_first_and_none_is_left_out() {
    let order = order();
    assert!(order.is_sorted_by_key(|plant| how(*plant).cost()));
    let all: BTreeSet<_> = order.iter().collect();
    assert_eq!(all.len(), Plant::ALL.len());
}

#[test]
fn the_mistake_of_the_day_is_short_to_hunt_and_comes_round() {
    let days: BTreeSet<_> = (0..2_000).map(|day| of_the_day(&day.to_string())).collect();
    let short = Plant::ALL.iter().filter(|plant| how(**plant).is_short());
    assert_eq!(days, short.copied().collect());
}

#[test]
fn programs_are_found_in_what_cargo_says() {
    let said = r#"
{"reason":"compiler-artifact","manifest_path":"/k/store/Cargo.toml","target":{"kind":["lib"],"name":"keelson_store"},"profile":{"test":true},"executable":"/t/deps/keelson_store-1"}
{"reason":"compiler-artifact","manifest_path":"/k/store/Cargo.toml","target":{"kind":["lib"],"name":"keelson_store"},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","manifest_path":"/k/jepsen/sim/Cargo.toml","target":{"kind":["bin"],"name":"keelson-sim"},"profile":{"test":false},"executable":"/t/keelson-sim"}
   Compiling something
"#;
    let programs = Programs::parse(said);
    let store = programs.tests("keelson_store").expect("there");
    assert_eq!(store.path, Path::new("/t/deps/keelson_store-1"));
    assert_eq!(store.home, Path::new("/k/store"));
    assert!(programs.program("keelson-sim").is_ok());
    assert!(
        programs.program("keelson_store").is_err(),
        "a library is no program"
    );
}

#[test]
fn what_was_found_is_told_in_its_own_words() {
    let sim = "Plan { .. }\nBROKEN: tick 7: node-1 and node-2 lead in term 3\nagain: ..\n";
    assert_eq!(said(sim), "tick 7: node-1 and node-2 lead in term 3");
    let test = "thread 'a' panicked at src/a.rs:1:2:\nassertion failed: x | y\nnote: run\n";
    assert_eq!(said(test), "assertion failed: x / y");
    assert_eq!(said("running\n\nverdict: fail\n\n"), "verdict: fail");
}

/// A program of the system as a hunt: the shell, with a script as the name of a test.
fn hunted(script: &'static str, limit_ms: u64) -> Hunted {
    let said = r#"{"manifest_path":"/Cargo.toml","target":{"name":"keelson_store"},"profile":{"test":true},"executable":"SHELL"}"#;
    let scratch = tempfile::tempdir().expect("a directory");
    let shell = scratch.path().join("shell");
    let text = "#!/bin/sh\necho running 1 test\neval \"$1\"\n";
    std::fs::write(&shell, text).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&shell, mode).expect("set");
    let hunter = Hunter {
        programs: Programs::parse(&said.replace("SHELL", &shell.to_string_lossy())),
        limit: std::time::Duration::from_millis(limit_ms),
    };
    let names: &'static [&'static str] = Box::leak(Box::new([script]));
    let of = "keelson_store";
    hunter.hunt(Plant::AckBeforeSync, How::Tests { of, names })
}

#[test]
fn only_what_fails_with_the_mistake_and_passes_without_is_caught() {
    let verdict = |script| hunted(script, 60_000).verdict;
    assert_eq!(verdict("test -z \"$KEELSON_PLANT\""), Verdict::Caught);
    assert_eq!(verdict("true"), Verdict::Missed);
    assert_eq!(verdict("false"), Verdict::FailsAnyway);
    assert_eq!(hunted("sleep 600", 50).verdict, Verdict::OutOfTime);
}

#[test]
fn a_report_is_complete_only_if_all_was_caught() {
    let row = |verdict| {
        Row::new(
            Plant::AckBeforeSync,
            Hunted {
                verdict,
                seconds: 2.0,
                words: String::new(),
            },
        )
    };
    let mut report = Report {
        plants: vec![row(Verdict::Caught)],
        harness: Vec::new(),
    };
    assert!(report.is_complete());
    for verdict in [
        Verdict::Missed,
        Verdict::OutOfTime,
        Verdict::FailsAnyway,
        Verdict::NotHunted,
    ] {
        report.plants[0] = row(verdict);
        assert!(!report.is_complete(), "{verdict:?}");
    }
}
