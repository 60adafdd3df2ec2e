//! §2.1, 1 to 11: what advances the revision, and which answers carry it.

use super::helpers::*;
use super::{Statement, private, statement};
use crate::check::{Check, holds, same, some};
use crate::request::*;
use crate::target::{Launcher, Target};
use crate::watching::WatchStream;
use bytes::Bytes;
use keelson_proto::etcdserverpb::*;
use keelson_proto::mvccpb::KeyValue;
use keelson_proto::mvccpb::event::EventType;

pub(super) fn statements() -> Vec<Statement> {
    vec![
        private!(c01_an_empty_store_is_at_revision_one),
        statement!(c02_a_write_advances_the_revision_by_one_however_many_keys),
        statement!(c03_deleting_nothing_leaves_the_revision),
        statement!(c04_put_header_revision_equals_mod_revision),
        statement!(c04_txn_header_counts_its_own_write),
        statement!(c05_keys_of_one_txn_share_a_revision_and_keep_their_order),
        statement!(c06_version_counts_puts_since_creation),
        statement!(c07_delete_then_put_starts_a_new_life),
        statement!(c08_a_delete_event_holds_key_and_revision_only),
        statement!(c09_a_pinned_range_reports_the_present_revision),
        statement!(c10_cluster_headers_have_no_revision),
        private!(c10_defragment_has_no_header),
        statement!(c10_other_headers_carry_the_revision),
        statement!(c11_lease_headers_carry_the_revision),
    ]
}

async fn c01_an_empty_store_is_at_revision_one(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    same("revision of nothing", s.revision().await?, 1)?;
    let status = s.status().await?;
    // etcdctl divides by it.
    holds("its size is not zero", status.db_size > 0)?;
    same(
        "revision of the first write",
        s.put(put("k", "v")).await?.revision(),
        2,
    )
}

async fn c02_a_write_advances_the_revision_by_one_however_many_keys(t: &Target) -> Check {
    let s = t.space();
    let before = s.revision().await?;
    let keys = ["a", "b", "c"].map(|name| put(s.key(name), "v").op());
    same(
        "after three puts",
        s.txn(ops(keys.into())).await?.revision(),
        before + 1,
    )?;
    let deleted = s.delete(delete_range(s.key(""), s.end())).await?;
    same("deleted", deleted.deleted, 3)?;
    same("after three deletions", deleted.revision(), before + 2)?;
    same("present", s.revision().await?, before + 2)
}

async fn c03_deleting_nothing_leaves_the_revision(t: &Target) -> Check {
    let s = t.space();
    let before = s.revision().await?;
    let reply = s.delete(delete(s.key("missing"))).await?;
    same("deleted", reply.deleted, 0)?;
    same("header", reply.revision(), before)?;
    same("present", s.revision().await?, before)
}

async fn c04_put_header_revision_equals_mod_revision(t: &Target) -> Check {
    let s = t.space();
    let written = s.put(put(s.key("k"), "v")).await?.revision();
    same(
        "mod_revision",
        only(s.range(get(s.key("k"))).await?)?.mod_revision,
        written,
    )
}

async fn c04_txn_header_counts_its_own_write(t: &Target) -> Check {
    let s = t.space();
    let before = s.revision().await?;
    let reads = s.txn(ops(vec![get(s.key("k")).op()])).await?;
    same("a txn that reads", reads.revision(), before)?;
    let writes = s.txn(ops(vec![put(s.key("k"), "v").op()])).await?;
    same("a txn that writes", writes.revision(), before + 1)?;
    let nothing = s.txn(ops(vec![delete(s.key("missing")).op()])).await?;
    same("a txn that deletes nothing", nothing.revision(), before + 1)
}

async fn c05_keys_of_one_txn_share_a_revision_and_keep_their_order(t: &Target) -> Check {
    let s = t.space();
    let order = ["c", "a", "b"];
    let written = s
        .txn(ops(order.map(|name| put(s.key(name), "v").op()).into()))
        .await?
        .revision();
    for kv in s.range(s.all()).await?.kvs {
        same("mod_revision", kv.mod_revision, written)?;
    }
    let mut stream = WatchStream::open(&s);
    stream
        .create(WatchCreateRequest {
            start_revision: written,
            ..s.watch_all()
        })
        .await?;
    let events = stream.events(3).await?;
    let keys: Vec<_> = events
        .into_iter()
        .filter_map(|event| Some(event.kv?.key))
        .collect();
    same(
        "order of events",
        keys,
        order.map(|name| s.key(name)).to_vec(),
    )
}

