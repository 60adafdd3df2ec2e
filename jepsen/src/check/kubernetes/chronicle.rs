//! What the store went through, as watches of everything have told it.

use super::{Court, Finding, Violation};
use crate::history::{
    Event, EventKind, History, KeyRange, KeyValue, Nanos, Node, Observation, Observed, Watch,
    WatchRecord,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Bound;

/// A state of a key, from its revision on.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The revision that made it.
    pub revision: i64,
    /// The object; nothing from a deletion on. Null if the value is no JSON.
    pub object: Option<Value>,
    /// When a watch of everything was told of it first.
    pub seen: Nanos,
    raw: Option<KeyValue>,
}

/// All versions of all keys.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    keys: BTreeMap<String, Vec<Version>>,
    /// Everything up to here was told.
    pub last: i64,
}

impl Chronicle {
    /// All versions of a key, in order.
    pub fn versions(&self, key: &str) -> &[Version] {
        self.keys.get(key).map_or(&[], Vec::as_slice)
    }

    /// The version that a key has at a revision. Nothing before its first.
    pub fn at(&self, key: &str, revision: i64) -> Option<&Version> {
        let versions = self.versions(key);
        let after = versions.partition_point(|one| one.revision <= revision);
        versions[..after].last()
    }

    /// The first version of a key behind a revision.
    pub fn after(&self, key: &str, revision: i64) -> Option<&Version> {
        let versions = self.versions(key);
        versions.get(versions.partition_point(|one| one.revision <= revision))
    }

    /// The keys below a prefix, with all their versions.
    pub fn below<'c>(&'c self, prefix: &str) -> impl Iterator<Item = (&'c str, &'c [Version])> {
        let from = (Bound::Included(prefix.to_owned()), Bound::Unbounded);
        let prefix = prefix.to_owned();
        let keys = self.keys.range::<String, _>(from);
        keys.take_while(move |(key, _)| key.starts_with(&prefix))
            .map(|(key, versions)| (key.as_str(), versions.as_slice()))
    }

    /// What there was below a prefix at a revision: keys with revisions and objects, in the order of keys.
    pub fn state<'c>(&'c self, prefix: &str, revision: i64) -> Vec<(&'c str, i64, &'c Value)> {
        let mut state = Vec::new();
        for (key, _) in self.below(prefix) {
            if let Some(version) = self.at(key, revision)
                && let Some(object) = &version.object
            {
                state.push((key, version.revision, object));
            }
        }
        state
    }

    fn add(&mut self, at: Nanos, event: &Event) {
        let key = event.kv.key.text();
        let is_put = event.kind == EventKind::Put;
        let parsed = || serde_json::from_slice(&event.kv.value).unwrap_or(Value::Null);
        self.keys.entry(key).or_default().push(Version {
            revision: event.kv.mod_revision,
            object: is_put.then(parsed),
            seen: at,
            raw: is_put.then(|| event.kv.clone()),
        });
    }
}

/// One event that was told, by revision and key.
type Told<'h> = BTreeMap<(i64, &'h [u8]), (Nanos, &'h Event)>;

/// *A pass proves* that watches of everything told every revision from the first to the last, that no two of them told
/// different things, that each version of a key follows from the one before, and that after recovery every member had
/// exactly what they told, up to a revision that is not older than the last acknowledged write.
///
/// Revisions that no watch covered, and members that gave no data, make it unknown.
pub fn check(history: &History) -> (Finding, Chronicle) {
    let mut court = Court::new("chronicle");
    let (mut told, mut covered) = (Told::new(), Vec::new());
    for watch in history.watches.iter().filter(|watch| is_whole(watch)) {
        covered.push(span(watch));
        take(&mut court, &mut told, watch);
    }
    for watch in history.watches.iter().filter(|watch| is_whole(watch)) {
        misses(&mut court, &told, watch);
    }
    court.look(told.len());
    let mut chronicle = Chronicle::default();
    for (at, event) in told.values() {
        chronicle.add(*at, event);
    }
    chronicle.last = reach(&mut court, covered);
    follows(&mut court, &chronicle);
    members(&mut court, history, &chronicle);
    (court.close(), chronicle)
}

fn is_whole(watch: &Watch) -> bool {
    watch.open.range == KeyRange::all() && !watch.open.no_put && !watch.open.no_delete
}

/// The first and the last revision that a watch has told everything of.
fn span(watch: &Watch) -> (i64, i64) {
    let mut first = watch.open.start_revision;
    let mut last = 0;
    for (_, record) in &watch.records {
        match record {
            WatchRecord::Created { revision, .. } if first == 0 => first = revision + 1,
            WatchRecord::Progress { revision, .. } => last = last.max(*revision),
            WatchRecord::Events {
                events, fragment, ..
            } if !fragment => {
                let revisions = events.iter().map(|event| event.kv.mod_revision);
                last = last.max(revisions.max().unwrap_or(0));
            }
            _ => {}
        }
    }
    (first, last)
}

fn events(watch: &Watch) -> impl Iterator<Item = (Nanos, &Event)> {
    let records = watch.records.iter();
    records.flat_map(|(at, record)| {
        let events = match record {
            WatchRecord::Events { events, .. } => events.as_slice(),
            _ => &[],
        };
        events.iter().map(|event| (*at, event))
    })
}

fn take<'h>(court: &mut Court, told: &mut Told<'h>, watch: &'h Watch) {
    let mut before = 0;
    for (at, event) in events(watch) {
        let (revision, key) = (event.kv.mod_revision, &event.kv.key);
        if revision < before {
            let text = format!("a watch of everything told {revision} after {before}");
            let violation = Violation::new("chronicle.order", text).seen_by(watch.open.watch);
            court.violation(violation.at(revision));
        }
        before = before.max(revision);
        let first = told.entry((revision, key)).or_insert((at, event));
        first.0 = first.0.min(at);
        if (first.1.kind, &first.1.kv) != (event.kind, &event.kv) {
            let text = format!("two watches told different things of {key} at {revision}");
            let violation = Violation::new("chronicle.differs", text).seen_by(watch.open.watch);
            court.violation(violation.at(revision));
        }
    }
}

