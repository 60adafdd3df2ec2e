//! One member, alone, which can be broken.

use keelson_kit::check::{Check, Failure, holds, some};
use keelson_kit::client::Client;
use keelson_kit::port::free_port;
use keelson_kit::process::{Process, tail};
use keelson_kit::request::{get, put};
use keelson_kit::wait::{wait_for, wait_until};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use tempfile::TempDir;

/// Nothing here takes longer.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// What is tried.
pub const BINARY: &str = env!("CARGO_BIN_EXE_keelson");

/// One member, alone, whose parts can be broken one by one.
pub struct Alone {
    pub directory: TempDir,
    pub data: PathBuf,
    pub client_url: String,
    pub arguments: Vec<String>,
    pub environment: Vec<String>,
    pub process: Option<Process>,
}

impl Alone {
    pub fn new(flags: &[&str]) -> Check<Alone> {
        let directory = tempfile::Builder::new().prefix("keelson-luck-").tempdir()?;
        let data = directory.path().join("data");
        let client_url = format!("http://127.0.0.1:{}", free_port()?);
        let peer_url = format!("http://127.0.0.1:{}", free_port()?);
        let mut arguments = vec![
            BINARY.to_owned(),
            "etcd".to_owned(),
            "--name=alone".to_owned(),
            format!("--data-dir={}", data.display()),
            format!("--listen-client-urls={client_url}"),
            format!("--advertise-client-urls={client_url}"),
            format!("--listen-peer-urls={peer_url}"),
            format!("--initial-advertise-peer-urls={peer_url}"),
            format!("--initial-cluster=alone={peer_url}"),
        ];
        arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
        Ok(Alone {
            directory,
            data,
            client_url,
            arguments,
            environment: Vec::new(),
            process: None,
        })
    }

    /// Starts it, for whatever comes.
    pub fn spawn(&mut self) -> Check {
        let mut arguments = self.environment.clone();
        arguments.extend(self.arguments.iter().cloned());
        let log = self.log();
        self.process = Some(Process::start(Path::new("/usr/bin/env"), &arguments, &log)?);
        Ok(())
    }

    pub async fn start(&mut self) -> Check {
        self.spawn()?;
        let client = self.client()?;
        let up = wait_until("the member answers", PATIENCE, || {
            let client = client.clone();
            async move { client.range(get("up")).await.is_ok() }
        })
        .await;
        up.map_err(|late| Failure::new(format!("{late}\n{}", tail(&self.log(), 4000))))
    }

    pub fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    pub fn client(&self) -> Check<Client> {
        Client::new(std::slice::from_ref(&self.client_url))
    }

    /// Writes `count` keys of a kilobyte.
    pub async fn fill(&self, count: usize) -> Check {
        let client = self.client()?;
        for i in 0..count {
            // No two values alike, and no zeros: the end of what was written can be found.
            client.put(put(format!("k{i:06}"), value(i))).await?;
        }
        Ok(())
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    pub async fn stop(&mut self) -> Check {
        match self.process.take() {
            Some(mut process) => process.stop(PATIENCE).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Waits until it has ended by itself; what it has logged since the last call.
    pub async fn ends(&mut self) -> Check<(ExitStatus, String)> {
        let process = some("a process", self.process.as_mut())?;
        let status = wait_for("the member has ended", PATIENCE, || {
            let ended = process.ended();
            async move { ended }
        })
        .await?;
        Ok((status, std::fs::read_to_string(self.log())?))
    }

    /// Starts it and expects that it refuses, naming everything in `words`.
    pub async fn refuses(&mut self, words: &[&str]) -> Check {
        std::fs::write(self.log(), "")?;
        self.spawn()?;
        let (status, text) = self.ends().await?;
        println!("{}", text.lines().last().unwrap_or_default());
        holds(&format!("a failure: {status}"), status.code() == Some(1))?;
        for word in words {
            holds(&format!("it says {word:?}: {text}"), text.contains(word))?;
        }
        Ok(())
    }
}

pub fn value(i: usize) -> String {
    format!("{i:06}.{}", "x".repeat(1000))
}
