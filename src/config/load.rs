//! Merging the sources: flags over environment over file over default.

use super::flags;
use super::nearest::nearest;
use super::problem::Problem;
use super::table::{self, Kind, OPTIONS, Opt, Standing};
use super::url::Url;
use super::value::{self, Value};
use serde_yaml_ng::Value as Yaml;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Under which name the program runs; decides a few defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Personality {
    /// `keelson server`.
    Keelson,
    /// `keelson etcd`, or the program under the name `etcd`.
    Etcd,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File(String),
    /// This variable.
    Environment(String),
    /// A flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => write!(f, "file {path}"),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Flag => f.write_str("flag"),
        }
    }
}

/// One option's value.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// As it was written.
    pub text: String,
    /// As it was read.
    pub value: Value,
    /// Who wrote it.
    pub origin: Origin,
}

/// One value for every option of the table.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Under which name the program runs.
    pub personality: Personality,
    /// By option name; every option of the table is there.
    pub values: BTreeMap<&'static str, Setting>,
    /// Things worth a line in the log, none of them an error.
    pub notes: Vec<String>,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Outcome {
    /// Print the help text.
    Help,
    /// Print the version.
    Version,
    /// Run with these.
    Settings(Settings),
}

/// Reads all sources.
///
/// `environment` is the process's environment; only `ETCD_*` counts. A variable we do not know is a
/// note and not a mistake: container platforms set some (`ETCD_SERVICE_HOST`) for reasons of their
/// own.
///
/// # Errors
/// Everything that is wrong, not just the first thing.
pub fn load(
    personality: Personality,
    arguments: &[String],
    environment: &[(String, String)],
) -> Result<Outcome, Vec<Problem>> {
    let flags = flags::parse(arguments);
    if flags.help {
        return Ok(Outcome::Help);
    }
    if flags.version {
        return Ok(Outcome::Version);
    }
    let mut problems = flags.problems;
    let mut notes = Vec::new();
    let variables = read_variables(environment, &mut notes);
    let path = flags
        .file
        .or_else(|| variables.get("ETCD_CONFIG_FILE").cloned());
    let file = match &path {
        Some(path) => read_file(path, &mut problems),
        None => BTreeMap::new(),
    };
    let flag_texts: BTreeMap<_, _> = flags.set.into_iter().collect();

    let mut values = BTreeMap::new();
    for option in OPTIONS {
        let variable = option.variable();
        let (text, origin) = if let Some(text) = flag_texts.get(option.name) {
            (text.clone(), Origin::Flag)
        } else if let Some(text) = variables.get(&variable) {
            (text.clone(), Origin::Environment(variable))
        } else if let Some(text) = file.get(option.name) {
            (text.clone(), Origin::File(path.clone().unwrap_or_default()))
        } else {
            (option.default.to_owned(), Origin::Default)
        };
        match read_setting(option, text, origin, &mut notes) {
            Ok(setting) => drop(values.insert(option.name, setting)),
            Err(problem) => problems.push(problem),
        }
    }
    match problems.is_empty() {
        true => Ok(Outcome::Settings(Settings {
            personality,
            values,
            notes,
        })),
        false => Err(problems),
    }
}

fn read_setting(
    option: &Opt,
    text: String,
    origin: Origin,
    notes: &mut Vec<String>,
) -> Result<Setting, Problem> {
    let value = value::parse(option.kind, &text).map_err(|why| {
        let problem = Problem::new(format!("{} ({origin}): {why}", option.name));
        match option.kind {
            Kind::Choice(words) => match nearest(&text, words.iter().copied()) {
                Some(near) => problem.fix(format!("did you mean {near}?")),
                None => problem,
            },
            _ => problem,
        }
    })?;
    let given = origin != Origin::Default;
    let differs = value::parse(option.kind, option.default).as_ref() != Ok(&value);
    match option.standing {
        Standing::Missing(feature) if given && differs => {
            let problem = Problem::new(format!(
                "{} ({origin}): {feature} is not built yet, and running without it is not what was asked for",
                option.name
            ));
            return Err(problem.fix(format!("leave {} out", option.name)));
        }
        Standing::Ignored(why) if given => {
            notes.push(format!("{} ({origin}) has no effect: {why}", option.name));
        }
        _ => {}
    }
    Ok(Setting {
        text,
        value,
        origin,
    })
}

/// The `ETCD_*` variables that say something.
fn read_variables(
    environment: &[(String, String)],
    notes: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let known: Vec<String> = OPTIONS
        .iter()
        .map(Opt::variable)
        .chain([
            "ETCD_CONFIG_FILE".to_owned(),
            "ETCD_UNSUPPORTED_ARCH".to_owned(),
        ])
        .collect();
    let mut variables = BTreeMap::new();
    for (name, text) in environment {
        if !name.starts_with("ETCD_") || text.is_empty() {
            continue;
        }
        if known.contains(name) {
            variables.insert(name.clone(), text.clone());
        } else {
            let near = nearest(name, known.iter().map(String::as_str));
            let hint = near
                .map(|near| format!("; did you mean {near}?"))
                .unwrap_or_default();
            notes.push(format!("unrecognized environment variable {name}{hint}"));
        }
    }
    variables
}

