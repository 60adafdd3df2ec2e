//! Flags the way etcd takes them: `--name value`, `--name=value`, `-name`, booleans bare or with `=`.

use super::nearest::nearest;
use super::problem::Problem;
use super::table::{self, Kind, OPTIONS};

/// What a command line said.
#[derive(Debug, Default)]
pub struct Flags {
    /// Option and text, in order. Of several with one name the last counts.
    pub set: Vec<(&'static str, String)>,
    /// `--config-file`.
    pub file: Option<String>,
    /// `--help` or `-h` stood somewhere.
    pub help: bool,
    /// `--version` stood somewhere.
    pub version: bool,
    /// What was not understood.
    pub problems: Vec<Problem>,
}

/// Reads everything behind the program's (or subcommand's) name.
pub fn parse(arguments: &[String]) -> Flags {
    let mut flags = Flags::default();
    let mut rest = arguments.iter().peekable();
    while let Some(argument) = rest.next() {
        let Some(body) = argument
            .strip_prefix("--")
            .or_else(|| argument.strip_prefix('-'))
        else {
            flags.problems.push(stray(argument));
            continue;
        };
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (body, None),
        };
        match name {
            "help" | "h" => flags.help = true,
            "version" => flags.version = value.as_deref() != Some("false"),
            "config-file" => match value.or_else(|| rest.next().cloned()) {
                Some(path) => flags.file = Some(path),
                None => flags
                    .problems
                    .push(Problem::new("--config-file needs a path")),
            },
            _ => match table::find(name) {
                None => {
                    flags.problems.push(unknown(name));
                    // What follows is most likely its value, and no mistake of its own.
                    if value.is_none() {
                        rest.next_if(|next| !next.starts_with('-'));
                    }
                }
                Some(option) => {
                    let value = match (value, option.kind) {
                        (Some(value), _) => Some(value),
                        (None, Kind::Flag) => Some("true".to_owned()),
                        (None, _) => rest.next().cloned(),
                    };
                    match value {
                        Some(value) => flags.set.push((option.name, value)),
                        None => flags
                            .problems
                            .push(Problem::new(format!("--{name} needs a value"))),
                    }
                }
            },
        }
    }
    flags
}

fn stray(argument: &str) -> Problem {
    let problem = Problem::new(format!("{argument:?} is not a flag"));
    match argument {
        "true" | "false" => problem.fix(format!(
            "a boolean takes its value after =: --flag={argument}"
        )),
        _ => problem.fix("flags look like --name value or --name=value; see --help"),
    }
}

fn unknown(name: &str) -> Problem {
    let problem = Problem::new(format!("unknown flag --{name}"));
    let gate = name.strip_prefix("experimental-");
    let known = OPTIONS
        .iter()
        .map(|option| option.name)
        .chain(["config-file", "version", "help"]);
    match nearest(gate.unwrap_or(name), known) {
        Some(near) => problem.fix(format!("did you mean --{near}?")),
        None => problem.fix("see --help for all flags"),
    }
}
