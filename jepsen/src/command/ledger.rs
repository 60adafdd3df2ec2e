//! `ledger`: what recorded runs have shown so far, campaigns and sweeps of the simulation.

use clap::Args;
use keelson_jepsen::ledger;
use keelson_kit::check::Check;
use std::path::PathBuf;
use std::process::ExitCode;

/// Files to which `matrix --ledger` or `keelson-sim --ledger` has written.
#[derive(Args, Clone, Debug)]
pub struct Ledger {
    /// Them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A page in which this replaces what an earlier run wrote.
    #[arg(long)]
    write: Option<PathBuf>,
}

impl Ledger {
    /// Prints what each server has been through, or writes it into a page.
    pub fn carry_out(&self) -> Check<ExitCode> {
        let told = ledger::tell_files(&self.files)?;
        match &self.write {
            None => print!("{told}"),
            Some(file) => {
                let page = std::fs::read_to_string(file)?;
                std::fs::write(file, ledger::replace(&page, &told)?)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
