//! What all objects of a namespace together use of what a quota counts: for whoever writes its status.

use super::scope;
use super::usage::Measure;
use crate::admission::demand::{Amounts, amounts};
use crate::canonical::Quantity;
use serde_json::{Map, Value, json};

/// A count under way. It counts as admission does, so that the two never disagree.
pub struct QuotaCount {
    quota: Value,
    used: Amounts,
}

impl QuotaCount {
    /// Nothing is counted yet for a quota with this `spec`.
    pub fn new(spec: &Value) -> QuotaCount {
        QuotaCount {
            quota: json!({"spec": spec}),
            used: Amounts::new(),
        }
    }

    /// Whether the quota counts anything of a resource. If it does, that is said to be used from now on,
    /// even if there is none of it.
    pub fn begin(&mut self, group: &str, plural: &str) -> bool {
        let measure = Measure::of(group, plural);
        let hard = amounts(self.quota.pointer("/spec/hard"));
        let mut is_about = false;
        for name in hard.into_keys().filter(|name| measure.counts(name)) {
            self.used.entry(name).or_insert(Quantity::ZERO);
            is_about = true;
        }
        is_about
    }

    /// Adds an object of a resource for which [`QuotaCount::begin`] has said yes. What is neither a Pod, a
    /// Service nor a claim needs no content.
    pub fn add(&mut self, group: &str, plural: &str, object: &Value) {
        let measure = Measure::of(group, plural);
        if !scope::matches(&self.quota, &measure, object) {
            return;
        }
        for (name, amount) in measure.usage(object) {
            if let Some(used) = self.used.get_mut(&name) {
                *used = *used + amount;
            }
        }
    }

    /// What is used, as a status has it.
    pub fn used(&self) -> Map<String, Value> {
        let used = self.used.iter();
        used.map(|(name, amount)| (name.clone(), amount.to_string().into()))
            .collect()
    }
}
