//! What a `MemoryKv` does beyond the promises of the trait.

use super::{Call, Fault, MemoryKv};
use crate::storage::{Changes, Committed, Kv, KvError, Stream, Txn, Watch, Write};
use bytes::Bytes;
use futures::StreamExt;
use std::time::Duration;

fn put(key: &'static str, value: &'static str) -> Txn {
    let (key, value) = (Bytes::from(key), Bytes::from(value));
    Txn {
        writes: vec![Write::Put {
            key,
            value,
            lease: 0,
        }],
        ..Txn::default()
    }
}

async fn follow(kv: &MemoryKv, key: &'static str) -> Stream<Result<Changes, KvError>> {
    let watch = Watch {
        key: key.into(),
        end: None,
        from: 1,
        progress_every: None,
    };
    kv.watch(watch).await.expect("nothing is compacted")
}

async fn next(stream: &mut Stream<Result<Changes, KvError>>) -> Option<Result<Changes, KvError>> {
    tokio::time::timeout(Duration::from_secs(10), stream.next())
        .await
        .expect("the stream says something")
}

#[tokio::test]
async fn a_fault_before_the_effect_leaves_no_trace() {
    let kv = MemoryKv::new();
    let gone = KvError::Unavailable("gone".into());
    kv.fail_next(Call::Txn, Fault::Before(gone.clone()));
    assert_eq!(kv.txn(put("a", "1")).await, Err(gone));
    assert_eq!(kv.revision(), 1);
    let written = kv.txn(put("a", "1")).await;
    assert_eq!(written, Ok(Committed::Written { revision: 2 }));
    assert_eq!(kv.calls(Call::Txn), 2);
}

#[tokio::test]
async fn a_fault_after_the_effect_hides_it() {
    let kv = MemoryKv::new();
    let lost = KvError::Unknown("lost".into());
    kv.fail_next(Call::Txn, Fault::After(lost.clone()));
    assert_eq!(kv.txn(put("a", "1")).await, Err(lost));
    assert_eq!(kv.revision(), 2);
}

#[tokio::test]
async fn a_reader_that_falls_behind_is_told_so_after_what_it_was_sent() {
    let kv = MemoryKv::with_buffer(2);
    let mut stream = follow(&kv, "a").await;
    for value in ["1", "2", "3", "4"] {
        kv.txn(put("a", value)).await.expect("it is written");
    }
    assert_eq!(kv.watches(), 0);
    for revision in [2, 3] {
        let told = next(&mut stream).await.expect("it was sent");
        assert_eq!(told.expect("it is a change").revision, revision);
    }
    let why = next(&mut stream).await.expect("the reason comes");
    assert!(matches!(why, Err(KvError::Unavailable(_))), "{why:?}");
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test]
async fn broken_watches_say_why_and_end() {
    let kv = MemoryKv::new();
    let mut stream = follow(&kv, "a").await;
    kv.txn(put("a", "1")).await.expect("it is written");
    kv.break_watches(KvError::Compacted { oldest: 0 });
    assert!(matches!(next(&mut stream).await, Some(Ok(_))));
    let why = next(&mut stream).await;
    assert_eq!(why, Some(Err(KvError::Compacted { oldest: 0 })));
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test]
async fn a_fence_is_compared_with_the_present_leadership() {
    let kv = MemoryKv::new();
    let fenced = |fence| Txn {
        fence,
        ..put("a", "1")
    };
    let refused = kv.txn(fenced(7)).await;
    assert!(matches!(refused, Err(KvError::Invalid(_))), "{refused:?}");
    kv.set_leadership(8);
    assert_eq!(kv.txn(fenced(7)).await, Err(KvError::Fenced));
    let written = kv.txn(fenced(8)).await;
    assert_eq!(written, Ok(Committed::Written { revision: 2 }));
}

#[tokio::test]
async fn an_expired_lease_takes_its_keys_in_one_revision() {
    let kv = MemoryKv::new();
    let lease = kv.grant(10).await.expect("it is granted");
    let writes = ["a", "b", "c"].map(|key| Write::Put {
        key: key.into(),
        value: "1".into(),
        lease,
    });
    let attached = Txn {
        writes: writes.into(),
        ..Txn::default()
    };
    kv.txn(attached).await.expect("they are written");
    // A later write takes a key off its lease.
    kv.txn(put("b", "2")).await.expect("it is written");
    let mut stream = follow(&kv, "c").await;
    assert!(kv.expire(lease));
    assert!(!kv.expire(lease));
    assert_eq!(kv.revision(), 4);
    for revision in [2, 4] {
        let told = next(&mut stream).await.expect("it was sent");
        assert_eq!(told.expect("it is a change").revision, revision);
    }
}
