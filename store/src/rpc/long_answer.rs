//! Long answers to a range, sent piece by piece.
//!
//! tonic writes a whole answer into one buffer before the first byte leaves: for a list of a hundred
//! megabytes that is a hundred megabytes more, fresh from the system, and a client that waits. Here
//! the records go out in pieces, straight from where they are kept. The wire sees no difference: one
//! gRPC message with its length in front.
//!
//! What is not in memory is read while the answer is under way, off the front's thread: its length is
//! known beforehand, because the index knows the length of every record.
//!
//! The way round tonic: the handler sets the answer aside as an extension of an empty response, and
//! the server, once tonic is done with it, replaces the body.

use super::leash::{Leash, PATIENCE};
use crate::Error;
use crate::mvcc::{Find, RangeScan};
use ::http::{HeaderMap, HeaderValue, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures::stream::{self, Stream, StreamExt};
use hyper::body::{Body as HttpBody, Frame};
use keelson_proto::serving::RangeResponse;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::{Code, Status};

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

/// Keys and bytes that are read at a time.
const CHUNK: (usize, usize) = (512, 512 * 1024);
/// Chunks that are read ahead of what is sent.
const AHEAD: usize = 2;

/// Records that follow, in order.
type Following = Pin<Box<dyn Stream<Item = Result<Vec<Bytes>, Error>> + Send>>;

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
    aside(Pieces::of(answer))
}

fn aside(pieces: Pieces) -> tonic::Response<RangeResponse> {
    let mut response = tonic::Response::new(RangeResponse::default());
    let aside = Aside(Arc::new(Mutex::new(Some(pieces))));
    response.extensions_mut().insert(aside);
    response
}

/// The response of a range whose records are read while they are sent. `answer` is that without its
/// records; `finds` are what `scan` found.
///
/// # Errors
/// `ResourceExhausted` if the answer does not fit one gRPC message.
pub(super) fn read_and_send(
    scan: RangeScan,
    finds: Vec<Find>,
    answer: RangeResponse,
) -> Result<tonic::Response<RangeResponse>, Error> {
    let records: usize = finds.iter().map(|find| field_len(find.len())).sum();
    if records + answer.encoded_len() > u32::MAX as usize {
        let text =
            "etcdserver: the answer is larger than 4 GiB; ask with a limit, or with RangeStream";
        let code = Code::ResourceExhausted as i32;
        return Err(Error::Other(code, text.to_owned()));
    }
    let mut pieces = Pieces::with(answer, records);
    let scan = Arc::new(Leash::new(Arc::new(scan), PATIENCE));
    let chunks =
        stream::iter(Chunks(finds.into_iter())).map(move |chunk| read(Arc::clone(&scan), chunk));
    pieces.following = Some(Box::pin(chunks.buffered(AHEAD)));
    Ok(aside(pieces))
}

/// Takes the scan off its leash when it reads and not before: a chunk that waits for its turn while the
/// client stalls must not hold it.
async fn read(scan: Arc<Leash<Arc<RangeScan>>>, chunk: Vec<Find>) -> Result<Vec<Bytes>, Error> {
    let scan = scan.with(|scan| Arc::clone(scan))?;
    if chunk.iter().all(|find| find.unread() == 0) {
        return scan.read(chunk);
    }
    tokio::task::spawn_blocking(move || scan.read(chunk))
        .await
        .map_err(|_| Error::Stopped)?
}

/// Cuts finds into chunks.
struct Chunks(std::vec::IntoIter<Find>);

impl Iterator for Chunks {
    type Item = Vec<Find>;

    fn next(&mut self) -> Option<Vec<Find>> {
        let mut bytes = 0;
        let mut chunk = Vec::new();
        while chunk.len() < CHUNK.0 && bytes < CHUNK.1 {
            let Some(find) = self.0.next() else { break };
            bytes += find.len();
            chunk.push(find);
        }
        (!chunk.is_empty()).then_some(chunk)
    }
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
    /// Records that have still to be read.
    following: Option<Following>,
    /// The fields behind the records.
    tail: Bytes,
    is_done: bool,
}

impl Pieces {
    fn of(mut answer: RangeResponse) -> Pieces {
        let kvs = std::mem::take(&mut answer.kvs);
        let records = kvs.iter().map(|record| field_len(record.len())).sum();
        let mut pieces = Pieces::with(answer, records);
        pieces.records = kvs.into_iter();
        pieces
    }

