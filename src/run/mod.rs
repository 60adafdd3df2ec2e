//! One member in the foreground: from a command line to an exit code.
//!
//! What may enter: reading the configuration, starting the log, and [`member`], which puts the
//! store together. What never happens here: a decision about data.

mod auto_compaction;
pub mod member;

use crate::cli::error::{Error, Exit};
use crate::config::{self, Member, Outcome, Personality, Problem, explain};
use crate::{log, version};
use std::process::ExitCode;

/// `keelson server ARGUMENTS`, `keelson etcd ARGUMENTS`, or the program under the name `etcd`.
pub fn server(personality: Personality, arguments: &[String]) -> ExitCode {
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
        .collect();
    let settings = match config::load(personality, arguments, &environment) {
        Ok(Outcome::Help) => {
            print!("{}", explain::help(program(personality)));
            return ExitCode::SUCCESS;
        }
        Ok(Outcome::Version) => {
            match personality {
                Personality::Etcd => print!("{}", version::etcd_lines()),
                Personality::Keelson => print!("{}", version::keelson_line()),
            }
            return ExitCode::SUCCESS;
        }
        Ok(Outcome::Settings(settings)) => settings,
        Err(problems) => return refuse(&problems),
    };
    let member = match Member::from_settings(&settings) {
        Ok(member) => member,
        Err(problems) => return refuse(&problems),
    };
    if let Err(why) = log::start(&settings) {
        return refuse(&[Problem::new(why)]);
    }
    for note in &member.notes {
        tracing::warn!("{note}");
    }
    member::run_member(member)
}

fn program(personality: Personality) -> &'static str {
    match personality {
        Personality::Keelson => "keelson server",
        Personality::Etcd => "keelson etcd",
    }
}

/// Tells every mistake and how many there are.
fn refuse(problems: &[Problem]) -> ExitCode {
    for problem in problems {
        let mut error = Error::new(Exit::Usage, problem.what.clone());
        if let Some(fix) = &problem.fix {
            error = error.fix(fix.clone());
        }
        error.print();
    }
    if problems.len() > 1 {
        eprintln!(
            "{} mistakes in the configuration; nothing was started",
            problems.len()
        );
    }
    Exit::Usage.into()
}
