//! The guarantees of watches, against what the store went through.
//!
//! *A pass proves* for every watch of the history: its events are in the order of revisions, none
//! comes twice, the events of a revision come together, none between its start and the last thing it
//! showed is missing or invented, each carries the right version and, where asked for, the version
//! before; nothing outside its range or filter comes; a progress mark is never ahead of events and
//! never goes back; a watch is cancelled as compacted only if it lost something, with a revision that
//! somebody asked to compact to; and if the cluster recovered, every watch that is still open showed
//! everything up to the end. A watch that takes up another one starts where that one stopped, so the
//! two together missed nothing.
//!
//! It rests on the truth that the witness found. Where that is a choice between several unknown
//! operations, a difference is unknown, not a fail.

use super::truth::{Compaction, Truth, compactions};
use super::verdict::{Court, Finding, Violation};
use crate::history::{
    Event, EventKind, History, Nanos, Observation, Watch, WatchOpen, WatchRecord,
};

/// Checks every watch.
pub fn check(history: &History, truth: &Truth) -> Finding {
    let mut court = Court::new("watch");
    let compactions = compactions(history);
    let recovered = history
        .observations
        .iter()
        .rev()
        .find_map(|(_, one)| match one {
            Observation::Recovered {
                complete: true,
                revision,
                ..
            } => Some(*revision),
            _ => None,
        });
    for watch in &history.watches {
        if court.is_full() {
            break;
        }
        let mut viewer = Viewer::new(watch, truth, &compactions);
        for (at, record) in &watch.records {
            viewer.record(*at, record);
            if viewer.violation.is_some() {
                break;
            }
        }
        viewer.end(recovered);
        court.look(viewer.events);
        if let Some((violation, is_of_truth)) = viewer.violation {
            let choice = truth.choice.filter(|_| is_of_truth);
            court.weigh(violation.seen_by(watch.open.watch), choice);
        }
    }
    court.close()
}

struct Viewer<'a> {
    watch: &'a Watch,
    truth: &'a Truth,
    compactions: &'a [Compaction],
    /// Revision of the creation; nothing before it came.
    created: Option<i64>,
    /// The first revision that is wanted.
    start: i64,
    /// Place among the changes, and among the events of that change, of the next event.
    next: (usize, usize),
    /// Revision of the last event, and if more pieces of it are to come.
    last: (i64, bool),
    /// The last progress mark.
    progress: i64,
    is_over: bool,
    events: usize,
    /// The first violation, and if it depends on the truth.
    violation: Option<(Violation, bool)>,
}

fn wants(open: &WatchOpen, event: &Event) -> bool {
    let is_filtered = match event.kind {
        EventKind::Put => open.no_put,
        EventKind::Delete => open.no_delete,
    };
    open.range.contains(&event.kv.key) && !is_filtered
}

