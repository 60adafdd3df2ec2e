//! Every numbered statement about a Kubernetes API server, asked over HTTPS of one member and of three.
//!
//! `KEELSON_STATEMENT=s31` asks only the statements whose name contains that text.

use keelson_kit::kubernetes::{Development, run};
use std::path::Path;

async fn all_hold(members: usize) {
    let program = Path::new(env!("CARGO_BIN_EXE_keelson"));
    let cluster = Development::start(program, members)
        .await
        .expect("it starts");
    let filter = std::env::var("KEELSON_STATEMENT").unwrap_or_default();
    let report = run(&cluster.client, &cluster.store, &filter).await;
    println!("members: {members}\n{}", report.table());
    let failures = report.failures();
    assert!(failures.is_empty(), "{failures}\n{}", cluster.tails());
}

#[tokio::test]
async fn statements_hold_on_one_member() {
    all_hold(1).await;
}

#[tokio::test]
async fn statements_hold_on_three_members() {
    all_hold(3).await;
}
