//! The body of a request: read as a whole, or let go.
//!
//! A request that is refused is mostly refused before its body is read. What the client still sends has to go
//! somewhere: over HTTP/1 the connection could not be used again, and over HTTP/2 the stream would end out of
//! order, of which a connection may have so many only. So a small rest is read and forgotten before the
//! answer leaves.

use crate::decode::limits::MAX_BODY;
use crate::status::Failure;
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming};
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::timeout;

/// A rest of more bytes is not read: larger than nearly all objects, and one piece of HTTP/2's usual window.
const REST_BYTES: usize = 64 * 1024;
/// Nor one that takes longer to come.
const REST: Duration = Duration::from_secs(1);

/// The body of a request, until somebody has read it.
pub(super) struct Sent {
    body: Option<Incoming>,
    /// The client sends it only when it is asked for (`Expect: 100-continue`).
    waits: bool,
}

impl Sent {
    pub(super) fn new(body: Incoming, waits: bool) -> Sent {
        Sent {
            body: Some(body),
            waits,
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// 413 if it is larger than any body may be; 400 if the client breaks off.
    pub(super) async fn read(&mut self) -> Result<Bytes, Failure> {
        let (mut whole, mut first) = (BytesMut::new(), None::<Bytes>);
        let Some(mut body) = self.body.take() else {
            return Ok(Bytes::new());
        };
        while let Some(frame) = next(&mut body).await {
            let frame =
                frame.map_err(|_| Failure::bad_request("the body of the request broke off"))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let length = first.as_ref().map_or(whole.len(), Bytes::len);
            if length + data.len() > MAX_BODY {
                return Err(Failure::body_too_large(MAX_BODY));
            }
            // Most bodies come in one piece, which is not copied.
            match (first.take(), whole.is_empty()) {
                (None, true) => first = Some(data),
                (Some(earlier), _) => {
                    whole.extend_from_slice(&earlier);
                    whole.extend_from_slice(&data);
                }
                (None, false) => whole.extend_from_slice(&data),
            }
        }
        Ok(first.unwrap_or_else(|| whole.freeze()))
    }

    /// Reads and forgets it if nobody has read it, within bounds.
    pub(super) async fn forget(&mut self) {
        let Some(mut body) = self.body.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        if self.waits || body.size_hint().lower() > REST_BYTES as u64 {
            return;
        }
        let rest = async {
            let mut left = REST_BYTES;
            while let Some(Ok(frame)) = next(&mut body).await {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                match left.checked_sub(bytes) {
                    Some(rest) => left = rest,
                    None => return,
                }
            }
        };
        // A client that is too slow, or breaks off, loses no more than it did before.
        let _ = timeout(REST, rest).await;
    }
}

async fn next(body: &mut Incoming) -> Option<Result<Frame<Bytes>, hyper::Error>> {
    poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}
