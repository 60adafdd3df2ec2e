//! Nodes that have the Pod's images are better, the more the larger these are. An image that few nodes
//! have counts less, so that not all Pods gather there.

use crate::scheduler::framework::{Plugin, Round, SCORE_MAX, Score};
use crate::scheduler::snapshot::{Image, Row};

/// See the module.
pub struct ImageLocality;

const MB: i64 = 1024 * 1024;
/// Less than this is as good as nothing.
const SUM_MIN: i64 = 23 * MB;
/// For each container: more than this is no better.
const SUM_MAX: i64 = 1000 * MB;

impl Plugin for ImageLocality {
    fn name(&self) -> &'static str {
        "ImageLocality"
    }

    fn weight(&self) -> i64 {
        1
    }

    fn pre_score<'r>(&self, round: &'r Round<'r>, _: &[Row]) -> Option<Box<dyn Score + 'r>> {
        let (names, table) = (&round.pod.images, round.table);
        let known: Vec<&Image> = names.iter().filter_map(|name| table.image(name)).collect();
        if known.is_empty() {
            return None;
        }
        let max = SUM_MAX * names.len() as i64;
        let nodes = table.order().len() as f64;
        Some(Box::new(move |row: Row| {
            let there = known.iter().filter(|image| image.rows.contains(&row));
            let sizes = there.map(|image| {
                let spread = image.rows.len() as f64 / nodes;
                (image.size as f64 * spread) as i64
            });
            let sum = sizes.sum::<i64>().clamp(SUM_MIN, max);
            SCORE_MAX * (sum - SUM_MIN) / (max - SUM_MIN)
        }))
    }
}
