//! `ledger`: what recorded runs have shown so far.

use clap::Args;
use keelson_jepsen::ledger;
use keelson_kit::check::Check;
use std::path::PathBuf;
use std::process::ExitCode;

/// Files to which `matrix --ledger` has written.
#[derive(Args, Clone, Debug)]
pub struct Ledger {
    /// Them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Ledger {
    /// Prints what each server has been through, for docs/reliability.md.
    pub fn carry_out(&self) -> Check<ExitCode> {
        let mut entries = Vec::new();
        for file in &self.files {
            entries.extend(ledger::read(file)?);
        }
        for server in ["keelson", "etcd"] {
            if entries.iter().any(|one| one.server == server) {
                println!("{}", ledger::tell(&entries, server));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
