//! The first judge: the store says itself in which order things happened, and that order is checked.
//!
//! Every answer carries the store's revision. Operations are sorted by it (within a revision the write
//! first, then by invocation) and carried out one after the other on the model. Each answer must be
//! the model's, and nobody may be placed behind an operation that was invoked after he had returned.
//!
//! *A pass proves* that all acknowledged operations on the whole store, transactions over many keys
//! included, are strictly serializable: an order that respects real time and explains every answer has
//! been exhibited. Reads that may be old (`serializable`) were each the whole state of their revision
//! and not from the future. Every revision was made by exactly one known operation or lease; nothing
//! that was refused took effect, nothing took effect twice.
//!
//! *A fail* means that the server contradicts its own revisions, or (`witness.failed-took-effect`,
//! `witness.applied-twice`) that either the server or the recorder broke its promise about outcomes.
//!
//! Operations with an unknown outcome are placed by what was seen of their revision in watches and
//! reads (`evidence`). Where several fit, one is chosen and the others are tried if that leads to a
//! contradiction; only when all lead there it is a fail, and when there are too many it is unknown.
//! A pass needs no such care: whatever was chosen, the order that was found is a proof.

mod evidence;
mod gap;
mod order;
mod replay;

pub use order::{is_local, is_write};

use super::truth::Truth;
use super::verdict::{Court, Finding};
use crate::history::{History, Nanos, Observation, Observed};
use crate::model::Store;

/// How many choices of unknown operations are tried before it is given up.
const PLANS_MAX: usize = 64;

/// The store before the first operation, if the history says what was in it.
fn beginning(history: &History) -> Option<Store> {
    let first = history.head.first_revision;
    if first <= 1 {
        return Some(Store::new());
    }
    let before = history
        .operations
        .first()
        .map_or(Nanos::MAX, |op| op.invoke);
    let mut early = history.observations.iter();
    early.find_map(|(at, observation)| match observation {
        Observation::FullRange {
            reply: Observed::Got((revision, kvs)),
            ..
        } if *at <= before && *revision == first => Some(Store::starting(first, kvs)),
        _ => None,
    })
}

/// Checks a history and finds out what the store went through.
pub fn check(history: &History) -> (Finding, Truth) {
    let mut court = Court::new("witness");
    let Some(store) = beginning(history) else {
        court.doubt("the store was not empty at the start and nobody wrote down what was in it");
        return (court.close(), Truth::default());
    };
    let order = order::Order::of(history);
    let evidence = evidence::Evidence::of(history, &order, store.revision());
    court.look(order.entries.len());
    let mut plan = Vec::new();
    for _ in 0..PLANS_MAX {
        let outcome = replay::replay(history, &order, &evidence, store.clone(), &plan);
        let choices = outcome.choices_before_trouble();
        if outcome.violations.is_empty() || choices.is_empty() {
            return finish(court, outcome);
        }
        match replay::next_plan(choices) {
            Some(next) => plan = next,
            None => return finish(court, outcome),
        }
    }
    let outcome = replay::replay(history, &order, &evidence, store, &[]);
    court.doubt(format!(
        "unknown operations can be placed in more than {PLANS_MAX} ways; those tried contradict: {}",
        outcome.violations[0].1.text
    ));
    (court.close(), outcome.truth)
}

fn finish(mut court: Court, outcome: replay::Outcome) -> (Finding, Truth) {
    for (_, violation) in outcome.violations {
        court.violation(violation);
    }
    (court.close(), outcome.truth)
}
