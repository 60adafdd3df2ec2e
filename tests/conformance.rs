//! Every numbered statement about an etcd-compatible store, asked of a real etcd and of Keelson.
//!
//! `KEELSON_STATEMENT=c15` runs only the statements whose name contains that text;
//! `KEELSON_PEER_LINE=3.6` takes another version of the real etcd.

use keelson_kit::cluster::Binary;
use keelson_kit::conformance;
use keelson_kit::etcd::Peer;
use keelson_kit::target::Target;
use keelson_kit::tools::skip;

async fn all_hold(target: Target) {
    let filter = std::env::var("KEELSON_STATEMENT").unwrap_or_default();
    let report = conformance::run(&target, &filter).await;
    println!("{:?}\n{}", target.kind, report.table());
    let failures = report.failures();
    assert!(failures.is_empty(), "{failures}\n{}", target.tails());
}

fn keelson() -> Binary {
    Binary::keelson(env!("CARGO_BIN_EXE_keelson"))
}

#[tokio::test]
async fn real_etcd() {
    let Some(peer) = Peer::find(None).expect("the script runs") else {
        skip("real_etcd", "no real etcd on this machine");
        return;
    };
    all_hold(Target::etcd(&peer.binary(), 1).await.expect("etcd starts")).await;
}

#[tokio::test]
async fn real_etcd_three_members() {
    let Some(peer) = Peer::find(None).expect("the script runs") else {
        skip("real_etcd_three_members", "no real etcd on this machine");
        return;
    };
    all_hold(Target::etcd(&peer.binary(), 3).await.expect("etcd starts")).await;
}

#[tokio::test]
async fn keelson_one_member() {
    all_hold(
        Target::keelson(&keelson(), 1)
            .await
            .expect("keelson starts"),
    )
    .await;
}

#[tokio::test]
async fn keelson_three_members() {
    all_hold(
        Target::keelson(&keelson(), 3)
            .await
            .expect("keelson starts"),
    )
    .await;
}

/// State in memory is lost with the process: statements about restarts are skipped, loudly.
#[tokio::test]
async fn keelson_memory_engine() {
    all_hold(
        Target::keelson_in_memory(&keelson())
            .await
            .expect("keelson starts"),
    )
    .await;
}
