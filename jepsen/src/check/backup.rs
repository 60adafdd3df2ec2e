//! Backups: each the whole state of one revision, and the beginning of a cluster that never goes back.

use super::truth::Truth;
use super::verdict::{Court, Finding, Violation};
use crate::history::{Blob, History, KeyRange, KeyValue, Node, Observation, Observed, Restored};
use std::collections::{BTreeMap, BTreeSet};

/// *A pass proves*: the data of every cluster that was started from a backup was exactly the state of the backup's
/// revision, as the witness knows it; what the new cluster wrote got a revision that nobody had been told of by the
/// old one; and whoever asked it for a revision of the old one was told that it is gone.
///
/// A backup that could not be taken, restored or read makes it unknown.
pub fn check(history: &History, truth: &Truth) -> Finding {
    let mut court = Court::new("backup");
    for (_, observation) in &history.observations {
        let Observation::Backup { node, told, reply } = observation else {
            continue;
        };
        match reply {
            Observed::Error(error) => {
                court.doubt(format!("a backup of member {node} is of no use: {error}"));
            }
            Observed::Got(restored) => {
                court.look(restored.kvs.len().max(1));
                data(&mut court, truth, *node, restored);
                revisions(&mut court, truth, *node, *told, restored);
            }
        }
    }
    court.close()
}

/// Compares what was restored with the truth.
fn data(court: &mut Court, truth: &Truth, node: Node, restored: &Restored) {
    let expected = truth.store.range_at(&KeyRange::all(), restored.revision);
    let wanted: BTreeMap<&Blob, &KeyValue> = expected.into_iter().map(|kv| (&kv.key, kv)).collect();
    let found: BTreeMap<&Blob, &KeyValue> = restored.kvs.iter().map(|kv| (&kv.key, kv)).collect();
    for key in wanted.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let (rule, text, at) = match (wanted.get(key), found.get(key)) {
            (Some(wanted), None) => (
                "backup.lost",
                format!("lacks {key} of {}", wanted.mod_revision),
                wanted.mod_revision,
            ),
            (None, Some(found)) => (
                "backup.extra",
                format!("has {key} of {}", found.mod_revision),
                found.mod_revision,
            ),
            (Some(wanted), Some(found)) if wanted != found => (
                "backup.differs",
                format!("has {found:?}, not {wanted:?}"),
                wanted.mod_revision,
            ),
            _ => continue,
        };
        let text = format!(
            "the backup of member {node} at revision {} {text}",
            restored.revision
        );
        let violation = Violation::new(rule, text).on([node]).at(at);
        court.weigh(violation.by(truth.author(at)), truth.choice);
    }
}

/// The old cluster's revisions are never given out again.
fn revisions(court: &mut Court, truth: &Truth, node: Node, told: i64, restored: &Restored) {
    if restored.revision > truth.store.revision() {
        let text = format!(
            "the backup of member {node} is of revision {}, and the store never had it",
            restored.revision
        );
        court.violation(Violation::new("backup.future", text).on([node]));
    }
    if restored.next <= told.max(restored.revision) {
        let text = format!(
            "a cluster restored from revision {} wrote at revision {}; the old one had told of {told} by then",
            restored.revision, restored.next
        );
        court.violation(Violation::new("backup.revision-reused", text).on([node]));
    }
    match &restored.old {
        Observed::Error(error) if error.contains("has been compacted") => {}
        Observed::Error(error) => court.doubt(format!(
            "revision {} was asked of a restored cluster: {error}",
            restored.revision
        )),
        Observed::Got(_) => {
            let text = format!(
                "a restored cluster answers for revision {} of the old one",
                restored.revision
            );
            court.violation(Violation::new("backup.old-readable", text).on([node]));
        }
    }
}
