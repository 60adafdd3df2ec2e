//! Right histories in which one watch is made wrong.

use super::sim::Dice;
use super::spoil::flagged;
use crate::history::*;

/// A random response with events that can be spoilt so.
fn response(
    history: &mut History,
    dice: &mut Dice,
    mut spoil: impl FnMut(&WatchOpen, &mut Vec<(u64, WatchRecord)>, usize) -> Option<()>,
) -> Option<()> {
    let count = history.watches.len() as u64;
    let start = dice.below(count);
    (0..count).find_map(|nth| {
        let watch = &mut history.watches[((start + nth) % count) as usize];
        let open = watch.open.clone();
        (0..watch.records.len()).find_map(|at| match &watch.records[at].1 {
            WatchRecord::Events { .. } => spoil(&open, &mut watch.records, at),
            _ => None,
        })
    })
}

fn events(records: &mut [(u64, WatchRecord)], at: usize) -> &mut Vec<Event> {
    match &mut records[at].1 {
        WatchRecord::Events { events, .. } => events,
        _ => unreachable!("chosen for its events"),
    }
}

#[test]
fn a_lost_event_is_flagged() {
    flagged(
        &[
            "watch.reliable",
            "watch.bookmark",
            "watch.stuck",
            "watch.atomic",
        ],
        |history, dice| {
            response(history, dice, |_, records, at| {
                let events = events(records, at);
                (events.len() > 1).then(|| drop(events.remove(0)))
            })
        },
    );
}

#[test]
fn a_duplicate_event_is_flagged() {
    flagged(&["watch.unique", "watch.ordered"], |history, dice| {
        response(history, dice, |_, records, at| {
            let copy = records[at].clone();
            records.insert(at + 1, copy);
            Some(())
        })
    });
}

#[test]
fn events_out_of_order_are_flagged() {
    flagged(&["watch.reliable", "watch.ordered"], |history, dice| {
        response(history, dice, |_, records, at| {
            let events = events(records, at);
            let (first, last) = (
                events.first()?.kv.mod_revision,
                events.last()?.kv.mod_revision,
            );
            (first != last).then(|| events.reverse())
        })
    });
}

#[test]
fn a_split_transaction_is_flagged() {
    flagged(&["watch.atomic"], |history, dice| {
        response(history, dice, |_, records, at| {
            let all = events(records, at);
            let cut = (1..all.len())
                .find(|cut| all[*cut].kv.mod_revision == all[cut - 1].kv.mod_revision)?;
            let rest = all.split_off(cut);
            let (time, mut second) = records[at].clone();
            if let WatchRecord::Events { events, .. } = &mut second {
                *events = rest;
            }
            records.insert(at + 1, (time, second));
            Some(())
        })
    });
}

#[test]
fn other_contents_or_a_version_before_that_is_wrong_are_flagged() {
    flagged(
        &["watch.contents", "watch.phantom", "witness.phantom"],
        |history, dice| {
            response(history, dice, |_, records, at| {
                events(records, at)[0].kv.value = "other".into();
                Some(())
            })
        },
    );
    flagged(
        &["watch.prev", "witness.applied-twice", "witness.phantom"],
        |history, dice| {
            response(history, dice, |open, records, at| {
                let event = events(records, at)
                    .iter_mut()
                    .find(|one| one.prev.is_some())?;
                event.prev.as_mut()?.value = "other".into();
                open.prev_kv.then_some(())
            })
        },
    );
    // That a key is created is told by its revisions being equal.
    flagged(
        &["watch.contents", "watch.phantom", "witness.phantom"],
        |history, dice| {
            response(history, dice, |_, records, at| {
                let event = events(records, at)
                    .iter_mut()
                    .find(|one| one.kv.version > 1)?;
                event.kv.create_revision = event.kv.mod_revision;
                Some(())
            })
        },
    );
}

#[test]
fn what_was_not_asked_for_is_flagged() {
    flagged(&["watch.filter"], |history, dice| {
        let at = dice.below(1) as usize;
        let watch = history
            .watches
            .iter_mut()
            .filter(|one| {
                one.records
                    .iter()
                    .any(|(_, r)| matches!(r, WatchRecord::Events { .. }))
            })
            .nth(at)?;
        watch.open.range = KeyRange::one("nothing");
        Some(())
    });
    flagged(
        &["watch.before-start", "watch.bookmark-early"],
        |history, _| {
            let watch = history.watches.iter_mut().find(|one| {
                one.records
                    .iter()
                    .any(|(_, r)| matches!(r, WatchRecord::Events { .. }))
            })?;
            watch.open.start_revision = 1 << 40;
            Some(())
        },
    );
}

