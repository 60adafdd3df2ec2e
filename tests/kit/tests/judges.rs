//! The parts of the kit that judge others are judged here: what makes random requests, compares answers, shrinks
//! a script and knows how long a recorded body was.

use keelson_kit::differential::compare::{Tolerance, comparable};
use keelson_kit::differential::generate::steps;
use keelson_kit::differential::run::Reply;
use keelson_kit::differential::shrink::shrink;
use keelson_kit::differential::step::{PRESENT, Step};
use keelson_kit::kubernetes::traces::bodies::{protobuf, space, written};
use keelson_kit::request::{IntoOp, get, mod_is, put, txn};
use keelson_proto::etcdserverpb::range_request::SortTarget;
use keelson_proto::etcdserverpb::{RangeRequest, RangeResponse};
use keelson_proto::mvccpb::KeyValue;
use serde_json::Value;

#[tokio::test]
async fn only_the_steps_that_matter_remain() {
    let steps: Vec<_> = (0..500)
        .map(|i| Step::Put(put(i.to_string(), "")))
        .collect();
    let wanted = [steps[17].clone(), steps[333].clone()];
    let found = shrink(steps, async |candidate: &[Step]| {
        Ok(wanted.iter().all(|step| candidate.contains(step)))
    })
    .await;
    assert_eq!(found.expect("nothing fails here"), wanted);
}

#[tokio::test]
async fn only_the_parts_of_a_transaction_that_matter_remain() {
    let wanted = put("k", "").op();
    let success = vec![get("a").op(), wanted.clone(), get("b").op()];
    let step = Step::Txn(txn(vec![mod_is("k", 0)], success, vec![get("c").op()]));
    let found = shrink(vec![step], async |candidate: &[Step]| {
        Ok(matches!(&candidate[0], Step::Txn(txn) if txn.success.contains(&wanted)))
    })
    .await;
    let short = Step::Txn(txn(vec![], vec![wanted.clone()], vec![]));
    assert_eq!(found.expect("nothing fails here"), [short]);
}

#[test]
fn the_same_seed_gives_the_same_steps() {
    assert_eq!(steps(1, 500), steps(1, 500));
    assert_ne!(steps(1, 500), steps(2, 500));
}

/// Thirteen keys were found; these came first, with their versions.
fn sorted(found: &[(&'static str, i64)], more: bool) -> Reply {
    let kvs = found.iter().map(|(key, version)| KeyValue {
        key: (*key).into(),
        version: *version,
        ..Default::default()
    });
    Reply::Range(RangeResponse {
        kvs: kvs.collect(),
        count: 13,
        more,
        ..Default::default()
    })
}

fn differ(left: &Reply, right: &Reply) -> bool {
    let step = Step::Range(RangeRequest {
        sort_target: SortTarget::Version as i32,
        ..get("a")
    });
    let plain = |reply| comparable(reply, &step, Tolerance::default());
    plain(left) != plain(right)
}

#[test]
fn only_the_order_of_equal_keys_means_nothing() {
    let left = sorted(&[("a", 1), ("b", 1), ("c", 2)], false);
    let swapped = sorted(&[("b", 1), ("a", 1), ("c", 2)], false);
    assert!(!differ(&left, &swapped));
    let unsorted = sorted(&[("a", 1), ("c", 2), ("b", 1)], false);
    assert!(differ(&left, &unsorted));
    let another = sorted(&[("a", 1), ("b", 1), ("d", 2)], false);
    assert!(differ(&left, &another));
}

#[test]
fn a_limit_may_cut_off_any_of_equal_keys() {
    let left = sorted(&[("a", 1), ("b", 2)], true);
    assert!(!differ(&left, &sorted(&[("a", 1), ("c", 2)], true)));
    assert!(differ(&left, &sorted(&[("c", 1), ("b", 2)], true)));
    assert!(differ(&left, &sorted(&[("a", 1)], true)));
}

#[test]
fn a_step_is_printed_without_defaults_and_with_relative_revisions() {
    let range = Step::Range(RangeRequest {
        revision: PRESENT - 3,
        limit: 10,
        ..get("k")
    });
    let text = range.to_string();
    assert!(text.contains("revision: now-3"), "{text}");
    assert!(text.contains("limit: 10"), "{text}");
    assert!(!text.contains("keys_only"), "{text}");
    let text = Step::Put(put("k", "")).to_string();
    assert!(text.contains("key: b\"k\""), "{text}");
    assert!(!text.contains("value"), "{text}");
}

#[test]
fn relative_revisions_become_absolute_everywhere() {
    let pinned = || RangeRequest {
        revision: PRESENT - 1,
        ..get("k")
    };
    let nested = txn(vec![mod_is("k", PRESENT)], vec![pinned().op()], vec![]);
    let step = Step::Txn(txn(vec![], vec![], vec![nested.op()])).at(7);
    let text = step.to_string();
    let found = text.contains("ModRevision(7)") && text.contains("revision: 6");
    assert!(found, "{text}");
}

#[test]
fn bodies_are_as_long_as_those_that_were_recorded() {
    let recorded = [
        ("proto-map", 55),
        ("proto-deployment", 193),
        ("proto-secret", 54),
        ("proto-account", 53),
        ("proto-service", 121),
        ("proto-access", 122),
        ("proto-self", 83),
        ("proto-self-v1beta1", 88),
        ("proto-self-v1alpha1", 89),
        ("proto-role", 83),
        ("proto-token", 78),
    ];
    for (name, length) in recorded {
        let body = protobuf(name, "default").expect("a body");
        assert_eq!(body.len(), length, "{name}");
    }
    assert_eq!(space("foo").len(), 54);
    // Some end with a line end.
    for (name, length, end) in [
        ("label", 33, ""),
        ("scale", 23, ""),
        ("background", 35, "\n"),
        ("pod", 209, "\n"),
        ("exposed", 201, "\n"),
    ] {
        let body = written(name, &Value::Null).expect("a body").to_string() + end;
        assert_eq!(body.len(), length, "{name}");
    }
}
