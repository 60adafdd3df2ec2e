//! A naive scheduler to compare with: it looks at plain objects, one node at a time, counts everything
//! anew, and is written from the rules without a look at the plug-ins.

use crate::objects::{Node, Pod, Toleration};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is where.
pub struct Model {
    /// All nodes.
    pub nodes: Vec<Node>,
    /// Pods with the names of their nodes.
    pub pods: Vec<(Pod, String)>,
}

fn number(value: Option<&Value>, is_cpu: bool) -> i64 {
    let text = value.and_then(Value::as_str).unwrap_or("0");
    let unit = |suffix: &str, factor: i64| {
        let digits = text.strip_suffix(suffix)?;
        Some(digits.parse::<i64>().unwrap() * factor)
    };
    match is_cpu {
        true => unit("m", 1).unwrap_or_else(|| text.parse::<i64>().unwrap() * 1000),
        false => unit("Mi", 1 << 20)
            .or_else(|| unit("Gi", 1 << 30))
            .unwrap_or_else(|| text.parse().unwrap()),
    }
}

/// CPU and memory of a Pod of one container; with what scores assume.
fn asks(pod: &Pod, is_scored: bool) -> (i64, i64) {
    let requests = &pod.spec.containers[0].resources.requests;
    let (cpu, memory) = (requests.get("cpu"), requests.get("memory"));
    match is_scored {
        true => (
            cpu.map_or(100, |_| number(cpu, true)),
            memory.map_or(200 << 20, |_| number(memory, false)),
        ),
        false => (number(cpu, true), number(memory, false)),
    }
}

fn bears(tolerations: &[Toleration], key: &str, value: &str, effect: &str) -> bool {
    tolerations.iter().any(|one| {
        (one.key.is_empty() || one.key == key)
            && (one.effect.is_empty() || one.effect == effect)
            && (one.operator == "Exists" || one.value == value)
    })
}

fn has_labels(labels: &BTreeMap<String, String>, wanted: &Value) -> bool {
    let wanted = wanted.as_object().unwrap();
    wanted
        .iter()
        .all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str())
}

fn bare_taints<'n>(pod: &'n Pod, node: &'n Node, is_soft: bool) -> usize {
    let taints = node.spec.taints.iter();
    let taints = taints.filter(|taint| (taint.effect == "PreferNoSchedule") == is_soft);
    taints
        .filter(|taint| {
            !bears(
                &pod.spec.tolerations,
                &taint.key,
                &taint.value,
                &taint.effect,
            )
        })
        .count()
}

const HARD: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const SOFT: &str = "preferredDuringSchedulingIgnoredDuringExecution";

fn terms(pod: &Pod, kind: &str, part: &str) -> Vec<Value> {
    let affinity = pod.spec.affinity.clone().unwrap_or_default();
    affinity[kind][part].as_array().cloned().unwrap_or_default()
}

/// All are in one namespace.
fn is_about(term: &Value, pod: &Pod) -> bool {
    has_labels(&pod.metadata.labels, &term["labelSelector"]["matchLabels"])
}

impl Model {
    fn on<'m>(&'m self, node: &'m Node) -> impl Iterator<Item = &'m Pod> {
        let pods = self.pods.iter();
        pods.filter(|(_, name)| *name == node.metadata.name)
            .map(|(pod, _)| pod)
    }

