use super::*;
use crate::engine::GarbageSlot;
use crate::engine::memory::MemoryEngine;
use crate::mvcc::{Options, Store};
use keelson_proto::etcdserverpb::{RangeRequest, ResponseHeader};
use std::time::Duration;

/// What stands before a message: one byte for "not compressed", four for the length.
const PREFIX_BYTES: usize = 5;

fn answer(sizes: &[usize]) -> RangeResponse {
    RangeResponse {
        header: Some(ResponseHeader {
            revision: 7,
            ..ResponseHeader::default()
        }),
        kvs: sizes.iter().map(|size| vec![3; *size].into()).collect(),
        more: true,
        count: 12,
    }
}

/// A pace that nobody falls behind in a test.
const LEISURE: Pace = Pace {
    patience: Duration::from_secs(3600),
    bytes_per_s_min: 0,
};

/// An answer whose disk fails once `sent` bytes of records have been read.
pub(in crate::rpc) fn broken(sent: usize) -> tonic::Response<RangeResponse> {
    let mut pieces = Pieces::with(answer(&[]), 2 * sent, Meter::default());
    let chunks = [Ok(vec![vec![3; sent].into()]), Err(Error::Stopped)];
    pieces.following = Some(Box::pin(stream::iter(chunks)));
    aside(pieces)
}

fn unpack(response: tonic::Response<RangeResponse>) -> Pieces {
    let Aside(aside) = response.extensions().get().expect("set aside");
    aside.lock().expect("not poisoned").take().expect("once")
}

async fn next(pieces: &mut Pieces) -> Option<Result<Bytes, Error>> {
    std::future::poll_fn(|context| pieces.poll_piece(context)).await
}

async fn sent(mut pieces: Pieces) -> Vec<Bytes> {
    let mut sent = Vec::new();
    while let Some(piece) = next(&mut pieces).await {
        sent.push(piece.expect("read"));
    }
    sent
}

async fn pieces(answer: &RangeResponse) -> Vec<Bytes> {
    sent(Pieces::of(answer.clone(), LEISURE)).await
}

/// The same with records that arrive in chunks of `chunk`.
async fn pieces_of_chunks(answer: &RangeResponse, chunk: usize) -> Vec<Bytes> {
    let mut bare = answer.clone();
    let kvs = std::mem::take(&mut bare.kvs);
    let records = kvs.iter().map(|record| field_len(record.len())).sum();
    let mut pieces = Pieces::with(bare, records, Meter::default());
    let chunks: Vec<_> = kvs.chunks(chunk).map(|chunk| Ok(chunk.to_vec())).collect();
    pieces.following = Some(Box::pin(stream::iter(chunks)));
    sent(pieces).await
}

/// Sizes around every bound, alone and mixed.
const SIZES: [&[usize]; 6] = [
    &[],
    &[0, 0, 1],
    &[1000; 300],
    &[OWN_PIECE_BYTES - 1, OWN_PIECE_BYTES, OWN_PIECE_BYTES + 1],
    &[PIECE_BYTES, 10, PIECE_BYTES * 3, PIECE_BYTES, 10],
    &[5000, 15_000, 16_000, 16_300, 16_384, 300],
];

#[tokio::test]
async fn the_pieces_together_are_the_message_that_prost_writes() {
    for sizes in SIZES {
        let answer = answer(sizes);
        let at_hand = pieces(&answer).await.concat();
        for written in [at_hand, pieces_of_chunks(&answer, 2).await.concat()] {
            assert_eq!(written[0], 0, "not compressed");
            let length = u32::from_be_bytes([written[1], written[2], written[3], written[4]]);
            assert_eq!(length as usize, written.len() - PREFIX_BYTES);
            assert_eq!(written[PREFIX_BYTES..], answer.encode_to_vec());
        }
    }
}

#[tokio::test]
async fn no_piece_is_much_larger_than_it_should_be_unless_its_record_is() {
    for sizes in SIZES {
        let largest = sizes.iter().copied().max().unwrap_or(0);
        for piece in pieces(&answer(sizes)).await {
            assert!(piece.len() <= largest.max(PIECE_BYTES) + 16);
            assert!(!piece.is_empty());
        }
    }
}

