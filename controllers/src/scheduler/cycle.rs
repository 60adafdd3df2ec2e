//! One look for a node for one Pod: who will do, who is best, which one it is. Pure but for the chance
//! that decides between equals.

use super::framework::{Plugin, PreFilter, Rejection, Round};
use super::message::Diagnosis;
use super::plugins::{spread::PodTopologySpread, standard};
use super::pod::PodInfo;
use super::queue::PluginSet;
use super::snapshot::{Row, Table};
use keelson_apiserver::selector::LabelSelector;
use std::collections::BTreeSet;

/// With fewer nodes all are tried, and never fewer than this.
const SAMPLE_MIN: usize = 100;
/// The least part of nodes that is tried, in hundredths.
const PART_MIN: usize = 5;
/// How many rows are judged at a time.
const BATCH: usize = 512;

/// A number below the bound, each as likely as any other.
pub type Chance = Box<dyn FnMut(usize) -> usize + Send>;

/// What came out of a look.
#[derive(Debug)]
pub enum Decision {
    /// It goes there.
    Node(Row),
    /// No node will do.
    None(Diagnosis),
}

/// Looks for nodes.
pub struct Cycle {
    plugins: Vec<Box<dyn Plugin>>,
    chance: Chance,
    /// Where the next look begins, so that all nodes get their turn.
    start: usize,
}

impl Cycle {
    /// The standard plug-ins.
    pub fn new(chance: Chance) -> Cycle {
        Cycle {
            plugins: standard(),
            chance,
            start: 0,
        }
    }

    /// Its plug-ins, in order.
    pub fn plugins(&self) -> &[Box<dyn Plugin>] {
        &self.plugins
    }

    /// Looks for a node. `group`: the Pods that it stands beside.
    pub fn decide(
        &mut self,
        pod: &PodInfo,
        group: Option<&LabelSelector>,
        table: &mut Table,
    ) -> Decision {
        table.arrange();
        PodTopologySpread::prepare(pod, group, table);
        let round = Round { pod, table, group };
        match self.feasible(&round) {
            Err(diagnosis) => Decision::None(diagnosis),
            Ok(rows) => Decision::Node(self.pick(&round, &rows)),
        }
    }

    /// The nodes that will do, as many as are wanted.
    fn feasible(&mut self, round: &Round<'_>) -> Result<Vec<Row>, Diagnosis> {
        let order = round.table.order();
        let mut diagnosis = Diagnosis::new(order.len());
        if order.is_empty() {
            return Err(diagnosis);
        }
        let mut filters = Vec::new();
        let mut among: Option<(BTreeSet<&str>, usize)> = None;
        for (at, plugin) in self.plugins.iter().enumerate() {
            match plugin.pre_filter(round) {
                PreFilter::Skip => {}
                PreFilter::Judge(filter) => filters.push((at, filter)),
                PreFilter::Among(names, filter) => {
                    // Only one of the plug-ins names nodes.
                    among = Some((names, at));
                    filters.push((at, filter));
                }
            }
        }
        let named = among.map(|(names, at)| {
            let named = names.into_iter().filter_map(|name| round.table.row(name));
            (named.collect::<BTreeSet<Row>>(), at)
        });
        if let Some((named, at)) = &named {
            let others = order.len() - named.len();
            diagnosis.set_aside(others, *at, self.plugins[*at].name());
        }
        let count = named.as_ref().map_or(order.len(), |(named, _)| named.len());
        let wanted = wanted(count);
        let (mut found, mut tried) = (Vec::new(), 0);
        while tried < order.len() && found.len() < wanted {
            let mut rows: Vec<Row> = self.next_rows(order, &mut tried);
            if let Some((named, _)) = &named {
                rows.retain(|row| named.contains(row));
            }
            for (at, filter) in &filters {
                let mut rejected = Vec::new();
                filter.filter(&mut rows, &mut rejected);
                diagnosis.add(*at, rejected);
            }
            found.append(&mut rows);
        }
        if found.is_empty() {
            return Err(diagnosis);
        }
        if found.len() > wanted {
            found.truncate(wanted);
            let last = found.last();
            let place = last.and_then(|last| order.iter().position(|row| row == last));
            tried = (place.unwrap_or_default() + order.len() - self.start % order.len())
                % order.len()
                + 1;
        }
        self.start = (self.start + tried) % order.len();
        Ok(found)
    }

    fn next_rows(&self, order: &[Row], tried: &mut usize) -> Vec<Row> {
        let size = BATCH.min(order.len() - *tried);
        let first = self.start + *tried;
        *tried += size;
        (first..first + size)
            .map(|at| order[at % order.len()])
            .collect()
    }

    /// One of the best.
    fn pick(&mut self, round: &Round<'_>, rows: &[Row]) -> Row {
        if let [only] = rows {
            return *only;
        }
        let scores = self.scores(round, rows);
        let best = best(rows, &scores);
        best[(self.chance)(best.len())]
    }

    fn scores(&self, round: &Round<'_>, rows: &[Row]) -> Vec<i64> {
        let mut sums = vec![0; rows.len()];
        let mut scores = Vec::with_capacity(rows.len());
        for plugin in self.plugins.iter().filter(|plugin| plugin.weight() > 0) {
            let Some(score) = plugin.pre_score(round, rows) else {
                continue;
            };
            scores.clear();
            score.score(rows, &mut scores);
            score.normalize(rows, &mut scores);
            for (sum, score) in sums.iter_mut().zip(&scores) {
                *sum += plugin.weight() * score;
            }
        }
        sums
    }

    /// All nodes that may be picked, for tests.
    #[cfg(test)]
    pub fn best_of(
        &mut self,
        pod: &PodInfo,
        group: Option<&LabelSelector>,
        table: &mut Table,
    ) -> Result<BTreeSet<Row>, Diagnosis> {
        table.arrange();
        PodTopologySpread::prepare(pod, group, table);
        let round = Round { pod, table, group };
        let rows = self.feasible(&round)?;
        let scores = self.scores(&round, &rows);
        Ok(best(&rows, &scores).into_iter().collect())
    }
}

fn best(rows: &[Row], scores: &[i64]) -> Vec<Row> {
    let max = scores.iter().max();
    let all = rows.iter().zip(scores);
    all.filter(|(_, score)| Some(*score) == max)
        .map(|(row, _)| *row)
        .collect()
}

/// After how many nodes that will do the others are not tried.
fn wanted(nodes: usize) -> usize {
    if nodes < SAMPLE_MIN {
        return nodes.max(1);
    }
    let part = 50usize.saturating_sub(nodes / 125).max(PART_MIN);
    (nodes * part / 100).max(SAMPLE_MIN)
}

/// The set of one plug-in.
pub fn set_of(at: usize) -> PluginSet {
    1 << at
}

/// A rejection of one node by one plug-in.
pub type Rejected = (Row, Rejection);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_nodes_only_a_part_is_tried() {
        let cases = [
            (1, 1),
            (99, 99),
            (100, 100),
            (250, 120),
            (1000, 420),
            (5000, 500),
            (6000, 300),
        ];
        for (nodes, expected) in cases {
            assert_eq!(wanted(nodes), expected, "{nodes}");
        }
    }
}
