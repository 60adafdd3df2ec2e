//! The guided first hour, run as it is written: each command of `docs/tour` in its order, and what it prints
//! compared with what stands there.

mod page;
mod shell;

use keelson_kit::check::{Check, Failure};
use keelson_kit::kubectl::programs;
use keelson_kit::tools::checkout;
use page::{Step, parse};
use shell::Shell;
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

/// From the start of the cluster to the first running Pod.
const FIRST_POD: Duration = Duration::from_secs(15);

/// The tour says how long things take, so nothing runs beside it.
static ALONE: RwLock<()> = RwLock::new(());

/// Runs a page from its first command to its last. Returns how long it took until the first rollout was
/// over.
fn walk(page: &str, programs: &Path) -> Check<Duration> {
    let path = checkout().join(page);
    let steps = parse(&std::fs::read_to_string(path)?);
    let mut shell = Shell::start(programs)?;
    let (began, mut first) = (Instant::now(), None);
    for step in &steps {
        run(&mut shell, step)?;
        if step.command.starts_with("kubectl rollout status") {
            first.get_or_insert_with(|| began.elapsed());
        }
    }
    first.ok_or_else(|| Failure::new("nothing was rolled out"))
}

#[test]
fn every_line_of_the_tour_does_what_it_says() {
    let test = "every_line_of_the_tour_does_what_it_says";
    if let Some(programs) = programs(test, Some("1.34")).expect("the script runs") {
        let _alone = ALONE.write().unwrap_or_else(PoisonError::into_inner);
        let first = walk("docs/tour/README.md", &programs);
        let first = first.expect("the tour is as it is written");
        println!("20 Pods run {first:.1?} after the start of the cluster");
        assert!(first <= FIRST_POD, "the first Pods run after {first:?}");
    }
}

fn what_people_type(test: &str, line: &str) {
    if let Some(programs) = programs(test, Some(line)).expect("the script runs") {
        let _beside_others = ALONE.read().unwrap_or_else(PoisonError::into_inner);
        walk("tests/tour/commands.md", &programs).expect("it prints what they are used to");
    }
}

#[test]
fn what_people_type_works_with_kubectl_1_33() {
    what_people_type("what_people_type_works_with_kubectl_1_33", "1.33");
}

#[test]
fn what_people_type_works_with_kubectl_1_34() {
    what_people_type("what_people_type_works_with_kubectl_1_34", "1.34");
}

fn run(shell: &mut Shell, step: &Step) -> Check {
    let told = |why: String| Failure::new(format!("line {}: $ {}\n{why}", step.line, step.command));
    if step.command.starts_with("keelson dev ") {
        return shell
            .background(&step.command)
            .map_err(|error| told(error.to_string()));
    }
    let printed = shell
        .run(&step.command)
        .map_err(|error| told(error.to_string()))?;
    match page::agrees(&step.expected, &printed.text) && printed.succeeded {
        true => Ok(()),
        false => Err(told(format!(
            "the page says\n{}\nbut it is ({})\n{}",
            step.expected.join("\n"),
            if printed.succeeded {
                "success"
            } else {
                "failure"
            },
            printed.text
        ))),
    }
}
