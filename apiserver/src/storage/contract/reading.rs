//! Statements about ranges, revisions and history.

use super::space::{Space, delete, put};
use super::{Broken, Outcome, ensure, same};
use crate::storage::kv::{At, KvError, Range, Ranged};
use bytes::Bytes;
use std::time::Duration;

/// Writes `a` to `e`, one revision each, and gives back the first and the last of them.
async fn five(space: &Space) -> Result<(u64, u64), Broken> {
    let mut revisions = Vec::new();
    for name in ["c", "a", "e", "b", "d"] {
        let write = put(&space.key(name), name.to_owned());
        revisions.push(space.write(vec![write]).await?);
    }
    let (first, last) = (revisions[0], revisions[4]);
    let expected: Vec<u64> = (first..=last).collect();
    same("the revisions", revisions, expected)?;
    Ok((first, last))
}

fn names(space: &Space, read: &Ranged) -> Vec<String> {
    let name = |key: &Bytes| String::from_utf8_lossy(&key[space.prefix.len()..]).into_owned();
    read.keys.iter().map(|found| name(&found.key)).collect()
}

fn read_as(space: &Space, read: &Ranged, wanted: &[&str]) -> Outcome {
    let wanted = wanted.iter().map(|name| (*name).to_owned()).collect();
    same("what was read", names(space, read), wanted)
}

pub async fn keys_come_in_order_and_end_before_the_end(space: &Space) -> Outcome {
    let (_, last) = five(space).await?;
    for at in [
        At::Latest,
        At::NotBefore(last, Duration::ZERO),
        At::Exactly(last),
    ] {
        let read = space.read(at).await?;
        read_as(space, &read, &["a", "b", "c", "d", "e"])?;
        same("the revision", read.revision, last)?;
        same("the count", read.count, 5)?;
        same("a value", &read.keys[1].value[..], b"b")?;
    }
    let some = Range {
        key: space.key("b"),
        end: Some(space.key("d")),
        ..space.all(At::Latest)
    };
    let read = space.kv.range(some.clone()).await?;
    read_as(space, &read, &["b", "c"])?;
    let one = Range { end: None, ..some };
    let read = space.kv.range(one.clone()).await?;
    read_as(space, &read, &["b"])?;
    // One that does not exist, and a range without keys.
    for (key, end) in [("bb", None), ("d", Some(space.key("b")))] {
        let key = space.key(key);
        let none = Range {
            key,
            end,
            ..one.clone()
        };
        let read = space.kv.range(none).await?;
        same("what was read", (read.keys.len(), read.count), (0, 0))?;
    }
    // Without an end: this space and whatever comes after it.
    let rest = Range {
        key: space.key("d"),
        end: Some(Bytes::from_static(&[0])),
        ..one
    };
    let read = space.kv.range(rest).await?;
    let first: Vec<_> = read
        .keys
        .iter()
        .take(2)
        .map(|one| one.key.clone())
        .collect();
    same(
        "the first keys",
        first,
        vec![space.key("d"), space.key("e")],
    )
}

pub async fn a_limit_cuts_and_the_count_does_not(space: &Space) -> Outcome {
    five(space).await?;
    let two = Range {
        limit: 2,
        keys_only: true,
        ..space.all(At::Latest)
    };
    let read = space.kv.range(two).await?;
    read_as(space, &read, &["a", "b"])?;
    same("the count", read.count, 5)?;
    let bare = read.keys.iter().all(|found| found.value.is_empty());
    ensure(bare, || format!("there are values in {read:?}"))
}

pub async fn an_older_state_can_be_read(space: &Space) -> Outcome {
    let (first, last) = five(space).await?;
    let gone = space.write(vec![delete(&space.key("c"))]).await?;
    let states: [(u64, &[&str]); 3] = [
        (first, &["c"]),
        (last, &["a", "b", "c", "d", "e"]),
        (gone, &["a", "b", "d", "e"]),
    ];
    for (revision, wanted) in states {
        let read = space.read(At::Exactly(revision)).await?;
        read_as(space, &read, wanted)?;
        same("the revision", read.revision, revision)?;
    }
    let one = Range {
        key: space.key("a"),
        end: None,
        ..space.all(At::Exactly(first))
    };
    same("a key before it was", space.kv.range(one).await?.count, 0)
}

pub async fn a_state_to_come_is_waited_for_and_not_for_ever(space: &Space) -> Outcome {
    let key = space.key("key");
    let now = space.write(vec![put(&key, "1")]).await?;
    let patience = Duration::from_secs(60);
    let (read, written) = futures::join!(
        space.read(At::NotBefore(now + 1, patience)),
        space.write(vec![put(&key, "2")])
    );
    let (read, written) = (read?, written?);
    ensure(read.revision >= written, || format!("it read {read:?}"))?;
    same("the value", &read.keys[0].value[..], b"2")?;
    for wait in [Duration::ZERO, Duration::from_millis(20)] {
        let read = space.read(At::NotBefore(written + 1000, wait)).await;
        let current = KvError::TooNew { current: written };
        same("a state that does not come", read, Err(current))?;
    }
    let read = space.read(At::Exactly(written + 1000)).await;
    let current = KvError::TooNew { current: written };
    same("a state to come", read, Err(current))?;
    // Whatever is at hand may be old; it is there.
    space.read(At::Any).await?;
    Ok(())
}

pub async fn what_cannot_be_read_is_refused(space: &Space) -> Outcome {
    let all = || space.all(At::Latest);
    let bad = [
        Range {
            key: Bytes::new(),
            ..all()
        },
        Range {
            end: Some(Bytes::new()),
            ..all()
        },
        space.all(At::Exactly(0)),
    ];
    for range in bad {
        let what = format!("{range:?}");
        let refused = space.kv.range(range).await;
        ensure(matches!(refused, Err(KvError::Invalid(_))), || {
            format!("{what} was answered with {refused:?}")
        })?;
    }
    Ok(())
}

pub async fn compacted_history_is_gone(space: &Space) -> Outcome {
    let (first, last) = five(space).await?;
    let future = space.kv.compact(last + 1000).await;
    let current = KvError::TooNew { current: last };
    same("a compaction to come", future, Err(current))?;
    space.kv.compact(last).await?;
    // At or below an earlier one: nothing happens.
    space.kv.compact(last).await?;
    space.kv.compact(first).await?;
    let read = space.read(At::Exactly(last)).await?;
    read_as(space, &read, &["a", "b", "c", "d", "e"])?;
    let gone = space.read(At::Exactly(last - 1)).await;
    ensure(
        matches!(gone, Err(KvError::Compacted { oldest }) if oldest == 0 || oldest == last),
        || format!("a state before the compaction is {gone:?}"),
    )
}
