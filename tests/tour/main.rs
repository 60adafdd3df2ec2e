//! The guided first hour, run as it is written: each command of `docs/tour` in its order, and what it prints
//! compared with what stands there.

mod page;
mod shell;

use keelson_kit::check::{Check, Failure};
use keelson_kit::tools::skip;
use page::{Step, parse};
use shell::Shell;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// From the start of the cluster to the first running Pod.
const FIRST_POD: Duration = Duration::from_secs(15);

/// Where the script put kubectl; `None`, and loudly, if it cannot be had.
fn programs(test: &str) -> Check<Option<PathBuf>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/kubectl.sh");
    let run = std::process::Command::new(script)
        .stderr(Stdio::inherit())
        .output()?;
    match run.status.code() {
        Some(0) => Ok(Some(PathBuf::from(
            String::from_utf8_lossy(&run.stdout).trim(),
        ))),
        Some(3) => {
            skip(test, "kubectl cannot be had here");
            Ok(None)
        }
        code => Err(Failure::new(format!("scripts/kubectl.sh: {code:?}"))),
    }
}

#[test]
fn every_line_of_the_tour_does_what_it_says() {
    let walk = || -> Check {
        let Some(programs) = programs("every_line_of_the_tour_does_what_it_says")? else {
            return Ok(());
        };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tour/README.md");
        let steps = parse(&std::fs::read_to_string(path)?);
        let mut shell = Shell::start(&programs)?;
        let began = Instant::now();
        for step in &steps {
            run(&mut shell, step)?;
            // The rollout of the first Deployment is over: all its Pods run.
            if step.command.starts_with("kubectl rollout status") && !shell.has_rolled_out {
                shell.has_rolled_out = true;
                let took = began.elapsed();
                eprintln!("the first Deployment runs after {took:.1?}");
                if took > FIRST_POD {
                    return Err(Failure::new(format!("the first Pods run after {took:?}")));
                }
            }
        }
        Ok(())
    };
    walk().expect("the tour is as it is written");
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
