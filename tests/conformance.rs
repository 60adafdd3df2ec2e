//! Every numbered statement about an etcd-compatible store, asked of a real etcd and of Keelson.
//!
//! `KEELSON_STATEMENT=c15` runs only the statements whose name contains that text;
//! `KEELSON_PEER_LINE=3.6` takes another version of the real etcd.

use keelson_kit::conformance;
use keelson_kit::etcd::Peer;
use keelson_kit::keelson;
use keelson_kit::target::Target;

async fn all_hold(target: Target) {
    let filter = std::env::var("KEELSON_STATEMENT").unwrap_or_default();
    let report = conformance::run(&target, &filter).await;
    println!("{:?}\n{}", target.kind, report.table());
    let failures = report.failures();
    assert!(failures.is_empty(), "{failures}\n{}", target.tails());
}

async fn real_etcd_holds(test: &str, members: usize) {
    let Some(peer) = Peer::find_or_skip(test).expect("the script runs") else {
        return;
    };
    let target = Target::etcd(&peer.binary(), members).await;
    all_hold(target.expect("etcd starts")).await;
}

#[tokio::test]
async fn real_etcd() {
    real_etcd_holds("real_etcd", 1).await;
}

#[tokio::test]
async fn real_etcd_three_members() {
    real_etcd_holds("real_etcd_three_members", 3).await;
}

#[tokio::test]
async fn keelson_one_member() {
    all_hold(
        Target::keelson(&keelson!(), 1)
            .await
            .expect("keelson starts"),
    )
    .await;
}

#[tokio::test]
async fn keelson_three_members() {
    all_hold(
        Target::keelson(&keelson!(), 3)
            .await
            .expect("keelson starts"),
    )
    .await;
}

/// State in memory is lost with the process: statements about restarts are skipped, loudly.
#[tokio::test]
async fn keelson_memory_engine() {
    all_hold(
        Target::keelson_in_memory(&keelson!())
            .await
            .expect("keelson starts"),
    )
    .await;
}
