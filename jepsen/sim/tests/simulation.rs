//! The simulation as a part of all tests: seeds that must hold, and planted bugs that must not.
//!
//! Other seeds by the environment: `KEELSON_SIM_FROM` is the first (0), `KEELSON_SIM_SEEDS` how many (100).

use std::process::{Command, Output};

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_keelson-sim"))
        .args(arguments)
        .output()
        .expect("the simulation runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn number(variable: &str, default: u64) -> String {
    let given = std::env::var(variable).ok();
    let given = given.map(|text| text.trim().parse().expect("a number"));
    given.unwrap_or(default).to_string()
}

#[test]
fn the_promises_hold_in_a_hundred_seeds() {
    let from = number("KEELSON_SIM_FROM", 0);
    let seeds = number("KEELSON_SIM_SEEDS", 100);
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = jobs.to_string();
    let output = simulate(&["--seeds", &seeds, "--from", &from, "--jobs", &jobs]);
    let said = said(&output);
    println!("{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(output.status.success(), "{last}");
}

#[test]
fn a_log_changes_nothing() {
    for seed in ["1", "2"] {
        let without = said(&simulate(&["--seed", seed]));
        let with = simulate(&["--seed", seed, "--log", "info,keelson_store=debug"]);
        assert!(!with.stderr.is_empty(), "there is a log");
        assert!(without.contains("trace "), "{without}");
        assert_eq!(said(&with), without);
    }
}

/// Runs seeds with a bug until one fails, and returns what that says.
fn caught(bug: &str) -> String {
    for seed in 0..20 {
        let output = simulate(&["--seed", &seed.to_string(), "--plant", bug]);
        if !output.status.success() {
            println!("{bug}: seed {seed}\n{}", said(&output));
            return said(&output);
        }
    }
    panic!("{bug} was not caught in 20 seeds")
}

#[test]
fn disks_that_lie_are_caught() {
    let said = caught("lying-disks");
    assert!(
        ["durable on", "a crash would leave", "went back"]
            .iter()
            .any(|rule| said.contains(rule)),
        "by another rule: {said}"
    );
}

#[test]
fn a_state_that_only_says_that_it_is_durable_is_caught() {
    let said = caught("lying-flush");
    assert!(said.contains("committed means durable"), "{said}");
}

#[test]
fn a_state_without_its_place_in_the_log_is_caught() {
    let said = caught("torn-state");
    assert!(said.contains("two states differ"), "{said}");
}

#[test]
fn a_state_that_forgets_is_caught() {
    let said = caught("lost-write");
    assert!(said.contains("two states differ"), "{said}");
}
