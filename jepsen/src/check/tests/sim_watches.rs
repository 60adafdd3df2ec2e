//! Watches of the world: late, broken and taken up again, and right.

use super::sim::{MS, Sim, Step, Viewer};
use crate::history::*;

impl Sim {
    pub(super) fn watch(&mut self, resumes: Option<(WatchOpen, i64)>) {
        let watch = self.viewers.len() as u64;
        let open = match resumes {
            Some((old, next)) => WatchOpen {
                watch,
                stream: watch,
                start_revision: next,
                resumes: Some(old.watch),
                ..old
            },
            None => WatchOpen {
                watch,
                stream: watch,
                process: 1000,
                node: 1,
                range: match watch % 3 {
                    0 => KeyRange::all(),
                    1 => KeyRange::prefix("k/"),
                    _ => KeyRange::one("counter"),
                },
                start_revision: self.dice.below(4) as i64,
                prev_kv: watch.is_multiple_of(2),
                no_put: watch % 7 == 4,
                no_delete: false,
                progress: true,
                fragment: false,
                resumes: None,
            },
        };
        self.note(WatchRecord::Open(open.clone()));
        self.viewers.push(Viewer {
            next: open.start_revision,
            open,
            created: false,
            over: false,
        });
        self.at(MS, Step::Deliver(watch as usize));
    }

    pub(super) fn note(&mut self, watch: WatchRecord) {
        self.records.push(Record::Watch {
            at: self.now,
            watch,
        });
    }

    pub(super) fn deliver(&mut self, index: usize) {
        let revision = self.store.revision();
        let viewer = &mut self.viewers[index];
        let watch = viewer.open.watch;
        if viewer.over {
            return;
        }
        if !viewer.created {
            viewer.created = true;
            if viewer.next <= 0 {
                viewer.next = revision + 1;
            }
            let next = viewer.next;
            self.note(WatchRecord::Created { watch, revision });
            if next < self.store.compacted() {
                self.viewers[index].over = true;
                let compact_revision = self.store.compacted();
                self.note(WatchRecord::Canceled {
                    watch,
                    compact_revision,
                    reason: String::new(),
                });
                return;
            }
        }
        let viewer = &self.viewers[index];
        let open = viewer.open.clone();
        let wants = |event: &&Event| {
            open.range.contains(&event.kv.key) && !(open.no_put && event.kind == EventKind::Put)
        };
        let mut events: Vec<Event> = Vec::new();
        let due = self.changes.iter().filter(|(at, _)| *at >= viewer.next);
        for (_, changed) in due {
            for event in changed.iter().filter(wants) {
                let prev = event.prev.clone().filter(|_| open.prev_kv);
                events.push(Event {
                    prev,
                    ..event.clone()
                });
            }
        }
        if self.dice.chance(4) && self.left > 0 {
            let next = self.viewers[index].next;
            self.viewers[index].over = true;
            self.note(WatchRecord::Broken {
                watch,
                error: "reset".to_owned(),
            });
            return self.watch(Some((open, next)));
        }
        if !events.is_empty() {
            self.note(WatchRecord::Events {
                watch,
                revision,
                events,
                fragment: false,
            });
        } else if self.dice.chance(30) && self.viewers[index].next <= revision + 1 {
            self.note(WatchRecord::StreamProgress {
                stream: open.stream,
                revision,
            });
        }
        let viewer = &mut self.viewers[index];
        viewer.next = viewer.next.max(revision + 1);
    }
}
