//! Statements about watches.

use super::space::{Space, delete, put};
use super::{Broken, Outcome, ensure, same};
use crate::storage::kv::{At, Changed, KeyValue, KvError, Watch};
use bytes::Bytes;
use std::time::Duration;

/// Transactions, and the size of the values of each of their two keys: more than a message.
const LARGE: (usize, usize) = (12, 300_000);

pub async fn changes_come_once_in_order_with_what_was_before(space: &Space) -> Outcome {
    let [a, b] = ["a", "b"].map(|name| space.key(name));
    let first = space.write(vec![put(&a, "1")]).await?;
    // One that begins in the past, and one that begins now: both see the same.
    let mut past = space.watch(space.follow(first)).await?;
    let mut present = space.watch(space.follow(first + 1)).await?;
    let second = space.write(vec![put(&b, "2"), put(&a, "2")]).await?;
    let third = space.write(vec![delete(&a)]).await?;
    let created = past.changes(1).await?.remove(0);
    same("the key", &created.now, &space_at(space, first, &a).await?)?;
    same("what was before", created.before, None)?;
    for following in [&mut past, &mut present] {
        let changes = following.changes(3).await?;
        let order: Vec<_> = changes
            .iter()
            .map(|one| (one.now.mod_revision, one.now.key.clone(), one.changed))
            .collect();
        let wanted = vec![
            (second, b.clone(), Changed::Put),
            (second, a.clone(), Changed::Put),
            (third, a.clone(), Changed::Deleted),
        ];
        same("the changes", order, wanted)?;
        same("what was before", &changes[0].before, &None)?;
        let before = Some(space_at(space, first, &a).await?);
        same("what was before", &changes[1].before, &before)?;
        let before = Some(space_at(space, second, &a).await?);
        same("what was before", &changes[2].before, &before)?;
        let gone = &changes[2].now;
        ensure(gone.value.is_empty() && gone.version == 0, || {
            format!("what was deleted is {gone:?}")
        })?;
    }
    Ok(())
}

/// A key as it was.
async fn space_at(space: &Space, revision: u64, key: &Bytes) -> Result<KeyValue, Broken> {
    let read = space.read(At::Exactly(revision)).await?;
    let found = read.keys.into_iter().find(|found| found.key == *key);
    found.ok_or_else(|| Broken(format!("{key:?} did not exist at {revision}")))
}

pub async fn other_keys_are_not_followed(space: &Space) -> Outcome {
    let [a, b, bb, c] = ["a", "b", "bb", "c"].map(|name| space.key(name));
    let from = space.revision().await? + 1;
    let with = |key: &Bytes, end: Option<Bytes>| Watch {
        key: key.clone(),
        end,
        ..space.follow(from)
    };
    let mut one = space.watch(with(&b, None)).await?;
    let mut some = space.watch(with(&b, Some(c.clone()))).await?;
    let mut rest = space
        .watch(with(&b, Some(Bytes::from_static(&[0]))))
        .await?;
    let all = [&a, &b, &bb, &c];
    space.write(all.map(|key| put(key, "1")).into()).await?;
    // The last one is followed by all, so that what should not come would have come before.
    space.write(vec![put(&b, "2")]).await?;
    for (following, wanted) in [
        (&mut one, vec![&b, &b]),
        (&mut some, vec![&b, &bb, &b]),
        (&mut rest, vec![&b, &bb, &c, &b]),
    ] {
        let changes = following.changes(wanted.len()).await?;
        let keys: Vec<&Bytes> = changes.iter().map(|change| &change.now.key).collect();
        same("the keys", keys, wanted)?;
    }
    Ok(())
}

pub async fn a_watch_of_the_future_begins_there(space: &Space) -> Outcome {
    let key = space.key("key");
    let now = space.write(vec![put(&key, "0")]).await?;
    let mut following = space.watch(space.follow(now + 3)).await?;
    for value in ["1", "2", "3"] {
        space.write(vec![put(&key, value)]).await?;
    }
    let first = following.changes(1).await?.remove(0);
    same("the first value", &first.now.value[..], b"3")?;
    let before = first.before.map(|before| before.value);
    same("the value before", before, Some("2".into()))
}

