//! What a plug-in is, and what it says.
//!
//! The points at which upstream asks a plug-in are asked here, too, but once for all nodes: `pre_filter`
//! returns what judges a row, `pre_score` what judges all rows that are left. So nothing is looked up per
//! node that is the same for all, and loops over columns stay loops. Plug-ins are pure: what they say
//! rests on the Pod and the table alone.

use super::pod::PodInfo;
use super::snapshot::{NodeInfo, Row, Table};
use keelson_apiserver::selector::LabelSelector;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The best score of one plug-in.
pub const SCORE_MAX: i64 = 100;

/// One look for a node for one Pod.
pub struct Round<'r> {
    /// The Pod.
    pub pod: &'r PodInfo,
    /// The nodes.
    pub table: &'r Table,
    /// The Pods that it stands beside: of its Service, of its owner. `None`: it stands alone.
    pub group: Option<&'r LabelSelector>,
}

impl Round<'_> {
    /// The node of a row that is tried: it is there.
    pub fn node(&self, row: Row) -> &NodeInfo {
        self.table
            .node(row)
            .expect("rows that are tried have a node")
    }
}

/// Why a node will not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Whether it would do if some Pods were not there.
    pub is_resolvable: bool,
    /// In upstream's words. They are counted over all nodes.
    pub reasons: Vec<Cow<'static, str>>,
}

impl Rejection {
    /// It would do if some Pods were not there.
    pub fn resolvable(reason: impl Into<Cow<'static, str>>) -> Rejection {
        Rejection {
            is_resolvable: true,
            reasons: vec![reason.into()],
        }
    }

    /// It will not do whatever Pods are there.
    pub fn unresolvable(reason: impl Into<Cow<'static, str>>) -> Rejection {
        Rejection {
            is_resolvable: false,
            reasons: vec![reason.into()],
        }
    }
}

/// What a plug-in says before nodes are judged.
pub enum PreFilter<'r> {
    /// It has nothing to say about this Pod.
    Skip,
    /// It judges every node.
    Judge(Box<dyn Filter + 'r>),
    /// Only nodes of these names can do, and it judges those.
    Among(BTreeSet<&'r str>, Box<dyn Filter + 'r>),
}

impl<'r> PreFilter<'r> {
    /// Every node is judged by this.
    pub fn by(judge: impl Fn(Row) -> Option<Rejection> + 'r) -> PreFilter<'r> {
        PreFilter::Judge(Box::new(judge))
    }
}

/// Judges nodes.
pub trait Filter {
    /// Keeps the rows of nodes that will do.
    fn filter(&self, rows: &mut Vec<Row>, rejected: &mut Vec<(Row, Rejection)>);
}

impl<F: Fn(Row) -> Option<Rejection>> Filter for F {
    fn filter(&self, rows: &mut Vec<Row>, rejected: &mut Vec<(Row, Rejection)>) {
        rows.retain(|&row| match self(row) {
            None => true,
            Some(rejection) => {
                rejected.push((row, rejection));
                false
            }
        });
    }
}

/// Compares nodes that will do.
pub trait Score {
    /// One number for each row; more is better, unless it is turned round when normalised.
    fn score(&self, rows: &[Row], scores: &mut Vec<i64>);

    /// Brings them between 0 and [`SCORE_MAX`].
    fn normalize(&self, _rows: &[Row], _scores: &mut [i64]) {}
}

impl<F: Fn(Row) -> i64> Score for F {
    fn score(&self, rows: &[Row], scores: &mut Vec<i64>) {
        scores.extend(rows.iter().map(|&row| self(row)));
    }
}

/// Scores that are brought into bounds by their largest.
pub struct Scaled<F> {
    /// The number of a row.
    pub each: F,
    /// Less is better.
    pub is_reversed: bool,
}

impl<F: Fn(Row) -> i64> Score for Scaled<F> {
    fn score(&self, rows: &[Row], scores: &mut Vec<i64>) {
        self.each.score(rows, scores);
    }

    fn normalize(&self, _: &[Row], scores: &mut [i64]) {
        let max = scores.iter().copied().max().unwrap_or_default();
        for score in scores {
            *score = match (max, self.is_reversed) {
                (0, true) => SCORE_MAX,
                (0, false) => 0,
                (max, true) => SCORE_MAX - SCORE_MAX * *score / max,
                (max, false) => SCORE_MAX * *score / max,
            };
        }
    }
}

/// Something that happened, which may help a Pod that was rejected.
#[derive(Clone, Copy, Debug)]
pub enum Event<'e> {
    /// A node has come.
    NodeAdded(&'e NodeInfo),
    /// A node is not what it was.
    NodeChanged {
        /// What it was.
        before: &'e NodeInfo,
        /// What it is.
        after: &'e NodeInfo,
    },
    /// A node is gone.
    NodeRemoved(&'e NodeInfo),
    /// A Pod is on a node.
    PodPlaced(&'e PodInfo),
    /// A Pod on a node is not what it was.
    PodChanged {
        /// What it was.
        before: &'e PodInfo,
        /// What it is.
        after: &'e PodInfo,
    },
    /// A Pod is on a node no more.
    PodGone(&'e PodInfo),
    /// The Pod itself is not what it was.
    Itself {
        /// What it was.
        before: &'e PodInfo,
    },
}

/// A part of what decides on nodes. All are asked in one order, and the first that rejects a node is
/// blamed.
pub trait Plugin: Send + Sync {
    /// Upstream's name of it.
    fn name(&self) -> &'static str;

    /// How much its score counts; 0: it has none.
    fn weight(&self) -> i64 {
        0
    }

    /// Whether the Pod may be scheduled at all for now.
    fn pre_enqueue(&self, _pod: &PodInfo) -> bool {
        true
    }

    /// What judges nodes for a Pod.
    fn pre_filter<'r>(&self, _round: &'r Round<'r>) -> PreFilter<'r> {
        PreFilter::Skip
    }

    /// What compares these nodes for a Pod; `None`: all are the same to it.
    fn pre_score<'r>(&self, _round: &'r Round<'r>, _rows: &[Row]) -> Option<Box<dyn Score + 'r>> {
        None
    }

    /// Whether a Pod that comes to a node may help one that it rejected. Such events are many.
    fn heeds_placing(&self) -> bool {
        false
    }

    /// Whether it might not reject the Pod any more after this.
    fn is_helped(&self, _pod: &PodInfo, _event: &Event<'_>) -> bool {
        false
    }
}
