//! Statements about transactions, leases and refusals.

use super::space::{Space, delete, put};
use super::{Outcome, ensure, same};
use crate::storage::kv::{Changed, Committed, Guard, KvError, Txn, Write};
use bytes::Bytes;

/// Larger than a store takes in one request, but not than it takes in one message; and larger than that.
const TOO_LARGE: [usize; 2] = [1_600_000, 3_000_000];

fn is_refused(outcome: &Result<Committed, KvError>) -> bool {
    matches!(outcome, Ok(Committed::Refused { .. }))
}

pub async fn a_guard_on_nothing_creates_once(space: &Space) -> Outcome {
    let key = space.key("key");
    let before = space.revision().await?;
    let created = space.write_if(&key, 0, put(&key, "1")).await?;
    let revision = before + 1;
    same("the outcome", created, Committed::Written { revision })?;
    let again = space.write_if(&key, 0, put(&key, "2")).await;
    ensure(is_refused(&again), || format!("the second got {again:?}"))?;
    let found = space.found(&key).await?;
    same("the value", &found.value[..], b"1")?;
    same("the revision", found.mod_revision, revision)?;
    same("the newest revision", space.revision().await?, revision)
}

pub async fn a_guard_on_a_revision_updates_what_was_read(space: &Space) -> Outcome {
    let key = space.key("key");
    let first = space.write(vec![put(&key, "1")]).await?;
    let second = space.write_if(&key, first, put(&key, "2")).await?;
    let revision = first + 1;
    same("the outcome", second, Committed::Written { revision })?;
    for write in [put(&key, "3"), delete(&key)] {
        let stale = space.write_if(&key, first, write).await;
        ensure(is_refused(&stale), || {
            format!("a stale write got {stale:?}")
        })?;
    }
    let found = space.found(&key).await?;
    same("the value", &found.value[..], b"2")?;
    let revisions = (found.create_revision, found.mod_revision, found.version);
    same("the revisions", revisions, (first, revision, 2))?;
    let gone = space.write_if(&key, revision, delete(&key)).await?;
    let revision = revision + 1;
    same("the outcome", gone, Committed::Written { revision })?;
    same("the key", space.get(&key).await?, None)
}

pub async fn a_refusal_tells_what_is_there(space: &Space) -> Outcome {
    let [one, two, none] = ["one", "two", "none"].map(|name| space.key(name));
    let revision = space.write(vec![put(&one, "1"), put(&two, "2")]).await?;
    let guard = |key: &Bytes, mod_revision| Guard {
        key: key.clone(),
        mod_revision,
    };
    let txn = Txn {
        // All must hold: the first does.
        guards: vec![guard(&one, revision), guard(&two, 0)],
        writes: vec![put(&one, "3"), delete(&two)],
        otherwise: vec![two.clone(), none, one.clone()],
        fence: 0,
    };
    let refused = space.kv.txn(txn).await?;
    let (one, two) = (space.found(&one).await?, space.found(&two).await?);
    same("a value", &one.value[..], b"1")?;
    let found = vec![Some(two), None, Some(one)];
    same(
        "the outcome",
        refused,
        Committed::Refused { revision, found },
    )
}

pub async fn a_transaction_has_one_revision(space: &Space) -> Outcome {
    let [one, two, three] = ["one", "two", "three"].map(|name| space.key(name));
    let first = space.write(vec![put(&one, "1"), put(&two, "1")]).await?;
    let writes = vec![put(&two, "2"), delete(&one), put(&three, "2")];
    let second = space.write(writes).await?;
    same("the second revision", second, first + 1)?;
    let (two, three) = (space.found(&two).await?, space.found(&three).await?);
    let revisions = (two.create_revision, two.mod_revision, two.version);
    same("what was updated", revisions, (first, second, 2))?;
    let revisions = (three.create_revision, three.mod_revision, three.version);
    same("what was created", revisions, (second, second, 1))?;
    same("what was deleted", space.get(&one).await?, None)
}

pub async fn a_deletion_of_nothing_is_no_change(space: &Space) -> Outcome {
    let revision = space.revision().await?;
    let nothing = space.write(vec![delete(&space.key("none"))]).await?;
    same("the revision", nothing, revision)?;
    let nothing = space.write(Vec::new()).await?;
    same("the revision", nothing, revision)?;
    same("the newest revision", space.revision().await?, revision)
}

