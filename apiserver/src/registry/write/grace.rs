//! How an object looks that is going, and whether it may go at once.

use crate::canonical::{Instant, format_time};
use crate::registry::strategy::fields::{is_set, metadata, set, text, texts};
use crate::registry::strategy::{Dependents, Strategy};
use crate::request::{DeleteOptions, Propagation};
use keelson_plants::{Plant, planted};
use serde_json::Value;

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// What becomes of an object that is to go.
#[derive(Debug, PartialEq)]
pub(super) enum Fate {
    /// It is going already, and the request changes nothing about it.
    Waits,
    /// It stays for now, and looks like this.
    Stays(Value),
    /// It goes. This is how it looked at the end.
    Goes(Value),
}

/// What becomes of an object of most kinds, and of Pods, which get time to stop.
pub(super) fn fate(strategy: &Strategy, live: &Value, options: &DeleteOptions, now: &str) -> Fate {
    let mut object = live.clone();
    let grace = match text(live, "/kind") == "Pod" && text(live, "/apiVersion") == "v1" {
        true => pod(&mut object, options, now),
        false => Grace::None,
    };
    if grace == Grace::Pending {
        return Fate::Waits;
    }
    keep_for_dependents(strategy, &mut object, options);
    let is_held = !texts(&object, "/metadata/finalizers").is_empty();
    let is_held = is_held && !planted(Plant::DeleteIgnoresFinalizers);
    if is_held && grace == Grace::None {
        mark(&mut object, now);
    }
    match is_held || matches!(grace, Grace::Until(1..)) {
        true => Fate::Stays(object),
        false => Fate::Goes(object),
    }
}

/// Time to stop.
#[derive(PartialEq)]
enum Grace {
    /// The kind knows none, or it is over.
    None,
    /// It has been granted before, and the request does not shorten it.
    Pending,
    /// So many seconds, which the object says now.
    Until(i64),
}

/// Grants a Pod its time, or shortens what it has.
fn pod(pod: &mut Value, options: &DeleteOptions, now: &str) -> Grace {
    let number = |pointer: &str| pod.pointer(pointer).and_then(Value::as_i64);
    let positive = |seconds: i64| if seconds < 0 { 1 } else { seconds };
    let asked = options.grace_period_seconds.map(positive);
    if is_set(pod, "/metadata/deletionTimestamp") {
        let granted = number("/metadata/deletionGracePeriodSeconds").map_or(0, positive);
        return match asked {
            _ if granted == 0 => Grace::None,
            Some(seconds) if seconds < granted => {
                let since = text(pod, "/metadata/deletionTimestamp").to_owned();
                grant(
                    pod,
                    &later(&since, seconds.saturating_sub(granted)),
                    seconds,
                );
                Grace::Until(seconds)
            }
            _ => Grace::Pending,
        };
    }
    let own = number("/spec/terminationGracePeriodSeconds").unwrap_or(0);
    let is_over = text(pod, "/spec/nodeName").is_empty()
        || matches!(text(pod, "/status/phase"), "Failed" | "Succeeded");
    let seconds = match is_over {
        true => 0,
        false => positive(asked.unwrap_or(own)),
    };
    raise_generation(pod);
    grant(pod, &later(now, seconds), seconds);
    Grace::Until(seconds)
}

fn grant(object: &mut Value, until: &str, seconds: i64) {
    let metadata = metadata(object);
    set(metadata, "deletionTimestamp", Some(until.into()));
    set(metadata, "deletionGracePeriodSeconds", Some(seconds.into()));
}

/// The time so many seconds after another. What is no time stays as it is.
fn later(time: &str, seconds: i64) -> String {
    let shifted = Instant::parse(time).ok().and_then(|instant| {
        format_time(Instant {
            seconds: instant.seconds.saturating_add(seconds),
            ..instant
        })
    });
    shifted.unwrap_or_else(|| time.to_owned())
}

/// Says that an object is going that only its finalizers hold.
fn mark(object: &mut Value, now: &str) {
    let since = text(object, "/metadata/deletionTimestamp").to_owned();
    if since.is_empty() {
        raise_generation(object);
    }
    // Both texts are of one form, in which later times are greater texts.
    let since = match since.is_empty() || since.as_str() > now {
        true => now,
        false => &since,
    };
    grant(object, since, 0);
}

fn raise_generation(object: &mut Value) {
    let generation = object
        .pointer("/metadata/generation")
        .and_then(Value::as_i64);
    if let Some(generation) = generation.filter(|generation| *generation > 0) {
        let next = generation.saturating_add(1);
        set(metadata(object), "generation", Some(next.into()));
    }
}

/// Adds and removes the finalizers by which the garbage collector knows what to do with dependents.
fn keep_for_dependents(strategy: &Strategy, object: &mut Value, options: &DeleteOptions) {
    if strategy.dependents == Dependents::None {
        return;
    }
    let had = texts(object, "/metadata/finalizers");
    let has_orphan = had.contains(&ORPHAN);
    let has_foreground = had.contains(&FOREGROUND);
    let orphans = match options.propagation {
        Some(propagation) => propagation == Propagation::Orphan,
        None if has_orphan || has_foreground => has_orphan,
        None => strategy.dependents == Dependents::Orphaned,
    };
    let waits = match options.propagation {
        Some(propagation) => propagation == Propagation::Foreground,
        None => has_foreground && !has_orphan,
    };
    put_finalizers(object, orphans, waits);
}

/// Makes the finalizers of the garbage collector these. The others keep their places.
fn put_finalizers(object: &mut Value, orphans: bool, waits: bool) {
    let had = texts(object, "/metadata/finalizers");
    if had.contains(&ORPHAN) == orphans && had.contains(&FOREGROUND) == waits {
        return;
    }
    let others = had
        .into_iter()
        .filter(|name| ![ORPHAN, FOREGROUND].contains(name));
    let added = [(ORPHAN, orphans), (FOREGROUND, waits)].into_iter();
    let added = added
        .filter(|(_, is_wanted)| *is_wanted)
        .map(|(name, _)| name);
    let all: Vec<Value> = others.chain(added).map(Value::from).collect();
    let all = (!all.is_empty()).then_some(Value::Array(all));
    set(metadata(object), "finalizers", all);
}

/// A namespace that begins to go: its finalizers hold it until it is empty.
pub(super) fn terminating(live: &Value, options: &DeleteOptions, now: &str) -> Value {
    let mut object = live.clone();
    set(metadata(&mut object), "deletionTimestamp", Some(now.into()));
    object["status"]["phase"] = "Terminating".into();
    let had = texts(live, "/metadata/finalizers");
    let is = |wanted: Propagation, name: &str| match options.propagation {
        Some(propagation) => propagation == wanted,
        None => had.contains(&name),
    };
    let (orphans, waits) = (
        is(Propagation::Orphan, ORPHAN),
        is(Propagation::Foreground, FOREGROUND),
    );
    put_finalizers(&mut object, orphans, waits);
    object
}
