//! `keelson config print|explain`: what a member would be told, and by whom.

use super::Context;
use super::error::{Error, Result};
use super::output::{self, table};
use crate::config::{self, Outcome, Personality, explain, table::OPTIONS};
use serde_json::json;
use std::process::ExitCode;

/// Commands about configuration.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Show each value and where it came from; give it the flags of `keelson server`
    Print {
        /// Also what nobody has set
        #[arg(long)]
        all: bool,
        /// Flags of `keelson server`
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "FLAG"
        )]
        flags: Vec<String>,
    },
    /// Tell about one option, or list them all
    Explain {
        /// Name of the option, without dashes
        name: Option<String>,
    },
}

/// Runs one of them.
pub fn run(context: &Context, command: Command) -> Result<ExitCode> {
    match command {
        Command::Print { all, flags } => print(context, all, &flags)?,
        Command::Explain { name: Some(name) } => {
            output::data(&explain::explain(&name).map_err(Error::usage)?);
        }
        Command::Explain { name: None } => {
            let rows: Vec<_> = OPTIONS
                .iter()
                .map(|option| vec![option.name.to_owned(), option.help.to_owned()])
                .collect();
            output::data(&table(&["OPTION", "MEANING"], &rows));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(context: &Context, all: bool, flags: &[String]) -> Result<()> {
    let environment: Vec<(String, String)> = std::env::vars().collect();
    let settings = match config::load(Personality::Keelson, flags, &environment) {
        Ok(Outcome::Settings(settings)) => settings,
        Ok(_) => return Err(Error::usage("print takes no --help or --version")),
        Err(problems) => {
            let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
            return Err(Error::usage("the configuration is not valid").why(text.join("\n")));
        }
    };
    let rows = explain::rows(&settings, all);
    if context.json() {
        let rows: Vec<_> = rows
            .iter()
            .map(|[name, value, origin]| json!({"name": name, "value": value, "origin": origin}))
            .collect();
        output::json_document(&rows);
        return Ok(());
    }
    let rows: Vec<_> = rows.into_iter().map(Vec::from).collect();
    output::data(&table(&["OPTION", "VALUE", "ORIGIN"], &rows));
    for note in &settings.notes {
        eprintln!("note: {note}");
    }
    Ok(())
}
