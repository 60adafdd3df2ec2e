//! Many keys: putting them fast, and reading them all without looking at them.

use crate::check::{Check, Failure};
use crate::client::Client;
use crate::request::{IntoOp, ops, put, range};
use bytes::{Buf, Bytes};
use futures::{StreamExt, TryStreamExt};
use keelson_proto::etcdserverpb::RangeRequest;
use prost::Message;
use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};
use std::time::{Duration, Instant};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

/// Puts in one transaction: below etcd's default limit of 128.
const PUTS: u64 = 100;
/// Transactions on the wire at a time.
const AHEAD: usize = 8;
/// Values are cut out of so many random bytes, at a different place for every key.
const POOL: usize = 1 << 20;

/// Puts `count` keys under `prefix`, in order, with values that do not compress.
///
/// # Errors
///
/// The first that the server answers.
pub async fn fill(client: &Client, prefix: &str, count: u64, value_size: usize) -> Check {
    let mut pool = vec![0; POOL + value_size];
    SmallRng::seed_from_u64(count).fill_bytes(&mut pool);
    let pool = Bytes::from(pool);
    let txns = (0..count).step_by(PUTS as usize).map(|first| {
        let puts = (first..count.min(first + PUTS)).map(|number| {
            let at = (number as usize).wrapping_mul(7919) % POOL;
            put(key(prefix, number), pool.slice(at..at + value_size)).op()
        });
        ops(puts.collect())
    });
    futures::stream::iter(txns)
        .map(|txn| client.txn(txn))
        .buffer_unordered(AHEAD)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    Ok(())
}

/// The name of a key.
pub fn key(prefix: &str, number: u64) -> String {
    format!("{prefix}{number:010}")
}

/// Reads `[prefix, end)` in one answer and gives its size and the time it took. The answer is not
/// decoded: that would measure this process.
///
/// # Errors
///
/// Whatever the server or the connection answers.
pub async fn list(client: &Client, prefix: &str) -> Check<(usize, Duration)> {
    let end = crate::request::prefix_end(prefix.as_bytes());
    let request = range(prefix.to_owned(), end);
    let mut grpc = tonic::client::Grpc::new(client.any_channel());
    grpc = grpc.max_decoding_message_size(usize::MAX);
    let started = Instant::now();
    grpc.ready()
        .await
        .map_err(|error| Failure::new(error.to_string()))?;
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/etcdserverpb.KV/Range");
    let reply = grpc.unary(Request::new(request), path, Unread).await?;
    Ok((reply.into_inner(), started.elapsed()))
}

/// Encodes a range and counts the bytes of the answer.
#[derive(Clone, Copy, Debug, Default)]
struct Unread;

impl Codec for Unread {
    type Encode = RangeRequest;
    type Decode = usize;
    type Encoder = Unread;
    type Decoder = Unread;

    fn encoder(&mut self) -> Unread {
        Unread
    }

    fn decoder(&mut self) -> Unread {
        Unread
    }
}

impl Encoder for Unread {
    type Item = RangeRequest;
    type Error = Status;

    fn encode(&mut self, request: RangeRequest, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        request
            .encode(out)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Unread {
    type Item = usize;
    type Error = Status;

    fn decode(&mut self, answer: &mut DecodeBuf<'_>) -> Result<Option<usize>, Status> {
        let size = answer.remaining();
        answer.advance(size);
        Ok(Some(size))
    }
}
