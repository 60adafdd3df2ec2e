//! §2.1, 29 to 35: what a put checks, keeps and returns.

use super::helpers::*;
use super::texts::*;
use super::{Statement, statement};
use crate::check::{Check, refused, same, some};
use crate::request::*;
use crate::target::Target;
use crate::watching::WatchStream;
use bytes::Bytes;
use keelson_proto::etcdserverpb::compare::{CompareResult, TargetUnion};
use keelson_proto::etcdserverpb::*;
use tonic::Code;

pub(super) fn statements() -> Vec<Statement> {
    vec![
        statement!(c29_ignore_flags_are_checked),
        statement!(c30_ignore_value_makes_a_new_version_of_the_old_value),
        statement!(c31_a_put_under_an_unknown_lease_writes_nothing),
        statement!(c32_a_put_moves_the_lease),
        statement!(c33_prev_kv_returns_what_was_replaced),
        statement!(c34_keys_and_values_are_opaque_bytes),
        statement!(c35_the_same_value_again_is_a_new_revision),
    ]
}

async fn c29_ignore_flags_are_checked(t: &Target) -> Check {
    let s = t.space();
    let code = Code::InvalidArgument;
    let value = PutRequest {
        ignore_value: true,
        ..put(s.key("k"), "v")
    };
    refused(s.put(value).await, code, "etcdserver: value is provided")?;
    let with_lease = PutRequest {
        ignore_lease: true,
        lease: 7,
        ..put(s.key("k"), "v")
    };
    refused(
        s.put(with_lease).await,
        code,
        "etcdserver: lease is provided",
    )?;
    let missing = "etcdserver: key not found";
    let value = PutRequest {
        ignore_value: true,
        ..put(s.key("k"), "")
    };
    refused(s.put(value.clone()).await, code, missing)?;
    refused(s.txn(ops(vec![value.op()])).await, code, missing)?;
    let no_lease = PutRequest {
        ignore_lease: true,
        ..put(s.key("k"), "v")
    };
    refused(s.put(no_lease).await, code, missing)?;
    same("nothing was written", s.range(s.all()).await?.count, 0)
}

async fn c30_ignore_value_makes_a_new_version_of_the_old_value(t: &Target) -> Check {
    let s = t.space();
    s.put(put(s.key("k"), "v")).await?;
    let again = PutRequest {
        ignore_value: true,
        ..put(s.key("k"), "")
    };
    let revision = s.put(again).await?.revision();
    let kv = only(s.range(get(s.key("k"))).await?)?;
    same("value", kv.value.clone(), Bytes::from("v"))?;
    same("version", kv.version, 2)?;
    same("mod_revision", kv.mod_revision, revision)?;
    let mut stream = WatchStream::open(&s);
    stream
        .create(WatchCreateRequest {
            start_revision: revision,
            ..s.watch_all()
        })
        .await?;
    let event = some("an event", stream.events(1).await?.pop())?;
    same("event", event.kv, Some(kv))
}

async fn c31_a_put_under_an_unknown_lease_writes_nothing(t: &Target) -> Check {
    let s = t.space();
    let before = s.revision().await?;
    let request = PutRequest {
        lease: 3_131_313,
        ..put(s.key("k"), "v")
    };
    refused(s.put(request.clone()).await, Code::NotFound, NO_LEASE)?;
    let both = ops(vec![put(s.key("first"), "v").op(), request.op()]);
    refused(s.txn(both).await, Code::NotFound, NO_LEASE)?;
    same("keys", s.range(s.all()).await?.count, 0)?;
    same("revision", s.revision().await?, before)
}

async fn c32_a_put_moves_the_lease(t: &Target) -> Check {
    let s = t.space();
    s.grant(lease(3201, 60)).await?;
    s.grant(lease(3202, 60)).await?;
    let with = |lease| PutRequest {
        lease,
        ..put(s.key("k"), "v")
    };
    s.put(with(3201)).await?;
    s.put(with(3202)).await?;
    s.revoke(LeaseRevokeRequest { id: 3201 }).await?;
    same("lease", only(s.range(get(s.key("k"))).await?)?.lease, 3202)?;
    let kept = PutRequest {
        ignore_lease: true,
        ..put(s.key("k"), "v2")
    };
    s.put(kept).await?;
    same(
        "kept lease",
        only(s.range(get(s.key("k"))).await?)?.lease,
        3202,
    )?;
    s.put(with(0)).await?;
    s.revoke(LeaseRevokeRequest { id: 3202 }).await?;
    same("no lease", only(s.range(get(s.key("k"))).await?)?.lease, 0)
}

async fn c33_prev_kv_returns_what_was_replaced(t: &Target) -> Check {
    let s = t.space();
    let asked = |name: &str, value: &str| PutRequest {
        prev_kv: true,
        ..put(s.key(name), value.to_owned())
    };
    same("of a create", s.put(asked("b", "1")).await?.prev_kv, None)?;
    let before = only(s.range(get(s.key("b"))).await?)?;
    same(
        "of an update",
        s.put(asked("b", "2")).await?.prev_kv,
        Some(before),
    )?;
    same(
        "not asked for",
        s.put(put(s.key("b"), "3")).await?.prev_kv,
        None,
    )?;
    s.put(put(s.key("a"), "1")).await?;
    let all = s.range(s.all()).await?.kvs;
    let reply = s
        .delete(DeleteRangeRequest {
            prev_kv: true,
            ..delete_range(s.key(""), s.end())
        })
        .await?;
    same("of a deletion", reply.prev_kvs, all)
}

async fn c34_keys_and_values_are_opaque_bytes(t: &Target) -> Check {
    let s = t.space();
    let mut key = s.key("").to_vec();
    key.extend([0, 0xff, 0xfe, 0, b'\n']);
    let value = Bytes::from_static(&[0xff, 0, 0x80]);
    s.put(put(key.clone(), value.clone())).await?;
    let kv = only(s.range(get(key.clone())).await?)?;
    same("key", kv.key, Bytes::from(key.clone()))?;
    same("value", kv.value, value)?;
    s.put(put(key.clone(), "")).await?;
    same(
        "empty value",
        only(s.range(get(key)).await?)?.value,
        Bytes::new(),
    )?;
    let holds_nothing = txn(
        vec![compare(
            s.key("none"),
            CompareResult::Equal,
            TargetUnion::Value(Bytes::new()),
        )],
        vec![],
        vec![],
    );
    same(
        "a missing key is not an empty value",
        s.txn(holds_nothing).await?.succeeded,
        false,
    )
}

async fn c35_the_same_value_again_is_a_new_revision(t: &Target) -> Check {
    let s = t.space();
    let first = s.put(put(s.key("k"), "v")).await?.revision();
    let second = s.put(put(s.key("k"), "v")).await?.revision();
    same("second", second, first + 1)?;
    let mut stream = WatchStream::open(&s);
    stream
        .create(WatchCreateRequest {
            start_revision: first,
            ..s.watch_all()
        })
        .await?;
    same("events", stream.events(2).await?.len(), 2)
}