pub async fn a_key_that_comes_back_begins_anew(space: &Space) -> Outcome {
    let key = space.key("key");
    space.write(vec![put(&key, "1")]).await?;
    space.write(vec![put(&key, "2")]).await?;
    space.write(vec![delete(&key)]).await?;
    let revision = space.write(vec![put(&key, "3")]).await?;
    let found = space.found(&key).await?;
    let revisions = (found.create_revision, found.mod_revision, found.version);
    same("the revisions", revisions, (revision, revision, 1))
}

pub async fn of_two_that_create_one_succeeds(space: &Space) -> Outcome {
    for round in 0..20 {
        let key = space.key(&format!("{round}"));
        let (left, right) = futures::join!(
            space.write_if(&key, 0, put(&key, "left")),
            space.write_if(&key, 0, put(&key, "right"))
        );
        let winner = match (&left, &right) {
            (Ok(Committed::Written { .. }), right) if is_refused(right) => "left",
            (left, Ok(Committed::Written { .. })) if is_refused(left) => "right",
            _ => "neither or both",
        };
        let found = space.found(&key).await?;
        same("the winner's value", &found.value[..], winner.as_bytes())?;
    }
    Ok(())
}

pub async fn bad_transactions_are_refused(space: &Space) -> Outcome {
    let key = space.key("key");
    let many: Vec<Write> = (0..129)
        .map(|number| put(&space.key(&format!("{number}")), "1"))
        .collect();
    let attached = Write::Put {
        key: key.clone(),
        value: "1".into(),
        lease: 4711,
    };
    let revision = space.revision().await?;
    for writes in [
        vec![put(&key, "1"), put(&key, "2")],
        vec![put(&key, "1"), delete(&key)],
        vec![put(&key, "1"), put(&Bytes::new(), "2")],
        vec![put(&key, "1"), delete(&Bytes::new())],
        vec![attached],
        many,
    ] {
        let what = format!("{:?}", writes.first());
        let txn = Txn {
            writes,
            ..Txn::default()
        };
        let refused = space.kv.txn(txn).await;
        ensure(matches!(refused, Err(KvError::Invalid(_))), || {
            format!("a bad transaction that begins with {what} got {refused:?}")
        })?;
    }
    same("the newest revision", space.revision().await?, revision)
}

pub async fn large_values_are_refused(space: &Space) -> Outcome {
    let key = space.key("key");
    let revision = space.revision().await?;
    for size in TOO_LARGE {
        let large = Txn {
            writes: vec![put(&key, vec![7_u8; size])],
            ..Txn::default()
        };
        let refused = space.kv.txn(large).await;
        same("what became of it", refused, Err(KvError::TooLarge))?;
    }
    same("the newest revision", space.revision().await?, revision)?;
    space.write(vec![put(&key, vec![7_u8; 1_400_000])]).await?;
    same("its size", space.found(&key).await?.value.len(), 1_400_000)
}

pub async fn a_fence_of_nobody_keeps_a_write_out(space: &Space) -> Outcome {
    let revision = space.revision().await?;
    let fenced = Txn {
        writes: vec![put(&space.key("key"), "1")],
        fence: u64::MAX,
        ..Txn::default()
    };
    let refused = space.kv.txn(fenced).await;
    let is_kept_out = matches!(refused, Err(KvError::Fenced | KvError::Invalid(_)));
    ensure(is_kept_out, || format!("a fenced write got {refused:?}"))?;
    same("the newest revision", space.revision().await?, revision)
}

pub async fn a_lease_ends_with_its_keys(space: &Space) -> Outcome {
    let [one, two, free] = ["one", "two", "free"].map(|name| space.key(name));
    let lease = space.kv.grant(1).await?;
    let other = space.kv.grant(3600).await?;
    ensure(lease != 0 && other != lease, || {
        format!("the leases are {lease} and {other}")
    })?;
    let attached = |key: &Bytes, lease| Write::Put {
        key: key.clone(),
        value: "1".into(),
        lease,
    };
    let writes = vec![
        attached(&one, lease),
        attached(&two, lease),
        attached(&free, other),
    ];
    let revision = space.write(writes).await?;
    let mut following = space.watch(space.follow(revision + 1)).await?;
    (space.expire)(lease);
    let ended = following.changes(2).await?;
    let mut keys: Vec<Bytes> = ended.iter().map(|change| change.now.key.clone()).collect();
    keys.sort();
    same("the keys", keys, vec![one, two])?;
    for change in &ended {
        same("what happened", change.changed, Changed::Deleted)?;
        let before = change.before.as_ref().map(|before| before.lease);
        same("the lease before", before, Some(lease))?;
    }
    same("a lease", space.found(&free).await?.lease, other)
}
