//! A watch as the server sends it: one line of JSON per event.

use super::failure::Failure;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// A server that sends a longer line is none that we know.
const LINE_BYTES: usize = 64 << 20;

/// See the module.
pub(super) struct Lines {
    body: Incoming,
    buffer: BytesMut,
    /// So much of the buffer has no end of a line.
    looked_at: usize,
}

impl Lines {
    pub(super) fn new(body: Incoming) -> Lines {
        Lines {
            body,
            buffer: BytesMut::new(),
            looked_at: 0,
        }
    }

    /// The next line. `None`: the server has ended the stream in order.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let broken = |why: String| Err(Failure::Unknown(why));
        loop {
            let rest = &self.buffer[self.looked_at..];
            if let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.looked_at + at + 1);
                self.looked_at = 0;
                return Ok(Some(line.freeze()));
            }
            self.looked_at = self.buffer.len();
            if self.buffer.len() > LINE_BYTES {
                return broken("a line has no end".to_owned());
            }
            match self.body.frame().await {
                // A half line at the end is nothing.
                None => return Ok(None),
                Some(Err(error)) => return broken(error.to_string()),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}
