//! The API server's store over the network: the promises of its trait, asked of a real etcd and of
//! Keelson, and what it makes of members that go.

use futures::StreamExt;
use keelson_apiserver::storage::{
    At, Changes, Committed, Kv, KvError, Range, RemoteKv, RemoteOptions, Stream, Txn, Watch, Write,
    contract,
};
use keelson_kit::cluster::{Binary, Cluster};
use keelson_kit::etcd::Peer;
use keelson_kit::keelson;
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for something that must come.
const PATIENCE: Duration = Duration::from_secs(60);

fn connect(cluster: &Cluster, timeout: Duration) -> RemoteKv {
    let options = RemoteOptions {
        timeout,
        ..RemoteOptions::new(cluster.endpoints())
    };
    RemoteKv::new(&options).expect("these are endpoints")
}

async fn all_hold(binary: &Binary, members: usize) {
    let started = Cluster::start(binary, members, &[]).await;
    let cluster = started.expect("it starts");
    let kv = Arc::new(connect(&cluster, PATIENCE));
    // Leases end by themselves.
    let outcomes = contract::run(kv, "/contract", Arc::new(|_| {})).await;
    assert!(!outcomes.is_empty());
    assert_eq!(contract::failures(&outcomes), "");
}

#[tokio::test]
async fn a_real_etcd_keeps_all_promises() {
    let found = Peer::find_or_skip("a_real_etcd_keeps_all_promises");
    let Some(peer) = found.expect("the script runs") else {
        return;
    };
    all_hold(&peer.binary(), 1).await;
}

#[tokio::test]
async fn one_member_keeps_all_promises() {
    all_hold(&keelson!(), 1).await;
}

#[tokio::test]
async fn three_members_keep_all_promises() {
    all_hold(&keelson!(), 3).await;
}

fn put(value: &'static str) -> Txn {
    Txn {
        writes: vec![Write::Put {
            key: "/key".into(),
            value: value.into(),
            lease: 0,
        }],
        ..Txn::default()
    }
}

fn read() -> Range {
    Range {
        key: "/key".into(),
        end: None,
        at: At::Latest,
        limit: 0,
        keys_only: false,
    }
}

async fn follow(kv: &RemoteKv) -> Stream<Result<Changes, KvError>> {
    let watch = Watch {
        key: "/key".into(),
        end: None,
        from: 1,
        progress_every: None,
    };
    kv.watch(watch).await.expect("it is followed")
}

/// Tries until a member has taken the write: which one leads is found out meanwhile.
async fn write_until_taken(kv: &RemoteKv, value: &'static str) -> u64 {
    let tries = async {
        loop {
            match kv.txn(put(value)).await {
                Ok(Committed::Written { revision }) => return revision,
                Ok(refused) => panic!("there is no guard: {refused:?}"),
                Err(KvError::Unavailable(_) | KvError::Unknown(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    let taken = tokio::time::timeout(PATIENCE, tries).await;
    taken.expect("a member takes the write")
}

#[tokio::test]
async fn a_member_that_is_gone_is_passed_over_and_its_watches_say_so() {
    let started = Cluster::start(&keelson!(), 3, &[]).await;
    let mut cluster = started.expect("it starts");
    let kv = connect(&cluster, PATIENCE);
    kv.txn(put("before")).await.expect("it is written");
    let mut watch = follow(&kv).await;
    let first = watch.next().await.expect("a change").expect("no error");
    assert_eq!(first.changes.len(), 1);

    cluster.kill(0);
    let end = tokio::time::timeout(PATIENCE, watch.next()).await;
    let end = end.expect("the watch ends");
    assert!(matches!(end, Some(Err(KvError::Unavailable(_)))), "{end:?}");
    assert_eq!(watch.next().await.map(|item| item.is_ok()), None);

    let revision = write_until_taken(&kv, "after").await;
    let found = kv.range(read()).await.expect("it is read");
    assert_eq!(found.keys[0].mod_revision, revision);
    // Another member has the same history.
    let mut watch = follow(&kv).await;
    let mut values = Vec::new();
    while values.last().is_none_or(|value| value != "after") {
        let next = tokio::time::timeout(PATIENCE, watch.next()).await;
        let changes = next.expect("changes come").expect("a change");
        let changes = changes.expect("no error").changes;
        values.extend(changes.into_iter().map(|change| change.now.value));
    }
    assert_eq!(values[0], "before");
}

#[tokio::test]
async fn a_write_without_an_answer_is_unknown_and_a_read_is_asked_elsewhere() {
    let started = Cluster::start(&keelson!(), 3, &[]).await;
    let mut cluster = started.expect("it starts");
    write_until_taken(&connect(&cluster, PATIENCE), "before").await;
    // Whoever is asked first says nothing any more.
    let kv = connect(&cluster, Duration::from_secs(1));
    cluster.pause(0);
    let lost = kv.txn(put("lost")).await;
    assert!(matches!(lost, Err(KvError::Unknown(_))), "{lost:?}");
    write_until_taken(&kv, "after").await;
    let found = async {
        loop {
            // A member may take its time on a busy machine; nothing else may go wrong.
            match kv.range(read()).await {
                Ok(found) => return found,
                Err(KvError::Unavailable(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, found).await;
    assert_eq!(found.expect("a member answers").keys[0].value, "after");
    cluster.resume(0);
}

#[tokio::test]
async fn a_store_that_is_away_is_unavailable() {
    let started = Cluster::start(&keelson!(), 1, &[]).await;
    let mut cluster = started.expect("it starts");
    let kv = connect(&cluster, PATIENCE);
    cluster.kill(0);
    // Certainly nothing has happened: there was no connection.
    let refused = kv.txn(put("value")).await;
    assert!(
        matches!(refused, Err(KvError::Unavailable(_))),
        "{refused:?}"
    );
    let refused = kv.range(read()).await;
    assert!(
        matches!(refused, Err(KvError::Unavailable(_))),
        "{refused:?}"
    );
}
