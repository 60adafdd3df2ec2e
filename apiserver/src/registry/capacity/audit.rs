//! Whether a whole history of the store kept to what bindings promise: each Pod is bound once, no binding
//! takes what a node does not have, and every ledger is what a count finds.

use super::ledger::{COUNTED, LEDGERS, allocatable, read};
use super::share::{add, share, subtract};
use crate::admission::demand::Amounts;
use crate::canonical::Quantity;
use crate::storage::{At, Change, Changed, Changes, Kv, KvError, Object, Range, Watch};
use futures::StreamExt;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const PODS: &str = "/registry/pods/";
const NODES: &str = "/registry/minions/";

/// What a history did not keep to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A binding took more of a resource than there was.
    Overcommitted {
        /// When.
        revision: u64,
        /// The node.
        node: String,
        /// The resource.
        resource: String,
    },
    /// A node has less than is taken of it, and no binding is to blame: it shrank, a Pod grew, or was
    /// created on it.
    Overfull {
        /// Since when.
        revision: u64,
        /// The node.
        node: String,
        /// The resource.
        resource: String,
    },
    /// A Pod changed its node, or lost it.
    Moved {
        /// When.
        revision: u64,
        /// The Pod's key.
        pod: String,
    },
    /// A ledger says something else than a count.
    Ledger {
        /// When.
        revision: u64,
        /// The node.
        node: String,
    },
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// How many Pods were bound after they came into being.
    pub bindings: u64,
    /// What was not kept to, in the order of revisions.
    pub faults: Vec<Fault>,
}

/// Everything that happened in a store since its beginning, for [`audit`].
///
/// # Errors
/// The store's: of a history that is compacted nothing can be said.
pub async fn history(kv: &dyn Kv) -> Result<Vec<Changes>, KvError> {
    let all = |at| Range {
        key: "/".into(),
        end: Some("0".into()),
        at,
        limit: 1,
        keys_only: true,
    };
    let newest = kv.range(all(At::Latest)).await?.revision;
    let watch = Watch {
        key: "/".into(),
        end: Some("0".into()),
        from: 1,
        progress_every: Some(Duration::from_millis(10)),
    };
    let mut changes = kv.watch(watch).await?;
    let mut told = Vec::new();
    let mut revision = 1;
    while revision < newest {
        let Some(piece) = changes.next().await else {
            return Err(KvError::Unavailable("the watch has ended".to_owned()));
        };
        let piece = piece?;
        revision = piece.revision;
        told.push(piece);
    }
    Ok(told)
}

/// Looks at a history from its beginning on, in the order of revisions.
pub fn audit<'c>(history: impl IntoIterator<Item = &'c Changes>) -> Audit {
    let mut state = State::default();
    for piece in history {
        // A piece may have several revisions; each is a state of its own.
        let mut rest = piece.changes.as_slice();
        while let Some(first) = rest.first() {
            let revision = first.now.mod_revision;
            let of_it = rest
                .iter()
                .take_while(|one| one.now.mod_revision == revision);
            let (now, later) = rest.split_at(of_it.count());
            state.step(revision, now);
            rest = later;
        }
    }
    state.audit
}

#[derive(Default)]
struct State {
    /// Node and share of each Pod that has them; the node alone of one that has ended.
    pods: BTreeMap<String, (String, Option<Amounts>)>,
    nodes: BTreeMap<String, Option<Amounts>>,
    taken: BTreeMap<String, Amounts>,
    ledgers: BTreeMap<String, Amounts>,
    is_counted: bool,
    overfull: BTreeSet<(String, String)>,
    audit: Audit,
}

