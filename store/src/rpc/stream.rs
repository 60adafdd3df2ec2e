//! The life of one call, as metrics see it, and what ends a long answer from outside.

use super::method::MethodId;
use crate::Error;
use crate::metrics::FrontMetrics;
use ::http::HeaderMap;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::{Code, Status};

/// Turns true when the member stops.
pub type Stop = tokio::sync::watch::Receiver<bool>;

/// Resolves when a long answer must end although nobody is done with it, to the reason.
pub type Ending = Pin<Box<dyn Future<Output = Error> + Send>>;

/// Resolves when the member stops.
pub async fn stopped(mut stop: Stop) -> Error {
    // An error means that the stopper itself is gone, which is the same.
    let _ = stop.wait_for(|stop| *stop).await;
    Error::Stopped
}

/// Counts one call: that it began and, exactly once, how it ended. A call that is dropped was given
/// up by the client.
pub struct Call {
    counters: Arc<FrontMetrics>,
    id: MethodId,
    finished: bool,
}

impl Call {
    /// A call of this method begins.
    pub fn start(counters: Arc<FrontMetrics>, id: MethodId) -> Call {
        counters.started(id);
        Call {
            counters,
            id,
            finished: false,
        }
    }

    /// It ends with this code.
    pub fn finish(mut self, code: Code) {
        self.record(code);
    }

    fn record(&mut self, code: Code) {
        if !std::mem::replace(&mut self.finished, true) {
            self.counters.handled(self.id, code);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.record(Code::Cancelled);
    }
}

/// The body of a streaming or long answer: ends when told to, and tells the counters how it ended.
pub struct Watched {
    inner: Body,
    call: Call,
    ending: Option<Ending>,
}

impl Watched {
    /// Wraps the body of an answer to `call`.
    pub fn new(inner: Body, call: Call, ending: Ending) -> Watched {
        Watched {
            inner,
            call,
            ending: Some(ending),
        }
    }
}

impl Watched {
    /// The last frame of a stream that ends for this reason.
    fn end(&mut self, error: Error) -> Result<Frame<Bytes>, Status> {
        // Lets go of the stream behind the answer at once: its watchers, its pins.
        self.inner = Body::empty();
        self.ending = None;
        let status = Status::from(error);
        self.call.record(status.code());
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers)?;
        Ok(Frame::trailers(trailers))
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(ending) = &mut this.ending else {
            return Poll::Ready(None);
        };
        // Reasons to end are looked at when there is nothing to send: a busy stream pays nothing.
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) else {
            let error = std::task::ready!(ending.as_mut().poll(context));
            return Poll::Ready(Some(Ok(this.end(error)?)));
        };
        match &frame {
            Some(Ok(frame)) => {
                if let Some(code) = frame.trailers_ref().and_then(code_of) {
                    this.call.record(code);
                }
            }
            Some(Err(status)) => this.call.record(status.code()),
            None => {
                this.ending = None;
                this.call.record(Code::Ok);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ending.is_none()
    }
}

fn code_of(trailers: &HeaderMap) -> Option<Code> {
    let code = trailers.get(Status::GRPC_STATUS)?;
    Some(Code::from_bytes(code.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn watch() -> MethodId {
        MethodId::find("/etcdserverpb.Watch/Watch").expect("a method")
    }

    #[test]
    fn a_call_that_is_dropped_counts_as_canceled() {
        let counters = Arc::new(FrontMetrics::default());
        drop(Call::start(counters.clone(), watch()));
        assert_eq!(counters.handled_count(watch(), Code::Cancelled), 1);
    }

    #[test]
    fn an_ended_stream_says_why_in_its_trailers() {
        let counters = Arc::new(FrontMetrics::default());
        let call = Call::start(counters.clone(), watch());
        let silent = http_body_util::StreamBody::new(futures::stream::pending::<
            Result<Frame<Bytes>, Status>,
        >());
        let ending = Box::pin(std::future::ready(Error::Stopped));
        let body = Watched::new(Body::new(silent), call, ending);
        let collected = futures::executor::block_on(body.collect()).expect("ends");
        let trailers = collected.trailers().expect("present");
        let status = Status::from_header_map(trailers).expect("a status");
        assert_eq!(Error::from_status(&status), Error::Stopped);
        assert_eq!(counters.handled_count(watch(), Code::Unavailable), 1);
        assert_eq!(counters.handled_count(watch(), Code::Cancelled), 0);
    }
}
