//! How many Pods of a selector are on each node, and which nodes are in one domain. Both are made when
//! somebody asks first, and the counts are kept from then on with every Pod that comes and goes: Pods of
//! one template are counted once and not once for each of them.

use super::{NodeInfo, Row};
use crate::scheduler::pod::PodInfo;
use keelson_apiserver::selector::LabelSelector;
use std::collections::HashMap;
use std::sync::Arc;

/// Selectors that are counted at the same time. Each costs a comparison for every Pod that comes or goes.
const COUNTERS_MAX: usize = 64;
/// Labels whose domains are remembered.
const TOPOLOGIES_MAX: usize = 64;

/// Pods of one selector.
#[derive(Debug)]
pub(super) struct Counter {
    namespace: Box<str>,
    selector: LabelSelector,
    per_row: Vec<i64>,
}

impl Counter {
    pub(super) fn new(namespace: &str, selector: &LabelSelector, rows: usize) -> Counter {
        Counter {
            namespace: namespace.into(),
            selector: selector.clone(),
            per_row: vec![0; rows],
        }
    }

    fn is_of(&self, namespace: &str, selector: &LabelSelector) -> bool {
        &*self.namespace == namespace && self.selector == *selector
    }

    pub(super) fn see(&mut self, pod: &PodInfo, row: Row, sign: i64) {
        let meta = &pod.pod.metadata;
        if *self.namespace == *pod.key.namespace
            && !meta.is_deleting()
            && self.selector.matches(&meta.labels)
        {
            self.per_row[row] += sign;
        }
    }
}

/// The newest ones are at the end.
#[derive(Debug, Default)]
pub(super) struct Counters(Vec<Counter>);

impl Counters {
    pub(super) fn has(&mut self, namespace: &str, selector: &LabelSelector) -> bool {
        let found = self.0.iter().position(|one| one.is_of(namespace, selector));
        if let Some(at) = found {
            let counter = self.0.remove(at);
            self.0.push(counter);
        }
        found.is_some()
    }

    pub(super) fn add(&mut self, counter: Counter) {
        if self.0.len() >= COUNTERS_MAX {
            self.0.remove(0);
        }
        self.0.push(counter);
    }

    pub(super) fn get(&self, namespace: &str, selector: &LabelSelector) -> Option<&[i64]> {
        let mut all = self.0.iter().rev();
        let counter = all.find(|one| one.is_of(namespace, selector))?;
        Some(&counter.per_row)
    }

    pub(super) fn see(&mut self, pod: &PodInfo, row: Row, sign: i64) {
        for counter in &mut self.0 {
            counter.see(pod, row, sign);
        }
    }

    pub(super) fn grow(&mut self, rows: usize) {
        for counter in &mut self.0 {
            counter.per_row.resize(rows, 0);
        }
    }
}

/// Which domain of a label each node is in.
#[derive(Debug, Default)]
pub struct Domains {
    /// The number of the domain of each row; `None`: the node has no such label.
    pub of_row: Vec<Option<u32>>,
    /// How many domains there are.
    pub count: usize,
}

impl Domains {
    pub(super) fn of<'n>(
        label: &str,
        rows: usize,
        nodes: impl Iterator<Item = &'n Arc<NodeInfo>>,
        row: impl Fn(&NodeInfo) -> Option<Row>,
    ) -> Domains {
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut of_row = vec![None; rows];
        for node in nodes {
            if let (Some(value), Some(row)) = (node.labels.get(label), row(node)) {
                let next = numbers.len() as u32;
                of_row[row] = Some(*numbers.entry(value).or_insert(next));
            }
        }
        Domains {
            of_row,
            count: numbers.len(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Topologies(HashMap<Box<str>, Domains>);

impl Topologies {
    pub(super) fn has(&self, label: &str) -> bool {
        self.0.contains_key(label)
    }

    pub(super) fn get(&self, label: &str) -> Option<&Domains> {
        self.0.get(label)
    }

    pub(super) fn add(&mut self, label: &str, domains: Domains) {
        if self.0.len() >= TOPOLOGIES_MAX {
            self.0.clear();
        }
        self.0.insert(label.into(), domains);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
