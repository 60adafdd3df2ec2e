//! The program's own command line, run like a script would run it.

use crate::check::{Check, Failure, same};
use crate::tools::{Output, run};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

/// A program, and the endpoints its commands go to.
#[derive(Clone, Debug)]
pub struct Cli {
    /// The program.
    pub program: PathBuf,
    /// Members with commas; empty for commands that need none.
    pub endpoints: String,
}

impl Cli {
    /// The same program without a cluster.
    pub fn offline(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            endpoints: String::new(),
        }
    }

    /// The same program on these members.
    pub fn on(program: impl Into<PathBuf>, endpoints: &[String]) -> Self {
        Self {
            program: program.into(),
            endpoints: endpoints.join(","),
        }
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    ///
    /// When it cannot be started or takes more than a minute.
    pub async fn output(&self, arguments: &[&str]) -> Check<Output> {
        let mut all: Vec<&str> = arguments.to_vec();
        if !self.endpoints.is_empty() {
            all.extend(["--endpoints", &self.endpoints]);
        }
        run(&self.program, &all, "", DEADLINE).await
    }

    /// What a command that must succeed prints.
    ///
    /// # Errors
    ///
    /// When it does not end with code 0.
    pub async fn text(&self, arguments: &[&str]) -> Check<String> {
        let printed = self.output(arguments).await?.success();
        printed.map_err(|failure| Failure::new(format!("{arguments:?}: {failure}")))
    }

    /// The JSON a command that must succeed prints with `-o json`.
    ///
    /// # Errors
    ///
    /// When it does not end with code 0 or prints something else.
    pub async fn json(&self, arguments: &[&str]) -> Check<Value> {
        let mut all = arguments.to_vec();
        all.extend(["-o", "json"]);
        let text = self.text(&all).await?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("{arguments:?} printed {text:?}: {error}")))
    }

    /// What a command that must end with `code` prints on stderr.
    ///
    /// # Errors
    ///
    /// When it ends otherwise.
    pub async fn fails(&self, code: i32, arguments: &[&str]) -> Check<String> {
        let output = self.output(arguments).await?;
        same(
            &format!("exit code of {arguments:?}"),
            output.code,
            Some(code),
        )?;
        Ok(output.stderr)
    }
}
