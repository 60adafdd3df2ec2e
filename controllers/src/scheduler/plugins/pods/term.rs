//! What one Pod says of others: which ones, and what "beside" means.

use crate::objects::Pod;
use crate::scheduler::pod::PodInfo;
use crate::scheduler::snapshot::Table;
use keelson_apiserver::selector::{LabelSelector, Operator, Requirement, from_structure};
use keelson_apiserver::status::Path;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Some Pods, and the label of nodes whose value two that are beside each other share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodTerm {
    /// The label.
    pub key: String,
    selector: LabelSelector,
    namespaces: BTreeSet<String>,
    /// Namespaces with these labels, too.
    namespace_selector: Option<LabelSelector>,
}

impl PodTerm {
    fn of(structure: &Value, pod: &Pod) -> PodTerm {
        let list = |name: &str| {
            let items = structure.get(name).and_then(Value::as_array);
            items.into_iter().flatten().filter_map(Value::as_str)
        };
        let selector = |name: &str| {
            // Validation let no other through.
            from_structure(structure.get(name)).unwrap_or_else(|_| LabelSelector::nothing())
        };
        let given = structure
            .get("namespaceSelector")
            .filter(|one| !one.is_null());
        let namespace_selector = given.map(|_| selector("namespaceSelector"));
        let mut namespaces: BTreeSet<String> = list("namespaces").map(str::to_owned).collect();
        if namespaces.is_empty() && namespace_selector.is_none() {
            namespaces.insert(pod.metadata.namespace.clone());
        }
        let labels = &pod.metadata.labels;
        let own = requirements(list("matchLabelKeys"), Operator::In, labels);
        let other = requirements(list("mismatchLabelKeys"), Operator::NotIn, labels);
        PodTerm {
            key: structure["topologyKey"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            selector: narrowed(selector("labelSelector"), own.chain(other).collect()),
            namespaces,
            namespace_selector,
        }
    }

    /// Whether it is about a Pod.
    pub fn matches(&self, pod: &PodInfo, table: &Table) -> bool {
        let is_in = || {
            let labels = table.namespace(&pod.key.namespace);
            let selector = self.namespace_selector.as_ref();
            selector.is_some_and(|selector| selector.matches(labels))
        };
        self.selector.matches(&pod.pod.metadata.labels)
            && (self.namespaces.contains(&*pod.key.namespace) || is_in())
    }

    /// Whether it is about a Pod if the labels of the Pod's namespace are right.
    pub fn may_match(&self, pod: &PodInfo) -> bool {
        self.selector.matches(&pod.pod.metadata.labels)
            && (self.namespaces.contains(&*pod.key.namespace) || self.namespace_selector.is_some())
    }
}

/// The Pod's own values of some labels.
fn requirements<'k>(
    keys: impl Iterator<Item = &'k str>,
    operator: Operator,
    labels: &BTreeMap<String, String>,
) -> impl Iterator<Item = Requirement> {
    keys.filter_map(move |key| {
        let value = labels.get(key)?.clone();
        Requirement::new(key, operator, vec![value], &Path::none()).ok()
    })
}

/// The selector with more requirements. One that selects nothing still does.
fn narrowed(selector: LabelSelector, more: Vec<Requirement>) -> LabelSelector {
    match selector.requirements() {
        Some(given) if !more.is_empty() => {
            LabelSelector::new(given.iter().cloned().chain(more).collect())
        }
        _ => selector,
    }
}

/// Everything that a Pod says of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affinities {
    /// It must be beside one Pod that all of these are about.
    pub required: Vec<PodTerm>,
    /// It must not be beside any.
    pub required_anti: Vec<PodTerm>,
    /// Beside whom it would rather be, and (with less than zero) not be.
    pub preferred: Vec<(i64, PodTerm)>,
}

impl Affinities {
    /// What a Pod says.
    pub fn of(pod: &Pod) -> Affinities {
        let part = |kind: &str, part: &str| -> Vec<Value> {
            let affinity = pod.spec.affinity.as_ref();
            let path = format!("/{kind}/{part}DuringSchedulingIgnoredDuringExecution");
            let terms = affinity.and_then(|affinity| affinity.pointer(&path));
            let terms = terms.and_then(Value::as_array);
            terms.cloned().unwrap_or_default()
        };
        let required = |kind: &str| {
            let terms = part(kind, "required");
            terms.iter().map(|term| PodTerm::of(term, pod)).collect()
        };
        let preferred = |kind: &str, sign: i64| {
            let terms = part(kind, "preferred").into_iter();
            let terms = terms.map(move |term| {
                let weight = term["weight"].as_i64().unwrap_or_default();
                (sign * weight, PodTerm::of(&term["podAffinityTerm"], pod))
            });
            terms.collect::<Vec<_>>()
        };
        if pod.spec.affinity.is_none() {
            return Affinities::default();
        }
        let mut all = preferred("podAffinity", 1);
        all.extend(preferred("podAntiAffinity", -1));
        Affinities {
            required: required("podAffinity"),
            required_anti: required("podAntiAffinity"),
            preferred: all,
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.required.is_empty() && self.required_anti.is_empty() && self.preferred.is_empty()
    }
}