#[test]
fn progress_ahead_of_events_or_back_is_flagged() {
    flagged(&["watch.bookmark"], |history, dice| {
        response(history, dice, |open, records, at| {
            let last = events(records, at).last()?.kv.mod_revision;
            let progress = WatchRecord::Progress {
                watch: open.watch,
                revision: last,
            };
            let time = records[at].0;
            records.insert(at, (time, progress));
            Some(())
        })
    });
    flagged(&["watch.bookmark-back"], |history, dice| {
        response(history, dice, |open, records, at| {
            let last = events(records, at).last()?.kv.mod_revision;
            let progress = WatchRecord::Progress {
                watch: open.watch,
                revision: last - 1,
            };
            let time = records[at].0;
            records.insert(at + 1, (time, progress));
            Some(())
        })
    });
}

#[test]
fn a_header_below_its_events_is_flagged() {
    flagged(&["watch.header"], |history, dice| {
        response(history, dice, |_, records, at| match &mut records[at].1 {
            WatchRecord::Events {
                revision, events, ..
            } => {
                *revision = events[0].kv.mod_revision - 1;
                Some(())
            }
            _ => None,
        })
    });
}

#[test]
fn a_watch_that_stops_is_flagged() {
    flagged(&["watch.stuck"], |history, _| {
        let watch = history.watches.iter_mut().rev().find(|one| {
            let ended = one.records.iter().any(|(_, r)| {
                matches!(r, WatchRecord::Broken { .. } | WatchRecord::Canceled { .. })
            });
            !ended
                && one
                    .records
                    .iter()
                    .any(|(_, r)| matches!(r, WatchRecord::Events { .. }))
        })?;
        watch.records.truncate(1);
        Some(())
    });
}

#[test]
fn a_watch_that_is_told_nothing_about_compaction_is_flagged() {
    flagged(&["watch.compacted-moved"], |history, _| {
        let done = history
            .operations
            .iter()
            .find_map(|one| match (&one.call, one.is_ok()) {
                (Call::Compact { revision, .. }, true) if *revision > 2 => match &one.outcome {
                    Outcome::Ok(reply) => Some(reply.header()?.revision),
                    _ => None,
                },
                _ => None,
            })?;
        let is_further = |record: &WatchRecord| matches!(record, WatchRecord::Created { revision, .. } if *revision > done);
        let watch = history.watches.iter_mut().find(|one| {
            one.records.iter().any(|(_, r)| is_further(r))
                && one
                    .records
                    .iter()
                    .any(|(_, r)| matches!(r, WatchRecord::Events { .. }))
        })?;
        watch.open.start_revision = 1;
        Some(())
    });
}

#[test]
fn a_watch_that_is_ended_as_compacted_without_reason_is_flagged() {
    flagged(
        &["watch.compacted-wrongly", "watch.compact-revision"],
        |history, dice| {
            response(history, dice, |open, records, at| {
                let canceled = WatchRecord::Canceled {
                    watch: open.watch,
                    compact_revision: 2,
                    reason: String::new(),
                };
                let time = records[at].0;
                records.truncate(at + 1);
                records.push((time, canceled));
                Some(())
            })
        },
    );
}

#[test]
fn events_before_creation_or_after_the_end_are_flagged() {
    flagged(&["watch.created-first"], |history, dice| {
        response(history, dice, |_, records, at| {
            let created = records
                .iter()
                .position(|(_, r)| matches!(r, WatchRecord::Created { .. }))?;
            records.swap(created, at);
            Some(())
        })
    });
    flagged(&["watch.after-end"], |history, dice| {
        response(history, dice, |open, records, at| {
            let canceled = WatchRecord::Canceled {
                watch: open.watch,
                compact_revision: 0,
                reason: String::new(),
            };
            let time = records[at].0;
            records.insert(at, (time, canceled));
            Some(())
        })
    });
}
