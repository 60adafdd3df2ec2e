//! Large answers, packed for those who take it.

use super::body::{Body, Pieces};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::StreamExt;
use hyper::Response;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, VARY};
use std::io::Write;

/// Smaller answers are faster as they are. Upstream's number.
pub(super) const FROM_BYTES: usize = 128 * 1024;

/// Whether an `Accept-Encoding` header takes gzip.
pub(super) fn is_accepted(header: &str) -> bool {
    header.split(',').any(|one| {
        let (name, parameters) = one.split_once(';').unwrap_or((one, ""));
        let is_refused = parameters.trim().trim_start_matches("q=").parse() == Ok(0.0_f32);
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// The same answer, packed if it is known to be large. Those that come in pieces say for themselves
/// whether they are ([`pack_pieces`]).
pub(super) fn pack(response: Response<Body>) -> Response<Body> {
    let is_large = response
        .body()
        .known()
        .is_some_and(|bytes| bytes.len() > FROM_BYTES);
    if !is_large || response.headers().contains_key(CONTENT_ENCODING) {
        return response;
    }
    let mut encoder = encoder();
    let packed = match response.body().known() {
        Some(bytes) => encoder.write_all(bytes).and_then(|()| encoder.finish()),
        None => return response,
    };
    let Ok(packed) = packed else {
        return response;
    };
    let (mut head, _) = response.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    mark(&mut head.headers);
    Response::from_parts(head, Body::whole(packed))
}

/// Says in the headers that the answer is packed.
pub(super) fn mark(headers: &mut hyper::HeaderMap) {
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
}

fn encoder() -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::fast())
}

/// Packs pieces as they come. Memory is a piece.
pub(super) fn pack_pieces(pieces: Pieces) -> Pieces {
    let state = Some((pieces, encoder()));
    Box::pin(futures::stream::unfold(state, |state| async move {
        let (mut pieces, mut encoder) = state?;
        loop {
            match pieces.next().await {
                Some(Ok(piece)) => {
                    if let Err(error) = encoder.write_all(&piece) {
                        return Some((Err(error.into()), None));
                    }
                    let packed = std::mem::take(encoder.get_mut());
                    // The encoder holds back until it has a block.
                    if !packed.is_empty() {
                        return Some((Ok(Bytes::from(packed)), Some((pieces, encoder))));
                    }
                }
                Some(Err(error)) => return Some((Err(error), None)),
                None => {
                    let rest = encoder.finish().map(Bytes::from);
                    return Some((rest.map_err(Into::into), None));
                }
            }
        }
    }))
}
