//! Nodes of which CPU and memory are used alike are better: what is left over is of use.

use crate::scheduler::framework::{Plugin, Round, SCORE_MAX, Score};
use crate::scheduler::snapshot::Row;

/// See the module. It has nothing to say about Pods that ask for neither: they would all gather on the
/// node that is best balanced.
pub struct BalancedAllocation;

fn used(all: i64, used: i64) -> Option<f64> {
    (all != 0).then(|| (used as f64 / all as f64).min(1.0))
}

impl Plugin for BalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    fn weight(&self) -> i64 {
        1
    }

    fn pre_score<'r>(&self, round: &'r Round<'r>, _: &[Row]) -> Option<Box<dyn Score + 'r>> {
        let (requests, columns) = (&round.pod.requests, &round.table.columns);
        if requests.cpu_m == 0 && requests.memory == 0 {
            return None;
        }
        Some(Box::new(move |row: Row| {
            let cpu = columns.used_cpu_m[row] + requests.cpu_m;
            let memory = columns.used_memory[row] + requests.memory;
            let parts = (
                used(columns.cpu_m[row], cpu),
                used(columns.memory[row], memory),
            );
            let deviation = match parts {
                (Some(cpu), Some(memory)) => ((cpu - memory) / 2.0).abs(),
                _ => 0.0,
            };
            ((1.0 - deviation) * SCORE_MAX as f64) as i64
        }))
    }
}
