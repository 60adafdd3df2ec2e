//! The body of an answer, and what is held while it is being sent.

use super::record::Record;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::OwnedSemaphorePermit;

/// Why a body breaks off. The client sees that it is not whole.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// Pieces of a body.
pub(super) type Pieces = Pin<Box<dyn futures::Stream<Item = Result<Bytes, BoxError>> + Send>>;

enum Content {
    Whole(Option<Bytes>),
    Pieces(Pieces),
}

/// The body of an answer.
pub(super) struct Body {
    content: Content,
    /// Dropped with the body: the request is over then.
    held: Held,
}

/// What a request holds until its answer is sent.
#[derive(Default)]
struct Held {
    permit: Option<OwnedSemaphorePermit>,
    record: Option<Box<Record>>,
}

impl Body {
    fn new(content: Content) -> Body {
        Body {
            content,
            held: Held::default(),
        }
    }

    /// Nothing.
    pub(super) fn empty() -> Body {
        Body::new(Content::Whole(None))
    }

    /// All of it.
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
        let bytes = bytes.into();
        Body::new(Content::Whole(
            Some(bytes).filter(|bytes| !bytes.is_empty()),
        ))
    }

    /// Piece by piece.
    pub(super) fn pieces(pieces: Pieces) -> Body {
        Body::new(Content::Pieces(pieces))
    }

    /// All of it, if it is known.
    pub(super) fn known(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Whole(bytes) => bytes.as_ref(),
            Content::Pieces(_) => None,
        }
    }

    /// The same without content, as HEAD is answered.
    pub(super) fn without_content(self) -> Body {
        Body {
            content: Content::Whole(None),
            held: self.held,
        }
    }

    /// With room that it takes until it is sent.
    pub(super) fn holding(mut self, permit: Option<OwnedSemaphorePermit>) -> Body {
        self.held.permit = permit;
        self
    }

    /// With what is told when it is sent.
    pub(super) fn recorded(mut self, record: Box<Record>) -> Body {
        self.held.record = Some(record);
        self
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let body = self.get_mut();
        let piece = match &mut body.content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Content::Pieces(pieces) => pieces.as_mut().poll_next(context),
        };
        if let (Poll::Ready(Some(Ok(bytes))), Some(record)) = (&piece, &mut body.held.record) {
            record.sends(bytes.len());
        }
        piece.map(|piece| piece.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => {
                let bytes = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(bytes as u64)
            }
            Content::Pieces(_) => SizeHint::default(),
        }
    }
}
