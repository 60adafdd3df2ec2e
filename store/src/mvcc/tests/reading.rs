//! The ways to read a range, and what is compared of the answers.

use super::decode;
use super::model::Answer;
use crate::Revision;
use crate::mvcc::{Find, RangeScan};
use bytes::Bytes;
use keelson_proto::etcdserverpb::{RangeRequest, ResponseHeader};
use keelson_proto::serving;

pub(super) fn look_then_read(mut scan: RangeScan) -> serving::RangeResponse {
    let mut kvs = Vec::new();
    loop {
        let finds = scan.look();
        if finds.is_empty() {
            break;
        }
        let lengths: Vec<_> = finds.iter().map(Find::len).collect();
        let records = scan.read(finds).expect("the scan holds a pin");
        assert!(records.iter().map(Bytes::len).eq(lengths));
        kvs.extend(records);
    }
    answer_of(&scan, kvs)
}

pub(super) fn read_all(scan: &mut RangeScan, keys: usize) -> serving::RangeResponse {
    let mut kvs = Vec::new();
    loop {
        let chunk = scan
            .next_chunk(keys, usize::MAX)
            .expect("the scan holds a pin");
        assert!(chunk.len() <= keys);
        if chunk.is_empty() {
            break;
        }
        kvs.extend(chunk);
    }
    answer_of(scan, kvs)
}

fn answer_of(scan: &RangeScan, kvs: Vec<Bytes>) -> serving::RangeResponse {
    let header = Some(ResponseHeader {
        revision: scan.revision(),
        ..ResponseHeader::default()
    });
    serving::RangeResponse {
        header,
        kvs,
        count: scan.count(),
        more: scan.more(),
    }
}

pub(super) fn compare(
    request: &RangeRequest,
    answer: Result<serving::RangeResponse, crate::Error>,
    expected: Result<Answer, crate::Error>,
    current: Revision,
) {
    let answer = answer.map(|answer| {
        assert_eq!(answer.header.map(|header| header.revision), Some(current));
        Answer {
            kvs: decode(&answer.kvs),
            count: answer.count,
            more: answer.more,
        }
    });
    assert_eq!(answer, expected, "{request:?}");
}
