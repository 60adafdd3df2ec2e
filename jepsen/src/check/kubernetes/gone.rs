//! What clients were told is gone.

use super::lists::token;
use super::{Court, Finding, Violation, requests};
use crate::check::truth::{Compaction, compactions};
use crate::history::{
    History, HttpCall, HttpReply, Informer, InformerRecord, Nanos, Outcome, Reply, version,
};
use std::collections::HashMap;

/// *A pass proves* that whoever was told that the version it asked for is gone (410, `Expired`) had asked for one from
/// before a revision that somebody had asked to compact to by then: watches from where they were, lists of an exact
/// version, and pages behind the first. Not judged: that what is gone is refused, since an answer that is right is
/// welcome; and watches that are refused before they begin, as ours never are for this.
pub fn check(history: &History) -> Finding {
    let mut court = Court::new("gone");
    let compactions = compactions(history);
    let is_explained = |at: i64, until: Nanos| {
        let explains = |one: &Compaction| one.to > at && one.invoked < until;
        compactions.iter().any(explains)
    };
    for informer in &history.informers {
        let Some((at, told)) = end_of(informer) else {
            continue;
        };
        court.look(1);
        if !is_explained(at, told) {
            let open = &informer.open;
            let text = format!(
                "informer {} of member {} was told that what came after {at} is gone, which nobody compacted",
                open.informer, open.node
            );
            court.violation(Violation::new("gone.watch", text).on([open.node]).at(at));
        }
    }
    let mut pages: HashMap<String, i64> = HashMap::new();
    for (operation, call) in requests(history) {
        match &operation.outcome {
            Outcome::Ok(Reply::Http(reply)) => {
                pages.extend(next_page(reply));
            }
            Outcome::Failed { code, .. } if code == "Expired" => {
                let Some(at) = pinned(call, &pages) else {
                    continue;
                };
                court.look(1);
                if !is_explained(at, operation.returned()) {
                    let text = format!(
                        "operation {} was told that the state of {at} is gone, which nobody compacted",
                        operation.id
                    );
                    let violation = Violation::new("gone.list", text).by([operation.id]);
                    court.violation(violation.at(at));
                }
            }
            _ => {}
        }
    }
    court.close()
}

/// If a watch ended because what it wanted is gone: up to where it had been told everything, and when.
fn end_of(informer: &Informer) -> Option<(i64, Nanos)> {
    let call = HttpCall::get(&informer.open.path);
    let from = call.parameter("resourceVersion").unwrap_or("");
    let mut at = from.parse().unwrap_or(0);
    for (when, record) in &informer.records {
        match record {
            InformerRecord::Event { kind, object, .. } if kind == "ERROR" => {
                return (object["code"] == 410).then_some((at, *when));
            }
            InformerRecord::Event { object, .. } => at = at.max(version(object)),
            _ => {}
        }
    }
    None
}

/// The token that leads to the next page, and the version of which it will be.
fn next_page(reply: &HttpReply) -> Option<(String, i64)> {
    let next = reply.body.pointer("/metadata/continue")?.as_str()?;
    (!next.is_empty()).then(|| (next.to_owned(), reply.version()))
}

/// The version of which a list must be, if it is to be of one.
fn pinned(call: &HttpCall, pages: &HashMap<String, i64>) -> Option<i64> {
    if let Some(token) = token(call) {
        return pages.get(&token).copied();
    }
    let is_exact = call.parameter("resourceVersionMatch") == Some("Exact");
    let revision = call.parameter("resourceVersion")?;
    revision.parse().ok().filter(|_| is_exact)
}
