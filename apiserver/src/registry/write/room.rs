//! What a write of a Pod means for the ledgers of nodes. See `capacity`.

use super::job::Job;
use super::store::failure;
use crate::admission::Admitted;
use crate::admission::demand::Amounts;
use crate::registry::capacity::{COUNTED, LEDGERS, Ledger, changes, key, lacking, share};
use crate::resource::Resource;
use crate::status::Failure;
use crate::storage::{At, Guard, KeyValue, Keys, Object, Range, Write};
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Keys that are read at a time while Pods are counted.
const PAGE: usize = 500;
/// Ledgers that one write makes besides those of its own nodes.
const LEDGERS_MAX: usize = 40;

/// Ledgers as they are before a write.
#[derive(Default)]
struct Books {
    /// Those that the write is about.
    ledgers: BTreeMap<String, Ledger>,
    /// Not everything has been counted yet: empty ledgers stay.
    keeps_empty: bool,
    /// What has been counted beside them, and the ground for it.
    beside: Admitted,
}

impl Job<'_> {
    /// What admission wants, and what this write of a Pod means for ledgers.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn accounted(
        &self,
        admitted: &Admitted,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> Result<Admitted, Failure> {
        let mut admitted = admitted.clone();
        let stored = &self.resource().stored;
        if stored.group.is_empty() && stored.kind == "Pod" {
            let changes = changes(old, new);
            let books = self.books(&changes, At::Latest).await?;
            admitted.append(post(books, &changes));
        }
        Ok(admitted)
    }

    /// The same for a binding, by ledger and node as they are read `at`.
    ///
    /// # Errors
    /// What `refuse` makes of the reason if the node has no room; the store's.
    pub(super) async fn seated(
        &self,
        admitted: &Admitted,
        (old, new): (&Value, &Value),
        at: At,
        refuse: impl Fn(&str) -> Failure,
    ) -> Result<Admitted, Failure> {
        let mut admitted = admitted.clone();
        let changes = changes(Some(old), Some(new));
        let Some((node, asked)) = share(new) else {
            return Ok(admitted);
        };
        let (books, found) = tokio::join!(self.books(&changes, at), self.node(node, at));
        let (books, (guard, found)) = (books?, found?);
        if let (Some(found), Some(ledger)) = (found, books.ledgers.get(node)) {
            let lacking = lacking(&found, &ledger.taken, &asked);
            if !lacking.is_empty() {
                let lacking = lacking.join(", ");
                return Err(refuse(&format!("node {node} has no room: {lacking}")));
            }
        }
        admitted.append(post(books, &changes));
        admitted.guards.push(guard);
        Ok(admitted)
    }

    /// A node, and what holds as long as it is as it was read.
    async fn node(&self, name: &str, at: At) -> Result<(Guard, Option<Object>), Failure> {
        let key = Keys::one(row("nodes")?, "", name);
        let found = self.at_key(key.clone(), at).await?;
        let found = found.map(|found| Object::new(found.value, found.mod_revision));
        let mod_revision = found.as_ref().map_or(0, Object::revision);
        Ok((Guard { key, mod_revision }, found))
    }

    /// The ledgers of the nodes that a write is about.
    async fn books(&self, changes: &BTreeMap<String, Amounts>, at: At) -> Result<Books, Failure> {
        let mut books = Books::default();
        if changes.is_empty() {
            return Ok(books);
        }
        if !self.is_counted().await? {
            return self.count(changes).await;
        }
        for node in changes.keys() {
            let found = self.at_key(key(node), at).await?;
            let ledger = Ledger::of(found.as_ref());
            books.ledgers.insert(node.clone(), ledger);
        }
        Ok(books)
    }

    /// Whether a missing ledger means that a node has no Pod. That stays so.
    async fn is_counted(&self) -> Result<bool, Failure> {
        let known = &self.registry.counted;
        if !known.load(Ordering::Relaxed) {
            let found = self.at_key(COUNTED.into(), At::Latest).await?;
            known.store(found.is_some(), Ordering::Relaxed);
        }
        Ok(known.load(Ordering::Relaxed))
    }

    /// Ledgers where not everything has been counted: those that are missing are made from a list of all
    /// Pods, of the nodes that the write is about and of some more. The write that makes the last ones
    /// says that everything has been counted.
    async fn count(&self, changes: &BTreeMap<String, Amounts>) -> Result<Books, Failure> {
        let pods = Keys::of(row("pods")?, "");
        let mut missing: BTreeMap<String, Ledger> = BTreeMap::new();
        let mut at = At::Latest;
        self.each(pods.start(), pods.end(), &mut at, |found| {
            let pod: Value = serde_json::from_slice(&found.value).unwrap_or_default();
            if let Some((node, amounts)) = share(&pod) {
                missing.entry(node.to_owned()).or_default().change(&amounts);
            }
        })
        .await?;
        let mut there: BTreeMap<String, Ledger> = BTreeMap::new();
        let mut end = LEDGERS.as_bytes().to_vec();
        end.pop();
        end.push(b'/' + 1);
        self.each(LEDGERS.into(), end.into(), &mut at, |found| {
            let node = found.key.strip_prefix(LEDGERS.as_bytes());
            let node = String::from_utf8_lossy(node.unwrap_or_default()).into_owned();
            missing.remove(&node);
            there.insert(node, Ledger::of(Some(&found)));
        })
        .await?;
        let mut books = Books {
            keeps_empty: true,
            ..Books::default()
        };
        for node in changes.keys() {
            let ledger = missing.remove(node).or_else(|| there.remove(node));
            books
                .ledgers
                .insert(node.clone(), ledger.unwrap_or_default());
        }
        let beside = &mut books.beside;
        for (node, ledger) in missing.iter().take(LEDGERS_MAX) {
            beside.guards.push(ledger.unchanged(node));
            beside.writes.push(ledger.write(node, true));
        }
        beside.guards.push(Guard {
            key: COUNTED.into(),
            mod_revision: 0,
        });
        if missing.len() <= LEDGERS_MAX {
            beside.writes.push(Write::Put {
                key: COUNTED.into(),
                value: Bytes::from_static(b"{}"),
                lease: 0,
            });
        }
        Ok(books)
    }

    async fn at_key(&self, key: Bytes, at: At) -> Result<Option<KeyValue>, Failure> {
        let range = Range {
            key,
            end: None,
            at,
            limit: 1,
            keys_only: false,
        };
        let ranged = self.registry.kv.range(range).await;
        let ranged = ranged.map_err(|error| failure(error, &self.group_resource(), "get"))?;
        Ok(ranged.keys.into_iter().next())
    }

    /// Reads a range in pieces, all as of one revision, which is in `at` afterwards.
    async fn each(
        &self,
        mut from: Bytes,
        end: Bytes,
        at: &mut At,
        mut see: impl FnMut(KeyValue),
    ) -> Result<(), Failure> {
        loop {
            let range = Range {
                key: from,
                end: Some(end.clone()),
                at: *at,
                limit: PAGE,
                keys_only: false,
            };
            let ranged = self.registry.kv.range(range).await;
            let ranged = ranged.map_err(|error| failure(error, &self.group_resource(), "list"))?;
            *at = At::Exactly(ranged.revision);
            let is_last = ranged.keys.len() < PAGE;
            let last = ranged.keys.last().map(|last| last.key.clone());
            ranged.keys.into_iter().for_each(&mut see);
            match last {
                Some(last) if !is_last => from = [&last[..], b"\0"].concat().into(),
                _ => return Ok(()),
            }
        }
    }
}

/// The ledgers with what a write changes.
fn post(books: Books, changes: &BTreeMap<String, Amounts>) -> Admitted {
    let mut admitted = books.beside;
    for (node, mut ledger) in books.ledgers {
        admitted.guards.push(ledger.unchanged(&node));
        if let Some(by) = changes.get(&node) {
            ledger.change(by);
        }
        admitted.writes.push(ledger.write(&node, books.keeps_empty));
    }
    admitted
}

fn row(plural: &str) -> Result<&'static Resource, Failure> {
    let row = crate::resource::builtin().find("", "v1", plural);
    row.ok_or_else(Failure::unknown_path)
}
