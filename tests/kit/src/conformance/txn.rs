//! §2.3: comparisons, branches, nesting.

use super::texts::{COMPACTED, FUTURE, NO_LEASE};
use super::{Statement, private, statement};
use crate::check::{Check, holds, refused, same, some};
use crate::request::*;
use crate::target::{Launcher, Space, Target};
use bytes::Bytes;
use keelson_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use keelson_proto::etcdserverpb::response_op::Response;
use keelson_proto::etcdserverpb::*;
use tonic::Code;

const TOO_MANY: &str = "etcdserver: too many operations in txn request";
const TWICE: &str = "etcdserver: duplicate key given in txn request";

pub(super) fn statements() -> Vec<Statement> {
    vec![
        statement!(c44_a_txn_has_at_most_128_operations),
        statement!(c44_a_nested_txn_gets_the_rest_of_the_budget),
        statement!(c45_an_operation_without_a_request_is_refused),
        statement!(c46_a_key_is_put_once_per_branch),
        statement!(c46_deletions_may_overlap),
        statement!(c46_branches_may_put_the_same_key_but_siblings_may_not),
        statement!(c47_the_branch_not_taken_is_checked_too),
        private!(c48_a_put_under_a_from_key_deletion_is_not_refused).etcd_only(),
        statement!(c49_nested_compares_see_the_state_before_the_txn),
        statement!(c50_a_missing_key_compares_as_zero),
        statement!(c50_every_operator_of_every_target),
        statement!(c50a_a_range_compare_holds_for_every_key),
        statement!(c50b_an_unset_target_is_zero),
        statement!(c50b_an_unknown_operator_is_true).etcd_only(),
        statement!(c50c_a_range_sees_the_puts_before_it),
        private!(c50c_a_bad_revision_fails_the_whole_txn),
        statement!(c50d_a_bad_operation_fails_the_whole_txn),
        private!(c50e_a_txn_of_reads_leaves_the_log_alone),
        statement!(c50f_headers_inside_a_txn_hold_only_the_revision),
    ]
}

/// The answers of a txn, opened.
fn responses(reply: TxnResponse) -> Vec<Response> {
    reply
        .responses
        .into_iter()
        .filter_map(|op| op.response)
        .collect()
}

#[track_caller]
fn as_range(response: &Response) -> Check<&RangeResponse> {
    match response {
        Response::ResponseRange(range) => Ok(range),
        other => Err(crate::check::Failure::new(format!(
            "not a range: {other:?}"
        ))),
    }
}

#[track_caller]
fn as_txn(response: &Response) -> Check<&TxnResponse> {
    match response {
        Response::ResponseTxn(txn) => Ok(txn),
        other => Err(crate::check::Failure::new(format!("not a txn: {other:?}"))),
    }
}

fn reads(s: &Space, count: usize) -> Vec<RequestOp> {
    vec![get(s.key("k")).op(); count]
}

async fn c44_a_txn_has_at_most_128_operations(t: &Target) -> Check {
    let s = t.space();
    let compares = |count| vec![mod_is(s.key("k"), 0); count];
    s.txn(txn(compares(128), reads(&s, 128), reads(&s, 128)))
        .await?;
    for request in [
        txn(compares(129), vec![], vec![]),
        txn(vec![], reads(&s, 129), vec![]),
        txn(vec![], vec![], reads(&s, 129)),
    ] {
        refused(s.txn(request).await, Code::InvalidArgument, TOO_MANY)?;
    }
    Ok(())
}

async fn c44_a_nested_txn_gets_the_rest_of_the_budget(t: &Target) -> Check {
    let s = t.space();
    let nested = |outer: usize, inner: usize| {
        let mut all = reads(&s, outer - 1);
        all.push(ops(reads(&s, inner)).op());
        ops(all)
    };
    s.txn(nested(28, 100)).await?;
    refused(
        s.txn(nested(28, 101)).await,
        Code::InvalidArgument,
        TOO_MANY,
    )
}

async fn c45_an_operation_without_a_request_is_refused(t: &Target) -> Check {
    let s = t.space();
    let empty = ops(vec![RequestOp { request: None }]);
    refused(
        s.txn(empty).await,
        Code::InvalidArgument,
        "etcdserver: key not found",
    )
}

