//! What anybody can have known, and when: the bounds of time within which a request took effect, in revisions.

use super::objects::Authors;
use crate::history::{History, InformerRecord, Nanos, Outcome, Reply, WatchRecord, version};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// Revisions by the time at which somebody had been told of them or of later ones, both ascending.
    told: Vec<(Nanos, i64)>,
    /// Revisions by the time at which whoever made them asked for it; both ascending: no earlier request of the list
    /// made an earlier one of them later.
    made: Vec<(Nanos, i64)>,
}

impl Times {
    /// Of a history whose objects have these authors.
    pub fn of(history: &History, authors: &Authors) -> Times {
        let mut told: Vec<(Nanos, i64)> = Vec::new();
        for operation in &history.operations {
            if let (Outcome::Ok(reply), Some(at)) = (&operation.outcome, operation.complete) {
                told.push((
                    at,
                    match reply {
                        Reply::Http(reply) => reply.version(),
                        Reply::Kv { header, .. } => header.revision,
                        _ => 0,
                    },
                ));
            }
        }
        for (at, record) in history.watches.iter().flat_map(|watch| &watch.records) {
            match record {
                WatchRecord::Events { events, .. } => {
                    told.extend(events.iter().map(|event| (*at, event.kv.mod_revision)));
                }
                WatchRecord::Progress { revision, .. } => told.push((*at, *revision)),
                _ => {}
            }
        }
        for (at, record) in history.informers.iter().flat_map(|one| &one.records) {
            if let InformerRecord::Event { object, .. } = record {
                told.push((*at, version(object)));
            }
        }
        told.sort_unstable();
        let mut newest = 0;
        for (_, revision) in &mut told {
            newest = newest.max(*revision);
            *revision = newest;
        }
        let mut made: Vec<(Nanos, i64)> = authors.made(history).collect();
        made.sort_unstable();
        let mut earliest = i64::MAX;
        for (_, revision) in made.iter_mut().rev() {
            earliest = earliest.min(*revision);
            *revision = earliest;
        }
        Times { told, made }
    }

    /// The newest revision that anybody had been told of before this time: whoever asks from then on sees it.
    pub fn known_before(&self, at: Nanos) -> i64 {
        let before = self.told.partition_point(|(told, _)| *told < at);
        self.told[..before]
            .last()
            .map_or(0, |(_, revision)| *revision)
    }

    /// No revision behind this one was there at this time: somebody asked for the next one later.
    pub fn possible_until(&self, at: Nanos) -> i64 {
        let until = self.made.partition_point(|(asked, _)| *asked <= at);
        self.made
            .get(until)
            .map_or(i64::MAX, |(_, revision)| revision - 1)
    }
}