pub async fn large_revisions_come_whole(space: &Space) -> Outcome {
    let (transactions, size) = LARGE;
    let [a, b] = ["a", "b"].map(|name| space.key(name));
    let from = space.revision().await? + 1;
    let mut live = space.watch(space.follow(from)).await?;
    for number in 0..transactions {
        let value = Bytes::from(vec![number as u8; size]);
        let writes = vec![put(&a, value.clone()), put(&b, value)];
        space.write(writes).await?;
    }
    let mut past = space.watch(space.follow(from)).await?;
    for following in [&mut live, &mut past] {
        // A revision in two pieces would not pass: see `Following::next`.
        let changes = following.changes(2 * transactions).await?;
        for (index, change) in changes.iter().enumerate() {
            let value = &change.now.value;
            same("the size", value.len(), size)?;
            same("the value", usize::from(value[0]), index / 2)?;
            let before = change.before.as_ref().map(|before| before.value.len());
            same("the size before", before, (index > 1).then_some(size))?;
        }
    }
    Ok(())
}

pub async fn progress_is_told_only_if_asked_for(space: &Space) -> Outcome {
    let key = space.key("key");
    let from = space.revision().await? + 1;
    let asking = Watch {
        progress_every: Some(Duration::from_millis(20)),
        ..space.follow(from)
    };
    let mut silent = space.watch(space.follow(from)).await?;
    let mut telling = space.watch(asking).await?;
    let written = space.write(vec![put(&key, "1")]).await?;
    // Somebody else's write: the watches see nothing of it but how far they are.
    let elsewhere = Bytes::from(format!("{}-elsewhere", space.prefix.trim_end_matches('/')));
    let newest = space.write(vec![put(&elsewhere, "1")]).await?;
    let mut changes = 0;
    loop {
        let told = telling.next().await??;
        changes += told.changes.len();
        if told.changes.is_empty() && told.revision >= written {
            same("the changes before the progress", changes, 1)?;
        }
        if told.revision >= newest {
            break;
        }
    }
    let last = space.write(vec![put(&key, "2")]).await?;
    let mut revisions = Vec::new();
    while revisions.len() < 2 {
        let told = silent.next().await??;
        ensure(!told.changes.is_empty(), || format!("unasked: {told:?}"))?;
        revisions.extend(told.changes.iter().map(|change| change.now.mod_revision));
    }
    same("the revisions", revisions, vec![written, last])
}

pub async fn an_empty_range_cannot_be_followed(space: &Space) -> Outcome {
    let now = space.revision().await?;
    for (key, end) in [
        (Bytes::new(), None),
        (space.key("a"), Some(Bytes::new())),
        (space.key("b"), Some(space.key("a"))),
        (space.key("b"), Some(space.key("b"))),
    ] {
        let watch = Watch {
            key,
            end,
            ..space.follow(now)
        };
        let what = format!("{watch:?}");
        let refused = space.kv.watch(watch).await.map(drop);
        ensure(matches!(refused, Err(KvError::Invalid(_))), || {
            format!("{what} was answered with {refused:?}")
        })?;
    }
    Ok(())
}

pub async fn a_compacted_start_is_refused(space: &Space) -> Outcome {
    let key = space.key("key");
    let first = space.write(vec![put(&key, "1")]).await?;
    let second = space.write(vec![put(&key, "2")]).await?;
    let third = space.write(vec![put(&key, "3")]).await?;
    space.kv.compact(second).await?;
    // By the call, or by the first that comes of the stream.
    let end = match space.watch(space.follow(first)).await {
        Err(error) => error,
        Ok(mut following) => match following.next().await? {
            Err(error) => error,
            Ok(changes) => return Err(Broken(format!("there came {changes:?}"))),
        },
    };
    let oldest = second;
    same("the end", end, KvError::Compacted { oldest })?;
    let mut following = space.watch(space.follow(second)).await?;
    let changes = following.changes(2).await?;
    let revisions: Vec<u64> = changes.iter().map(|one| one.now.mod_revision).collect();
    same("the revisions", revisions, vec![second, third])?;
    // What was before the oldest state may be gone.
    let before = changes[0].before.as_ref().map(|before| before.mod_revision);
    ensure(before.is_none() || before == Some(first), || {
        format!("before {second} was {before:?}")
    })?;
    let before = changes[1].before.as_ref().map(|before| before.mod_revision);
    same("what was before", before, Some(second))
}
