//! `keelson completion`: scripts for shells.

use super::error::Result;
use crate::config::table::{Kind, OPTIONS, Standing};
use clap_complete::Shell;
use std::process::ExitCode;

/// Arguments of `completion`.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// The shell; for example `source <(keelson completion bash)`
    shell: Shell,
}

/// Prints the script.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut tree = super::tree();
    for name in ["server", "etcd"] {
        tree = tree.mut_subcommand(name, with_member_flags);
    }
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut tree, "keelson", &mut script);
    super::output::data(&String::from_utf8_lossy(&script));
    Ok(ExitCode::SUCCESS)
}

/// The flags of a member, which are parsed elsewhere but completed like all others.
fn with_member_flags(command: clap::Command) -> clap::Command {
    let works = OPTIONS
        .iter()
        .filter(|option| option.standing == Standing::Works);
    works.fold(command, |command, option| {
        let flag = clap::Arg::new(option.name)
            .long(option.name)
            .help(option.help);
        command.arg(match option.kind {
            Kind::Flag => flag.action(clap::ArgAction::SetTrue),
            Kind::Choice(words) => flag.value_parser(
                words
                    .iter()
                    .copied()
                    .filter(|word| !word.is_empty())
                    .collect::<Vec<_>>(),
            ),
            _ => flag,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_commands_is_consistent() {
        let mut tree = crate::cli::tree();
        for name in ["server", "etcd"] {
            tree = tree.mut_subcommand(name, with_member_flags);
        }
        tree.debug_assert();
    }
}
