//! A logical process of the Kubernetes API: one request in flight, never repeated.

use super::Access;
use crate::history::*;
use crate::recorder::Recorder;
use keelson_kit::check::Check;
use keelson_kit::kubernetes::{Answer, Client, Patch};
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// Longer is not waited for an answer. Longer than an election, shorter than most faults.
const ANSWER: Duration = Duration::from_secs(4);
/// After a request that was lost the process rests.
const REST: Duration = Duration::from_millis(100);

/// Reasons by which a server says that nothing has changed, now or later.
const DEFINITE: [&str; 11] = [
    "BadRequest",
    "NotFound",
    "AlreadyExists",
    "Conflict",
    "Invalid",
    "Expired",
    "Forbidden",
    "Unauthorized",
    "MethodNotAllowed",
    "RequestEntityTooLarge",
    "TooManyRequests",
];

/// See the module.
#[derive(Debug)]
pub struct Api {
    recorder: Recorder,
    access: Access,
    process: Process,
    node: Option<Node>,
    turn: Node,
    line: Option<(Node, Line)>,
}

struct Line(Client);

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line")
    }
}

impl Api {
    /// A process that asks one member (counted from one), or another one each time.
    pub fn new(recorder: &Recorder, access: &Access, node: Option<Node>) -> Api {
        Api {
            recorder: recorder.clone(),
            access: access.clone(),
            process: recorder.process(),
            node,
            turn: 0,
            line: None,
        }
    }

    /// Its number, which changes after an unknown outcome.
    pub fn process(&self) -> Process {
        self.process
    }

    /// The member that is asked next.
    pub fn node(&mut self) -> Node {
        self.node.unwrap_or_else(|| {
            self.turn = self.turn % self.access.members() as Node + 1;
            self.turn
        })
    }

    /// Sends a request, once, and writes down what became of it.
    pub async fn call(&mut self, call: HttpCall) -> Outcome {
        let node = self.node();
        let client = match self.line.take() {
            Some((own, Line(client))) if own == node => client,
            _ => self.access.at(node),
        };
        let record = Call::Http(call.clone());
        let op = self
            .recorder
            .invoke_as(self.process, Some(node), record, None);
        let answer = timeout(ANSWER, send(&client, &call)).await;
        let is_lost = !matches!(answer, Ok(Ok(_)));
        let outcome = match answer {
            Ok(answer) => outcome(answer),
            Err(_) => unknown("DeadlineExceeded", "no answer in time"),
        };
        // A connection over which nothing came may never be one again.
        self.line = (!is_lost).then_some((node, Line(client)));
        let outcome = self.recorder.ended(op, outcome);
        if matches!(outcome, Outcome::Unknown { .. }) {
            self.process = self.recorder.process();
        }
        if is_lost {
            tokio::time::sleep(REST).await;
        }
        outcome
    }

    /// The same, for the answer. `None` if the request was not carried out.
    pub async fn ask(&mut self, call: HttpCall) -> Option<HttpReply> {
        match self.call(call).await {
            Outcome::Ok(Reply::Http(reply)) => Some(reply),
            _ => None,
        }
    }
}

async fn send(client: &Client, call: &HttpCall) -> Check<Answer> {
    let (path, body) = (&call.path, &call.body);
    match call.method.as_str() {
        "POST" => client.post(path, body).await,
        "PUT" => client.put(path, body).await,
        "DELETE" => client.delete(path, body).await,
        "PATCH merge" => client.patch(path, Patch::Merge, body).await,
        "PATCH apply" => client.patch(path, Patch::Apply, body).await,
        _ => client.get(path).await,
    }
}

fn unknown(code: &str, text: &str) -> Outcome {
    let (code, text) = (code.to_owned(), text.to_owned());
    Outcome::Unknown { code, text }
}

/// What an answer says about the request. In doubt the outcome is unknown.
fn outcome(answer: Check<Answer>) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) => {
            let text = failure.to_string();
            return match text.contains("Connection refused") {
                // The connection was never made.
                true => Outcome::Failed {
                    code: "Refused".to_owned(),
                    text,
                },
                false => unknown("Unavailable", &text),
            };
        }
    };
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return unknown("Garbled", &format!("{}: {}", answer.code, answer.text()));
    };
    sort(answer.code, body)
}

fn sort(code: u16, body: Value) -> Outcome {
    if (200..300).contains(&code) {
        return Outcome::Ok(Reply::Http(HttpReply { code, body }));
    }
    let reason = body["reason"].as_str().unwrap_or_default();
    let message = body["message"].as_str().unwrap_or_default();
    let is_status = body["kind"] == "Status" && body["status"] == "Failure";
    match is_status && DEFINITE.contains(&reason) {
        true => Outcome::Failed {
            code: reason.to_owned(),
            text: message.to_owned(),
        },
        false => unknown(&format!("{code} {reason}"), message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(code: u16, reason: &str) -> Outcome {
        let status = json!({"kind": "Status", "status": "Failure", "reason": reason});
        sort(code, status)
    }

    #[test]
    fn what_a_server_refuses_for_a_reason_has_not_happened() {
        for (code, reason) in [(409, "Conflict"), (409, "AlreadyExists"), (404, "NotFound")] {
            let outcome = refusal(code, reason);
            assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
        }
    }

    #[test]
    fn what_has_to_do_with_time_or_a_store_that_is_away_may_have_happened() {
        for (code, reason) in [
            (504, "Timeout"),
            (503, "ServiceUnavailable"),
            (500, "InternalError"),
            (500, ""),
        ] {
            let outcome = refusal(code, reason);
            assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
        }
    }

    #[test]
    fn a_refusal_by_somebody_else_says_nothing() {
        let outcome = sort(409, json!({"reason": "Conflict"}));
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }
}
