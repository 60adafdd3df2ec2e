//! Where the compiled tests are: as cargo says when it is asked in JSON.

use keelson_kit::check::{Check, Failure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A program and where it expects to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Itself.
    pub path: PathBuf,
    /// The directory of its crate.
    pub home: PathBuf,
}

/// Programs by the name of their target, and whether they are tests.
#[derive(Clone, Debug, Default)]
pub struct Programs(BTreeMap<(String, bool), Program>);

impl Programs {
    /// Reads what `cargo build` or `cargo test --no-run` printed with `--message-format=json`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn read(file: &Path) -> Check<Programs> {
        Ok(Programs::parse(&std::fs::read_to_string(file)?))
    }

    /// From the messages of cargo, one in a line. Lines that are none are passed over.
    pub fn parse(messages: &str) -> Programs {
        let messages = messages
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        Programs(messages.filter_map(|message| program(&message)).collect())
    }

    /// The tests of a library (`keelson_store`), or a suite (`conformance`).
    ///
    /// # Errors
    ///
    /// When it was not built.
    pub fn tests(&self, target: &str) -> Check<&Program> {
        self.find(target, true)
    }

    /// A program.
    ///
    /// # Errors
    ///
    /// When it was not built.
    pub fn program(&self, target: &str) -> Check<&Program> {
        self.find(target, false)
    }

    fn find(&self, target: &str, is_test: bool) -> Check<&Program> {
        let found = self.0.get(&(target.to_owned(), is_test));
        found.ok_or_else(|| Failure::new(format!("{target} was not built")))
    }
}

fn program(message: &Value) -> Option<((String, bool), Program)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let path = text(&message["executable"])?;
    let manifest = text(&message["manifest_path"])?;
    let name = text(&message["target"]["name"])?;
    let is_test = message["profile"]["test"].as_bool()?;
    let home = Path::new(&manifest).parent()?.to_owned();
    let path = PathBuf::from(path);
    Some(((name, is_test), Program { path, home }))
}