    /// An answer without records, with room for `records` bytes of them.
    fn with(answer: RangeResponse, records: usize) -> Pieces {
        let length = answer.encoded_len() + records;
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
            records: Vec::new().into_iter(),
            own: None,
            following: None,
            tail: tail.encode_to_vec().into(),
            is_done: false,
        }
    }

    /// The next piece; `None` behind the last one.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if let Some(record) = self.own.take() {
            return Poll::Ready(Some(Ok(record)));
        }
        let mut piece = std::mem::take(&mut self.head);
        loop {
            if self.fill(&mut piece) {
                return Poll::Ready(Some(Ok(piece.freeze())));
            }
            let Some(following) = &mut self.following else {
                break;
            };
            match following.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(records))) => self.records = records.into_iter(),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => self.following = None,
                Poll::Pending if piece.is_empty() => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Some(Ok(piece.freeze()))),
            }
        }
        piece.put_slice(&std::mem::take(&mut self.tail));
        Poll::Ready((!piece.is_empty()).then(|| Ok(piece.freeze())))
    }

    /// Puts records into `piece` until there are none at hand; true once it is full.
    fn fill(&mut self, piece: &mut BytesMut) -> bool {
        while let Some(record) = self.records.as_slice().first() {
            let is_own = record.len() >= OWN_PIECE_BYTES;
            let copied = field_len(record.len()) - if is_own { record.len() } else { 0 };
            if !piece.is_empty() && piece.len() + copied > PIECE_BYTES {
                return true;
            }
            if piece.capacity() == 0 {
                piece.reserve(PIECE_BYTES);
            }
            let record = self.records.next().unwrap_or_default();
            encode_key(KVS, WireType::LengthDelimited, piece);
            encode_varint(record.len() as u64, piece);
            if is_own {
                self.own = Some(record);
                return true;
            }
            piece.put_slice(&record);
        }
        false
    }
}

/// Bytes of a record of this length in an answer.
fn field_len(record_len: usize) -> usize {
    key_len(KVS) + encoded_len_varint(record_len as u64) + record_len
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_done {
            return Poll::Ready(None);
        }
        let frame = match std::task::ready!(self.poll_piece(context)) {
            Some(Ok(piece)) => Frame::data(piece),
            // Too late for a status: hyper resets the stream.
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
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

    fn sent(mut pieces: Pieces) -> Vec<Bytes> {
        let next = stream::poll_fn(move |context| pieces.poll_piece(context));
        let sent: Vec<_> = futures::executor::block_on(next.collect());
        sent.into_iter().map(|piece| piece.expect("read")).collect()
    }

    fn pieces(answer: &RangeResponse) -> Vec<Bytes> {
        sent(Pieces::of(answer.clone()))
    }

    /// The same with records that arrive in chunks of `chunk`.
    fn pieces_of_chunks(answer: &RangeResponse, chunk: usize) -> Vec<Bytes> {
        let mut bare = answer.clone();
        let kvs = std::mem::take(&mut bare.kvs);
        let records = kvs.iter().map(|record| field_len(record.len())).sum();
        let mut pieces = Pieces::with(bare, records);
        let chunks: Vec<_> = kvs.chunks(chunk).map(|chunk| Ok(chunk.to_vec())).collect();
        pieces.following = Some(Box::pin(stream::iter(chunks)));
        sent(pieces)
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
            let at_hand = pieces(&answer).concat();
            for written in [at_hand, pieces_of_chunks(&answer, 2).concat()] {
                assert_eq!(written[0], 0, "not compressed");
                let length = u32::from_be_bytes([written[1], written[2], written[3], written[4]]);
                assert_eq!(length as usize, written.len() - PREFIX_BYTES);
                assert_eq!(written[PREFIX_BYTES..], answer.encode_to_vec());
            }
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
    fn a_record_that_cannot_be_read_ends_the_answer_with_an_error() {
        let mut pieces = Pieces::with(answer(&[]), 100);
        let chunks = [Ok(vec![Bytes::from_static(b"one")]), Err(Error::Stopped)];
        pieces.following = Some(Box::pin(stream::iter(chunks)));
        let frames = http_body_util::BodyExt::collect(pieces);
        let status = futures::executor::block_on(frames).expect_err("not complete");
        assert_eq!(Error::from_status(&status), Error::Stopped);
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
