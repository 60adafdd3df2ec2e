//! Conditions of transactions.

use super::Store;
use crate::history::{Comparison, KeyValue, Operator, Target};
use std::cmp::Ordering;

/// If a condition holds now: for every key of its range that is there. A range without keys counts as
/// one key that is not there, whose numbers are all zero and whose value equals nothing.
pub(super) fn holds(store: &Store, comparison: &Comparison) -> bool {
    let found = store.range_at(&comparison.range, i64::MAX);
    if found.is_empty() {
        let is_value = matches!(comparison.target, Target::Value(_));
        return !is_value && holds_for(comparison, &KeyValue::default());
    }
    found.iter().all(|kv| holds_for(comparison, kv))
}

fn holds_for(comparison: &Comparison, kv: &KeyValue) -> bool {
    let order = match &comparison.target {
        Target::Version(wanted) => kv.version.cmp(wanted),
        Target::Create(wanted) => kv.create_revision.cmp(wanted),
        Target::Mod(wanted) => kv.mod_revision.cmp(wanted),
        Target::Lease(wanted) => kv.lease.cmp(wanted),
        Target::Value(wanted) => kv.value.cmp(wanted),
    };
    match comparison.operator {
        Operator::Equal => order == Ordering::Equal,
        Operator::NotEqual => order != Ordering::Equal,
        Operator::Greater => order == Ordering::Greater,
        Operator::Less => order == Ordering::Less,
    }
}
