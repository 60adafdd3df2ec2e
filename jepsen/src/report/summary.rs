//! A run in numbers, for machines. Fields are added, never renamed.

use super::numbers::{self, Calm, Latency, Recovery};
use crate::check::{Coverage, Finding, Judgement, Verdict, coverage};
use crate::history::{Call, History, Observation, OpId, Outcome, WatchRecord};
use crate::sometimes;
use serde::Serialize;
use std::collections::BTreeMap;

/// How operations ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OperationCounts {
    /// All.
    pub total: u64,
    /// Answered.
    pub ok: u64,
    /// Refused without effect.
    pub failed: u64,
    /// Nobody knows.
    pub unknown: u64,
}

/// What one checker says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindingSummary {
    /// The checker.
    pub checker: String,
    /// `pass`, `fail` or `unknown`.
    pub verdict: &'static str,
    /// The violated rule.
    pub rule: Option<String>,
    /// What happened, or why nothing can be said.
    pub text: Option<String>,
    /// How many things it looked at.
    pub looked_at: u64,
    /// How much more it has to say.
    pub more: u64,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Version of this format.
    pub format: u32,
    /// `pass`, `fail` or `unknown`.
    pub verdict: &'static str,
    /// The violated rule.
    pub rule: Option<String>,
    /// What happened, or why nothing can be said.
    pub text: Option<String>,
    /// Operations that show the violation.
    pub evidence: Vec<OpId>,
    /// The seed of the run.
    pub seed: u64,
    /// The command that repeats it.
    pub command: String,
    /// The server.
    pub target: String,
    /// Workloads.
    pub workloads: Vec<String>,
    /// Fault generators.
    pub nemeses: Vec<String>,
    /// Members at the start.
    pub nodes: u8,
    /// Milliseconds since 1970.
    pub started_unix_ms: u64,
    /// Seconds from the first record to the last.
    pub seconds: f64,
    /// How operations ended.
    pub operations: OperationCounts,
    /// Unknown operations that turned out to have taken effect.
    pub unknown_that_happened: u64,
    /// Operations that two judges looked at.
    pub double_checked: u64,
    /// Events that watches showed.
    pub watch_events: u64,
    /// Watches that were opened.
    pub watches: u64,
    /// Revisions that the store made.
    pub revisions: u64,
    /// Faults by kind.
    pub faults: BTreeMap<String, Coverage>,
    /// Changes of leader that were seen.
    pub leader_changes: u64,
    /// What must happen now and then and did: how often, by the names of [`sometimes::CONDITIONS`].
    pub sometimes: BTreeMap<String, u64>,
    /// Latency of reads.
    pub reads: Latency,
    /// Latency of requests that change something.
    pub writes: Latency,
    /// Pauses of writes around faults.
    pub recoveries: Vec<Recovery>,
    /// Requests far from faults, and those of them that were answered.
    pub calm: Calm,
    /// Every checker.
    pub findings: Vec<FindingSummary>,
}

fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail(_) => "fail",
        Verdict::Unknown(_) => "unknown",
    }
}

fn text(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Pass => None,
        Verdict::Fail(violation) => Some(violation.text.clone()),
        Verdict::Unknown(reason) => Some(reason.clone()),
    }
}

impl FindingSummary {
    fn of(finding: &Finding) -> FindingSummary {
        FindingSummary {
            checker: finding.checker.clone(),
            verdict: name(&finding.verdict),
            rule: finding.verdict.rule().map(str::to_owned),
            text: text(&finding.verdict),
            looked_at: finding.looked_at,
            more: finding.more.len() as u64,
        }
    }
}

fn counts(history: &History) -> OperationCounts {
    let mut counts = OperationCounts::default();
    for operation in &history.operations {
        counts.total += 1;
        match operation.outcome {
            Outcome::Ok(_) => counts.ok += 1,
            Outcome::Failed { .. } => counts.failed += 1,
            Outcome::Unknown { .. } => counts.unknown += 1,
        }
    }
    counts
}

impl Summary {
    /// Of a history and what was found out about it.
    pub fn of(history: &History, judgement: &Judgement) -> Summary {
        let verdict = judgement.verdict();
        let head = &history.head;
        let responses = history.watches.iter().flat_map(|watch| &watch.records);
        let events = responses.map(|(_, record)| match record {
            WatchRecord::Events { events, .. } => events.len() as u64,
            _ => 0,
        });
        let informers = history.informers.iter().map(|one| one.records.len() as u64);
        let observations = history.observations.iter();
        let leaders = observations.filter(|(_, one)| matches!(one, Observation::Leader { .. }));
        let kv = || {
            history
                .operations
                .iter()
                .filter(|one| matches!(one.call, Call::Kv(_) | Call::Http(_)))
        };
        Summary {
            format: 1,
            verdict: name(&verdict),
            rule: verdict.rule().map(str::to_owned),
            text: text(&verdict),
            evidence: match &verdict {
                Verdict::Fail(violation) => violation.operations.clone(),
                _ => Vec::new(),
            },
            seed: head.seed,
            command: head.command.clone(),
            target: head.target.clone(),
            workloads: head.workloads.clone(),
            nemeses: head.nemeses.clone(),
            nodes: head.nodes,
            started_unix_ms: head.started_unix_ms,
            seconds: history.end as f64 / 1e9,
            operations: counts(history),
            unknown_that_happened: judgement.truth.resolved.len() as u64,
            double_checked: numbers::double_checked(&judgement.findings),
            watch_events: events.sum::<u64>() + informers.sum::<u64>(),
            watches: (history.watches.len() + history.informers.len()) as u64,
            revisions: judgement.truth.changes.len() as u64,
            faults: coverage(history),
            leader_changes: (leaders.count() as u64).saturating_sub(1),
            sometimes: sometimes::counts(history, &judgement.truth),
            reads: numbers::latency(kv().filter(|one| !numbers::asks_for_change(&one.call))),
            writes: numbers::latency(kv().filter(|one| numbers::asks_for_change(&one.call))),
            recoveries: numbers::recoveries(history),
            calm: numbers::calm(history),
            findings: judgement.findings.iter().map(FindingSummary::of).collect(),
        }
    }
}
