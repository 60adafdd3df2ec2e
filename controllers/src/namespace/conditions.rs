//! What is said of a namespace that is going: five conditions, always in the same order.

use super::content::Content;
use crate::objects::{Condition, condition};
use crate::runtime::seconds;
use std::collections::BTreeMap;

/// Why a namespace is still there.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// How many objects of which resource are left.
    pub(super) left: BTreeMap<String, u64>,
    /// How many objects have which finalizer.
    pub(super) finalizers: BTreeMap<String, u64>,
    /// What was said about deletions that were refused.
    pub(super) failed: Vec<String>,
}

impl Report {
    /// Whether there is nothing to report.
    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty() && self.failed.is_empty()
    }

    /// Adds what has been told to go and is there.
    pub(super) fn take_in(&mut self, content: &Content) {
        for (counts, more) in [
            (&mut self.left, &content.left),
            (&mut self.finalizers, &content.finalizers),
        ] {
            for (name, count) in more {
                *counts.entry(name.clone()).or_default() += count;
            }
        }
    }
}

/// Reason and message.
type Said = (&'static str, String);

/// The conditions after this report. Those of others stay where they are.
pub(super) fn conditions(before: &[Condition], report: &Report, now_us: i64) -> Vec<Condition> {
    let mut all = before.to_vec();
    for (name, well, bad) in rows(report) {
        let is_bad = bad.is_some();
        let (reason, message) = bad.unwrap_or((well.0, well.1.to_owned()));
        let status = if is_bad { "True" } else { "False" };
        let since = condition(before, name)
            .filter(|known| known.status == status)
            .and_then(|known| known.last_transition_time.clone());
        let now = Condition {
            r#type: name.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message,
            last_transition_time: since.or_else(|| Some(seconds(now_us))),
            ..Condition::default()
        };
        match all.iter_mut().find(|known| known.r#type == name) {
            Some(known) => *known = now,
            None => all.push(now),
        }
    }
    all
}

/// Type; what is said if all is well; what is said if not, and then it is `True`.
type Row = (&'static str, (&'static str, &'static str), Option<Said>);

fn rows(report: &Report) -> [Row; 5] {
    let removed = ("ContentRemoved", "All content successfully removed");
    [
        // The catalog is at hand and has been read: neither of these two happens here.
        (
            "NamespaceDeletionDiscoveryFailure",
            (
                "ResourcesDiscovered",
                "All resources successfully discovered",
            ),
            None,
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            (
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed",
            ),
            None,
        ),
        (
            "NamespaceDeletionContentFailure",
            (
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
            failed(&report.failed),
        ),
        (
            "NamespaceContentRemaining",
            removed,
            told(&report.left, " has").map(|list| {
                let message = format!("Some resources are remaining: {list}");
                ("SomeResourcesRemain", message)
            }),
        ),
        (
            "NamespaceFinalizersRemaining",
            removed,
            told(&report.finalizers, " in").map(|list| {
                let message = format!("Some finalizers are remaining: {list}");
                ("SomeFinalizerRemain", message)
            }),
        ),
    ]
}

fn failed(failures: &[String]) -> Option<Said> {
    let count = failures.len();
    let mut texts = failures.to_vec();
    texts.sort();
    let list = texts.join(", ");
    let message = format!("Failed to delete all resource types, {count} remaining: {list}");
    (count > 0).then_some(("ContentDeletionFailed", message))
}

fn told(counts: &BTreeMap<String, u64>, between: &str) -> Option<String> {
    let texts = counts
        .iter()
        .map(|(name, count)| format!("{name}{between} {count} resource instances"));
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}
