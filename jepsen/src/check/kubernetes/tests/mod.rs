//! A right history passes; each that is made wrong in one place is flagged by its rule.

mod scene;
mod spoil_answers;
mod spoil_gone;
mod spoil_loops;
mod spoil_objects;
mod spoil_told;

use crate::check::{Verdict, judge};
use crate::history::*;
use scene::{INGRESSES, MAPS, Scene, seen};
use serde_json::{Value, json};

/// Operations that tests want to find again.
struct Ops {
    create: OpId,
    update: OpId,
    read: OpId,
    delete: OpId,
    again: OpId,
    letting_go: OpId,
    conflict: OpId,
    taken: OpId,
    missing: OpId,
    list: OpId,
    pages: Vec<OpId>,
    status: OpId,
    ingress: OpId,
}

fn history() -> (Vec<Record>, Ops) {
    let mut scene = Scene::new();
    scene.inform();
    let (a, b, c) = (
        format!("{MAPS}/a"),
        format!("{MAPS}/b"),
        format!("{MAPS}/c"),
    );
    let create = scene.create(MAPS, "a", json!([]), "t1");
    scene.create(MAPS, "b", json!(["hold"]), "t2");
    scene.bookmark();
    let update = scene.update(&a, "t3", |body| body["data"]["value"] = json!("t3"));
    let read = scene.get(&a);
    let mut old = scene.present(&b);
    scene.update(&b, "t4", |_| {});
    old["metadata"]["annotations"]["op"] = json!("t5");
    let conflict = scene.refuse("PUT", &b, old, "Conflict");
    let body = json!({"metadata": {"name": "a", "annotations": {"op": "t6"}}});
    let taken = scene.refuse("POST", MAPS, body, "AlreadyExists");
    let delete = scene.delete(&a);
    let missing = scene.refuse("DELETE", &a, json!({"preconditions": {}}), "NotFound");
    let again = scene.create(MAPS, "a", json!([]), "t7");
    scene.create(MAPS, "c", json!([]), "t8");
    let list = scene.list("resourceVersion=")[0];
    let pages = scene.list("limit=2");
    scene.delete(&b);
    let letting_go = scene.update(&b, "t9", |body| body["metadata"]["finalizers"] = json!([]));
    scene.delete(&c);
    scene.create(INGRESSES, "i", json!([]), "t10");
    let ingress = scene.update(&format!("{INGRESSES}/i"), "t11", |body| {
        body["spec"]["name"] = json!("t11");
    });
    let status = format!("{INGRESSES}/i/status");
    let one = format!("{INGRESSES}/i");
    let mut object = scene.present(&one);
    object["status"] = json!({"loadBalancer": {"ingress": [{"hostname": "t12"}]}});
    let status = scene.put_as(&status, &one, object);
    scene.bookmark();
    scene.compact(6);
    scene.come_back(5);
    let ops = Ops {
        create,
        update,
        read,
        delete,
        again,
        letting_go,
        conflict,
        taken,
        missing,
        list,
        pages,
        status,
        ingress,
    };
    (scene.finish(), ops)
}

/// All rules that are broken.
fn rules(records: Vec<Record>) -> Vec<String> {
    let judgement = judge(&History::of(records));
    let all = judgement.findings.iter();
    let all = all.flat_map(|one| std::iter::once(&one.verdict).chain(&one.more));
    all.filter_map(|verdict| match verdict {
        Verdict::Fail(violation) => Some(violation.rule.clone()),
        _ => None,
    })
    .collect()
}

/// A history that is spoilt so must be flagged by this rule.
fn flagged(rule: &str, spoil: impl FnOnce(&mut Vec<Record>, &Ops)) {
    let (mut records, ops) = history();
    spoil(&mut records, &ops);
    let found = rules(records);
    assert!(
        found.iter().any(|one| one == rule),
        "{rule} is not in {found:?}"
    );
}

/// What was asked for by an operation.
fn call(records: &mut [Record], wanted: OpId) -> &mut HttpCall {
    let mut found = records.iter_mut().filter_map(|record| match record {
        Record::Invoke {
            op,
            call: Call::Http(call),
            ..
        } if *op == wanted => Some(call),
        _ => None,
    });
    found.next().unwrap()
}

fn outcome(records: &mut [Record], wanted: OpId) -> &mut Outcome {
    let mut found = records.iter_mut().filter_map(|record| match record {
        Record::Complete { op, outcome, .. } if *op == wanted => Some(outcome),
        _ => None,
    });
    found.next().unwrap()
}

/// What was answered to an operation.
fn answer(records: &mut [Record], wanted: OpId) -> &mut Value {
    match outcome(records, wanted) {
        Outcome::Ok(Reply::Http(reply)) => &mut reply.body,
        other => panic!("{other:?}"),
    }
}

/// The revision at which an operation was acknowledged.
fn revision(records: &mut [Record], op: OpId) -> i64 {
    version(answer(records, op))
}

/// Changes an object of a revision, wherever it is told: by all watches of everything and by all members.
fn rewrite(records: &mut [Record], revision: i64, change: impl Fn(&mut Value)) {
    let rewritten = |kv: &mut KeyValue| {
        if kv.mod_revision == revision && !kv.value.is_empty() {
            let mut object: Value = serde_json::from_slice(&kv.value).unwrap();
            change(&mut object);
            kv.value = Blob::from(object.to_string());
        }
    };
    for record in records {
        match record {
            Record::Watch {
                watch: WatchRecord::Events { events, .. },
                ..
            } => events.iter_mut().for_each(|event| rewritten(&mut event.kv)),
            Record::Observe {
                observation:
                    Observation::FullRange {
                        reply: Observed::Got((_, kvs)),
                        ..
                    },
                ..
            } => kvs.iter_mut().for_each(rewritten),
            _ => {}
        }
    }
}

#[test]
fn a_right_history_passes_and_much_was_looked_at() {
    let judgement = judge(&History::of(history().0));
    assert!(judgement.verdict().is_pass(), "{:#?}", judgement.findings);
    // Nothing was broken in it.
    let faults = ["refusal", "resources"];
    let of_all = judgement.findings.iter();
    for finding in of_all.filter(|one| !faults.contains(&one.checker.as_str())) {
        assert!(finding.looked_at > 0, "{finding:?}");
    }
}

#[test]
fn an_answer_that_did_not_come_is_no_reason_to_complain() {
    let (_, ops) = history();
    for op in [
        ops.create,
        ops.update,
        ops.delete,
        ops.letting_go,
        ops.status,
    ] {
        let (mut records, _) = history();
        *outcome(&mut records, op) = Outcome::Unknown {
            code: "NoAnswer".to_owned(),
            text: String::new(),
        };
        let verdict = judge(&History::of(records)).verdict();
        assert!(verdict.is_pass(), "{op}: {verdict:#?}");
    }
}

#[test]
fn the_version_of_an_object_is_that_of_its_key() {
    let kv = KeyValue {
        value: Blob::from("{\"metadata\": {}}"),
        mod_revision: 7,
        ..KeyValue::default()
    };
    assert_eq!(version(&seen(&kv)), 7);
}
