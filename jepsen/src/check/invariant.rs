//! What a workload says must hold at every revision.

use super::truth::Truth;
use super::verdict::{Court, Finding, Violation};
use crate::history::{Event, EventKind, History, Invariant};
use std::collections::BTreeMap;

fn number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// What is known of one invariant while revisions go by.
struct State<'a> {
    invariant: &'a Invariant,
    values: BTreeMap<Vec<u8>, i64>,
    sum: i64,
}

impl State<'_> {
    fn is_about(&self, key: &[u8]) -> bool {
        match self.invariant {
            Invariant::Sum { prefix, .. } => key.starts_with(prefix.as_bytes()),
            Invariant::NeverDecreases { key: one } | Invariant::CountsUp { key: one } => {
                key == one.as_bytes()
            }
        }
    }

    /// Takes one event in; what is wrong with it alone.
    fn event(&mut self, event: &Event) -> Option<(&'static str, String)> {
        let key = event.kv.key.to_vec();
        let is_sum = matches!(self.invariant, Invariant::Sum { .. });
        if event.kind == EventKind::Delete {
            // Whoever is only never to go down is remembered beyond that.
            if is_sum {
                self.sum -= self.values.remove(&key).unwrap_or(0);
            }
            return None;
        }
        let Some(new) = number(&event.kv.value) else {
            let text = format!("{} is no number: {}", event.kv.key, event.kv.value);
            return Some(("invariant.number", text));
        };
        let old = self.values.insert(key, new);
        self.sum += new - old.unwrap_or(0);
        match (self.invariant, old) {
            (Invariant::NeverDecreases { .. }, Some(old)) if new < old => {
                let text = format!("{} went from {old} down to {new}", event.kv.key);
                Some(("invariant.never-decreases", text))
            }
            (Invariant::CountsUp { .. }, Some(old)) if new != old + 1 => {
                let text = format!("{} went from {old} to {new}", event.kv.key);
                Some(("invariant.counts-up", text))
            }
            _ => None,
        }
    }

    /// What is wrong when all events of a revision are in.
    fn settled(&self) -> Option<(&'static str, String)> {
        match self.invariant {
            Invariant::Sum { prefix, total } if !self.values.is_empty() && self.sum != *total => {
                let text = format!("values under {prefix} add up to {}, not {total}", self.sum);
                Some(("invariant.sum", text))
            }
            _ => None,
        }
    }
}

/// *A pass proves* that each invariant of the history's head held at every single revision that the
/// store went through, as the witness found it out; reads of that state are the witness's.
pub fn check(history: &History, truth: &Truth) -> Finding {
    let mut court = Court::new("invariant");
    for invariant in &history.head.invariants {
        let mut state = State {
            invariant,
            values: BTreeMap::new(),
            sum: 0,
        };
        for change in &truth.changes {
            let about = change
                .events
                .iter()
                .filter(|one| state_is_about(&state, one));
            let about: Vec<&Event> = about.collect();
            if about.is_empty() {
                continue;
            }
            court.look(1);
            let alone = about
                .into_iter()
                .map(|one| state.event(one))
                .collect::<Vec<_>>();
            let broken = alone
                .into_iter()
                .flatten()
                .next()
                .or_else(|| state.settled());
            if let Some((rule, text)) = broken {
                let revision = change.revision;
                let violation = Violation::new(rule, format!("at {revision}: {text}"));
                let violation = violation.at(revision).by(truth.author(revision));
                court.weigh(violation, truth.choice);
                break;
            }
        }
    }
    court.close()
}

fn state_is_about(state: &State<'_>, event: &Event) -> bool {
    state.is_about(&event.kv.key)
}