    fn used(&self, node: &Node, is_scored: bool) -> (i64, i64) {
        let amounts = self.on(node).map(|pod| asks(pod, is_scored));
        amounts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    fn is_wanted(pod: &Pod, node: &Node) -> bool {
        let labels = &node.metadata.labels;
        let mut wanted = pod.spec.node_selector.iter();
        wanted.all(|(key, value)| labels.get(key) == Some(value))
    }

    fn constraints<'p>(pod: &'p Pod, when: &'p str) -> Vec<&'p Value> {
        let all = pod.spec.topology_spread_constraints.iter();
        all.filter(|one| one["whenUnsatisfiable"] == when).collect()
    }

    fn matching(&self, node: &Node, constraint: &Value) -> i64 {
        let wanted = &constraint["labelSelector"]["matchLabels"];
        let pods = self.on(node);
        pods.filter(|pod| has_labels(&pod.metadata.labels, wanted))
            .count() as i64
    }

    fn key(constraint: &Value) -> &str {
        constraint["topologyKey"].as_str().unwrap()
    }

    fn counts(&self, pod: &Pod, constraint: &Value, all: &[&Value]) -> BTreeMap<&str, i64> {
        let mut counts = BTreeMap::new();
        for node in &self.nodes {
            let labels = &node.metadata.labels;
            let has_all = all.iter().all(|one| labels.contains_key(Model::key(one)));
            if has_all && Model::is_wanted(pod, node) {
                let domain = labels[Model::key(constraint)].as_str();
                *counts.entry(domain).or_default() += self.matching(node, constraint);
            }
        }
        counts
    }

    fn may_spread(&self, pod: &Pod, node: &Node) -> bool {
        let all = Model::constraints(pod, "DoNotSchedule");
        all.iter().all(|constraint| {
            let Some(domain) = node.metadata.labels.get(Model::key(constraint)) else {
                return false;
            };
            let counts = self.counts(pod, constraint, &all);
            let least = counts.values().min().copied().unwrap_or_default();
            let wanted = &constraint["labelSelector"]["matchLabels"];
            let own = i64::from(has_labels(&pod.metadata.labels, wanted));
            let here = counts.get(domain.as_str()).copied().unwrap_or_default();
            here + own - least <= constraint["maxSkew"].as_i64().unwrap()
        })
    }

    fn is_feasible(&self, pod: &Pod, node: &Node) -> bool {
        let all = &node.status.allocatable;
        let (used, asked) = (self.used(node, false), asks(pod, false));
        let fits = (asked.0 == 0 || used.0 + asked.0 <= number(all.get("cpu"), true))
            && (asked.1 == 0 || used.1 + asked.1 <= number(all.get("memory"), false))
            && (self.on(node).count() as i64) < number(all.get("pods"), false);
        let cordon = "node.kubernetes.io/unschedulable";
        let is_cordoned =
            node.spec.unschedulable && !bears(&pod.spec.tolerations, cordon, "", "NoSchedule");
        fits && !is_cordoned
            && bare_taints(pod, node, false) == 0
            && self.may_be_beside(pod, node)
            && Model::is_wanted(pod, node)
            && self.may_spread(pod, node)
    }

    fn resources(&self, pod: &Pod, node: &Node) -> i64 {
        let all = &node.status.allocatable;
        let all = (
            number(all.get("cpu"), true),
            number(all.get("memory"), false),
        );
        let (used, asked) = (self.used(node, true), asks(pod, true));
        let left = |all: i64, used: i64| ((all - used) * 100 / all).max(0);
        let least = (left(all.0, used.0 + asked.0) + left(all.1, used.1 + asked.1)) / 2;
        let (used, asked) = (self.used(node, false), asks(pod, false));
        if asked == (0, 0) {
            return least;
        }
        let part = |all: i64, used: i64| (used as f64 / all as f64).min(1.0);
        let cpu = part(all.0, used.0 + asked.0);
        let memory = part(all.1, used.1 + asked.1);
        least + ((1.0 - (cpu - memory).abs() / 2.0) * 100.0) as i64
    }

    fn spread(&self, pod: &Pod, feasible: &[&Node]) -> Vec<i64> {
        let all = Model::constraints(pod, "ScheduleAnyway");
        let has_all = |node: &&Node| {
            let labels = &node.metadata.labels;
            all.iter().all(|one| labels.contains_key(Model::key(one)))
        };
        let compared: Vec<&Node> = feasible
            .iter()
            .copied()
            .filter(|node| has_all(node))
            .collect();
        let raw = |node: &Node| {
            let mut sum = 0.0;
            for constraint in &all {
                let key = Model::key(constraint);
                let domains: BTreeSet<&str> = compared
                    .iter()
                    .map(|one| one.metadata.labels[key].as_str())
                    .collect();
                let counts = self.counts(pod, constraint, &all);
                let count = match key {
                    "kubernetes.io/hostname" => self.matching(node, constraint),
                    key => counts
                        .get(node.metadata.labels[key].as_str())
                        .copied()
                        .unwrap_or_default(),
                };
                let skew = constraint["maxSkew"].as_i64().unwrap();
                sum += count as f64 * ((domains.len() + 2) as f64).ln() + (skew - 1) as f64;
            }
            sum.round() as i64
        };
        let sums: Vec<i64> = compared.iter().map(|node| raw(node)).collect();
        let max = sums.iter().max().copied().unwrap_or_default();
        let min = sums.iter().min().copied().unwrap_or_default();
        let scores = feasible.iter().map(|node| match (has_all(node), max) {
            (false, _) => 0,
            (true, 0) => 100,
            (true, max) => 100 * (max + min - raw(node)) / max,
        });
        scores.collect()
    }

    fn preferred(pod: &Pod, feasible: &[&Node]) -> Vec<i64> {
        let path = "/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution";
        let terms = pod.spec.affinity.as_ref().and_then(|one| one.pointer(path));
        let terms = terms.and_then(Value::as_array).cloned().unwrap_or_default();
        let raw = |node: &&Node| -> i64 {
            let met = terms.iter().filter(|term| {
                let expression = &term["preference"]["matchExpressions"][0];
                let key = expression["key"].as_str().unwrap();
                let label = node.metadata.labels.get(key).map(String::as_str);
                label.is_some() && label == expression["values"][0].as_str()
            });
            met.map(|term| term["weight"].as_i64().unwrap()).sum()
        };
        let sums: Vec<i64> = feasible.iter().map(raw).collect();
        let max = sums.iter().max().copied().unwrap_or_default();
        let scaled = sums
            .iter()
            .map(|sum| if max == 0 { 0 } else { 100 * sum / max });
        scaled.collect()
    }

    fn taints(pod: &Pod, feasible: &[&Node]) -> Vec<i64> {
        let counts = feasible
            .iter()
            .map(|node| bare_taints(pod, node, true) as i64);
        let counts: Vec<i64> = counts.collect();
        let max = counts.iter().max().copied().unwrap_or_default();
        let scaled = counts.iter();
        scaled
            .map(|count| {
                if max == 0 {
                    100
                } else {
                    100 - 100 * count / max
                }
            })
            .collect()
    }

    /// Whether two nodes are in one domain of a term.
    fn are_together(&self, term: &Value, one: &Node, other: &str) -> bool {
        let mut nodes = self.nodes.iter();
        let other = nodes.find(|node| node.metadata.name == other);
        let key = term["topologyKey"].as_str().unwrap();
        let value = one.metadata.labels.get(key);
        value.is_some() && value == other.and_then(|other| other.metadata.labels.get(key))
    }

    fn may_be_beside(&self, pod: &Pod, node: &Node) -> bool {
        let (own, anti) = (
            terms(pod, "podAffinity", HARD),
            terms(pod, "podAntiAffinity", HARD),
        );
        let all_about = |other: &Pod| own.iter().all(|term| is_about(term, other));
        let company: Vec<_> = self
            .pods
            .iter()
            .filter(|(other, _)| all_about(other))
            .collect();
        // A Pod on a node without the label is in no domain, and is no company.
        let is_counted = |name: &str| {
            own.iter().any(|term| {
                let mut nodes = self.nodes.iter();
                let node = nodes.find(|node| node.metadata.name == name).unwrap();
                self.are_together(term, node, name)
            })
        };
        let is_first = !company.iter().any(|(_, name)| is_counted(name)) && all_about(pod);
        let has_labels = own
            .iter()
            .all(|term| self.are_together(term, node, &node.metadata.name));
        let has_company = own.iter().all(|term| {
            company
                .iter()
                .any(|(_, name)| self.are_together(term, node, name))
        });
        let is_shunned = self.pods.iter().any(|(other, name)| {
            anti.iter()
                .any(|term| is_about(term, other) && self.are_together(term, node, name))
                || terms(other, "podAntiAffinity", HARD)
                    .iter()
                    .any(|term| is_about(term, pod) && self.are_together(term, node, name))
        });
        (own.is_empty() || (has_labels && (has_company || is_first))) && !is_shunned
    }

    fn beside(&self, pod: &Pod, feasible: &[&Node]) -> Vec<i64> {
        let raw = |node: &Node| {
            let mut sum = 0;
            let mut add = |term: &Value, weight: i64, of: &Pod, name: &str| {
                if is_about(term, of) && self.are_together(term, node, name) {
                    sum += weight;
                }
            };
            for (other, name) in &self.pods {
                for term in terms(other, "podAffinity", HARD) {
                    add(&term, 1, pod, name);
                }
                for (kind, sign) in [("podAffinity", 1), ("podAntiAffinity", -1)] {
                    for (said, of) in [(other, pod), (pod, other)] {
                        for term in terms(said, kind, SOFT) {
                            let weight = term["weight"].as_i64().unwrap();
                            add(&term["podAffinityTerm"], sign * weight, of, name);
                        }
                    }
                }
            }
            sum
        };
        let sums: Vec<i64> = feasible.iter().map(|node| raw(node)).collect();
        let max = sums.iter().max().copied().unwrap_or_default();
        let min = sums.iter().min().copied().unwrap_or_default();
        let scaled = sums.iter().map(|sum| match max - min {
            0 => 0,
            range => (100.0 * ((sum - min) as f64 / range as f64)) as i64,
        });
        scaled.collect()
    }

    /// The names of the nodes that may be picked.
    pub fn best(&self, pod: &Pod) -> BTreeSet<String> {
        let nodes = self.nodes.iter();
        let feasible: Vec<&Node> = nodes.filter(|node| self.is_feasible(pod, node)).collect();
        let name = |node: &Node| node.metadata.name.clone();
        if let [only] = feasible[..] {
            return BTreeSet::from([name(only)]);
        }
        let (taints, preferred) = (
            Model::taints(pod, &feasible),
            Model::preferred(pod, &feasible),
        );
        let spread = self.spread(pod, &feasible);
        let beside = self.beside(pod, &feasible);
        let sums = feasible.iter().enumerate().map(|(at, node)| {
            3 * taints[at]
                + 2 * preferred[at]
                + 2 * (spread[at] + beside[at])
                + self.resources(pod, node)
        });
        let sums: Vec<i64> = sums.collect();
        let max = sums.iter().max().copied();
        let best = feasible.iter().zip(&sums);
        let best = best.filter(|(_, sum)| Some(**sum) == max);
        best.map(|(node, _)| name(node)).collect()
    }
}