/// Sections of etcd's file that hold TLS settings.
const TLS_SECTIONS: [&str; 2] = ["client-transport-security", "peer-transport-security"];

fn read_file(path: &str, problems: &mut Vec<Problem>) -> BTreeMap<&'static str, String> {
    let mut values = BTreeMap::new();
    let yaml: Yaml = match std::fs::read_to_string(path) {
        Err(error) => {
            let problem = Problem::new(format!(
                "cannot read the configuration file {path}: {error}"
            ));
            problems.push(problem);
            return values;
        }
        Ok(text) => match serde_yaml_ng::from_str(&text) {
            Ok(yaml) => yaml,
            Err(error) => {
                problems.push(Problem::new(format!("{path} is not YAML: {error}")));
                return values;
            }
        },
    };
    let Yaml::Mapping(mapping) = yaml else {
        if yaml != Yaml::Null {
            problems.push(Problem::new(format!(
                "{path} must hold keys and values like `name: a`"
            )));
        }
        return values;
    };
    for (key, value) in mapping {
        let key = scalar(&key).unwrap_or_default();
        if TLS_SECTIONS.contains(&key.as_str()) {
            if !is_empty(&value) {
                problems.push(
                    Problem::new(format!("{key} in {path}: TLS is not built yet"))
                        .fix(format!("leave {key} out")),
                );
            }
            continue;
        }
        match table::find(&key) {
            None => problems.push(unknown_key(&key, path)),
            Some(option) => match file_text(option, &value) {
                Ok(Some(text)) => drop(values.insert(option.name, text)),
                Ok(None) => {}
                Err(why) => problems.push(Problem::new(format!("{key} in {path}: {why}"))),
            },
        }
    }
    values
}

fn unknown_key(key: &str, path: &str) -> Problem {
    let problem = Problem::new(format!("unknown key {key:?} in {path}"));
    match nearest(key, OPTIONS.iter().map(|option| option.name)) {
        Some(near) => problem.fix(format!("did you mean {near}?")),
        None => problem.fix("run `keelson config explain` for all keys"),
    }
}

/// A file's value as the text a flag would have. A bare number in a duration is nanoseconds: that is
/// how etcd's own files look.
fn file_text(option: &Opt, value: &Yaml) -> Result<Option<String>, String> {
    if let (Kind::Duration, Yaml::Number(number)) = (option.kind, value) {
        return Ok(Some(format!("{number}ns")));
    }
    match value {
        Yaml::Null => Ok(None),
        Yaml::Sequence(items) => items
            .iter()
            .map(|item| scalar(item).ok_or_else(|| "a list may only hold plain values".to_owned()))
            .collect::<Result<Vec<_>, _>>()
            .map(|texts| Some(texts.join(","))),
        other => scalar(other)
            .map(Some)
            .ok_or_else(|| "must be a plain value or a list of them".to_owned()),
    }
}

fn scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Bool(flag) => Some(flag.to_string()),
        Yaml::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A section in which nothing is switched on, as in etcd's sample file.
fn is_empty(value: &Yaml) -> bool {
    match value {
        Yaml::Null | Yaml::Bool(false) => true,
        Yaml::String(text) => text.is_empty(),
        Yaml::Mapping(mapping) => mapping.values().all(is_empty),
        _ => false,
    }
}

impl Settings {
    /// The setting of `name`.
    pub fn get(&self, name: &str) -> &Setting {
        self.values
            .get(name)
            .expect("load gives every option of the table a value")
    }

    /// A text or a choice.
    pub fn text(&self, name: &str) -> &str {
        match &self.get(name).value {
            Value::Text(text) => text,
            other => unreachable!("{name} is a text in the table, not {other:?}"),
        }
    }

    /// A boolean.
    pub fn flag(&self, name: &str) -> bool {
        match self.get(name).value {
            Value::Flag(flag) => flag,
            ref other => unreachable!("{name} is a flag in the table, not {other:?}"),
        }
    }

    /// A whole number.
    pub fn count(&self, name: &str) -> i64 {
        match self.get(name).value {
            Value::Count(count) => count,
            ref other => unreachable!("{name} is a count in the table, not {other:?}"),
        }
    }

    /// A duration.
    pub fn duration(&self, name: &str) -> Duration {
        match self.get(name).value {
            Value::Duration(duration) => duration,
            ref other => unreachable!("{name} is a duration in the table, not {other:?}"),
        }
    }

    /// A size.
    pub fn bytes(&self, name: &str) -> i64 {
        match self.get(name).value {
            Value::Bytes(bytes) => bytes,
            ref other => unreachable!("{name} is a size in the table, not {other:?}"),
        }
    }

    /// URLs.
    pub fn urls(&self, name: &str) -> &[Url] {
        match &self.get(name).value {
            Value::Urls(urls) => urls,
            other => unreachable!("{name} is a list of URLs in the table, not {other:?}"),
        }
    }
}
