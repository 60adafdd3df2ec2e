//! §2.1, 19 to 28: which keys a range returns, in which order.

use super::helpers::*;
use super::texts::*;
use super::{Statement, private, statement};
use crate::check::{Check, refused, same};
use crate::request::*;
use crate::target::{Launcher, Space, Target};
use bytes::Bytes;
use keelson_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use keelson_proto::etcdserverpb::*;
use keelson_proto::mvccpb::KeyValue;
use tonic::Code;

pub(super) fn statements() -> Vec<Statement> {
    vec![
        statement!(c19_count_ignores_limit_and_filters),
        statement!(c20_more_means_cut_off),
        statement!(c21_count_only_returns_no_keys),
        statement!(c22_filters_apply_before_the_limit),
        statement!(c23_a_sorted_range_is_cut_after_sorting),
        statement!(c23_an_unordered_target_sorts_what_the_limit_left),
        statement!(c24_unknown_sort_values_are_refused),
        statement!(c24_value_sort_is_bytewise),
        statement!(c25_keys_only_blanks_the_value_alone).until(3, 7, 0),
        statement!(c25_keys_only_sorts_by_the_value),
        statement!(c26_an_empty_key_is_refused),
        private!(c27_range_end_forms),
        statement!(c28_an_inverted_range_is_empty),
    ]
}

fn names(reply: &RangeResponse, space: &Space) -> Vec<String> {
    let prefix = space.key("").len();
    let name = |kv: &KeyValue| String::from_utf8_lossy(&kv.key[prefix..]).into_owned();
    reply.kvs.iter().map(name).collect()
}

/// Five keys a..e; returns the revision of each.
async fn five(s: &Space) -> Check<Vec<i64>> {
    let mut revisions = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        revisions.push(
            s.put(put(s.key(name), format!("value {name}")))
                .await?
                .revision(),
        );
    }
    Ok(revisions)
}

async fn c19_count_ignores_limit_and_filters(t: &Target) -> Check {
    let s = t.space();
    let revisions = five(&s).await?;
    let limited = RangeRequest {
        limit: 2,
        ..s.all()
    };
    same("count under a limit", s.range(limited).await?.count, 5)?;
    let filtered = RangeRequest {
        min_mod_revision: revisions[3],
        ..s.all()
    };
    let reply = s.range(filtered).await?;
    same("keys left by the filter", reply.kvs.len(), 2)?;
    same("count under a filter", reply.count, 5)?;
    let then = RangeRequest {
        revision: revisions[1],
        limit: 1,
        ..s.all()
    };
    same("count at a revision", s.range(then).await?.count, 2)
}

async fn c20_more_means_cut_off(t: &Target) -> Check {
    let s = t.space();
    five(&s).await?;
    for (limit, keys, more) in [(0, 5, false), (-1, 5, false), (4, 4, true), (5, 5, false)] {
        let reply = s.range(RangeRequest { limit, ..s.all() }).await?;
        same("keys", reply.kvs.len(), keys)?;
        same("more", reply.more, more)?;
    }
    Ok(())
}

async fn c21_count_only_returns_no_keys(t: &Target) -> Check {
    let s = t.space();
    five(&s).await?;
    let reply = s
        .range(RangeRequest {
            count_only: true,
            limit: 2,
            ..s.all()
        })
        .await?;
    same("keys", reply.kvs.len(), 0)?;
    same("count", reply.count, 5)?;
    same("more", reply.more, false)
}

async fn c22_filters_apply_before_the_limit(t: &Target) -> Check {
    let s = t.space();
    let revisions = five(&s).await?;
    s.put(put(s.key("a"), "again")).await?;
    let by_creation = RangeRequest {
        min_create_revision: revisions[0],
        max_create_revision: revisions[2],
        ..s.all()
    };
    same(
        "created early",
        names(&s.range(by_creation).await?, &s),
        vec!["a", "b", "c"],
    )?;
    let by_change = RangeRequest {
        min_mod_revision: revisions[2],
        max_mod_revision: revisions[4],
        limit: 2,
        ..s.all()
    };
    let reply = s.range(by_change).await?;
    same("changed in between", names(&reply, &s), vec!["c", "d"])?;
    same("more", reply.more, true)
}

async fn c23_a_sorted_range_is_cut_after_sorting(t: &Target) -> Check {
    let s = t.space();
    five(&s).await?;
    s.put(put(s.key("b"), "value z")).await?;
    let sorted = |target: SortTarget, order: SortOrder| RangeRequest {
        sort_target: target as i32,
        sort_order: order as i32,
        limit: 2,
        ..s.all()
    };
    for (target, order, want) in [
        (SortTarget::Key, SortOrder::Ascend, ["a", "b"]),
        (SortTarget::Key, SortOrder::Descend, ["e", "d"]),
        (SortTarget::Version, SortOrder::Descend, ["b", "a"]),
        (SortTarget::Version, SortOrder::Ascend, ["a", "c"]),
        (SortTarget::Create, SortOrder::Descend, ["e", "d"]),
        (SortTarget::Create, SortOrder::Ascend, ["a", "b"]),
        (SortTarget::Mod, SortOrder::Descend, ["b", "e"]),
        (SortTarget::Mod, SortOrder::Ascend, ["a", "c"]),
        (SortTarget::Value, SortOrder::Descend, ["b", "e"]),
        (SortTarget::Value, SortOrder::Ascend, ["a", "c"]),
    ] {
        let reply = s.range(sorted(target, order)).await?;
        same(
            &format!("{target:?} {order:?}"),
            names(&reply, &s),
            want.to_vec(),
        )?;
        same("more", reply.more, true)?;
        same("count", reply.count, 5)?;
    }
    Ok(())
}

