//! What watches of the Kubernetes API told.

use super::chronicle::{Chronicle, Version};
use super::selection::{Named, Selection, is_shown, text};
use super::{Court, Finding, Violation};
use crate::history::{History, HttpCall, Informer, InformerRecord, version};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// *A pass proves* that each watch told what happened behind the revision from which it began, as far as it was selected:
/// each change once, in order, as what it was, with the object as it was then; and that a bookmark never came before
/// something that it covers. So an informer, which begins with a list, had the state of its revision at every moment. A
/// watch that says that its beginning is gone tells nothing; whether that can be so is for `gone`.
///
/// Whether what came last came at all is for the load: its informers do not end before they have seen the last object.
pub fn check(history: &History, chronicle: &Chronicle) -> Finding {
    let mut court = Court::new("informers");
    for informer in &history.informers {
        let call = HttpCall::get(&informer.open.path);
        let (Some(named), Some(selection)) = (Named::of(&call.path), Selection::of(&call)) else {
            continue;
        };
        let from = call.parameter("resourceVersion").unwrap_or("");
        let from: Option<i64> = from.parse().ok().filter(|from| *from > 0);
        let begins_with_state = call.parameter("sendInitialEvents") == Some("true");
        let mut telling = Telling {
            chronicle,
            prefix: &named.prefix,
            selection: &selection,
            at: from.unwrap_or(0),
            due: None,
        };
        let judged = match begins_with_state || from.is_none() {
            true => telling.begin_with_state(&mut court, informer),
            false => telling.follow(&mut court, informer.records.iter().map(|(_, one)| one)),
        };
        if let Err((rule, what, revision)) = judged {
            let open = &informer.open;
            let what = format!("informer {} of member {}: {what}", open.informer, open.node);
            court.violation(Violation::new(rule, what).on([open.node]).at(revision));
        }
    }
    court.close()
}

type Judged = Result<(), (&'static str, String, i64)>;

/// One event as it must be.
#[derive(Clone, Debug)]
struct Due<'c> {
    revision: i64,
    kind: &'static str,
    name: String,
    object: &'c Value,
}

struct Telling<'c> {
    chronicle: &'c Chronicle,
    prefix: &'c str,
    selection: &'c Selection,
    /// Everything up to here was told.
    at: i64,
    /// What is to come behind it; found out when it is needed.
    due: Option<VecDeque<Due<'c>>>,
}