async fn c06_version_counts_puts_since_creation(t: &Target) -> Check {
    let s = t.space();
    let created = s.put(put(s.key("k"), "1")).await?.revision();
    for version in 1..=3 {
        let kv = only(s.range(get(s.key("k"))).await?)?;
        same("version", kv.version, version)?;
        same("create_revision", kv.create_revision, created)?;
        same("mod_revision", kv.mod_revision, created + version - 1)?;
        s.put(put(s.key("k"), "again")).await?;
    }
    Ok(())
}

async fn c07_delete_then_put_starts_a_new_life(t: &Target) -> Check {
    let s = t.space();
    s.put(put(s.key("k"), "1")).await?;
    s.put(put(s.key("k"), "2")).await?;
    s.delete(delete(s.key("k"))).await?;
    let again = s.put(put(s.key("k"), "3")).await?.revision();
    let kv = only(s.range(get(s.key("k"))).await?)?;
    same("version", kv.version, 1)?;
    same("create_revision", kv.create_revision, again)
}

async fn c08_a_delete_event_holds_key_and_revision_only(t: &Target) -> Check {
    let s = t.space();
    let put = s.put(put(s.key("k"), "v")).await?.revision();
    let deleted = s.delete(delete(s.key("k"))).await?.revision();
    let mut stream = WatchStream::open(&s);
    stream
        .create(WatchCreateRequest {
            start_revision: put + 1,
            ..watch(s.key("k"))
        })
        .await?;
    let event = some("an event", stream.events(1).await?.pop())?;
    same("type", event.r#type(), EventType::Delete)?;
    let want = KeyValue {
        key: s.key("k"),
        mod_revision: deleted,
        ..Default::default()
    };
    same("kv", event.kv, Some(want))
}

async fn c09_a_pinned_range_reports_the_present_revision(t: &Target) -> Check {
    let s = t.space();
    let first = s.put(put(s.key("k"), "1")).await?.revision();
    let second = s.put(put(s.key("k"), "2")).await?.revision();
    let reply = s
        .range(RangeRequest {
            revision: first,
            ..get(s.key("k"))
        })
        .await?;
    same("header", reply.revision(), second)?;
    same("value", only(reply)?.value, Bytes::from("1"))
}

async fn c10_cluster_headers_have_no_revision(t: &Target) -> Check {
    let s = t.space();
    let reply = s
        .member_list(MemberListRequest { linearizable: true })
        .await?;
    let header = some("header", reply.header)?;
    same("revision", header.revision, 0)?;
    holds("a cluster id is given", header.cluster_id != 0)?;
    holds("a member id is given", header.member_id != 0)?;
    holds("a raft term is given", header.raft_term != 0)
}

async fn c10_defragment_has_no_header(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    same("header", s.defragment().await?.header, None)
}

async fn c10_other_headers_carry_the_revision(t: &Target) -> Check {
    let s = t.pinned_space();
    let present = s.put(put(s.key("k"), "v")).await?.revision();
    same("status", s.status().await?.revision(), present)?;
    let alarms = s.alarm(AlarmRequest::default()).await?;
    same("alarm", alarms.revision(), present)?;
    let hash = s.hash_kv(HashKvRequest { revision: 0 }).await?;
    same("hash", hash.revision(), present)
}

async fn c11_lease_headers_carry_the_revision(t: &Target) -> Check {
    let s = t.pinned_space();
    let before = s.revision().await?;
    same("grant", s.grant(lease(1101, 60)).await?.revision(), before)?;
    let attached = PutRequest {
        lease: 1101,
        ..put(s.key("k"), "v")
    };
    s.put(attached).await?;
    let asked = LeaseTimeToLiveRequest {
        id: 1101,
        keys: false,
    };
    same(
        "time to live",
        s.time_to_live(asked).await?.revision(),
        before + 1,
    )?;
    same(
        "leases",
        s.leases(LeaseLeasesRequest {}).await?.revision(),
        before + 1,
    )?;
    let revoked = s.revoke(LeaseRevokeRequest { id: 1101 }).await?;
    same("revoke", revoked.revision(), before + 2)
}