async fn c46_a_key_is_put_once_per_branch(t: &Target) -> Check {
    let s = t.space();
    let write = || put(s.key("k"), "v").op();
    for twice in [
        vec![write(), write()],
        vec![write(), delete(s.key("k")).op()],
        vec![delete_range(s.key("a"), s.key("z")).op(), write()],
        vec![write(), ops(vec![write()]).op()],
        vec![write(), ops(vec![delete(s.key("k")).op()]).op()],
        vec![ops(vec![delete(s.key("k")).op()]).op(), write()],
    ] {
        refused(s.txn(ops(twice)).await, Code::InvalidArgument, TWICE)?;
    }
    same("keys", s.range(s.all()).await?.count, 0)
}

async fn c46_deletions_may_overlap(t: &Target) -> Check {
    let s = t.space();
    let before = s.put(put(s.key("k"), "v")).await?.revision();
    let reply = s
        .txn(ops(vec![
            delete(s.key("k")).op(),
            delete_range(s.key("a"), s.key("z")).op(),
        ]))
        .await?;
    same("revision", reply.revision(), before + 1)?;
    let deleted: Vec<_> = responses(reply)
        .into_iter()
        .map(|response| match response {
            Response::ResponseDeleteRange(reply) => reply.deleted,
            _ => -1,
        })
        .collect();
    same("deleted by each", deleted, vec![1, 0])
}

async fn c46_branches_may_put_the_same_key_but_siblings_may_not(t: &Target) -> Check {
    let s = t.space();
    let write = |value: &'static str| vec![put(s.key("k"), value).op()];
    s.txn(txn(
        vec![mod_is(s.key("k"), 0)],
        write("then"),
        write("else"),
    ))
    .await?;
    let inner = txn(vec![mod_is(s.key("k"), 0)], write("then"), write("else"));
    s.txn(ops(vec![inner.op()])).await?;
    let siblings = ops(vec![ops(write("one")).op(), ops(write("two")).op()]);
    refused(s.txn(siblings).await, Code::InvalidArgument, TWICE)?;
    let crossed = ops(vec![
        txn(vec![], write("one"), vec![]).op(),
        txn(vec![], vec![], write("two")).op(),
    ]);
    refused(s.txn(crossed).await, Code::InvalidArgument, TWICE)
}

async fn c47_the_branch_not_taken_is_checked_too(t: &Target) -> Check {
    let s = t.space();
    let write = || put(s.key("k"), "v").op();
    let request = txn(vec![], vec![get(s.key("k")).op()], vec![write(), write()]);
    refused(s.txn(request).await, Code::InvalidArgument, TWICE)?;
    let request = txn(vec![], vec![], vec![put("", "v").op()]);
    refused(
        s.txn(request).await,
        Code::InvalidArgument,
        super::texts::NO_KEY,
    )
}

async fn c48_a_put_under_a_from_key_deletion_is_not_refused(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    let request = ops(vec![delete_range("a", "\0").op(), put("k", "v").op()]);
    s.txn(request).await?;
    Ok(())
}

async fn c49_nested_compares_see_the_state_before_the_txn(t: &Target) -> Check {
    let s = t.space();
    s.put(put(s.key("k"), "before")).await?;
    let nested = txn(
        vec![value_is(s.key("k"), "before")],
        vec![get(s.key("then")).op()],
        vec![],
    );
    let reply = s
        .txn(ops(vec![put(s.key("k"), "after").op(), nested.op()]))
        .await?;
    let answers = responses(reply);
    same("nested compare", as_txn(&answers[1])?.succeeded, true)
}

async fn succeeds(s: &Space, compares: Vec<Compare>) -> Check<bool> {
    // Without an operation it would be a serializable read, which another member may answer too early.
    let read = || vec![get(s.key("k")).op()];
    Ok(s.txn(txn(compares, read(), read())).await?.succeeded)
}

const RESULTS: [CompareResult; 4] = [
    CompareResult::Equal,
    CompareResult::Greater,
    CompareResult::Less,
    CompareResult::NotEqual,
];

