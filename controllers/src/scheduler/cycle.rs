//! The steps of a look for a node for one Pod: who will do, who is best, which one it is. Pure but for
//! the chance that decides between equals.

use super::framework::{Filter, Plugin, PreFilter, Rejection, Round};
use super::message::Diagnosis;
use super::plugins::{spread::PodTopologySpread, standard};
use super::pod::PodInfo;
use super::queue::PluginSet;
use super::snapshot::{Row, Table};
use keelson_apiserver::selector::LabelSelector;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// With fewer nodes all are tried, and never fewer than this.
const SAMPLE_MIN: usize = 100;
/// The least part of nodes that is tried, in hundredths.
const PART_MIN: usize = 5;
/// How many rows are judged at a time.
const BATCH: usize = 512;

/// A number below the bound, each as likely as any other.
pub type Chance = Box<dyn FnMut(usize) -> usize + Send>;

/// What judges nodes for one Pod.
struct Judges<'r> {
    filters: Vec<(usize, Box<dyn Filter + 'r>)>,
    /// Only these can do, says the plug-in in this place.
    named: Option<(BTreeSet<Row>, usize)>,
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

    /// Has the table ready for what this Pod will ask for. `group`: the Pods that it stands beside.
    pub fn prepare(pod: &PodInfo, group: Option<&LabelSelector>, table: &mut Table) {
        table.arrange();
        PodTopologySpread::prepare(pod, group, table);
    }

    fn judges<'r>(&self, round: &'r Round<'r>) -> Judges<'r> {
        let mut judges = Judges {
            filters: Vec::new(),
            named: None,
        };
        for (at, plugin) in self.plugins.iter().enumerate() {
            match plugin.pre_filter(round) {
                PreFilter::Skip => {}
                PreFilter::Judge(filter) => judges.filters.push((at, filter)),
                PreFilter::Among(names, filter) => {
                    let rows = names.into_iter().filter_map(|name| round.table.row(name));
                    // Only one of the plug-ins names nodes.
                    judges.named = Some((rows.collect(), at));
                    judges.filters.push((at, filter));
                }
            }
        }
        judges
    }

    /// The nodes that will do, as many as are wanted.
    pub fn feasible(&mut self, round: &Round<'_>) -> Result<Vec<Row>, Diagnosis> {
        let all = round.table.order();
        let mut diagnosis = Diagnosis::new(all.len());
        let judges = self.judges(round);
        let order: Cow<'_, [Row]> = match &judges.named {
            None => all.into(),
            Some((named, at)) => {
                let others = all.len() - named.len();
                diagnosis.set_aside(others, *at, self.plugins[*at].name());
                named.iter().copied().collect()
            }
        };
        if order.is_empty() {
            return Err(diagnosis);
        }
        let wanted = wanted(order.len());
        let (mut found, mut tried) = (Vec::new(), 0);
        while tried < order.len() && found.len() < wanted {
            let mut rows: Vec<Row> = self.next_rows(&order, &mut tried);
            judges.filter(&mut rows, |at, rejected| diagnosis.add(at, rejected));
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

    /// Those of these nodes that will do.
    pub fn keep(&self, round: &Round<'_>, mut rows: Vec<Row>) -> Result<Vec<Row>, Diagnosis> {
        let mut diagnosis = Diagnosis::new(round.table.order().len());
        let judges = self.judges(round);
        judges.filter(&mut rows, |at, rejected| diagnosis.add(at, rejected));
        match rows.is_empty() {
            true => Err(diagnosis),
            false => Ok(rows),
        }
    }

    /// Why a node will not do; `None`: it will.
    pub fn rejection(&self, round: &Round<'_>, row: Row) -> Option<Rejection> {
        let mut first = None;
        let take = |_, mut rejected: Vec<Rejected>| first = rejected.pop();
        self.judges(round).filter(&mut vec![row], take);
        first.map(|(_, rejection)| rejection)
    }

    /// A number below the bound, each as likely as any other.
    pub fn draw(&mut self, bound: usize) -> usize {
        (self.chance)(bound)
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
    pub fn pick(&mut self, round: &Round<'_>, rows: &[Row]) -> Row {
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
        Cycle::prepare(pod, group, table);
        let round = Round { pod, table, group };
        let rows = self.feasible(&round)?;
        let scores = self.scores(&round, &rows);
        Ok(best(&rows, &scores).into_iter().collect())
    }
}

impl Judges<'_> {
    /// Keeps the rows of nodes that will do. `tell` gets what each plug-in rejected.
    fn filter(&self, rows: &mut Vec<Row>, mut tell: impl FnMut(usize, Vec<Rejected>)) {
        if let Some((named, _)) = &self.named {
            rows.retain(|row| named.contains(row));
        }
        for (at, filter) in &self.filters {
            let mut rejected = Vec::new();
            filter.filter(rows, &mut rejected);
            if !rejected.is_empty() {
                tell(*at, rejected);
            }
        }
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
