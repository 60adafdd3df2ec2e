//! What was answered to requests for one object.

use super::chronicle::{Chronicle, Version};
use super::objects::Authors;
use super::selection::{Named, has_any, is_going, is_shown, text};
use super::time::Times;
use super::{Court, Finding, Violation};
use crate::history::{Call, History, HttpCall, HttpReply, Operation, Outcome, Reply};

/// *A pass proves* that every acknowledged write of an object is a version of it with just the content that was answered,
/// and no other request's; that what was deleted with an acknowledgement went; that whoever read an object was shown it as
/// it was at some moment during the request; and that a refusal because of a name, a version or a uid was true at some
/// moment during the request.
pub fn check(
    history: &History,
    chronicle: &Chronicle,
    authors: &Authors,
    times: &Times,
) -> Finding {
    let mut court = Court::new("answers");
    for (at, operation) in history.operations.iter().enumerate() {
        let Call::Http(call) = &operation.call else {
            continue;
        };
        let named = Named::of(&call.path).filter(|named| authors.are_known(&named.prefix));
        let Some(key) = named.and_then(|named| named.key(call)) else {
            continue;
        };
        let asked = Asked {
            at,
            operation,
            call,
            key: &key,
            versions: chronicle.versions(&key),
            since: times.known_before(operation.invoke),
            until: times.possible_until(operation.returned()),
        };
        let judged = match &operation.outcome {
            Outcome::Ok(Reply::Http(reply)) => asked.answered(chronicle, authors, reply),
            Outcome::Failed { code, text } => asked.refused(&mut court, code, text),
            _ => continue,
        };
        court.look(1);
        if let Err((rule, text)) = judged {
            let text = format!("operation {} ({}) {text}", operation.id, call.method);
            court.violation(Violation::new(rule, text).by([operation.id]));
        }
    }
    court.close()
}

/// A rule that does not hold, and how.
type Wrong = (&'static str, String);

/// A request and what there was meanwhile.
struct Asked<'h> {
    at: usize,
    operation: &'h Operation,
    call: &'h HttpCall,
    key: &'h str,
    versions: &'h [Version],
    /// Revisions within which it took effect.
    since: i64,
    until: i64,
}