async fn c50_a_missing_key_compares_as_zero(t: &Target) -> Check {
    let s = t.space();
    for union in [
        TargetUnion::Version(0),
        TargetUnion::CreateRevision(0),
        TargetUnion::ModRevision(0),
        TargetUnion::Lease(0),
    ] {
        for (result, want) in RESULTS.into_iter().zip([true, false, false, false]) {
            let compares = vec![compare(s.key("k"), result, union.clone())];
            same(
                &format!("{union:?} {result:?}"),
                succeeds(&s, compares).await?,
                want,
            )?;
        }
    }
    for result in RESULTS {
        for value in ["", "x"] {
            let compares = vec![compare(
                s.key("k"),
                result,
                TargetUnion::Value(value.into()),
            )];
            same(
                &format!("value {result:?} {value:?}"),
                succeeds(&s, compares).await?,
                false,
            )?;
        }
    }
    Ok(())
}

async fn c50_every_operator_of_every_target(t: &Target) -> Check {
    let s = t.space();
    s.grant(lease(50, 60)).await?;
    let created = s.put(put(s.key("k"), "v0")).await?.revision();
    let changed = s
        .put(PutRequest {
            lease: 50,
            ..put(s.key("k"), "v1")
        })
        .await?
        .revision();
    type Union = fn(i64) -> TargetUnion;
    let targets: [(&str, i64, Union); 4] = [
        ("version", 2, TargetUnion::Version),
        ("create", created, TargetUnion::CreateRevision),
        ("mod", changed, TargetUnion::ModRevision),
        ("lease", 50, TargetUnion::Lease),
    ];
    for (name, is, union) in targets {
        for (against, order) in [(is - 1, 1), (is, 0), (is + 1, -1)] {
            let wants = [order == 0, order > 0, order < 0, order != 0];
            for (result, want) in RESULTS.into_iter().zip(wants) {
                let compares = vec![compare(s.key("k"), result, union(against))];
                let got = succeeds(&s, compares).await?;
                same(&format!("{name} {result:?} {against}"), got, want)?;
            }
        }
    }
    for (against, order) in [("v0", 1), ("v1", 0), ("v11", -1), ("", 1), ("w", -1)] {
        let wants = [order == 0, order > 0, order < 0, order != 0];
        for (result, want) in RESULTS.into_iter().zip(wants) {
            let compares = vec![compare(
                s.key("k"),
                result,
                TargetUnion::Value(against.into()),
            )];
            same(
                &format!("value {result:?} {against}"),
                succeeds(&s, compares).await?,
                want,
            )?;
        }
    }
    Ok(())
}

async fn c50a_a_range_compare_holds_for_every_key(t: &Target) -> Check {
    let s = t.space();
    for name in ["a", "b", "c"] {
        s.put(put(s.key(name), "v")).await?;
    }
    let over = |end: Bytes, union: TargetUnion| Compare {
        range_end: end,
        ..compare(s.key("a"), CompareResult::Equal, union)
    };
    let all_v = || over(s.key("d"), TargetUnion::Value("v".into()));
    same("all are v", succeeds(&s, vec![all_v()]).await?, true)?;
    s.put(put(s.key("b"), "w")).await?;
    same("one is w", succeeds(&s, vec![all_v()]).await?, false)?;
    let before_b = over(s.key("b"), TargetUnion::Value("v".into()));
    same(
        "the range ends before it",
        succeeds(&s, vec![before_b]).await?,
        true,
    )?;
    let empty = |union| Compare {
        key: s.key("x"),
        ..over(s.key("z"), union)
    };
    let nothing = vec![empty(TargetUnion::Version(0))];
    same(
        "an empty range has version 0",
        succeeds(&s, nothing).await?,
        true,
    )?;
    let nothing = vec![empty(TargetUnion::Version(1))];
    same(
        "an empty range has no other version",
        succeeds(&s, nothing).await?,
        false,
    )?;
    let nothing = vec![empty(TargetUnion::Value("v".into()))];
    same(
        "an empty range has no value",
        succeeds(&s, nothing).await?,
        false,
    )
}

async fn c50b_an_unset_target_is_zero(t: &Target) -> Check {
    let s = t.space();
    s.put(put(s.key("k"), "")).await?;
    for (target, want) in [
        (CompareTarget::Version, false),
        (CompareTarget::Create, false),
        (CompareTarget::Mod, false),
        (CompareTarget::Lease, true),
        (CompareTarget::Value, true),
    ] {
        let unset = Compare {
            target: target as i32,
            key: s.key("k"),
            ..Default::default()
        };
        same(
            &format!("{target:?}"),
            succeeds(&s, vec![unset]).await?,
            want,
        )?;
    }
    Ok(())
}

