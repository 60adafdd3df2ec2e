//! A part of a store that belongs to one statement.

use super::{Broken, ensure};
use crate::storage::kv::{
    At, Change, Changes, Committed, Guard, KeyValue, Kv, KvError, Range, Ranged, Stream, Txn,
    Watch, Write,
};
use bytes::Bytes;
use futures::StreamExt;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for something that must come.
const ARRIVES: Duration = Duration::from_secs(60);

/// A store, and a prefix under which nobody else writes.
pub struct Space {
    pub kv: Arc<dyn Kv>,
    pub prefix: String,
    pub expire: Arc<dyn Fn(i64) + Send + Sync>,
}

/// A put without a lease.
pub fn put(key: &Bytes, value: impl Into<Bytes>) -> Write {
    Write::Put {
        key: key.clone(),
        value: value.into(),
        lease: 0,
    }
}

/// A deletion.
pub fn delete(key: &Bytes) -> Write {
    Write::Delete { key: key.clone() }
}

impl Space {
    /// A key of this space.
    pub fn key(&self, name: &str) -> Bytes {
        format!("{}{name}", self.prefix).into()
    }

    /// The key before which this space ends.
    pub fn end(&self) -> Bytes {
        // The byte after the slash with which every prefix ends.
        format!("{}0", self.prefix.trim_end_matches('/')).into()
    }

    /// A read of the whole space.
    pub fn all(&self, at: At) -> Range {
        Range {
            key: self.prefix.clone().into(),
            end: Some(self.end()),
            at,
            limit: 0,
            keys_only: false,
        }
    }

    /// Reads the whole space.
    pub async fn read(&self, at: At) -> Result<Ranged, KvError> {
        self.kv.range(self.all(at)).await
    }

    /// Reads one key.
    pub async fn get(&self, key: &Bytes) -> Result<Option<KeyValue>, Broken> {
        let one = Range {
            key: key.clone(),
            end: None,
            ..self.all(At::Latest)
        };
        let mut read = self.kv.range(one).await?;
        ensure(read.keys.len() <= 1, || format!("one key is {read:?}"))?;
        Ok(read.keys.pop())
    }

    /// Reads a key that must exist.
    pub async fn found(&self, key: &Bytes) -> Result<KeyValue, Broken> {
        let found = self.get(key).await?;
        found.ok_or_else(|| Broken(format!("{key:?} does not exist")))
    }

    /// The newest revision.
    pub async fn revision(&self) -> Result<u64, Broken> {
        Ok(self.read(At::Latest).await?.revision)
    }

    /// Writes without a guard.
    pub async fn write(&self, writes: Vec<Write>) -> Result<u64, Broken> {
        match self.guarded(Vec::new(), writes).await? {
            Committed::Written { revision } => Ok(revision),
            refused => Err(Broken(format!("refused without a guard: {refused:?}"))),
        }
    }

    /// Writes if a key has a revision.
    pub async fn write_if(
        &self,
        key: &Bytes,
        mod_revision: u64,
        write: Write,
    ) -> Result<Committed, KvError> {
        let guard = Guard {
            key: key.clone(),
            mod_revision,
        };
        self.guarded(vec![guard], vec![write]).await
    }

    async fn guarded(&self, guards: Vec<Guard>, writes: Vec<Write>) -> Result<Committed, KvError> {
        let txn = Txn {
            guards,
            writes,
            ..Txn::default()
        };
        self.kv.txn(txn).await
    }

    /// How the whole space is followed.
    pub fn follow(&self, from: u64) -> Watch {
        Watch {
            key: self.prefix.clone().into(),
            end: Some(self.end()),
            from,
            progress_every: None,
        }
    }

    /// Follows.
    pub async fn watch(&self, watch: Watch) -> Result<Following, KvError> {
        Ok(Following {
            stream: self.kv.watch(watch).await?,
            revision: 0,
            ahead: VecDeque::new(),
        })
    }
}

/// A watch. Checks what is true of every one of them.
pub struct Following {
    stream: Stream<Result<Changes, KvError>>,
    /// As far as it was.
    revision: u64,
    /// Changes that came with others and are not asked for yet.
    ahead: VecDeque<Change>,
}

impl Following {
    /// The next piece.
    pub async fn next(&mut self) -> Result<Result<Changes, KvError>, Broken> {
        let next = tokio::time::timeout(ARRIVES, self.stream.next()).await;
        let changes = match next {
            Ok(Some(Ok(changes))) => changes,
            Ok(Some(Err(error))) => return Ok(Err(error)),
            Ok(None) => return Err(Broken("the watch ended without a reason".into())),
            Err(_) => return Err(Broken("nothing came of the watch".into())),
        };
        let revisions = changes.changes.iter().map(|change| change.now.mod_revision);
        let ordered = revisions.clone().is_sorted();
        let within = revisions.into_iter().all(|one| {
            // A revision of which a part came before has not come together.
            one > self.revision && one <= changes.revision
        });
        ensure(
            ordered && within && changes.revision >= self.revision,
            || format!("after revision {} came {changes:?}", self.revision),
        )?;
        self.revision = changes.revision;
        Ok(Ok(changes))
    }

    /// The next `count` changes, in whatever pieces they come.
    pub async fn changes(&mut self, count: usize) -> Result<Vec<Change>, Broken> {
        while self.ahead.len() < count {
            let changes = self.next().await??.changes;
            self.ahead.extend(changes);
        }
        Ok(self.ahead.drain(..count).collect())
    }
}
