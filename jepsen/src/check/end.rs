//! What is there when all is well again: acknowledged writes, on every member, with equal hashes.

use super::truth::Truth;
use super::verdict::{Court, Finding, Violation};
use crate::history::{
    HashReply, History, KeyRange, KeyValue, LogEntry, Nanos, Node, Observation, Observed,
};
use std::collections::{BTreeMap, BTreeSet};

/// When the cluster had recovered, if it did, and the revision after the last write.
pub(super) fn recovered(history: &History) -> Option<(Nanos, i64)> {
    history
        .observations
        .iter()
        .rev()
        .find_map(|(at, one)| match one {
            Observation::Recovered {
                complete: true,
                revision,
                ..
            } => Some((*at, *revision)),
            _ => None,
        })
}

/// What the run says about its end if that was not a good one.
fn trouble(history: &History) -> &str {
    let observations = history.observations.iter().rev();
    let mut ends = observations.filter_map(|(_, one)| match one {
        Observation::Recovered { detail, .. } => Some(detail.as_str()),
        _ => None,
    });
    ends.next().unwrap_or("nobody wrote down that it recovered")
}

/// Members that were started or said anything in the end; removed ones are told by their absence.
fn expected_nodes(history: &History) -> usize {
    usize::from(history.head.nodes.max(1))
}

/// *A pass proves* that after recovery the data of every member that was read, at least one and as
/// many as the run had at its start, was exactly the state of its revision as the witness knows it, and
/// that this revision was not older than the last acknowledged write: so every acknowledged write is
/// there or was superseded by a known one, on every member.
///
/// A member that gave no answer, or an older state, makes it unknown.
pub fn durability(history: &History, truth: &Truth) -> Finding {
    let mut court = Court::new("durability");
    let Some((since, last)) = recovered(history) else {
        court.doubt(format!(
            "the run had no good end to look at: {}",
            trouble(history)
        ));
        return court.close();
    };
    let mut newest: BTreeMap<Node, &Observed<(i64, Vec<KeyValue>)>> = BTreeMap::new();
    for (at, observation) in &history.observations {
        if let Observation::FullRange { node, reply } = observation
            && *at >= since
        {
            newest.insert(*node, reply);
        }
    }
    if newest.len() < expected_nodes(history) {
        court.doubt(format!(
            "the data of {} members was read, of {}",
            newest.len(),
            history.head.nodes
        ));
    }
    for (node, reply) in newest {
        match reply {
            Observed::Error(error) => court.doubt(format!("member {node} gave no data: {error}")),
            Observed::Got((revision, _)) if *revision < last => {
                court.doubt(format!(
                    "member {node} is at {revision}, the run ended at {last}"
                ));
            }
            Observed::Got((revision, kvs)) => {
                court.look(kvs.len());
                member(&mut court, "durability", truth, node, *revision, kvs);
            }
        }
    }
    court.close()
}

/// Compares the data of one member with the truth. The first part of the rules' names is `of`.
pub(super) fn member(
    court: &mut Court,
    of: &str,
    truth: &Truth,
    node: Node,
    revision: i64,
    kvs: &[KeyValue],
) {
    let expected = truth.store.range_at(&KeyRange::all(), revision);
    let keys = |kvs: &mut dyn Iterator<Item = &KeyValue>| -> BTreeMap<_, KeyValue> {
        kvs.map(|kv| (kv.key.clone(), kv.clone())).collect()
    };
    let (wanted, found) = (keys(&mut expected.into_iter()), keys(&mut kvs.iter()));
    for key in wanted.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let (wanted, found) = (wanted.get(key), found.get(key));
        if wanted == found {
            continue;
        }
        let newest = wanted.or(found).map_or(0, |kv| kv.mod_revision);
        let (rule, text) = match (wanted, found) {
            (Some(wanted), None) => (
                "lost",
                format!(
                    "member {node} lost {key}, written at {}",
                    wanted.mod_revision
                ),
            ),
            (None, Some(found)) => (
                "resurrected",
                format!("member {node} still has {key} of {}", found.mod_revision),
            ),
            _ => (
                "differs",
                format!("member {node} has another version of {key}: {found:?}, not {wanted:?}"),
            ),
        };
        let violation = Violation::new(&format!("{of}.{rule}"), text);
        let violation = violation.on([node]).at(newest);
        court.weigh(violation.by(truth.author(newest)), truth.choice);
    }
}

