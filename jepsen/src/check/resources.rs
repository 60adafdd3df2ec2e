//! What members use while clients ask for far too much.

use super::verdict::{Court, Finding, Violation};
use crate::history::{FaultPhase, History, Nanos, Node, Observation};

/// As targets of a real etcd begin. It promises no bound, and has taken 1.4 GiB in a flood with large values.
const UNBOUNDED: &str = "etcd ";
/// The kind of fault that is looked at.
const FLOOD: &str = "flood";
/// More memory than before the flood no member may take: what it may keep for its caches, its log and the events of
/// watches altogether, as long as little of that is filled, and some room.
pub const GROWTH_MAX_BYTES: u64 = 400 << 20;

/// *A pass proves*: while a member was flooded its memory was never seen to be more than [`GROWTH_MAX_BYTES`] above
/// what it was before, as often as anybody looked, unless its process ended meanwhile. Of a real etcd it proves nothing.
pub fn check(history: &History) -> Finding {
    let mut court = Court::new("resources");
    if history.head.target.starts_with(UNBOUNDED) {
        return court.close();
    }
    for fault in &history.faults {
        let Some((began, first)) = fault.steps.first().filter(|(_, one)| one.kind == FLOOD) else {
            continue;
        };
        let ended = fault
            .steps
            .iter()
            .find(|(_, one)| matches!(one.phase, FaultPhase::End { .. }));
        let until = ended.map_or(Nanos::MAX, |(at, _)| *at);
        for node in &first.nodes {
            flood(&mut court, history, *node, (*began, until));
        }
    }
    court.close()
}

fn flood(court: &mut Court, history: &History, node: Node, (from, to): (Nanos, Nanos)) {
    let mut before: Option<u64> = None;
    let within = |at: Nanos| at >= from && at <= to;
    for (_, observation) in history.observations.iter().filter(|(at, _)| within(*at)) {
        match observation {
            Observation::Resources {
                node: of,
                rss_bytes,
                ..
            } if *of == node => {
                court.look(1);
                let before = *before.get_or_insert(*rss_bytes);
                if *rss_bytes > before + GROWTH_MAX_BYTES {
                    let text = format!(
                        "member {node} had {} MiB before a flood and {} MiB in it",
                        before >> 20,
                        rss_bytes >> 20
                    );
                    return court.violation(Violation::new("resources.memory", text).on([node]));
                }
            }
            // What comes after that is another process.
            Observation::Exit { node: of, .. } if *of == node => return,
            _ => {}
        }
    }
}
