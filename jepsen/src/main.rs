//! `keelson-jepsen`: fault campaigns from the command line.
//!
//! What may enter: arguments, and what becomes of them: a command of the library, an exit code that tells pass,
//! fail and unknown apart. What never happens here: a fault, a judgement.

use clap::Parser;
use std::process::ExitCode;

mod command;

fn main() -> ExitCode {
    command::Command::parse().carry_out()
}