impl Asked<'_> {
    /// The states that the key had during the request; nothing for the time before its first version.
    fn states(&self) -> impl Iterator<Item = Option<&Version>> {
        let begin = self
            .versions
            .partition_point(|one| one.revision <= self.since);
        let first = begin.checked_sub(1).map(|i| &self.versions[i]);
        let later = self.versions[begin..].iter();
        let later = later.take_while(|one| one.revision <= self.until);
        std::iter::once(first).chain(later.map(Some))
    }

    fn answered(
        &self,
        chronicle: &Chronicle,
        authors: &Authors,
        reply: &HttpReply,
    ) -> Result<(), Wrong> {
        let object = &reply.body;
        let is_finished = is_going(object) && !has_any(object, "/metadata/finalizers");
        match self.call.method.as_str() {
            "GET" => self.read(chronicle, reply),
            "DELETE" => {
                let status = text(object, "/details/uid");
                let uid = if status.is_empty() {
                    text(object, "/metadata/uid")
                } else {
                    status
                };
                let wanted = text(&self.call.body, "/preconditions/uid");
                if !wanted.is_empty() && wanted != uid {
                    let what = format!("was to delete {wanted} and deleted {uid}");
                    return Err(("answers.other-deleted", what));
                }
                self.is_gone(uid, true)
            }
            // Nothing held it any more, so it is gone with this change.
            _ if is_finished => self.is_gone(text(object, "/metadata/uid"), false),
            _ => self.written(authors, reply),
        }
    }

    /// Some state until the end of the request is without this object, or, if that is enough, on its way there.
    fn is_gone(&self, uid: &str, going_is_enough: bool) -> Result<(), Wrong> {
        let mut until = self.versions.iter();
        let is_gone = |version: &Version| match &version.object {
            None => true,
            Some(object) => {
                let is_other = text(object, "/metadata/uid") != uid;
                is_other || (going_is_enough && is_going(object))
            }
        };
        // What came before it does not count.
        let of_it = |version: &Version| {
            let object = version.object.as_ref();
            object.is_some_and(|object| text(object, "/metadata/uid") == uid)
        };
        let begin = until.position(of_it).unwrap_or(self.versions.len());
        let mut later = self.versions[begin..].iter();
        match later.any(|one| one.revision <= self.until && is_gone(one)) {
            true => Ok(()),
            false => Err((
                "answers.not-deleted",
                format!("says that {uid} goes, and it stays"),
            )),
        }
    }

    fn written(&self, authors: &Authors, reply: &HttpReply) -> Result<(), Wrong> {
        let revision = reply.version();
        let stored = self.versions.iter().find(|one| one.revision == revision);
        let Some(object) = stored.and_then(|one| one.object.as_ref()) else {
            let what = format!(
                "was acknowledged at {revision}, and {} has no such",
                self.key
            );
            return Err(("answers.lost", what));
        };
        if !is_shown(&reply.body, object, revision) {
            let what = format!(
                "was answered with another object than {} at {revision}",
                self.key
            );
            return Err(("answers.content", what));
        }
        match authors.author(self.key, revision) == Some(self.at) {
            true => Ok(()),
            false => {
                let what = format!("was acknowledged at {revision}, which somebody else made");
                Err(("answers.not-mine", what))
            }
        }
    }

    fn read(&self, chronicle: &Chronicle, reply: &HttpReply) -> Result<(), Wrong> {
        let revision = reply.version();
        let stored = chronicle.at(self.key, revision);
        let is_right = stored
            .filter(|one| one.revision == revision)
            .and_then(|one| one.object.as_ref())
            .is_some_and(|object| is_shown(&reply.body, object, revision));
        if !is_right {
            let what = format!("was shown what {} never was at {revision}", self.key);
            return Err(("answers.read", what));
        }
        let next = chronicle.after(self.key, revision);
        match next.filter(|next| next.revision <= self.since) {
            Some(next) => {
                let (next, since) = (next.revision, self.since);
                let what = format!(
                    "was shown {} of {revision}, which was over at {next}, when {since} was known",
                    self.key
                );
                Err(("answers.stale", what))
            }
            None => Ok(()),
        }
    }

    fn refused(&self, court: &mut Court, code: &str, said: &str) -> Result<(), Wrong> {
        let object = |state: Option<&Version>| state.and_then(|one| one.object.clone());
        let wanted = match self.call.method.as_str() {
            "DELETE" => &self.call.body["preconditions"],
            _ => &self.call.body["metadata"],
        };
        let is_other = |state: Option<&Version>| {
            let named = |at: &str, real: &str| {
                let named = text(wanted, at);
                !named.is_empty() && named != real
            };
            let uid = object(state).map(|one| text(&one, "/metadata/uid").to_owned());
            let revision = state.map_or(0, |one| one.revision).to_string();
            let uid = uid.unwrap_or_default();
            named("/uid", &uid) || named("/resourceVersion", &revision) || object(state).is_none()
        };
        let is_true = match code {
            "AlreadyExists" => self.states().any(|state| object(state).is_some()),
            "NotFound" => self.states().any(|state| object(state).is_none()),
            "Conflict" => self.states().any(is_other),
            "TooManyRequests" | "Refused" => true,
            _ => {
                court.doubt(format!(
                    "answers.odd: operation {} was refused in a way that is not judged: {code}: {said}",
                    self.operation.id
                ));
                true
            }
        };
        match is_true {
            true => Ok(()),
            false => Err((
                "answers.refused",
                format!(
                    "was refused ({code}: {said}), and between {} and {} that was not so",
                    self.since, self.until
                ),
            )),
        }
    }
}
