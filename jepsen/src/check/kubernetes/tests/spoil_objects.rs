//! What may not become of an object.

use super::*;

#[test]
fn a_request_that_was_refused_and_took_effect_is_flagged() {
    flagged("objects.refused-took-effect", |records, ops| {
        *outcome(records, ops.update) = Outcome::Failed {
            code: "Conflict".to_owned(),
            text: String::new(),
        };
    });
}

#[test]
fn an_update_of_another_version_than_it_named_is_flagged() {
    flagged("objects.unconditional", |records, ops| {
        let old = revision(records, ops.create) - 1;
        call(records, ops.update).body["metadata"]["resourceVersion"] = json!(old.to_string());
    });
}

#[test]
fn an_update_of_another_object_than_it_named_is_flagged() {
    flagged("objects.unconditional", |records, ops| {
        call(records, ops.ingress).body["metadata"]["uid"] = json!("another");
    });
}

#[test]
fn two_that_base_on_one_version_and_both_win_are_flagged() {
    // The second is the one that was refused for just that.
    flagged("objects.refused-took-effect", |records, ops| {
        let lost = call(records, ops.conflict).body.clone();
        let tag = lost["metadata"]["annotations"]["op"].clone();
        let at = revision(records, ops.update);
        rewrite(records, at, |object| {
            object["metadata"]["annotations"]["op"] = tag.clone();
        });
    });
}

#[test]
fn another_content_than_was_asked_for_is_flagged() {
    flagged("objects.content", |records, ops| {
        let at = revision(records, ops.update);
        rewrite(records, at, |object| object["data"]["more"] = json!("x"));
    });
}

#[test]
fn a_status_that_changes_what_is_wanted_is_flagged() {
    flagged("objects.content", |records, ops| {
        let at = revision(records, ops.status);
        rewrite(records, at, |object| object["spec"]["name"] = json!("x"));
    });
}

#[test]
fn a_generation_that_rises_for_nothing_or_not_is_flagged() {
    flagged("objects.generation", |records, ops| {
        let at = revision(records, ops.status);
        rewrite(records, at, |object| {
            object["metadata"]["generation"] = json!(3)
        });
    });
    flagged("objects.generation", |records, ops| {
        let at = revision(records, ops.ingress);
        rewrite(records, at, |object| {
            object["metadata"]["generation"] = json!(1)
        });
    });
}

#[test]
fn a_uid_that_changes_or_comes_back_is_flagged() {
    flagged("objects.identity", |records, ops| {
        let at = revision(records, ops.update);
        rewrite(records, at, |object| {
            object["metadata"]["uid"] = json!("another")
        });
    });
    flagged("objects.uid-again", |records, ops| {
        let at = revision(records, ops.again);
        rewrite(records, at, |object| {
            object["metadata"]["uid"] = json!("uid-of-t1")
        });
    });
}

#[test]
fn an_object_that_goes_and_nobody_deleted_it_is_flagged() {
    flagged("objects.taken", |records, ops| {
        *outcome(records, ops.delete) = Outcome::Failed {
            code: "NotFound".to_owned(),
            text: String::new(),
        };
    });
    flagged("objects.taken", |records, ops| {
        call(records, ops.delete).body = json!({"preconditions": {"uid": "another"}});
    });
}

#[test]
fn an_object_that_goes_while_it_is_held_is_flagged() {
    flagged("objects.finalizers", |records, ops| {
        let at = revision(records, ops.update);
        rewrite(records, at, |object| {
            object["metadata"]["finalizers"] = json!(["hold"])
        });
    });
    flagged("objects.taken", |records, ops| {
        call(records, ops.letting_go).body["metadata"]["finalizers"] = json!(["hold"]);
    });
}

#[test]
fn an_object_that_was_to_go_and_stays_is_flagged() {
    flagged("objects.stays", |records, ops| {
        let at = revision(records, ops.create);
        rewrite(records, at, |object| {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        });
    });
}

#[test]
fn a_version_that_nobody_asked_for_is_flagged() {
    flagged("objects.nobody", |records, ops| {
        call(records, ops.update).body["metadata"]["annotations"]["op"] = json!("other");
    });
}

#[test]
fn a_request_that_takes_effect_twice_is_flagged() {
    flagged("objects.applied-twice", |records, ops| {
        let at = revision(records, ops.again);
        rewrite(records, at, |object| {
            object["metadata"]["annotations"]["op"] = json!("t1");
        });
    });
}

#[test]
fn a_creation_of_a_name_that_is_taken_is_flagged() {
    flagged("objects.name-taken", |records, ops| {
        call(records, ops.update).method = "POST".to_owned();
    });
}

#[test]
fn a_request_that_takes_effect_before_it_is_sent_is_flagged() {
    flagged("objects.real-time", |records, ops| {
        let is_sent =
            |record: &Record| matches!(record, Record::Invoke { op, .. } if *op == ops.update);
        let from = records.iter().position(is_sent).unwrap();
        let is_answered =
            |record: &Record| matches!(record, Record::Complete { op, .. } if *op == ops.update);
        let to = records.iter().position(is_answered).unwrap();
        let mut sent = records.remove(from);
        if let Record::Invoke { at, .. } = &mut sent {
            *at = records[to - 2].at();
        }
        records.insert(to - 1, sent);
    });
}
