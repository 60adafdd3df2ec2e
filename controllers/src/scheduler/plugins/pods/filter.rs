//! What must and must not be beside each other.

use super::PodTerm;
use crate::scheduler::framework::{Rejection, Round};
use crate::scheduler::pod::PodInfo;
use crate::scheduler::snapshot::{NodeInfo, Row, Table};
use std::collections::{BTreeSet, HashSet};

const NOT_BESIDE: &str = "node(s) didn't match pod affinity rules";
const BESIDE: &str = "node(s) didn't match pod anti-affinity rules";
const NOT_WANTED: &str = "node(s) didn't satisfy existing pods anti-affinity rules";

/// Labels of nodes with values: places that something is said about.
type Places<'r> = HashSet<(&'r str, &'r str)>;

/// What must hold for one Pod.
pub struct Rules<'r> {
    round: &'r Round<'r>,
    /// Where a Pod is that the Pod must be beside.
    company: Places<'r>,
    /// Where a Pod is that the Pod must not be beside.
    shunned: Places<'r>,
    /// Where a Pod is that will not have the Pod beside it.
    shunning: Places<'r>,
    shunning_keys: BTreeSet<&'r str>,
}

fn place<'r>(term: &'r PodTerm, node: &'r NodeInfo) -> Option<(&'r str, &'r str)> {
    let value = node.labels.get(&term.key)?;
    Some((&term.key, value))
}

fn is_all_about(terms: &[PodTerm], pod: &PodInfo, table: &Table) -> bool {
    terms.iter().all(|term| term.matches(pod, table))
}

impl<'r> Rules<'r> {
    /// The rules as of now; `None`: there are none.
    pub fn of(round: &'r Round<'r>) -> Option<Rules<'r>> {
        let (own, table) = (&round.pod.affinities, round.table);
        let mut rules = Rules {
            round,
            company: Places::new(),
            shunned: Places::new(),
            shunning: Places::new(),
            shunning_keys: BTreeSet::new(),
        };
        for other in table.pods_with_terms() {
            let Some(node) = table.node(other.row) else {
                continue;
            };
            let terms = other.info.affinities.required_anti.iter();
            for term in terms.filter(|term| term.matches(round.pod, table)) {
                rules.shunning.extend(place(term, node));
                rules.shunning_keys.insert(&term.key);
            }
        }
        let says_nothing = own.required.is_empty() && own.required_anti.is_empty();
        if says_nothing && rules.shunning.is_empty() {
            return None;
        }
        if says_nothing {
            return Some(rules);
        }
        for other in table.all_placed() {
            let Some(node) = table.node(other.row) else {
                continue;
            };
            if !own.required.is_empty() && is_all_about(&own.required, &other.info, table) {
                let places = own.required.iter().filter_map(|term| place(term, node));
                rules.company.extend(places);
            }
            for term in &own.required_anti {
                if term.matches(&other.info, table) {
                    rules.shunned.extend(place(term, node));
                }
            }
        }
        Some(rules)
    }

    /// Judges a node.
    pub fn judge(&self, row: Row) -> Option<Rejection> {
        let node = self.round.node(row);
        let own = &self.round.pod.affinities;
        if !self.has_company(node) {
            return Some(Rejection::unresolvable(NOT_BESIDE));
        }
        let mut places = own
            .required_anti
            .iter()
            .filter_map(|term| place(term, node));
        if places.any(|place| self.shunned.contains(&place)) {
            return Some(Rejection::resolvable(BESIDE));
        }
        let mut keys = self.shunning_keys.iter();
        let is_shunned = keys.any(|key| {
            let value = node.labels.get(*key);
            value.is_some_and(|value| self.shunning.contains(&(*key, value.as_str())))
        });
        is_shunned.then(|| Rejection::resolvable(NOT_WANTED))
    }

    fn has_company(&self, node: &NodeInfo) -> bool {
        let terms = &self.round.pod.affinities.required;
        let places: Option<Vec<_>> = terms.iter().map(|term| place(term, node)).collect();
        let Some(places) = places else {
            return false;
        };
        // The first Pod of those that want to be beside each other has to begin somewhere.
        let is_first =
            || self.company.is_empty() && is_all_about(terms, self.round.pod, self.round.table);
        places.iter().all(|place| self.company.contains(place)) || is_first()
    }
}
