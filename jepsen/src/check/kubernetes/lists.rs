//! What lists showed.

use super::chronicle::Chronicle;
use super::selection::{Named, Selection, is_shown, text};
use super::time::Times;
use super::{Court, Finding, Violation, requests};
use crate::history::{History, HttpCall, HttpReply, Operation, Outcome, Reply, version};
use serde_json::Value;
use std::collections::HashMap;

/// How fresh a list must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fresh {
    /// As new as anything that anybody was told of.
    Latest,
    /// At least of this revision; zero: anything.
    NotOlderThan(i64),
    /// Of this revision.
    Exactly(i64),
}

impl Fresh {
    fn of(call: &HttpCall) -> Option<Fresh> {
        let revision = call.parameter("resourceVersion").unwrap_or("");
        Some(match (revision, call.parameter("resourceVersionMatch")) {
            ("", None) => Fresh::Latest,
            (revision, None | Some("NotOlderThan")) => Fresh::NotOlderThan(revision.parse().ok()?),
            (revision, Some("Exact")) => Fresh::Exactly(revision.parse().ok()?),
            _ => return None,
        })
    }
}

/// Where the next page begins.
#[derive(Clone, Debug)]
struct Token {
    revision: i64,
    /// Objects up to this name were on earlier pages.
    last: String,
}

/// *A pass proves* that each list was the whole state of one revision, as far as it was selected and in the order of
/// names; that its revision was as it was asked for, and, if nothing was said, as new as anything that anybody had been
/// told of before; that it was not from the future; and that the pages of one list together were that state, each object
/// once.
pub fn check(history: &History, chronicle: &Chronicle, times: &Times) -> Finding {
    let mut court = Court::new("lists");
    let mut tokens: HashMap<String, Token> = HashMap::new();
    for (operation, call) in requests(history) {
        let Some(Named {
            name: None, prefix, ..
        }) = Named::of(&call.path)
        else {
            continue;
        };
        let Outcome::Ok(Reply::Http(reply)) = &operation.outcome else {
            continue;
        };
        if call.method != "GET" {
            continue;
        }
        court.look(1);
        let list = List {
            operation,
            call,
            reply,
            prefix: &prefix,
        };
        if let Err((rule, text)) = list.judge(chronicle, times, &mut tokens) {
            let text = format!("operation {}: {text}", operation.id);
            let violation = Violation::new(rule, text).by([operation.id]);
            court.violation(violation.at(reply.version()));
        }
    }
    court.close()
}

/// What a page behind the first is asked for with, as it was told.
pub fn token(call: &HttpCall) -> Option<String> {
    let token = call.parameter("continue")?;
    Some(token.replace("%3D", "=").replace("%2B", "+"))
}

struct List<'h> {
    operation: &'h Operation,
    call: &'h HttpCall,
    reply: &'h HttpReply,
    prefix: &'h str,
}

type Judged = Result<(), (&'static str, String)>;

impl List<'_> {
    fn judge(
        &self,
        chronicle: &Chronicle,
        times: &Times,
        tokens: &mut HashMap<String, Token>,
    ) -> Judged {
        let revision = self.reply.version();
        let from = match token(self.call) {
            Some(token) => {
                let Some(from) = tokens.get(&token) else {
                    let text = "a page was got by a token that nobody had got".to_owned();
                    return Err(("lists.token", text));
                };
                if from.revision != revision {
                    let text = format!("a page of {revision} follows one of {}", from.revision);
                    return Err(("lists.pages", text));
                }
                from.last.clone()
            }
            None => {
                self.is_fresh(times)?;
                String::new()
            }
        };
        let until = times.possible_until(self.operation.returned());
        if revision > until {
            let text = format!("a list is of {revision}, and nothing behind {until} was there");
            return Err(("lists.future", text));
        }
        self.has_all(chronicle, &from)?;
        let next = text(&self.reply.body, "/metadata/continue");
        if let Some(last) = self.items().last()
            && !next.is_empty()
        {
            let last = text(last, "/metadata/name").to_owned();
            tokens.insert(next.to_owned(), Token { revision, last });
        }
        Ok(())
    }

    fn is_fresh(&self, times: &Times) -> Judged {
        let revision = self.reply.version();
        let known = times.known_before(self.operation.invoke);
        match Fresh::of(self.call) {
            Some(Fresh::Latest) if revision < known => {
                let text = format!("a list is of {revision}, when {known} was known");
                Err(("lists.stale", text))
            }
            Some(Fresh::NotOlderThan(least)) if revision < least => {
                let text = format!("a list is of {revision}, and was to be of {least} at least");
                Err(("lists.older-than-asked", text))
            }
            Some(Fresh::Exactly(wanted)) if revision != wanted => {
                let text = format!("a list is of {revision}, and was to be of {wanted}");
                Err(("lists.other-revision", text))
            }
            _ => Ok(()),
        }
    }

    fn items(&self) -> &[Value] {
        let items = self.reply.body["items"].as_array();
        items.map_or(&[], Vec::as_slice)
    }

    /// All that was selected, behind what earlier pages had; up to the limit, if there is more.
    fn has_all(&self, chronicle: &Chronicle, from: &str) -> Judged {
        let Some(selection) = Selection::of(self.call) else {
            return Ok(());
        };
        let revision = self.reply.version();
        let state = chronicle.state(self.prefix, revision);
        let mut wanted = state.into_iter().filter(|(key, _, object)| {
            let name = &key[self.prefix.len()..];
            (from.is_empty() || name > from) && selection.has(object)
        });
        for item in self.items() {
            let name = text(item, "/metadata/name");
            let of = version(item);
            let is_right = wanted.next().is_some_and(|(key, stored, object)| {
                &key[self.prefix.len()..] == name && stored == of && is_shown(item, object, of)
            });
            if !is_right {
                let text = format!("{name} of {of} does not belong there in a list of {revision}");
                return Err(("lists.differs", text));
            }
        }
        let rest = wanted.next();
        let has_more = !text(&self.reply.body, "/metadata/continue").is_empty();
        match rest {
            Some((key, stored, _)) if !has_more => {
                let text = format!("{key} of {stored} is missing in a list of {revision}");
                Err(("lists.missing", text))
            }
            _ => Ok(()),
        }
    }
}
