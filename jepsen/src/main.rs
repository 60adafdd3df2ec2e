//! `keelson-jepsen`: fault campaigns from the command line.

use clap::Parser;
use std::process::ExitCode;

mod command;

fn main() -> ExitCode {
    command::Command::parse().carry_out()
}
