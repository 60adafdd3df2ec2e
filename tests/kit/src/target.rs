//! What a conformance suite runs against: a running cluster, and the means to start private ones.

use crate::check::{Check, some};
use crate::client::Client;
use crate::cluster::{Binary, Cluster};
use crate::request::{prefix_end, range, watch_range};
use bytes::Bytes;
use keelson_proto::etcdserverpb::{RangeRequest, WatchCreateRequest};
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A version of etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64, pub u64, pub u64);

impl Version {
    /// Reads `3.6.1` and `3.7.0-rc.0`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(['.', '-']).map(|part| part.parse().ok());
        Some(Self(parts.next()??, parts.next()??, parts.next()??))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The real etcd: statements may be marked as not true for its version.
    Etcd(Version),
    /// Ours: every statement counts, except upstream's quirks that we do not copy.
    Keelson,
    /// Ours with the state in memory: what must survive a restart is not asked of it.
    KeelsonInMemory,
}

/// Starts private clusters of one kind of server.
#[derive(Debug)]
pub struct Launcher {
    /// Whose they are.
    pub kind: Kind,
    binary: Binary,
}

/// A running cluster under test, and the means to start private ones.
#[derive(Debug)]
pub struct Target {
    launcher: Launcher,
    shared: Cluster,
    client: Client,
    spaces: AtomicUsize,
}

impl Target {
    /// Starts `members` members of a real etcd; its version is asked from it.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn etcd(binary: &Binary, members: usize) -> Check<Self> {
        let mut target = Self::start(Kind::Keelson, binary, members).await?;
        let version = target.client.status().await?.version;
        target.launcher.kind = Kind::Etcd(some("a version", Version::parse(&version))?);
        Ok(target)
    }

    /// Starts `members` members of Keelson.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn keelson(binary: &Binary, members: usize) -> Check<Self> {
        Self::start(Kind::Keelson, binary, members).await
    }

    /// Starts one member of Keelson that keeps its state in memory.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn keelson_in_memory(binary: &Binary) -> Check<Self> {
        let binary = binary.clone().with_flag("--unsafe-memory-state");
        Self::start(Kind::KeelsonInMemory, &binary, 1).await
    }

    async fn start(kind: Kind, binary: &Binary, members: usize) -> Check<Self> {
        let shared = Cluster::start(binary, members, &[]).await?;
        Ok(Self {
            launcher: Launcher {
                kind,
                binary: binary.clone(),
            },
            client: shared.client()?,
            shared,
            spaces: AtomicUsize::new(0),
        })
    }

    /// The end of the shared members' logs.
    pub fn tails(&self) -> String {
        self.shared.tails()
    }

    /// A part of the shared store that belongs to the caller alone.
    pub fn space(&self) -> Space {
        self.space_of(self.client.clone())
    }

    /// The same, with all requests going to one member: for answers from local state.
    pub fn pinned_space(&self) -> Space {
        self.space_of(self.client.pinned())
    }

    fn space_of(&self, client: Client) -> Space {
        let number = self.spaces.fetch_add(1, Ordering::Relaxed);
        Space {
            client,
            prefix: format!("space{number:04}/"),
        }
    }
}

impl Deref for Target {
    type Target = Launcher;

    fn deref(&self) -> &Launcher {
        &self.launcher
    }
}

impl Launcher {
    /// A fresh server of one member, with flags, for statements that need an empty store, limits of
    /// their own or a restart.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn own(&self, flags: &[&str]) -> Check<Own> {
        self.own_cluster(1, flags).await
    }

    /// A fresh cluster.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn own_cluster(&self, members: usize, flags: &[&str]) -> Check<Own> {
        let cluster = Cluster::start(&self.binary, members, flags).await?;
        let space = Space {
            client: cluster.client()?,
            prefix: "own/".into(),
        };
        Ok(Own { cluster, space })
    }
}

/// A private cluster, used like the shared one.
#[derive(Debug)]
pub struct Own {
    /// Its processes.
    pub cluster: Cluster,
    space: Space,
}

impl Deref for Own {
    type Target = Space;

    fn deref(&self) -> &Space {
        &self.space
    }
}

/// A client, and a prefix under which nobody else writes.
#[derive(Clone, Debug)]
pub struct Space {
    client: Client,
    prefix: String,
}

impl Deref for Space {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Space {
    /// A key of this space.
    pub fn key(&self, name: &str) -> Bytes {
        format!("{}{name}", self.prefix).into()
    }

    /// A client of its own for a closure; clones share connections.
    pub fn client_clone(&self) -> Client {
        self.client.clone()
    }

    /// The end of this space.
    pub fn end(&self) -> Bytes {
        prefix_end(self.prefix.as_bytes())
    }

    /// A read of the whole space.
    pub fn all(&self) -> RangeRequest {
        range(self.prefix.clone(), self.end())
    }

    /// A watch on the whole space.
    pub fn watch_all(&self) -> WatchCreateRequest {
        watch_range(self.prefix.clone(), self.end())
    }
}
