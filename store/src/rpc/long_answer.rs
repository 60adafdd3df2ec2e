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
//! Whoever takes it too slowly loses it ([`super::leash`]): what has not been sent is on a leash, the pin of
//! the scan and what lies ready alike.
//!
//! The way round tonic: the handler sets the answer aside as an extension of an empty response, and
//! the server, once tonic is done with it, replaces the body.

use super::leash::{Leash, Meter, Pace};
use crate::Error;
use crate::mvcc::{Find, RangeScan};
use ::http::{HeaderMap, Response};
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
/// Keys and bytes that are taken at a time.
const CHUNK: (usize, usize) = (512, 512 * 1024);
/// Chunks that are read ahead of what is sent.
const AHEAD: usize = 2;

/// Records that follow, in order.
type Following = Pin<Box<dyn Stream<Item = Result<Vec<Bytes>, Error>> + Send>>;

/// An answer on its way round tonic. Extensions must be cloneable, so it is behind a reference.
#[derive(Clone)]
struct Aside(Arc<Mutex<Option<Pieces>>>);

/// The response of a range: as it is if it is short, set aside for [`bring_back`] otherwise. To be called
/// inside a runtime.
pub(super) fn set_aside(answer: RangeResponse, pace: Pace) -> tonic::Response<RangeResponse> {
    let records: usize = answer.kvs.iter().map(Bytes::len).sum();
    // A message that does not fit gRPC's length is tonic's to refuse.
    if records < LONG_BYTES || answer.encoded_len() > u32::MAX as usize {
        return tonic::Response::new(answer);
    }
    aside(Pieces::of(answer, pace))
}

fn aside(pieces: Pieces) -> tonic::Response<RangeResponse> {
    let mut response = tonic::Response::new(RangeResponse::default());
    let aside = Aside(Arc::new(Mutex::new(Some(pieces))));
    response.extensions_mut().insert(aside);
    response
}

/// The response of a range whose records are read while they are sent. `answer` is that without its
/// records; `finds` are what `scan` found. To be called inside a runtime.
///
/// # Errors
/// `ResourceExhausted` if the answer does not fit one gRPC message.
pub(super) fn read_and_send(
    scan: RangeScan,
    finds: Vec<Find>,
    answer: RangeResponse,
    pace: Pace,
) -> Result<tonic::Response<RangeResponse>, Error> {
    let records: usize = finds.iter().map(|find| field_len(find.len())).sum();
    if records + answer.encoded_len() > u32::MAX as usize {
        let text =
            "etcdserver: the answer is larger than 4 GiB; ask with a limit, or with RangeStream";
        let code = Code::ResourceExhausted as i32;
        return Err(Error::Other(code, text.to_owned()));
    }
    let unread = Unread {
        scan: Arc::new(scan),
        finds: finds.into_iter(),
    };
    let leash = Arc::new(Leash::new(unread, pace));
    let mut pieces = Pieces::with(answer, records, leash.meter().clone());
    let from = Arc::clone(&leash);
    let next = move || from.with(|unread| chunk(&mut unread.finds, Find::len));
    let chunks = stream::iter(std::iter::from_fn(move || next().transpose()));
    let reads = chunks.map(move |chunk| read(Arc::clone(&leash), chunk));
    pieces.following = Some(Box::pin(reads.buffered(AHEAD)));
    Ok(aside(pieces))
}

/// What is left of an answer that is read while it is sent.
struct Unread {
    scan: Arc<RangeScan>,
    finds: std::vec::IntoIter<Find>,
}

/// Takes the scan off its leash when it reads and not before: a chunk that waits for its turn while the
/// client stalls must not hold it.
async fn read(
    leash: Arc<Leash<Unread>>,
    chunk: Result<Vec<Find>, Error>,
) -> Result<Vec<Bytes>, Error> {
    let chunk = chunk?;
    let scan = leash.with(|unread| Arc::clone(&unread.scan))?;
    if chunk.iter().all(|find| find.unread() == 0) {
        return scan.read(chunk);
    }
    tokio::task::spawn_blocking(move || scan.read(chunk))
        .await
        .map_err(|_| Error::Stopped)?
}

/// The next chunk; `None` behind the last one.
fn chunk<T>(rest: &mut std::vec::IntoIter<T>, len: fn(&T) -> usize) -> Option<Vec<T>> {
    let mut bytes = 0;
    let mut chunk = Vec::new();
    while chunk.len() < CHUNK.0 && bytes < CHUNK.1 {
        let Some(next) = rest.next() else { break };
        bytes += len(&next);
        chunk.push(next);
    }
    (!chunk.is_empty()).then_some(chunk)
}

/// Puts the answer that was set aside, if any, into tonic's response. Whether there was one: then its body
/// ends with the outcome, which is not known before.
pub(super) fn bring_back(response: &mut Response<Body>) -> bool {
    let Some(Aside(aside)) = response.extensions_mut().remove() else {
        return false;
    };
    let pieces = aside.lock().unwrap_or_else(|lock| lock.into_inner()).take();
    let Some(pieces) = pieces else { return false };
    *response.body_mut() = Body::new(pieces);
    true
}

/// The body of a long answer.
struct Pieces {
    /// What is to be sent before the next record.
    head: BytesMut,
    records: std::vec::IntoIter<Bytes>,
    /// A record that goes out as it is.
    own: Option<Bytes>,
    /// Records that are still on the leash.
    following: Option<Following>,
    /// The fields behind the records.
    tail: Bytes,
    /// Of the leash.
    meter: Meter,
    is_done: bool,
}

impl Pieces {
    /// An answer that lies ready.
    fn of(mut answer: RangeResponse, pace: Pace) -> Pieces {
        let kvs = std::mem::take(&mut answer.kvs);
        let records = kvs.iter().map(|record| field_len(record.len())).sum();
        let leash = Leash::new(kvs.into_iter(), pace);
        let mut pieces = Pieces::with(answer, records, leash.meter().clone());
        let next = move || leash.with(|kvs| chunk(kvs, Bytes::len));
        let chunks = std::iter::from_fn(move || next().transpose());
        pieces.following = Some(Box::pin(stream::iter(chunks)));
        pieces
    }

    /// An answer without records, with room for `records` bytes of them.
    fn with(answer: RangeResponse, records: usize, meter: Meter) -> Pieces {
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
            meter,
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

    /// The last frame. Behind an error the message stays incomplete, so that no client takes it for an
    /// answer; which error it was can still be said.
    fn end(&mut self, status: Status) -> Result<Frame<Bytes>, Status> {
        self.is_done = true;
        // Lets go of what it has not sent at once, whenever the connection drops it.
        self.following = None;
        self.records = Vec::new().into_iter();
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers)?;
        Ok(Frame::trailers(trailers))
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
        Poll::Ready(Some(match std::task::ready!(self.poll_piece(context)) {
            Some(Ok(piece)) => {
                self.meter.took(piece.len());
                Ok(Frame::data(piece))
            }
            Some(Err(error)) => self.end(error.into()),
            None => self.end(Status::ok("")),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.is_done
    }
}

#[cfg(test)]
pub(super) mod tests;
