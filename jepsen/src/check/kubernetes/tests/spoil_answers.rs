//! What may not be answered.

use super::*;

fn refusal(code: &str) -> Outcome {
    Outcome::Failed {
        code: code.to_owned(),
        text: String::new(),
    }
}

#[test]
fn an_acknowledged_write_that_is_not_there_is_flagged() {
    flagged("answers.lost", |records, ops| {
        answer(records, ops.update)["metadata"]["resourceVersion"] = json!("1");
    });
}

#[test]
fn an_answer_with_another_object_is_flagged() {
    flagged("answers.content", |records, ops| {
        answer(records, ops.update)["data"]["value"] = json!("x");
    });
}

#[test]
fn an_acknowledgement_for_what_somebody_else_wrote_is_flagged() {
    flagged("answers.not-mine", |records, ops| {
        let other = answer(records, ops.create).clone();
        *answer(records, ops.update) = other;
    });
}

#[test]
fn a_read_of_what_never_was_or_is_over_is_flagged() {
    flagged("answers.read", |records, ops| {
        answer(records, ops.read)["data"]["value"] = json!("x");
    });
    flagged("answers.stale", |records, ops| {
        let old = answer(records, ops.create).clone();
        *answer(records, ops.read) = old;
    });
}

#[test]
fn a_deletion_that_is_acknowledged_and_does_nothing_is_flagged() {
    flagged("answers.not-deleted", |records, ops| {
        let uid = json!("uid-of-t10");
        call(records, ops.missing).path = format!("{INGRESSES}/i");
        let status = json!({"kind": "Status", "details": {"uid": uid}});
        let body = HttpReply {
            code: 200,
            body: status,
        };
        *outcome(records, ops.missing) = Outcome::Ok(Reply::Http(body));
    });
}

#[test]
fn a_deletion_of_another_object_than_was_named_is_flagged() {
    flagged("answers.other-deleted", |records, ops| {
        answer(records, ops.delete)["details"]["uid"] = json!("another");
    });
}

#[test]
fn an_object_that_nothing_holds_and_that_stays_is_flagged() {
    flagged("answers.not-deleted", |records, ops| {
        let of = answer(records, ops.letting_go);
        of["metadata"]["uid"] = json!("uid-of-t7");
    });
}

#[test]
fn a_refusal_for_a_reason_that_there_was_not_is_flagged() {
    flagged("answers.refused", |records, ops| {
        *outcome(records, ops.conflict) = refusal("NotFound");
    });
    flagged("answers.refused", |records, ops| {
        *outcome(records, ops.missing) = refusal("Conflict");
        call(records, ops.missing).path = format!("{MAPS}/b");
    });
    flagged("answers.refused", |records, ops| {
        call(records, ops.taken).body["metadata"]["name"] = json!("c");
    });
    flagged("answers.refused", |records, ops| {
        // It names the version that there was, and is told that it is another one.
        let now = revision(records, ops.conflict_base());
        call(records, ops.conflict).body["metadata"]["resourceVersion"] = json!(now.to_string());
    });
}

impl Ops {
    /// What the request that was refused was to base on.
    fn conflict_base(&self) -> OpId {
        self.conflict - 1
    }
}

#[test]
fn a_refusal_that_nobody_expects_is_unknown() {
    let (mut records, ops) = history();
    *outcome(&mut records, ops.taken) = refusal("Forbidden");
    let verdict = judge(&History::of(records)).verdict();
    assert!(matches!(verdict, Verdict::Unknown(_)), "{verdict:?}");
}
