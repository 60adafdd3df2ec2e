//! Read random keys.

use super::{Client, Fill, Workload, open, random, random_key};
use crate::bench::Setup;
use crate::bench::drive::Done;
use crate::bench::wire::{Call, Connection, Failure, frame};
use keelson_proto::etcdserverpb::RangeRequest;
use rand::rngs::SmallRng;
use std::sync::Arc;

/// The workload.
pub struct Get {
    setup: Arc<Setup>,
}

impl Get {
    /// The keys are put before the clients start.
    pub fn new(setup: Arc<Setup>) -> Get {
        Get { setup }
    }
}

impl Workload for Get {
    type Client = GetClient;
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

    async fn client(&self, connection: &Connection, number: usize) -> Result<GetClient, Failure> {
        Ok(GetClient {
            call: connection.call("/etcdserverpb.KV/Range")?,
            connection: connection.clone(),
            random: random(&self.setup, number),
            setup: self.setup.clone(),
        })
    }
}

/// One client.
pub struct GetClient {
    connection: Connection,
    call: Call,
    random: SmallRng,
    setup: Arc<Setup>,
}

impl Client for GetClient {
    async fn once(&mut self) -> Result<Done, Failure> {
        let request = RangeRequest {
            key: random_key(&self.setup, &mut self.random),
            serializable: self.setup.options.serializable,
            ..RangeRequest::default()
        };
        let answer = self.connection.unary(&self.call, frame(&request)).await?;
        // A value that is there makes the answer at least as long as itself.
        match answer.len() >= self.setup.options.value_size {
            true => Ok(Done {
                bytes: answer.len() as u64,
                conflict: false,
            }),
            false => Err(Failure("a key is not there".to_owned())),
        }
    }
}
