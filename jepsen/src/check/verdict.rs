//! What a checker says, and how sayings are put together.

use crate::history::{Node, OpId, WatchId};
use serde::Serialize;

/// A promise that was not kept, with the least that shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Stable name of the rule: `witness.real-time`.
    pub rule: String,
    /// What happened, for people.
    pub text: String,
    /// Operations that show it: together they cannot be right.
    pub operations: Vec<OpId>,
    /// Watches that show it.
    pub watches: Vec<WatchId>,
    /// Members that show it.
    pub nodes: Vec<Node>,
    /// The revision at which it shows.
    pub revision: Option<i64>,
}

impl Violation {
    /// A violation without evidence yet.
    pub fn new(rule: &str, text: impl Into<String>) -> Violation {
        Violation {
            rule: rule.to_owned(),
            text: text.into(),
            ..Violation::default()
        }
    }

    /// With operations.
    #[must_use]
    pub fn by(mut self, operations: impl IntoIterator<Item = OpId>) -> Violation {
        self.operations.extend(operations);
        self
    }

    /// With a watch.
    #[must_use]
    pub fn seen_by(mut self, watch: WatchId) -> Violation {
        self.watches.push(watch);
        self
    }

    /// With members.
    #[must_use]
    pub fn on(mut self, nodes: impl IntoIterator<Item = Node>) -> Violation {
        self.nodes.extend(nodes);
        self
    }

    /// With a revision.
    #[must_use]
    pub fn at(mut self, revision: i64) -> Violation {
        self.revision = Some(revision);
        self
    }
}

/// What is known now. Unknown is no pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// What the checker's doc says is proved for this history.
    Pass,
    /// A promise is broken.
    Fail(Violation),
    /// Neither can be said, for this reason.
    Unknown(String),
}

impl Verdict {
    /// If it is a pass.
    pub fn is_pass(&self) -> bool {
        matches!(self, Verdict::Pass)
    }

    /// The violated rule.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Verdict::Fail(violation) => Some(&violation.rule),
            _ => None,
        }
    }
}

/// The verdict of one checker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The checker.
    pub checker: String,
    /// What it says.
    pub verdict: Verdict,
    /// How many things it looked at: operations, events, members. A pass over nothing proves nothing
    /// and is still a pass; whoever needs more says so in the head of the history.
    pub looked_at: u64,
    /// Further violations and reasons, a bounded number.
    pub more: Vec<Verdict>,
}

/// What a checker collects while it works. The first violation is the verdict; without one the first
/// reason for doubt is.
#[derive(Debug)]
pub struct Court {
    checker: &'static str,
    looked_at: u64,
    violations: Vec<Violation>,
    doubts: Vec<String>,
}

/// More sayings of one checker than these help nobody.
const SAYINGS_MAX: usize = 32;

impl Court {
    /// Nothing is known.
    pub fn new(checker: &'static str) -> Court {
        Court {
            checker,
            looked_at: 0,
            violations: Vec::new(),
            doubts: Vec::new(),
        }
    }

    /// Something was looked at.
    pub fn look(&mut self, things: usize) {
        self.looked_at += things as u64;
    }

    /// A promise is broken.
    pub fn violation(&mut self, violation: Violation) {
        if self.violations.len() < SAYINGS_MAX {
            self.violations.push(violation);
        }
    }

    /// A promise is broken if what really happened is certain; else, with the revision that was a choice, that
    /// cannot be said.
    pub fn weigh(&mut self, violation: Violation, choice: Option<i64>) {
        match choice {
            None => self.violation(violation),
            Some(revision) => self.doubt(format!(
                "{} ({}), but what really happened rests on a choice between unknown operations: nobody saw which of \
                 them made revision {revision}",
                violation.text, violation.rule
            )),
        }
    }

    /// Something cannot be said.
    pub fn doubt(&mut self, reason: impl Into<String>) {
        if self.doubts.len() < SAYINGS_MAX {
            self.doubts.push(reason.into());
        }
    }

    /// If no promise was found broken.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// If so many were found that more say nothing.
    pub fn is_full(&self) -> bool {
        self.violations.len() >= SAYINGS_MAX
    }

    /// The verdict.
    pub fn close(self) -> Finding {
        let violations = self.violations.into_iter().map(Verdict::Fail);
        let doubts = self.doubts.into_iter().map(Verdict::Unknown);
        let mut sayings = violations.chain(doubts);
        Finding {
            checker: self.checker.to_owned(),
            verdict: sayings.next().unwrap_or(Verdict::Pass),
            looked_at: self.looked_at,
            more: sayings.collect(),
        }
    }
}

/// The verdict over a run: one violation makes it fail; else one doubt makes it unknown; and where
/// nobody said anything nothing is known.
pub fn combine<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Verdict {
    let mut so_far = Verdict::Unknown("nothing was checked".to_owned());
    for (nth, verdict) in verdicts.into_iter().enumerate() {
        so_far = match (so_far, verdict) {
            (Verdict::Fail(first), _) => return Verdict::Fail(first),
            (_, Verdict::Fail(violation)) => return Verdict::Fail(violation.clone()),
            (Verdict::Unknown(_), verdict) if nth == 0 => verdict.clone(),
            (Verdict::Unknown(reason), _) => Verdict::Unknown(reason),
            (Verdict::Pass, verdict) => verdict.clone(),
        };
    }
    so_far
}
