//! Long answers to a range, sent piece by piece.
//!
//! tonic writes a whole answer into one buffer before the first byte leaves: for a list of a hundred
//! megabytes that is a hundred megabytes more, fresh from the system, and a client that waits. Here
//! the records go out in pieces, straight from where they are kept. The wire sees no difference: one
//! gRPC message with its length in front.
//!
//! The way round tonic: the handler sets the answer aside as an extension of an empty response, and
//! the server, once tonic is done with it, replaces the body.

use ::http::{HeaderMap, HeaderValue, Response};
use bytes::{BufMut, Bytes, BytesMut};
use hyper::body::{Body as HttpBody, Frame};
use keelson_proto::serving::RangeResponse;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tonic::Status;
use tonic::body::Body;

/// An answer of fewer bytes is left to tonic.
const LONG_BYTES: usize = 128 * 1024;
/// Size of a piece: small enough that its memory is used again and again by the allocator.
const PIECE_BYTES: usize = 64 * 1024;
/// A record of this size is a piece by itself and is not copied.
const OWN_PIECE_BYTES: usize = 16 * 1024;
/// `RangeResponse.kvs`.
const KVS: u32 = 2;
/// What stands before a message: one byte for "not compressed", four for the length.
#[cfg(test)]
const PREFIX_BYTES: usize = 5;

/// An answer on its way round tonic. Extensions must be cloneable, so it is behind a reference.
#[derive(Clone)]
struct Aside(Arc<Mutex<Option<Pieces>>>);

/// The response of a range: as it is if it is short, set aside for [`bring_back`] otherwise.
pub(super) fn set_aside(answer: RangeResponse) -> tonic::Response<RangeResponse> {
    let records: usize = answer.kvs.iter().map(Bytes::len).sum();
    // A message that does not fit gRPC's length is tonic's to refuse.
    if records < LONG_BYTES || answer.encoded_len() > u32::MAX as usize {
        return tonic::Response::new(answer);
    }
    let mut response = tonic::Response::new(RangeResponse::default());
    let aside = Aside(Arc::new(Mutex::new(Some(Pieces::of(answer)))));
    response.extensions_mut().insert(aside);
    response
}

/// Puts the answer that was set aside, if any, into tonic's response.
pub(super) fn bring_back(mut response: Response<Body>) -> Response<Body> {
    let Some(Aside(aside)) = response.extensions_mut().remove() else {
        return response;
    };
    let pieces = aside.lock().unwrap_or_else(|lock| lock.into_inner()).take();
    match pieces {
        Some(pieces) => response.map(|_| Body::new(pieces)),
        None => response,
    }
}

/// The body of a long answer.
struct Pieces {
    /// What is to be sent before the next record.
    head: BytesMut,
    records: std::vec::IntoIter<Bytes>,
    /// A record that goes out as it is.
    own: Option<Bytes>,
    /// The fields behind the records.
    tail: Bytes,
    is_done: bool,
}

impl Pieces {
    fn of(answer: RangeResponse) -> Pieces {
        let length = answer.encoded_len();
        let front = RangeResponse {
            header: answer.header,
            ..RangeResponse::default()
        };
        let tail = RangeResponse {
            more: answer.more,
            count: answer.count,
            ..RangeResponse::default()
        };
        let mut head = BytesMut::with_capacity(PIECE_BYTES);
        head.put_u8(0);
        head.put_u32(length as u32);
        head.put_slice(&front.encode_to_vec());
        Pieces {
            head,
            records: answer.kvs.into_iter(),
            own: None,
            tail: tail.encode_to_vec().into(),
            is_done: false,
        }
    }

    /// The next piece; `None` behind the last one.
    fn next(&mut self) -> Option<Bytes> {
        if let Some(record) = self.own.take() {
            return Some(record);
        }
        let mut piece = std::mem::take(&mut self.head);
        while let Some(record) = self.records.as_slice().first() {
            let needed = key_len(KVS) + encoded_len_varint(record.len() as u64);
            let is_own = record.len() >= OWN_PIECE_BYTES;
            let copied = needed + if is_own { 0 } else { record.len() };
            if !piece.is_empty() && piece.len() + copied > PIECE_BYTES {
                return Some(piece.freeze());
            }
            if piece.capacity() == 0 {
                piece.reserve(PIECE_BYTES);
            }
            let record = self.records.next().unwrap_or_default();
            encode_key(KVS, WireType::LengthDelimited, &mut piece);
            encode_varint(record.len() as u64, &mut piece);
            if is_own {
                self.own = Some(record);
                return Some(piece.freeze());
            }
            piece.put_slice(&record);
        }
        piece.put_slice(&std::mem::take(&mut self.tail));
        (!piece.is_empty()).then(|| piece.freeze())
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.is_done {
            return Poll::Ready(None);
        }
        let frame = match self.next() {
            Some(piece) => Frame::data(piece),
            None => {
                self.is_done = true;
                let mut trailers = HeaderMap::new();
                trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
                Frame::trailers(trailers)
            }
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keelson_proto::etcdserverpb::ResponseHeader;

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

    fn pieces(answer: &RangeResponse) -> Vec<Bytes> {
        let mut pieces = Pieces::of(answer.clone());
        std::iter::from_fn(|| pieces.next()).collect()
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

    #[test]
    fn the_pieces_together_are_the_message_that_prost_writes() {
        for sizes in SIZES {
            let answer = answer(sizes);
            let written = pieces(&answer).concat();
            assert_eq!(written[0], 0, "not compressed");
            let length = u32::from_be_bytes([written[1], written[2], written[3], written[4]]);
            assert_eq!(length as usize, written.len() - PREFIX_BYTES);
            assert_eq!(written[PREFIX_BYTES..], answer.encode_to_vec());
        }
    }

    #[test]
    fn no_piece_is_much_larger_than_it_should_be_unless_its_record_is() {
        for sizes in SIZES {
            let largest = sizes.iter().copied().max().unwrap_or(0);
            for piece in pieces(&answer(sizes)) {
                assert!(piece.len() <= largest.max(PIECE_BYTES) + 16);
                assert!(!piece.is_empty());
            }
        }
    }

    #[test]
    fn large_records_are_not_copied() {
        let answer = answer(&[100, PIECE_BYTES * 2]);
        let large = answer.kvs[1].clone();
        let sent = pieces(&answer);
        assert!(sent.iter().any(|piece| piece.as_ptr() == large.as_ptr()));
    }

    #[test]
    fn short_answers_are_left_to_tonic() {
        let short = set_aside(answer(&[1000; 20]));
        assert_eq!(short.get_ref().kvs.len(), 20);
        let long = set_aside(answer(&[1000; 200]));
        assert!(long.get_ref().kvs.is_empty());
        assert!(long.extensions().get::<Aside>().is_some());
    }
}