async fn c50b_an_unknown_operator_is_true(t: &Target) -> Check {
    let s = t.space();
    let unknown = Compare {
        result: 9,
        ..mod_is(s.key("k"), 7)
    };
    same("unknown operator", succeeds(&s, vec![unknown]).await?, true)
}

async fn c50c_a_range_sees_the_puts_before_it(t: &Target) -> Check {
    let s = t.space();
    let before = s.revision().await?;
    let reply = s
        .txn(ops(vec![
            get(s.key("k")).op(),
            put(s.key("k"), "v").op(),
            get(s.key("k")).op(),
            delete(s.key("other")).op(),
        ]))
        .await?;
    let answers = responses(reply);
    same("before the put", as_range(&answers[0])?.count, 0)?;
    let after = as_range(&answers[2])?;
    same("after the put", after.count, 1)?;
    same("mod_revision", after.kvs[0].mod_revision, before + 1)?;
    same("value", after.kvs[0].value.clone(), Bytes::from("v"))
}

async fn c50c_a_bad_revision_fails_the_whole_txn(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    for value in ["1", "2", "3"] {
        s.put(put("k", value)).await?;
    }
    s.compact(3).await?;
    for (revision, text) in [(2, COMPACTED), (99, FUTURE)] {
        let pinned = RangeRequest {
            revision,
            ..get("k")
        };
        let request = ops(vec![put("new", "v").op(), pinned.clone().op()]);
        refused(s.txn(request).await, Code::OutOfRange, text)?;
        let nested = ops(vec![put("new", "v").op(), ops(vec![pinned.op()]).op()]);
        refused(s.txn(nested).await, Code::OutOfRange, text)?;
    }
    same("nothing was written", s.range(get("new")).await?.count, 0)?;
    same("revision", s.revision().await?, 4)
}

async fn c50d_a_bad_operation_fails_the_whole_txn(t: &Target) -> Check {
    let s = t.space();
    let before = s.revision().await?;
    let good = || put(s.key("good"), "v").op();
    let no_lease = PutRequest {
        lease: 50_505_050,
        ..put(s.key("bad"), "v")
    };
    let no_value = PutRequest {
        ignore_value: true,
        ..put(s.key("bad"), "")
    };
    let missing = "etcdserver: key not found";
    for (bad, code, text) in [
        (no_lease, Code::NotFound, NO_LEASE),
        (no_value, Code::InvalidArgument, missing),
    ] {
        let flat = ops(vec![good(), bad.clone().op()]);
        refused(s.txn(flat).await, code, text)?;
        let nested = ops(vec![good(), ops(vec![bad.op()]).op()]);
        refused(s.txn(nested).await, code, text)?;
    }
    same("keys", s.range(s.all()).await?.count, 0)?;
    same("revision", s.revision().await?, before)
}

async fn c50e_a_txn_of_reads_leaves_the_log_alone(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    s.put(put("k", "v")).await?;
    let index = s.status().await?.raft_index;
    let local = RangeRequest {
        serializable: true,
        ..get("k")
    };
    for request in [
        ops(vec![]),
        ops(vec![get("k").op()]),
        ops(vec![local.op()]),
        txn(vec![mod_is("k", 2)], vec![get("k").op()], vec![]),
    ] {
        holds("it succeeds", s.txn(request).await?.succeeded)?;
    }
    same("log index", s.status().await?.raft_index, index)
}

async fn c50f_headers_inside_a_txn_hold_only_the_revision(t: &Target) -> Check {
    let s = t.space();
    s.put(put(s.key("gone"), "v")).await?;
    let reply = s
        .txn(ops(vec![
            put(s.key("k"), "v").op(),
            delete(s.key("gone")).op(),
            get(s.key("k")).op(),
        ]))
        .await?;
    let outer = some("header", reply.header)?;
    holds("the outer header names the cluster", outer.cluster_id != 0)?;
    for response in responses(reply) {
        let header = match response {
            Response::ResponsePut(reply) => reply.header,
            Response::ResponseDeleteRange(reply) => reply.header,
            Response::ResponseRange(reply) => reply.header,
            Response::ResponseTxn(reply) => reply.header,
        };
        let want = ResponseHeader {
            revision: outer.revision,
            ..Default::default()
        };
        same("inner header", header, Some(want))?;
    }
    Ok(())
}
