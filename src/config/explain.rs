//! Text about options, all of it read off the table: help, `config print`, `config explain`.

use super::load::{Origin, Settings};
use super::nearest::nearest;
use super::table::{self, Group, Kind, OPTIONS, Opt, Standing};
use std::fmt::Write;

/// The help text of `keelson server` and `keelson etcd`.
pub fn help(program: &str) -> String {
    let mut text = format!(
        "Runs one member. Flags go over environment, environment over file, file over default.\n\n\
         Usage: {program} [--flag value | --flag=value]...\n\n\
         Examples:\n  {program} --name a --data-dir /var/lib/keelson\n  \
         {program} --config-file /etc/keelson.yaml\n  ETCD_NAME=a {program} --log-level warn\n\n\
         \x20 --config-file PATH   YAML with the same names [ETCD_CONFIG_FILE]\n\
         \x20 --version            print the version\n"
    );
    for group in Group::ALL {
        let _ = write!(text, "\n{}:\n", group.title());
        for option in OPTIONS.iter().filter(|option| option.group == group) {
            if option.standing == Standing::Works {
                let _ = writeln!(
                    text,
                    "  --{} {}\n        {}",
                    option.name,
                    shown(option),
                    option.help
                );
            }
        }
    }
    let rest = |wanted: fn(&Standing) -> bool| {
        let names: Vec<_> = OPTIONS
            .iter()
            .filter(|o| wanted(&o.standing))
            .map(|o| o.name)
            .collect();
        names.join(", ")
    };
    let _ = write!(
        text,
        "\nAccepted without effect:\n  {}\n\nNot built yet, refused unless left at the default:\n  {}\n\n\
         `keelson config explain NAME` tells more about each.\n",
        rest(|standing| matches!(standing, Standing::Ignored(_))),
        rest(|standing| matches!(standing, Standing::Missing(_))),
    );
    text
}

fn shown(option: &Opt) -> String {
    match option.default {
        "" => String::new(),
        default => format!("({default})"),
    }
}

/// Name, default, variable, meaning and standing of one option.
///
/// # Errors
/// A sentence that names the nearest option.
pub fn explain(name: &str) -> Result<String, String> {
    let name = name.trim_start_matches('-');
    let option = table::find(name).ok_or_else(|| {
        let near = nearest(name, OPTIONS.iter().map(|option| option.name));
        let hint = near
            .map(|near| format!("; did you mean {near}?"))
            .unwrap_or_default();
        format!("there is no option {name:?}{hint}")
    })?;
    let kind = match option.kind {
        Kind::Text => "text".to_owned(),
        Kind::Flag => "true or false".to_owned(),
        Kind::Count => "whole number".to_owned(),
        Kind::Milliseconds => "milliseconds, or a duration like 500ms".to_owned(),
        Kind::Duration => "duration like 10s or 1h30m".to_owned(),
        Kind::Bytes => "bytes, or a size like 8GiB".to_owned(),
        Kind::Urls => "URLs with commas between them".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
    };
    let standing = match option.standing {
        Standing::Works => String::new(),
        Standing::Ignored(why) => format!("  note      no effect: {why}\n"),
        Standing::Missing(what) => format!("  note      refused: {what} is not built yet\n"),
    };
    Ok(format!(
        "{}\n  {}\n  kind      {kind}\n  default   {}\n  flag      --{}\n  variable  {}\n  file      {}:\n{standing}",
        option.name,
        option.help,
        if option.default.is_empty() {
            "(empty)"
        } else {
            option.default
        },
        option.name,
        option.variable(),
        option.name,
    ))
}

/// Rows of `config print`: name, value, origin. With `all` also what nobody set.
pub fn rows(settings: &Settings, all: bool) -> Vec<[String; 3]> {
    OPTIONS
        .iter()
        .map(|option| (option.name, settings.get(option.name)))
        .filter(|(_, setting)| all || setting.origin != Origin::Default)
        .map(|(name, setting)| {
            [
                name.to_owned(),
                setting.text.clone(),
                setting.origin.to_string(),
            ]
        })
        .collect()
}
