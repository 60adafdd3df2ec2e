//! The same random requests on a real etcd and on Keelson, and on two real etcds to prove the method.
//!
//! `KEELSON_SEED=7` repeats one seed, `KEELSON_REQUESTS=100000` makes a run longer.

use keelson_kit::cluster::Binary;
use keelson_kit::differential::compare::Tolerance;
use keelson_kit::differential::run::{Plant, Reply};
use keelson_kit::differential::step::Step;
use keelson_kit::differential::{Outcome, Pair, compare_servers, difference_of};
use keelson_kit::etcd::Peer;
use keelson_kit::keelson;
use keelson_proto::etcdserverpb::{CompactionRequest, HashKvRequest, PutRequest};

fn number(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// A seed nobody chose, unless it is given; it is printed, so that a run can be repeated.
fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = number(
        "KEELSON_SEED",
        now.map_or(1, |now| now.as_millis() as u64 % 1_000_000),
    );
    println!("KEELSON_SEED={seed}");
    seed
}

fn requests() -> usize {
    number("KEELSON_REQUESTS", 10_000) as usize
}

/// Requests that show that the method finds no difference where there is none.
const METHOD: usize = 2500;

fn peer(test: &str) -> Option<Binary> {
    let peer = Peer::find_or_skip(test).expect("the script runs")?;
    // What is compared does not depend on the disk.
    Some(peer.binary().with_flag("--unsafe-no-fsync"))
}

fn pair(reference: Binary, subject: Binary, subject_members: usize) -> Pair {
    Pair {
        reference,
        reference_members: 1,
        subject,
        subject_members,
        tolerance: Tolerance::default(),
        plant: None,
    }
}

async fn equal(pair: Pair) {
    equal_in(pair, requests()).await;
}

async fn equal_in(pair: Pair, requests: usize) {
    let outcome = compare_servers(&pair, seed(), requests).await;
    match outcome.expect("both servers start") {
        Outcome::Equal {
            answers,
            watched,
            lost,
        } => {
            println!("{answers} answers and {watched} items of watches are equal");
            assert_eq!(lost, 0, "watches that broke or kept silent on both servers");
            assert!(answers > 0 && watched > 0, "nothing was compared");
        }
        Outcome::Different { report, .. } => panic!("{report}"),
    }
}

#[tokio::test]
async fn etcd_equals_etcd() {
    let Some(etcd) = peer("etcd_equals_etcd") else {
        return;
    };
    equal_in(pair(etcd.clone(), etcd, 1), METHOD).await;
}

/// Seen through one of three members, a cluster looks like a single member.
#[tokio::test]
async fn etcd_with_three_members_equals_etcd() {
    let Some(etcd) = peer("etcd_with_three_members_equals_etcd") else {
        return;
    };
    equal_in(pair(etcd.clone(), etcd, 3), METHOD).await;
}

/// Etcd answers with the hash that a compaction left behind, if it has come to its end.
#[tokio::test]
async fn the_hash_of_a_revision_that_was_compacted_is_not_compared() {
    let Some(etcd) = peer("the_hash_of_a_revision_that_was_compacted_is_not_compared") else {
        return;
    };
    let put = |key: &'static [u8]| {
        Step::Put(PutRequest {
            key: key.into(),
            ..PutRequest::default()
        })
    };
    let mut steps: Vec<Step> = [&b"a"[..], b"b", b"a", b"c"].map(put).into();
    steps.push(Step::Compact(CompactionRequest {
        revision: 4,
        physical: true,
    }));
    steps.push(put(b"d"));
    steps.extend([4, 5].map(|revision| Step::HashKv(HashKvRequest { revision })));
    let pair = against_keelson(etcd, keelson!(), 1);
    let difference = difference_of(&pair, &steps).await;
    let difference = difference.expect("both servers start");
    assert!(difference.is_none(), "{}", difference.expect("one"));
}

/// A deletion of several keys says one too many.
fn counts_wrong(_: &Step, reply: &mut Reply) {
    if let Reply::Delete(reply) = reply {
        reply.deleted += i64::from(reply.deleted > 1);
    }
}

#[tokio::test]
async fn a_planted_difference_is_found_and_shrunk() {
    let Some(etcd) = peer("a_planted_difference_is_found_and_shrunk") else {
        return;
    };
    let mut pair = pair(etcd.clone(), etcd, 1);
    pair.plant = Some(counts_wrong as Plant);
    let outcome = compare_servers(&pair, 1, 300)
        .await
        .expect("both servers start");
    let Outcome::Different { steps, report } = outcome else {
        panic!("the planted difference was not found");
    };
    println!("{report}");
    assert!((2..=4).contains(&steps.len()), "not short enough: {report}");
}

fn against_keelson(etcd: Binary, keelson: Binary, members: usize) -> Pair {
    let mut pair = pair(etcd, keelson, members);
    let line = std::env::var("KEELSON_PEER_LINE").unwrap_or_default();
    let old = line == "3.6";
    pair.tolerance.keys_only_without_lease = !old;
    pair.tolerance.no_range_stream = old;
    pair
}

#[tokio::test]
async fn keelson_equals_etcd() {
    let Some(etcd) = peer("keelson_equals_etcd") else {
        return;
    };
    equal(against_keelson(etcd, keelson!(), 1)).await;
}

#[tokio::test]
async fn keelson_with_three_members_equals_etcd() {
    let Some(etcd) = peer("keelson_with_three_members_equals_etcd") else {
        return;
    };
    equal(against_keelson(etcd, keelson!(), 3)).await;
}

#[tokio::test]
async fn keelson_in_memory_equals_keelson_on_disk() {
    let memory = keelson!().with_flag("--unsafe-memory-state");
    equal(pair(keelson!(), memory, 1)).await;
}