impl State {
    fn step(&mut self, revision: u64, changes: &[Change]) {
        let (mut touched, mut bound) = (BTreeSet::new(), BTreeMap::new());
        for change in changes {
            let key = String::from_utf8_lossy(&change.now.key).into_owned();
            let value = (change.changed == Changed::Put).then_some(&change.now.value[..]);
            if let Some(pod) = key.strip_prefix(PODS) {
                self.see_pod(revision, pod, value, &mut touched, &mut bound);
            } else if let Some(node) = key.strip_prefix(NODES) {
                touched.insert(node.to_owned());
                match value {
                    Some(_) => {
                        let object = Object::new(change.now.value.clone(), 0);
                        self.nodes.insert(node.to_owned(), allocatable(&object))
                    }
                    None => self.nodes.remove(node),
                };
            } else if let Some(node) = key.strip_prefix(LEDGERS) {
                touched.insert(node.to_owned());
                match value {
                    Some(value) => self.ledgers.insert(node.to_owned(), read(value)),
                    None => self.ledgers.remove(node),
                };
            } else if key == COUNTED {
                self.is_counted = value.is_some();
                touched.extend(self.taken.keys().cloned());
            }
        }
        for node in touched {
            self.check(revision, &node, bound.get(&node));
        }
    }

    /// A Pod as it is now. Nodes whose sums may have changed are `touched`; what was `bound` to which
    /// node is added up.
    fn see_pod(
        &mut self,
        revision: u64,
        pod: &str,
        value: Option<&[u8]>,
        touched: &mut BTreeSet<String>,
        bound: &mut BTreeMap<String, Amounts>,
    ) {
        let existed = self.pods.contains_key(pod);
        let before = self.pods.remove(pod);
        if let Some((node, Some(amounts))) = &before {
            touched.insert(node.clone());
            subtract(self.taken.entry(node.clone()).or_default(), amounts);
        }
        let Some(object) = value.map(parsed) else {
            return;
        };
        let name = object.pointer("/spec/nodeName").and_then(Value::as_str);
        let name = name.unwrap_or_default().to_owned();
        let amounts = share(&object).map(|(_, amounts)| amounts);
        let earlier = before.map_or(String::new(), |(node, _)| node);
        if !earlier.is_empty() && earlier != name {
            let pod = pod.to_owned();
            self.audit.faults.push(Fault::Moved { revision, pod });
        }
        if let Some(amounts) = &amounts {
            touched.insert(name.clone());
            add(self.taken.entry(name.clone()).or_default(), amounts);
            if existed && earlier.is_empty() {
                self.audit.bindings += 1;
                add(bound.entry(name.clone()).or_default(), amounts);
            }
        }
        self.pods.insert(pod.to_owned(), (name, amounts));
    }

    fn check(&mut self, revision: u64, node: &str, bound: Option<&Amounts>) {
        let taken = self.taken.get(node).cloned().unwrap_or_default();
        let ledger = match self.ledgers.get(node) {
            None if self.is_counted => Some(Amounts::new()),
            found => found.cloned(),
        };
        if ledger.is_some_and(|ledger| ledger != taken) {
            let node = node.to_owned();
            self.audit.faults.push(Fault::Ledger { revision, node });
        }
        let allocatable = self.nodes.get(node).cloned().flatten();
        for (name, amount) in &taken {
            let place = (node.to_owned(), name.clone());
            let has = |all: &Amounts| all.get(name).copied().unwrap_or(Quantity::ZERO);
            if allocatable.as_ref().is_none_or(|all| *amount <= has(all)) {
                self.overfull.remove(&place);
                continue;
            }
            let is_new = self.overfull.insert(place);
            let is_bound = bound.is_some_and(|bound| bound.contains_key(name));
            let (node, resource) = (node.to_owned(), name.clone());
            match is_bound {
                true => self.audit.faults.push(Fault::Overcommitted {
                    revision,
                    node,
                    resource,
                }),
                false if is_new => self.audit.faults.push(Fault::Overfull {
                    revision,
                    node,
                    resource,
                }),
                false => {}
            }
        }
        // What nobody takes any more is not too much.
        let is_taken = |name: &String| taken.contains_key(name);
        self.overfull
            .retain(|(of, name)| of != node || is_taken(name));
    }
}

fn parsed(value: &[u8]) -> Value {
    serde_json::from_slice(value).unwrap_or_default()
}