impl<'a> Viewer<'a> {
    fn new(watch: &'a Watch, truth: &'a Truth, compactions: &'a [Compaction]) -> Viewer<'a> {
        Viewer {
            watch,
            truth,
            compactions,
            created: None,
            start: watch.open.start_revision,
            next: (0, 0),
            last: (0, false),
            progress: 0,
            is_over: false,
            events: 0,
            violation: None,
        }
    }

    fn fail(&mut self, rule: &str, revision: i64, text: String) {
        self.say(rule, revision, text, false);
    }

    fn differs(&mut self, rule: &str, revision: i64, text: String) {
        self.say(rule, revision, text, true);
    }

    fn say(&mut self, rule: &str, revision: i64, text: String, is_of_truth: bool) {
        if self.violation.is_none() {
            let text = format!("watch {}: {text}", self.watch.open.watch);
            let author = self.truth.author(revision);
            let violation = Violation::new(rule, text).at(revision).by(author);
            self.violation = Some((violation, is_of_truth));
        }
    }

    fn record(&mut self, at: Nanos, record: &WatchRecord) {
        match record {
            WatchRecord::Created { revision, .. } => self.created(*revision),
            WatchRecord::Events {
                revision,
                events,
                fragment,
                ..
            } => self.response(at, *revision, events, *fragment),
            WatchRecord::Progress { revision, .. } => self.progress(*revision),
            WatchRecord::Canceled {
                compact_revision, ..
            } => {
                self.canceled(at, *compact_revision);
                self.is_over = true;
            }
            WatchRecord::Closed { .. } | WatchRecord::Broken { .. } => self.is_over = true,
            WatchRecord::Open(_) | WatchRecord::StreamProgress { .. } => {}
        }
    }

    fn created(&mut self, revision: i64) {
        if self.created.is_some() {
            self.fail(
                "watch.created-once",
                revision,
                "it was created twice".to_owned(),
            );
        }
        self.created = Some(revision);
        if self.start <= 0 {
            self.start = revision + 1;
        }
        let changes = &self.truth.changes;
        let first = changes.partition_point(|change| change.revision < self.start);
        self.next = (first, 0);
    }

    /// If it began below what its member had compacted by then: the revision of that compaction. A member that is
    /// behind may not have, whoever was told that it is done.
    fn began_compacted(&self) -> Option<i64> {
        let member = self.created?;
        if self.watch.open.start_revision <= 0 {
            return None;
        }
        let before =
            |one: &&Compaction| one.at.is_some_and(|at| at < member) && one.to > self.start;
        self.compactions.iter().find(before).map(|one| one.to)
    }

    fn response(&mut self, at: Nanos, header: i64, events: &[Event], fragment: bool) {
        let Some(first) = events.first() else {
            return;
        };
        let revision = first.kv.mod_revision;
        if self.is_over {
            self.fail(
                "watch.after-end",
                revision,
                "events came after its end".to_owned(),
            );
        }
        if self.created.is_none() {
            self.fail(
                "watch.created-first",
                revision,
                "events came before it was created".to_owned(),
            );
        }
        if let Some(compacted) = self.began_compacted() {
            let text = format!(
                "it began at {}, below the compaction to {compacted}, and was shown events",
                self.start
            );
            self.fail("watch.compacted-moved", revision, text);
        }
        for (nth, event) in events.iter().enumerate() {
            self.events += 1;
            self.event(at, event, nth == 0);
            if self.violation.is_some() {
                return;
            }
            self.last.0 = event.kv.mod_revision;
        }
        if header < self.last.0 {
            let text = format!("a header says {header}, below its event of {}", self.last.0);
            self.fail("watch.header", self.last.0, text);
        }
        self.last.1 = fragment;
    }

    fn event(&mut self, at: Nanos, event: &Event, is_first: bool) {
        let revision = event.kv.mod_revision;
        let (last, is_in_pieces) = self.last;
        if revision < self.start {
            let text = format!("an event of {revision}, before its start {}", self.start);
            return self.fail("watch.before-start", revision, text);
        }
        if !wants(&self.watch.open, event) {
            let text = format!("an event that it did not want: {}", event.kv.key);
            return self.fail("watch.filter", revision, text);
        }
        if revision < last {
            let text = format!("an event of {revision} after one of {last}");
            return self.fail("watch.ordered", revision, text);
        }
        if revision <= self.progress {
            let text = format!("an event of {revision} after progress to {}", self.progress);
            return self.fail("watch.bookmark", revision, text);
        }
        let (change, nth) = self.upcoming();
        let is_expected = change.is_some_and(|change| {
            let wanted = &change.events[nth];
            wanted.kind == event.kind && wanted.kv == event.kv
        });
        if !is_expected {
            return self.unexpected(event);
        }
        if revision == last && is_first && !is_in_pieces {
            let text = format!("the events of {revision} came in two responses");
            return self.fail("watch.atomic", revision, text);
        }
        if let Some(change) = change {
            let prev = change.events[nth].prev.clone();
            self.prev(at, event, prev.as_ref());
        }
        self.next.1 = nth + 1;
    }

    /// The next event that it must show: skips those that it does not want.
    fn upcoming(&mut self) -> (Option<&'a super::truth::Change>, usize) {
        let truth: &'a Truth = self.truth;
        while let Some(change) = truth.changes.get(self.next.0) {
            let rest = change.events.iter().enumerate().skip(self.next.1);
            let mut wanted = rest.filter(|(_, event)| wants(&self.watch.open, event));
            if let Some((nth, _)) = wanted.next() {
                self.next.1 = nth;
                return (Some(change), nth);
            }
            self.next = (self.next.0 + 1, 0);
        }
        (None, 0)
    }

    /// Says what is wrong with an event that is not the next one.
    fn unexpected(&mut self, event: &Event) {
        let revision = event.kv.mod_revision;
        let is_same = |one: &Event| one.kind == event.kind && one.kv == event.kv;
        let same_key = |one: &Event| one.kind == event.kind && one.kv.key == event.kv.key;
        let change = self.truth.change(revision);
        let events = change.map_or(&[][..], |change| &change.events);
        let expected = self.upcoming().0.map(|change| change.revision);
        let is_behind = expected.is_none_or(|expected| {
            revision < expected || (revision == expected && self.last.0 == revision)
        });
        let key = &event.kv.key;
        if events.iter().any(is_same) {
            match is_behind {
                true => {
                    let text = format!("the event of {key} at {revision} came again");
                    self.fail("watch.unique", revision, text);
                }
                false => {
                    let missing = expected.unwrap_or(revision);
                    let text = format!("an event of {missing} is missing before one of {revision}");
                    self.differs("watch.reliable", missing, text);
                }
            }
        } else if events.iter().any(same_key) {
            let text = format!("the event of {key} at {revision} has other contents");
            self.differs("watch.contents", revision, text);
        } else {
            let text = format!("an event of {key} at {revision} that never happened");
            self.differs("watch.phantom", revision, text);
        }
    }

    fn prev(&mut self, at: Nanos, event: &Event, expected: Option<&crate::history::KeyValue>) {
        let revision = event.kv.mod_revision;
        let key = &event.kv.key;
        match (&event.prev, expected) {
            (None, Some(_)) if self.watch.open.prev_kv => {
                let may_be_gone = |one: &Compaction| one.to >= revision && one.invoked < at;
                if !self.compactions.iter().any(may_be_gone) {
                    let text = format!("the version before {key} at {revision} is missing");
                    self.differs("watch.prev", revision, text);
                }
            }
            (Some(prev), expected) if Some(prev) != expected => {
                let text = format!("the version before {key} at {revision} is another one");
                self.differs("watch.prev", revision, text);
            }
            _ => {}
        }
    }

    fn progress(&mut self, revision: i64) {
        if self.is_over {
            return;
        }
        if self.created.is_none() {
            return self.fail(
                "watch.created-first",
                revision,
                "progress before creation".to_owned(),
            );
        }
        if revision < self.progress.max(self.last.0) {
            let text = format!(
                "progress to {revision} after {}",
                self.progress.max(self.last.0)
            );
            return self.fail("watch.bookmark-back", revision, text);
        }
        if revision < self.start - 1 {
            let text = format!("progress to {revision}, and it starts at {}", self.start);
            return self.fail("watch.bookmark-early", revision, text);
        }
        if let Some(compacted) = self.began_compacted() {
            let text = format!("progress, and its start lies below the compaction to {compacted}");
            return self.fail("watch.compacted-moved", revision, text);
        }
        let missing = self.upcoming().0.map(|change| change.revision);
        if let Some(missing) = missing.filter(|missing| *missing <= revision) {
            let text = format!("progress to {revision} before the event of {missing}");
            return self.differs("watch.bookmark", missing, text);
        }
        self.progress = revision;
    }

    fn canceled(&mut self, at: Nanos, compacted: i64) {
        if compacted == 0 {
            return;
        }
        let asked = |one: &Compaction| one.to == compacted && one.invoked < at;
        if !self.compactions.iter().any(asked) {
            let text = format!("it ended as compacted to {compacted}, which nobody had asked for");
            self.fail("watch.compact-revision", compacted, text);
        }
        let shown = self.last.0.max(self.progress).max(self.start - 1);
        if shown + 1 >= compacted {
            let text = format!(
                "it had shown everything up to {shown} and ended as compacted to {compacted}"
            );
            self.fail("watch.compacted-wrongly", compacted, text);
        }
    }

    /// Whatever is open when everything is well again shows everything in the end.
    fn end(&mut self, recovered: Option<i64>) {
        let Some(until) = recovered.filter(|_| !self.is_over && self.violation.is_none()) else {
            return;
        };
        if self.created.is_none() {
            return self.fail("watch.stuck", until, "it was never created".to_owned());
        }
        let missing = self.upcoming().0.map(|change| change.revision);
        if let Some(missing) = missing.filter(|missing| *missing <= until) {
            let text = format!("the cluster recovered, and it never showed the event of {missing}");
            self.differs("watch.stuck", missing, text);
        }
    }
}
