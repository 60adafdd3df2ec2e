//! A watch as the server sends it: one line of JSON per event.

use super::failure::Failure;
use super::pulse::{Pulse, TOLD};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::future::pending;
use std::io::BufRead;

/// A server that sends a longer line is none that we know.
const LINE_BYTES: usize = 64 << 20;

/// See the module.
pub struct Lines {
    body: Incoming,
    /// Of its connection, if it is to be left when nothing is heard any more.
    pulse: Option<Pulse>,
    buffer: BytesMut,
    /// So much of the buffer has no end of a line.
    looked_at: usize,
}

impl Lines {
    pub(super) fn new(body: Incoming, pulse: Option<Pulse>) -> Lines {
        Lines {
            body,
            pulse,
            buffer: BytesMut::new(),
            looked_at: 0,
        }
    }

    /// The next line. `None`: the server has ended the stream in order.
    ///
    /// # Errors
    /// The stream breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let broken = |why: String| Err(Failure::Unknown(why));
        loop {
            let mut rest = &self.buffer[self.looked_at..];
            // The quickest search that the standard library has; reading from memory cannot fail.
            let skipped = rest.skip_until(b'\n').unwrap_or(0);
            let end = self.looked_at + skipped;
            if skipped > 0 && self.buffer[end - 1] == b'\n' {
                let line = self.buffer.split_to(end);
                self.looked_at = 0;
                return Ok(Some(line.freeze()));
            }
            self.looked_at = self.buffer.len();
            if self.buffer.len() > LINE_BYTES {
                return broken("a line has no end".to_owned());
            }
            let silence = async {
                match &self.pulse {
                    Some(pulse) => pulse.silence().await,
                    None => pending().await,
                }
            };
            let frame = tokio::select! {
                frame = self.body.frame() => frame,
                () = silence => return broken(TOLD.to_owned()),
            };
            match frame {
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
