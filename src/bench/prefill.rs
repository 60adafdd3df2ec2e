//! Putting the keys a workload reads, if they are not there yet.

use super::Setup;
use super::wire::{Connection, Failure, decode, frame};
use super::workload::{Fill, key, random};
use crate::cli::connect::Client;
use crate::cli::error::{Error, Result};
use crate::cli::kv::prefix_end;
use crate::cli::output::Progress;
use bytes::Bytes;
use futures::StreamExt;
use keelson_proto::etcdserverpb::request_op::Request;
use keelson_proto::etcdserverpb::{PutRequest, RangeRequest, RangeResponse, RequestOp, TxnRequest};

/// Puts in one transaction: below etcd's default limit of 128.
const PUTS_MAX: usize = 100;
/// Bytes of values in one transaction: below etcd's default limit of 1.5 MiB.
const BYTES_MAX: usize = 1 << 20;
/// Transactions on the wire at a time.
const AHEAD: usize = 8;

/// Makes keys 0 to `fill.count` with values of the right size.
///
/// Nothing is put if the prefix already holds exactly that many keys and the first has the right
/// size: what an earlier run left is as good.
pub async fn run(client: &Client, setup: &Setup, fill: &Fill) -> Result<()> {
    let failed = |failure: Failure| Error::failure("cannot prepare the keys").why(failure.0);
    let (endpoint, _) = client.any().await?;
    let connection = Connection::open(&endpoint).await.map_err(failed)?;
    if is_there(&connection, setup, fill.count)
        .await
        .map_err(failed)?
    {
        return Ok(());
    }
    let call = connection.call("/etcdserverpb.KV/Txn").map_err(failed)?;
    let per_txn = (BYTES_MAX / setup.options.value_size.max(1)).clamp(1, PUTS_MAX) as u64;
    let mut random = random(setup, usize::MAX - 1);
    let starts = (0..fill.count).step_by(per_txn as usize);
    let txns = starts.map(|start| {
        let puts = (start..(start + per_txn).min(fill.count)).map(|number| PutRequest {
            key: key(&setup.options.prefix, number),
            value: setup.values.random(&mut random),
            ..PutRequest::default()
        });
        let success = puts
            .map(|put| RequestOp {
                request: Some(Request::RequestPut(put)),
            })
            .collect();
        frame(&TxnRequest {
            success,
            ..TxnRequest::default()
        })
    });
    let (connection, call) = (&connection, &call);
    let mut answers = futures::stream::iter(txns)
        .map(|txn| async move { connection.unary(call, txn).await })
        .buffer_unordered(AHEAD);
    let mut progress = Progress::new();
    let mut done = 0;
    while let Some(answer) = answers.next().await {
        answer.map_err(failed)?;
        done = (done + per_txn).min(fill.count);
        let share = done as f64 / fill.count as f64;
        progress.at(
            Some(share),
            &format!("preparing keys: {done} of {}", fill.count),
        );
    }
    progress.end();
    Ok(())
}

async fn is_there(
    connection: &Connection,
    setup: &Setup,
    count: u64,
) -> std::result::Result<bool, Failure> {
    let prefix = &setup.options.prefix;
    let call = connection.call("/etcdserverpb.KV/Range")?;
    let request = RangeRequest {
        key: Bytes::from(prefix.clone().into_bytes()),
        range_end: prefix_end(prefix.as_bytes()),
        limit: 1,
        ..RangeRequest::default()
    };
    let answer: RangeResponse = decode(connection.unary(&call, frame(&request)).await?)?;
    let is_right_size = answer
        .kvs
        .first()
        .is_some_and(|kv| kv.value.len() == setup.options.value_size);
    Ok(answer.count as u64 == count && is_right_size)
}