async fn c23_an_unordered_target_sorts_what_the_limit_left(t: &Target) -> Check {
    let s = t.space();
    for name in ["c", "b", "a"] {
        s.put(put(s.key(name), "v")).await?;
    }
    let request = RangeRequest {
        sort_target: SortTarget::Mod as i32,
        limit: 2,
        ..s.all()
    };
    let reply = s.range(request).await?;
    // The scan is cut to a, b, c = limit + 1; sorted by change that is c, b, a; then cut to two.
    same("keys", names(&reply, &s), vec!["c", "b"])
}

async fn c24_unknown_sort_values_are_refused(t: &Target) -> Check {
    let s = t.space();
    let text = "etcdserver: invalid sort option";
    let order = RangeRequest {
        sort_order: 9,
        ..s.all()
    };
    refused(s.range(order).await, Code::InvalidArgument, text)?;
    let target = RangeRequest {
        sort_target: 9,
        ..s.all()
    };
    refused(s.range(target).await, Code::InvalidArgument, text)
}

async fn c24_value_sort_is_bytewise(t: &Target) -> Check {
    let s = t.space();
    for (name, value) in [("a", "b"), ("b", "B"), ("c", "ba"), ("d", "")] {
        s.put(put(s.key(name), value)).await?;
    }
    let request = RangeRequest {
        sort_target: SortTarget::Value as i32,
        sort_order: SortOrder::Ascend as i32,
        ..s.all()
    };
    same(
        "order",
        names(&s.range(request).await?, &s),
        vec!["d", "b", "a", "c"],
    )
}

async fn c25_keys_only_blanks_the_value_alone(t: &Target) -> Check {
    let s = t.space();
    s.grant(lease(2501, 60)).await?;
    s.put(PutRequest {
        lease: 2501,
        ..put(s.key("k"), "v")
    })
    .await?;
    let full = only(s.range(get(s.key("k"))).await?)?;
    let request = RangeRequest {
        keys_only: true,
        ..get(s.key("k"))
    };
    let mut want = full;
    want.value = Bytes::new();
    same("kv", only(s.range(request).await?)?, want)
}

async fn c25_keys_only_sorts_by_the_value(t: &Target) -> Check {
    let s = t.space();
    for (name, value) in [("a", "3"), ("b", "1"), ("c", "2")] {
        s.put(put(s.key(name), value)).await?;
    }
    let request = RangeRequest {
        keys_only: true,
        sort_target: SortTarget::Value as i32,
        sort_order: SortOrder::Ascend as i32,
        ..s.all()
    };
    same(
        "order",
        names(&s.range(request).await?, &s),
        vec!["b", "c", "a"],
    )
}

async fn c26_an_empty_key_is_refused(t: &Target) -> Check {
    let s = t.space();
    let code = Code::InvalidArgument;
    refused(s.range(get("")).await, code, NO_KEY)?;
    refused(s.put(put("", "v")).await, code, NO_KEY)?;
    refused(s.delete(delete("")).await, code, NO_KEY)?;
    let compares = txn(vec![mod_is("", 0)], vec![], vec![]);
    refused(s.txn(compares).await, code, NO_KEY)?;
    refused(s.txn(ops(vec![put("", "v").op()])).await, code, NO_KEY)
}

async fn c27_range_end_forms(t: &Launcher) -> Check {
    let s = t.own(&[]).await?;
    for key in ["a", "b", "c"] {
        s.put(put(key, "v")).await?;
    }
    for (key, end, count) in [
        ("b", "", 1),
        ("b", "\0", 2),
        ("\0", "\0", 3),
        ("a", "c", 2),
        ("a", "a\0", 1),
        ("\0", "", 0),
    ] {
        let reply = s.range(range(key, end)).await?;
        same(&format!("keys in {key:?}..{end:?}"), reply.count, count)?;
    }
    Ok(())
}

async fn c28_an_inverted_range_is_empty(t: &Target) -> Check {
    let s = t.space();
    five(&s).await?;
    for (key, end) in [("c", "b"), ("c", "c")] {
        let reply = s.range(range(s.key(key), s.key(end))).await?;
        same("count", reply.count, 0)?;
        let reply = s.delete(delete_range(s.key(key), s.key(end))).await?;
        same("deleted", reply.deleted, 0)?;
    }
    same("keys left", s.range(s.all()).await?.count, 5)
}