/// What a watch covered and did not tell, though another one did; and what it told twice.
fn misses(court: &mut Court, told: &Told<'_>, watch: &Watch) {
    let (first, last) = span(watch);
    let mut own: BTreeMap<(i64, &[u8]), u32> = BTreeMap::new();
    for (_, event) in events(watch) {
        *own.entry((event.kv.mod_revision, &event.kv.key))
            .or_default() += 1;
    }
    let twice = own.iter().find(|(_, times)| **times > 1);
    if let Some(((revision, _), _)) = twice {
        let text = format!("a watch of everything told {revision} twice");
        let violation = Violation::new("chronicle.twice", text).seen_by(watch.open.watch);
        court.violation(violation.at(*revision));
    }
    if last < first {
        return;
    }
    let covered = told.range((first, &[][..])..(last + 1, &[][..]));
    if let Some((missing, _)) = covered
        .map(|(at, _)| (at, ()))
        .find(|(at, ())| !own.contains_key(at))
    {
        let text = format!("a watch of everything did not tell revision {}", missing.0);
        let violation = Violation::new("chronicle.missing", text).seen_by(watch.open.watch);
        court.violation(violation.at(missing.0));
    }
}

/// How far everything was told, without a gap, by whichever watch.
fn reach(court: &mut Court, mut covered: Vec<(i64, i64)>) -> i64 {
    covered.sort_unstable();
    let mut last = 1;
    let end = covered.iter().map(|(_, last)| *last).max().unwrap_or(0);
    for (from, to) in covered {
        if from > last + 1 && last < end {
            court.doubt(format!(
                "history.unseen: no watch of everything told revisions {} to {}",
                last + 1,
                from - 1
            ));
        }
        last = last.max(to);
    }
    last
}

/// Each version of a key follows from the one before: what both watches missed would show.
fn follows(court: &mut Court, chronicle: &Chronicle) {
    for (key, versions) in &chronicle.keys {
        let mut before: Option<&KeyValue> = None;
        for version in versions {
            let Some(now) = &version.raw else {
                before = None;
                continue;
            };
            let (made, number) = match before {
                Some(before) => (before.create_revision, before.version + 1),
                None => (now.mod_revision, 1),
            };
            if (now.create_revision, now.version) != (made, number) {
                let revision = version.revision;
                let text = format!(
                    "{key} is version {} of {} at {revision}, and {number} of {made} was to follow",
                    now.version, now.create_revision
                );
                court.violation(Violation::new("chronicle.gap", text).at(revision));
            }
            before = Some(now);
        }
    }
}

/// What members had in the end is what was told.
fn members(court: &mut Court, history: &History, chronicle: &Chronicle) {
    let ends = history.observations.iter().rev();
    let mut ends = ends.filter_map(|(at, one)| match one {
        Observation::Recovered {
            complete,
            revision,
            detail,
        } => Some((*at, *complete, *revision, detail)),
        _ => None,
    });
    let (since, last) = match ends.next() {
        Some((at, true, revision, _)) => (at, revision),
        Some((.., detail)) => return court.doubt(format!("the run had no good end: {detail}")),
        None => return court.doubt("nobody wrote down that the run recovered"),
    };
    if chronicle.last < last {
        return court.doubt(format!(
            "history.unseen: watches of everything came to {}, the run to {last}",
            chronicle.last
        ));
    }
    let mut read: BTreeMap<Node, &Observed<(i64, Vec<KeyValue>)>> = BTreeMap::new();
    for (at, observation) in &history.observations {
        if let Observation::FullRange { node, reply } = observation
            && *at >= since
        {
            read.insert(*node, reply);
        }
    }
    if read.len() < usize::from(history.head.nodes.max(1)) {
        let (count, all) = (read.len(), history.head.nodes);
        court.doubt(format!("the data of {count} members was read, of {all}"));
    }
    for (node, reply) in read {
        match reply {
            Observed::Error(error) => court.doubt(format!("member {node} gave no data: {error}")),
            Observed::Got((revision, _)) if *revision < last => {
                court.doubt(format!("member {node} is at {revision}, the run at {last}"));
            }
            Observed::Got((revision, kvs)) => {
                court.look(kvs.len());
                compare(court, chronicle, node, *revision, kvs);
            }
        }
    }
}

fn compare(court: &mut Court, chronicle: &Chronicle, node: Node, revision: i64, kvs: &[KeyValue]) {
    let found: BTreeMap<String, &KeyValue> = kvs.iter().map(|kv| (kv.key.text(), kv)).collect();
    let keys = chronicle.keys.keys().chain(found.keys());
    for key in keys.collect::<std::collections::BTreeSet<_>>() {
        let told = chronicle.at(key, revision).and_then(|one| one.raw.as_ref());
        let found = found.get(key.as_str()).copied();
        if told == found {
            continue;
        }
        let at = told.or(found).map_or(revision, |kv| kv.mod_revision);
        let rule = match (told, found) {
            (Some(_), None) => "chronicle.lost",
            (None, Some(_)) => "chronicle.resurrected",
            _ => "chronicle.other",
        };
        let text = format!("at {revision}, {key} of member {node} is not what was told of it");
        court.violation(Violation::new(rule, text).on([node]).at(at));
    }
}
