//! Comparisons of a transaction.

use crate::mvcc::{Meta, Writer};
use bytes::Bytes;
use keelson_proto::etcdserverpb::Compare;
use keelson_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use std::cmp::Ordering;
use std::ops::ControlFlow;

/// Whether a comparison holds in the present state. With a range it must hold for every key in it; a
/// range without keys compares as one key that does not exist.
pub(super) fn holds(writer: &Writer<'_>, compare: &Compare) -> bool {
    let key = &compare.key;
    if compare.range_end.is_empty() {
        let meta = writer.get(key);
        return holds_for(writer, compare, key, meta);
    }
    let mut empty = true;
    let mut all = true;
    writer.visit(key, &compare.range_end, &mut |key, meta| {
        empty = false;
        all = holds_for(writer, compare, key, Some(meta));
        if all {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    if empty {
        holds_for(writer, compare, key, None)
    } else {
        all
    }
}

fn holds_for(writer: &Writer<'_>, compare: &Compare, key: &[u8], meta: Option<Meta>) -> bool {
    let target = CompareTarget::try_from(compare.target);
    let of = |number: fn(&Meta) -> i64| meta.as_ref().map_or(0, number);
    let number = match target {
        Ok(CompareTarget::Value) => {
            let value = meta.and_then(|_| writer.value(key));
            // No operator holds for the value of a missing key.
            return value
                .is_some_and(|value| accepts(compare.result, value.cmp(&wanted_value(compare))));
        }
        Ok(CompareTarget::Version) => of(|meta| meta.version),
        Ok(CompareTarget::Create) => of(|meta| meta.create_revision),
        Ok(CompareTarget::Mod) => of(|meta| meta.mod_revision),
        Ok(CompareTarget::Lease) => of(|meta| meta.lease),
        // etcd's answer to a target it does not know: equal.
        Err(_) => return accepts(compare.result, Ordering::Equal),
    };
    accepts(
        compare.result,
        number.cmp(&wanted_number(compare, target.ok())),
    )
}

/// The number to compare with; zero if none, or one for another target, was given.
fn wanted_number(compare: &Compare, target: Option<CompareTarget>) -> i64 {
    match (target, &compare.target_union) {
        (Some(CompareTarget::Version), Some(TargetUnion::Version(number)))
        | (Some(CompareTarget::Create), Some(TargetUnion::CreateRevision(number)))
        | (Some(CompareTarget::Mod), Some(TargetUnion::ModRevision(number)))
        | (Some(CompareTarget::Lease), Some(TargetUnion::Lease(number))) => *number,
        _ => 0,
    }
}

/// The value to compare with; empty if none was given.
fn wanted_value(compare: &Compare) -> Bytes {
    match &compare.target_union {
        Some(TargetUnion::Value(value)) => value.clone(),
        _ => Bytes::new(),
    }
}

/// Whether what is there, seen from what is wanted, is what `result` asks for. An unknown operator
/// accepts everything, as in etcd.
fn accepts(result: i32, ordering: Ordering) -> bool {
    match CompareResult::try_from(result) {
        Ok(CompareResult::Equal) => ordering.is_eq(),
        Ok(CompareResult::NotEqual) => ordering.is_ne(),
        Ok(CompareResult::Greater) => ordering.is_gt(),
        Ok(CompareResult::Less) => ordering.is_lt(),
        Err(_) => true,
    }
}
