//! What a connection writes, gathered until it has nothing more to write.
//!
//! HTTP/2 hands over one frame after the other and wants each to be sent. Where a hundred watches of a connection
//! have an event at the same moment, that would be a hundred records of TLS, system calls and packets. Here they
//! wait in one buffer, which is sent when the connection has had its turn ([`Cork::send`]), or is full.

use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Writes of so many bytes are not copied: those of lists.
const LARGE_BYTES: usize = 8 * 1024;
/// So much is gathered at most: four records of TLS.
const GATHERED_BYTES_MAX: usize = 64 * 1024;
/// The room that is made first. Most turns need no more.
const FIRST_BYTES: usize = 4 * 1024;

/// A stream whose writes wait until they are sent. Clones are the same stream: one is for whoever speaks over
/// it, the other one for whoever gives that its turns.
pub(super) struct Cork<S> {
    inner: Arc<Mutex<Gathered<S>>>,
}

struct Gathered<S> {
    stream: S,
    waiting: BytesMut,
    /// Something was written to the stream, or a flush was asked for, since the last one.
    wants_flush: bool,
}

impl<S> Clone for Cork<S> {
    fn clone(&self) -> Cork<S> {
        Cork {
            inner: self.inner.clone(),
        }
    }
}

impl<S: AsyncWrite + Unpin> Cork<S> {
    pub(super) fn new(stream: S) -> Cork<S> {
        Cork {
            inner: Arc::new(Mutex::new(Gathered {
                stream,
                waiting: BytesMut::new(),
                wants_flush: false,
            })),
        }
    }

    /// Sends what waits. To be called after each turn of whoever writes.
    ///
    /// # Errors
    /// The stream's.
    pub(super) fn send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.lock().send(context)
    }
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    fn send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.empty(context))?;
        if self.wants_flush {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.wants_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    fn empty(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waiting.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while !self.waiting.is_empty() {
            self.wants_flush = true;
            let stream = Pin::new(&mut self.stream);
            let sent = ready!(stream.poll_write(context, &self.waiting))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.waiting.advance(sent);
        }
        self.waiting = BytesMut::new();
        Poll::Ready(Ok(()))
    }

    fn write(
        &mut self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = parts.iter().map(|part| part.len()).sum();
        let is_large = length >= LARGE_BYTES;
        if is_large || self.waiting.len() + length > GATHERED_BYTES_MAX {
            ready!(self.empty(context))?;
        }
        self.wants_flush = true;
        if is_large {
            return Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        }
        if self.waiting.capacity() - self.waiting.len() < length {
            let room = match self.waiting.is_empty() {
                true => FIRST_BYTES.max(length),
                false => GATHERED_BYTES_MAX - self.waiting.len(),
            };
            self.waiting.reserve(room);
        }
        for part in parts {
            self.waiting.extend_from_slice(part);
        }
        Poll::Ready(Ok(length))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Cork<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner.lock().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cork<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner.lock().write(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner.lock().write(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing yet: it comes with the end of the turn.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.lock().wants_flush = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.inner.lock();
        ready!(inner.send(context))?;
        Pin::new(&mut inner.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::AsyncWriteExt;

    /// Takes at most so many bytes of each write, and notes them.
    #[derive(Default)]
    struct Wire {
        most: usize,
        writes: Vec<Vec<u8>>,
        flushes: usize,
    }

    impl AsyncWrite for Wire {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.most);
            self.writes.push(bytes[..taken].to_vec());
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.flushes += 1;
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn cork(most: usize) -> Cork<Wire> {
        Cork::new(Wire {
            most,
            ..Wire::default()
        })
    }

    fn written(cork: &Cork<Wire>) -> Vec<u8> {
        cork.inner.lock().stream.writes.concat()
    }

    #[tokio::test]
    async fn small_writes_of_one_turn_are_sent_as_one_however_often_they_are_flushed() {
        let cork = cork(usize::MAX);
        let mut speaker = cork.clone();
        for at in 0..30_u8 {
            speaker.write_all(&[at; 1_000]).await.unwrap();
            speaker.flush().await.unwrap();
        }
        assert!(written(&cork).is_empty());
        poll_fn(|context| cork.send(context)).await.unwrap();
        let inner = cork.inner.lock();
        assert_eq!((inner.stream.writes.len(), inner.stream.flushes), (1, 1));
        assert_eq!(inner.stream.writes[0].len(), 30_000);
    }

    #[tokio::test]
    async fn what_was_written_is_sent_in_order_whatever_its_size_and_none_is_kept_beyond_the_bound()
    {
        for most in [7, 5_000, usize::MAX] {
            let cork = cork(most);
            let mut speaker = cork.clone();
            let mut all = Vec::new();
            for at in 0..200_usize {
                let piece = vec![at as u8; at * 97 % 12_000];
                speaker.write_all(&piece).await.unwrap();
                all.extend(piece);
                assert!(cork.inner.lock().waiting.len() <= GATHERED_BYTES_MAX);
            }
            speaker.shutdown().await.unwrap();
            assert!(written(&cork) == all, "{most}");
            assert_eq!(cork.inner.lock().waiting.capacity(), 0);
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_if_nothing_was_written() {
        let cork = cork(usize::MAX);
        poll_fn(|context| cork.send(context)).await.unwrap();
        let inner = cork.inner.lock();
        assert_eq!((inner.stream.writes.len(), inner.stream.flushes), (0, 0));
    }
}