#[tokio::test]
async fn large_records_are_not_copied() {
    let answer = answer(&[100, PIECE_BYTES * 2]);
    let large = answer.kvs[1].clone();
    let sent = pieces(&answer).await;
    assert!(sent.iter().any(|piece| piece.as_ptr() == large.as_ptr()));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_ends_the_answer_with_the_reason() {
    let body = unpack(broken(2 * PIECE_BYTES));
    let collected = http_body_util::BodyExt::collect(body).await.expect("ends");
    let status = Status::from_header_map(collected.trailers().expect("present"));
    let error = Error::from_status(&status.expect("a status"));
    assert_eq!(error, Error::Stopped);
    let bytes = collected.to_bytes();
    let announced = u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
    assert!(
        bytes.len() < announced as usize,
        "the message is not complete"
    );
}

#[tokio::test]
async fn every_byte_counts_as_taken_when_it_is_handed_out_and_not_before() {
    let pieces = Pieces::of(answer(&[1000; 300]), LEISURE);
    let meter = pieces.meter.clone();
    let mut body = Body::new(pieces);
    let mut handed = 0;
    while let Some(frame) = http_body_util::BodyExt::frame(&mut body).await {
        let frame = frame.expect("read");
        handed += frame.data_ref().map_or(0, Bytes::len) as u64;
        assert_eq!(meter.taken(), handed);
    }
    assert!(handed > 300_000);
}

#[tokio::test]
async fn short_answers_are_left_to_tonic() {
    let short = set_aside(answer(&[1000; 20]), LEISURE);
    assert_eq!(short.get_ref().kvs.len(), 20);
    let long = set_aside(answer(&[1000; 200]), LEISURE);
    assert!(long.get_ref().kvs.is_empty());
    assert!(long.extensions().get::<Aside>().is_some());
}

/// A store with 2.5 MiB, which are five chunks, all of them cached.
fn store() -> Arc<Store> {
    let slot = GarbageSlot::default();
    let engine = Arc::new(MemoryEngine::new(slot.clone()));
    let store = Store::open(engine, slot, Options::default()).expect("it opens");
    for number in 0..40 {
        put(&store, &format!("key{number:02}"));
    }
    store
}

fn put(store: &Store, key: &str) {
    let (key, value) = (Bytes::copy_from_slice(key.as_bytes()), vec![3; 64 * 1024]);
    let mut writer = store.writer();
    writer.put(&key, &value.into(), 0);
    writer.end_revision();
    writer.commit().expect("memory does not fail");
}

/// Everything in the store, to be read while it is sent.
fn everything(store: &Store, pace: Pace) -> Pieces {
    let request = RangeRequest {
        key: Bytes::from_static(&[0]),
        range_end: Bytes::from_static(&[0]),
        ..RangeRequest::default()
    };
    let mut scan = store.begin_range(&request).expect("not compacted");
    let mut finds = Vec::new();
    loop {
        let more = scan.look();
        if more.is_empty() {
            break;
        }
        finds.extend(more);
    }
    unpack(read_and_send(scan, finds, answer(&[]), pace).expect("it fits"))
}

/// Compacts to the newest revision. Whether nobody keeps the sweep from getting there.
fn is_swept(store: &Store) -> bool {
    let mut writer = store.writer();
    let newest = writer.revision();
    if writer.compacted() < newest {
        writer.compact(newest).expect("a revision that exists");
    }
    writer.commit().expect("memory does not fail");
    let swept = store.sweep(&|| false);
    swept.expect("memory does not fail").floor == newest
}

#[tokio::test]
async fn an_answer_under_way_keeps_its_history_and_gives_it_back_with_its_end() {
    let store = store();
    let mut pieces = everything(&store, LEISURE);
    next(&mut pieces).await.expect("a piece").expect("read");
    put(&store, "key00");
    assert!(!is_swept(&store), "it is still being read");
    sent(pieces).await;
    assert!(is_swept(&store));
}

#[tokio::test]
async fn a_chunk_that_waits_for_its_turn_does_not_keep_history() {
    let store = store();
    let pace = Pace {
        patience: Duration::from_millis(50),
        bytes_per_s_min: 0,
    };
    let mut pieces = everything(&store, pace);
    // The first chunk is cached and ready at once, so the second has been begun and not been looked at.
    next(&mut pieces).await.expect("a piece").expect("read");
    put(&store, "key00");
    let let_go = async {
        while !is_swept(&store) {
            tokio::task::yield_now().await;
        }
    };
    let let_go = tokio::time::timeout(Duration::from_secs(60), let_go).await;
    let_go.expect("the client took nothing, so its history is let go");
    let outcome = loop {
        match next(&mut pieces).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("it cannot be complete"),
        }
    };
    assert_eq!(outcome.code(), Code::DeadlineExceeded);
}