impl<'c> Telling<'c> {
    /// What must be told behind the present revision.
    fn due(&mut self) -> &mut VecDeque<Due<'c>> {
        let (chronicle, prefix, selection, at) =
            (self.chronicle, self.prefix, self.selection, self.at);
        self.due.get_or_insert_with(|| {
            let mut all: BTreeMap<i64, Due<'c>> = BTreeMap::new();
            for (key, versions) in chronicle.below(prefix) {
                let name = &key[prefix.len()..];
                for (i, version) in versions.iter().enumerate() {
                    let before = i.checked_sub(1).map(|i| &versions[i]);
                    if version.revision > at
                        && let Some(due) = due(name, version, before, selection)
                    {
                        all.insert(version.revision, due);
                    }
                }
            }
            all.into_values().collect()
        })
    }

    /// Changes, from where it is.
    fn follow<'r>(
        &mut self,
        court: &mut Court,
        records: impl Iterator<Item = &'r InformerRecord>,
    ) -> Judged {
        for record in records {
            let InformerRecord::Event { kind, object, .. } = record else {
                continue;
            };
            court.look(1);
            let revision = version(object);
            match kind.as_str() {
                "BOOKMARK" => self.bookmark(revision)?,
                "ERROR" if object["code"] == 410 => {}
                "ERROR" => {
                    let what = format!("an error that is not judged: {object}");
                    court.doubt(format!("informers.odd: {what}"));
                }
                _ => self.event(kind, revision, object)?,
            }
        }
        Ok(())
    }

    fn bookmark(&mut self, revision: i64) -> Judged {
        if let Some(due) = self.due().front().filter(|due| due.revision <= revision) {
            let what = format!(
                "a bookmark of {revision}, and {} was not told",
                due.revision
            );
            return Err(("informers.bookmark", what, revision));
        }
        if revision < self.at {
            let what = format!("a bookmark of {revision} behind {}", self.at);
            return Err(("informers.went-back", what, revision));
        }
        self.at = revision;
        Ok(())
    }

    fn event(&mut self, kind: &str, revision: i64, object: &Value) -> Judged {
        let name = text(object, "/metadata/name");
        let at = self.at;
        let Some(due) = self.due().pop_front() else {
            let what = format!("{kind} {name} at {revision}, and nothing was to come");
            return Err(("informers.invented", what, revision));
        };
        if due.revision != revision {
            let (rule, what) = match revision > due.revision {
                true => ("informers.lost", format!("{} was not told", due.revision)),
                false if revision <= at => ("informers.twice", format!("told after {at}")),
                false => ("informers.invented", "there is no such change".to_owned()),
            };
            return Err((
                rule,
                format!("{kind} {name} at {revision}: {what}"),
                revision,
            ));
        }
        let is_same = due.name == name && is_shown(object, due.object, revision);
        if kind != due.kind || !is_same {
            let what = format!(
                "{kind} {name} at {revision}, which was {} {} or had another content",
                due.kind, due.name
            );
            return Err(("informers.content", what, revision));
        }
        self.at = revision;
        Ok(())
    }

    /// First what was there, in any order, then a bookmark that says of which revision that is, then changes.
    fn begin_with_state(&mut self, court: &mut Court, informer: &Informer) -> Judged {
        let least = self.at;
        let is_mark = |record: &InformerRecord| {
            matches!(record, InformerRecord::Event { kind, object, .. }
                if kind == "BOOKMARK" && object["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true")
        };
        let all = || informer.records.iter().map(|(_, record)| record);
        let Some(mark) = all().position(is_mark) else {
            // It ended before it had told everything; nobody may rely on it.
            return Ok(());
        };
        let Some(InformerRecord::Event { object, .. }) = all().nth(mark) else {
            return Ok(());
        };
        let revision = version(object);
        if revision < least {
            let what = format!("begins with {revision}, and was to with {least} at least");
            return Err(("informers.older-than-asked", what, revision));
        }
        let state = self.chronicle.state(self.prefix, revision).into_iter();
        let mut wanted: BTreeMap<&str, (i64, &Value)> = state
            .filter(|(_, _, object)| self.selection.has(object))
            .map(|(key, stored, object)| (&key[self.prefix.len()..], (stored, object)))
            .collect();
        for record in all().take(mark) {
            let InformerRecord::Event { kind, object, .. } = record else {
                continue;
            };
            court.look(1);
            let (name, of) = (text(object, "/metadata/name"), version(object));
            let is_right = kind == "ADDED"
                && wanted
                    .remove(name)
                    .is_some_and(|(stored, known)| stored == of && is_shown(object, known, of));
            if !is_right {
                let what = format!("{kind} {name} of {of} is not of the state of {revision}");
                return Err(("informers.state", what, revision));
            }
        }
        if let Some(name) = wanted.keys().next() {
            let what = format!("{name} is missing in the state of {revision}");
            return Err(("informers.state", what, revision));
        }
        self.at = revision;
        self.follow(court, all().skip(mark + 1))
    }
}

/// What a change of an object means to somebody who sees selected ones only. A deletion shows what was there before.
fn due<'c>(
    name: &str,
    version: &'c Version,
    before: Option<&'c Version>,
    selection: &Selection,
) -> Option<Due<'c>> {
    let is_seen = |object: &&Value| selection.has(object);
    let now = version.object.as_ref().filter(is_seen);
    let before = before.and_then(|one| one.object.as_ref()).filter(is_seen);
    let (kind, object) = match (before, now) {
        (None, Some(now)) => ("ADDED", now),
        (Some(_), Some(now)) => ("MODIFIED", now),
        (Some(before), None) => ("DELETED", before),
        (None, None) => return None,
    };
    Some(Due {
        revision: version.revision,
        kind,
        name: name.to_owned(),
        object,
    })
}
