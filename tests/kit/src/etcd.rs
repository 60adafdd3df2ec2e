//! The real etcd, if this machine can have one.

use crate::check::{Check, Failure};
use crate::cluster::Binary;
use crate::tools::{checkout, skip};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Programs of one real etcd version.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The server.
    pub etcd: PathBuf,
    /// The command line client.
    pub etcdctl: PathBuf,
    /// The offline tool; poorer sources do not have it.
    pub etcdutl: Option<PathBuf>,
    /// The small Go client program; poorer sources do not have it.
    pub clientv3: Option<PathBuf>,
}

impl Peer {
    /// Runs `scripts/peer-etcd.sh`, which builds what is missing. `line` is a minor version such as
    /// `3.6`; without one, `KEELSON_PEER_LINE` or the script's default counts.
    ///
    /// `None` when no real etcd can be had; the reason is on stderr then.
    ///
    /// # Errors
    ///
    /// When the script cannot be run or prints something unexpected.
    pub fn find(line: Option<&str>) -> Check<Option<Self>> {
        let script = checkout().join("scripts/peer-etcd.sh");
        let from_environment = std::env::var("KEELSON_PEER_LINE").ok();
        let output = Command::new("bash")
            .arg(script)
            .args(line.map(str::to_owned).or(from_environment))
            .stderr(Stdio::inherit())
            .output()?;
        match output.status.code() {
            Some(0) => {}
            Some(3) => return Ok(None),
            _ => return Err(Failure::new(format!("peer-etcd.sh: {}", output.status))),
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let path = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.strip_prefix('='))
                .map(PathBuf::from)
        };
        let missing = || Failure::new(format!("peer-etcd.sh printed {text:?}"));
        Ok(Some(Self {
            etcd: path("ETCD").ok_or_else(missing)?,
            etcdctl: path("ETCDCTL").ok_or_else(missing)?,
            etcdutl: path("ETCDUTL"),
            clientv3: path("CLIENTV3"),
        }))
    }

    /// The same for a test that cannot do without: says loudly that `test` does not run.
    ///
    /// # Errors
    ///
    /// When the script cannot be run or prints something unexpected.
    pub fn find_or_skip(test: &str) -> Check<Option<Self>> {
        let found = Self::find(None)?;
        if found.is_none() {
            skip(test, "no real etcd on this machine");
        }
        Ok(found)
    }

    /// The server as the kit starts it.
    pub fn binary(&self) -> Binary {
        Binary::etcd(&self.etcd)
    }
}