/// *A pass proves* that members that were asked for the hash of their data at the same revision, with
/// the same compaction, gave the same one, during the whole run; and that after recovery every member
/// gave one that could be compared with all others'.
///
/// An error, or hashes of different revisions, are unknown: not equal.
pub fn hashes(history: &History) -> Finding {
    let mut court = Court::new("hash");
    let since = recovered(history).map(|(at, _)| at);
    let mut known: BTreeMap<(i64, i64), (Node, HashReply)> = BTreeMap::new();
    let mut last: BTreeMap<Node, Result<(i64, i64), &str>> = BTreeMap::new();
    for (at, observation) in &history.observations {
        let Observation::HashKv { node, reply, .. } = observation else {
            continue;
        };
        let said = match reply {
            Observed::Error(error) => Err(error.as_str()),
            Observed::Got(hash) => {
                court.look(1);
                let of = (hash.hash_revision, hash.compact_revision);
                let first = known.entry(of).or_insert((*node, *hash));
                if first.1.hash != hash.hash {
                    let text = format!(
                        "members {} and {node} differ at revision {} compacted to {}: {:08x}, {:08x}",
                        first.0, of.0, of.1, first.1.hash, hash.hash
                    );
                    let violation = Violation::new("hash.differs", text);
                    court.violation(violation.on([first.0, *node]).at(of.0));
                }
                Ok(of)
            }
        };
        if since.is_some_and(|since| *at >= since) {
            last.insert(*node, said);
        }
    }
    if last.len() < expected_nodes(history) {
        court.doubt(format!(
            "after recovery {} of {} members were asked for a hash",
            last.len(),
            history.head.nodes
        ));
    }
    let mut comparable = BTreeSet::new();
    for (node, said) in last {
        match said {
            Err(error) => court.doubt(format!("member {node} gave no hash: {error}")),
            Ok(of) => drop(comparable.insert(of)),
        }
    }
    if comparable.len() > 1 {
        court.doubt(format!(
            "hashes after recovery are of different revisions and cannot be compared: {comparable:?}"
        ));
    }
    court.close()
}

/// *A pass proves*, as far as members and their logs were observed: one leader per term; applied never
/// beyond committed; logs on disk that hold the same index hold the same entry; revisions, terms and
/// indices of a member never went back while it was running; no panic was written and no process ended
/// that nobody wanted to end, on any member.
pub fn processes(history: &History) -> Finding {
    let mut court = Court::new("process");
    let mut leaders: BTreeMap<u64, Node> = BTreeMap::new();
    let mut entries: BTreeMap<u64, (Node, LogEntry)> = BTreeMap::new();
    let mut before: BTreeMap<Node, (u64, i64, u64)> = BTreeMap::new();
    let mut scanned: BTreeSet<Node> = BTreeSet::new();
    for (_, observation) in &history.observations {
        court.look(1);
        match observation {
            Observation::Leader { node, term } => {
                let first = *leaders.entry(*term).or_insert(*node);
                if first != *node {
                    let text = format!("members {first} and {node} both lead term {term}");
                    let violation = Violation::new("process.two-leaders", text);
                    court.violation(violation.on([first, *node]));
                }
            }
            Observation::Log {
                node,
                reply: Observed::Got(log),
            } => log_prefix(&mut court, &mut entries, *node, log),
            Observation::Status {
                node,
                term,
                revision,
                applied,
                committed,
                ..
            } => {
                if applied > committed {
                    let text = format!("member {node} applied {applied}, committed {committed}");
                    court.violation(Violation::new("process.applied-early", text).on([*node]));
                }
                let now = (*term, *revision, *applied);
                let then = before.insert(*node, now).unwrap_or_default();
                if now.0 < then.0 || now.1 < then.1 || now.2 < then.2 {
                    let text = format!(
                        "member {node} went back from (term, revision, applied) {then:?} to {now:?}"
                    );
                    court.violation(Violation::new("process.went-back", text).on([*node]));
                }
            }
            // After a restart it may be behind until it has caught up.
            Observation::Start { node, .. } => drop(before.remove(node)),
            Observation::Exit {
                node,
                how,
                expected: false,
            } => {
                let text = format!("member {node} ended by itself: {how}");
                court.violation(Violation::new("process.exit", text).on([*node]));
            }
            Observation::LogScan {
                node,
                lines,
                alarms,
            } => {
                if let Some(alarm) = alarms.first() {
                    let text = format!("member {node} wrote: {alarm}");
                    court.violation(Violation::new("process.alarm", text).on([*node]));
                }
                if *lines > 0 {
                    scanned.insert(*node);
                }
            }
            _ => {}
        }
    }
    if scanned.len() < expected_nodes(history) {
        court.doubt(format!(
            "the logs of {} of {} members were read",
            scanned.len(),
            history.head.nodes
        ));
    }
    court.close()
}

fn log_prefix(
    court: &mut Court,
    entries: &mut BTreeMap<u64, (Node, LogEntry)>,
    node: Node,
    log: &[LogEntry],
) {
    for entry in log {
        let (other, first) = *entries.entry(entry.index).or_insert((node, *entry));
        if first != *entry {
            let text = format!(
                "members {other} and {node} have different entries at index {}",
                entry.index
            );
            court.violation(Violation::new("process.log-differs", text).on([other, node]));
            return;
        }
    }
}
