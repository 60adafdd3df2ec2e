//! A registry over a store in memory, and requests as texts.

use crate::registry::{Clock, Event, EventKind, Random, Registry, Target};
use crate::request::{GetOptions, ListOptions, Query, WatchOptions};
use crate::resource::{Resource, Scope, everything, load};
use crate::status::Failure;
use crate::storage::{Committed, Keys, Kv, MemoryKv, Object, Stream, Txn, Write};
use futures::StreamExt;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

struct Noon;

impl Clock for Noon {
    fn now_us(&self) -> i64 {
        43_200_000_000
    }
}

/// Chance that always says the same.
struct Fixed(u64);

impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        let eight = self.0.to_le_bytes();
        bytes
            .iter_mut()
            .zip(eight.iter().cycle())
            .for_each(|(to, from)| *to = *from);
    }
}

pub struct World {
    pub kv: MemoryKv,
    pub registry: Registry,
}

/// A list, read to its end.
#[derive(Debug, PartialEq)]
pub struct Listed {
    pub names: Vec<String>,
    pub revision: u64,
    pub token: Option<String>,
    pub remaining: Option<u64>,
}

/// The row of a resource: of a built-in one by its plural, else of a custom one by its text.
pub fn resource(text: &str) -> Arc<Resource> {
    let all = everything().all().iter();
    let mut found = all.filter(|row| row.plural == text && row.gvk == row.stored);
    Arc::new(match found.next() {
        Some(row) => row.clone(),
        None => load(text).unwrap().remove(0),
    })
}

pub fn target(plural: &str, namespace: &str, name: &str) -> Target {
    Target {
        resource: resource(plural),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: String::new(),
    }
}

/// What an object is called: `namespace/name`, or its name.
pub fn called(object: &Object) -> String {
    let value = object.value().unwrap();
    let text = |name: &str| value["metadata"][name].as_str().map(str::to_owned);
    let name = text("name").unwrap_or_default();
    text("namespace").map_or(name.clone(), |namespace| format!("{namespace}/{name}"))
}

/// An event in one line: `ADDED a/x 7`.
pub fn line(event: &Event) -> String {
    let kind = match event.kind {
        EventKind::Added => "ADDED",
        EventKind::Modified => "MODIFIED",
        EventKind::Deleted => "DELETED",
        EventKind::Bookmark {
            ends_initial: false,
        } => "BOOKMARK",
        EventKind::Bookmark { ends_initial: true } => "END",
    };
    let words = [
        kind.to_owned(),
        called(&event.object),
        event.object.revision().to_string(),
    ];
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

impl World {
    pub fn new() -> World {
        World::over(MemoryKv::new(), 0)
    }

    pub fn over(kv: MemoryKv, chance: u64) -> World {
        let registry = Registry::new(
            Arc::new(kv.clone()),
            Arc::new(Noon),
            Arc::new(Fixed(chance)),
        );
        World { kv, registry }
    }

    /// Writes, and returns the revision.
    pub async fn write(&self, writes: Vec<Write>) -> u64 {
        let txn = Txn {
            writes,
            ..Txn::default()
        };
        match self.kv.txn(txn).await {
            Ok(Committed::Written { revision }) => revision,
            other => panic!("{other:?}"),
        }
    }

    /// Stores an object as it is.
    pub async fn put(&self, plural: &str, value: Value) -> u64 {
        let row = resource(plural);
        let text = |name: &str| {
            value["metadata"][name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let put = Write::Put {
            key: Keys::one(&row, &text("namespace"), &text("name")),
            value: Object::of(value, 0).stored().clone(),
            lease: 0,
        };
        self.write(vec![put]).await
    }

    /// Stores an object with labels, in a namespace unless it is empty.
    pub async fn label(&self, plural: &str, namespace: &str, name: &str, labels: Value) -> u64 {
        let mut value =
            json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": name, "labels": labels}});
        if resource(plural).scope == Scope::Namespaced {
            value["metadata"]["namespace"] = namespace.into();
        }
        self.put(plural, value).await
    }

    /// A pod in namespace `a` that has a label `app` of this value.
    pub async fn pod(&self, name: &str, app: &str) -> u64 {
        self.label("pods", "a", name, json!({"app": app})).await
    }

    pub async fn delete(&self, plural: &str, namespace: &str, name: &str) -> u64 {
        let key = Keys::one(&resource(plural), namespace, name);
        self.write(vec![Write::Delete { key }]).await
    }

    pub async fn compact(&self, revision: u64) {
        self.kv.compact(revision).await.unwrap();
    }

    pub async fn get(&self, target: &Target, query: &str) -> Result<Object, Failure> {
        let options = GetOptions::parse(&Query::parse(query))?;
        self.registry.get(target, &options).await
    }

    /// Lists, and reads everything.
    pub async fn list(&self, target: &Target, query: &str) -> Result<Listed, Failure> {
        let options = ListOptions::parse(&Query::parse(query), &target.name)?;
        let mut list = self.registry.list(target, &options).await?;
        let mut names = Vec::new();
        while let Some(piece) = list.pieces.next().await {
            let piece = piece?;
            assert!(!piece.is_empty(), "a piece has something in it");
            names.extend(piece.iter().map(called));
        }
        Ok(Listed {
            names,
            revision: list.revision,
            token: list.continue_token,
            remaining: list.remaining,
        })
    }

    /// Watches.
    pub async fn watch(&self, target: &Target, query: &str) -> Result<Watcher, Failure> {
        let options = WatchOptions::parse(&Query::parse(query), &target.name, true)?;
        Ok(Watcher(self.registry.watch(target, &options).await?))
    }

    /// Watches pods of namespace `a`.
    pub async fn pods(&self, query: &str) -> Watcher {
        self.watch(&target("pods", "a", ""), query).await.unwrap()
    }
}

pub struct Watcher(pub Stream<Result<Event, Failure>>);

impl Watcher {
    /// The next event, which must come within two hours.
    pub async fn event(&mut self) -> Event {
        let next = tokio::time::timeout(Duration::from_secs(7200), self.0.next());
        let next = next.await.expect("an event comes");
        next.expect("the watch goes on")
            .expect("the watch does not fail")
    }

    /// The next event in one line.
    pub async fn told(&mut self) -> String {
        line(&self.event().await)
    }

    /// So many events in one line each.
    pub async fn tells(&mut self, events: usize) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.len() < events {
            lines.push(self.told().await);
        }
        lines
    }

    /// Nothing comes for some seconds.
    pub async fn is_quiet(&mut self) {
        let next = tokio::time::timeout(Duration::from_secs(20), self.0.next()).await;
        assert!(next.is_err(), "{next:?}");
    }

    /// All that comes until the end.
    pub async fn rest(&mut self) -> Vec<Result<String, Failure>> {
        let all = (&mut self.0).map(|item| item.map(|event| line(&event)));
        let all = tokio::time::timeout(Duration::from_secs(7200), all.collect());
        all.await.expect("the watch ends")
    }
}
