//! Read a whole prefix, as an informer does when it starts.

use super::{Client, Fill, Workload, open};
use crate::bench::Setup;
use crate::bench::drive::Done;
use crate::bench::wire::{Call, Connection, Failure, frame};
use crate::cli::kv::prefix_end;
use bytes::Bytes;
use keelson_proto::etcdserverpb::RangeRequest;
use std::sync::Arc;

/// The workload.
pub struct Range {
    setup: Arc<Setup>,
}

impl Range {
    /// The keys are put before the clients start.
    pub fn new(setup: Arc<Setup>) -> Range {
        Range { setup }
    }
}

impl Workload for Range {
    type Client = RangeClient;
    type Connection = Connection;

    fn setup(&self) -> Arc<Setup> {
        self.setup.clone()
    }

    async fn connect(&self, number: usize) -> Result<Connection, Failure> {
        open(&self.setup, number).await
    }

    fn prefill(&self) -> Option<Fill> {
        Some(Fill {
            count: self.setup.options.key_space,
        })
    }

    async fn client(
        &self,
        connection: &Connection,
        _number: usize,
    ) -> Result<RangeClient, Failure> {
        let options = &self.setup.options;
        let request = RangeRequest {
            key: Bytes::from(options.prefix.clone().into_bytes()),
            range_end: prefix_end(options.prefix.as_bytes()),
            limit: options.limit,
            serializable: options.serializable,
            ..RangeRequest::default()
        };
        let keys = match options.limit {
            0 => options.key_space,
            limit => options.key_space.min(limit.unsigned_abs()),
        };
        Ok(RangeClient {
            call: connection.call("/etcdserverpb.KV/Range")?,
            connection: connection.clone(),
            frame: frame(&request),
            bytes_min: keys as usize * options.value_size,
        })
    }
}

/// One client. Its request is always the same, so it is encoded once.
pub struct RangeClient {
    connection: Connection,
    call: Call,
    frame: Bytes,
    bytes_min: usize,
}

impl Client for RangeClient {
    async fn once(&mut self) -> Result<Done, Failure> {
        let length = self
            .connection
            .measure(&self.call, self.frame.clone())
            .await?;
        match length >= self.bytes_min {
            true => Ok(Done {
                bytes: length as u64,
                conflict: false,
            }),
            false => Err(Failure("the answer is too short".to_owned())),
        }
    }
}
