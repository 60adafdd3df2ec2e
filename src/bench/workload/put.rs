//! Put random keys.

use super::{Client, Workload, random, random_key};
use crate::bench::Setup;
use crate::bench::drive::Done;
use crate::bench::wire::{Call, Connection, Failure, frame};
use keelson_proto::etcdserverpb::PutRequest;
use rand::rngs::SmallRng;
use std::sync::Arc;

/// The workload.
pub struct Put {
    setup: Arc<Setup>,
}

impl Put {
    /// Nothing to prepare.
    pub fn new(setup: Arc<Setup>) -> Put {
        Put { setup }
    }
}

impl Workload for Put {
    type Client = PutClient;

    fn setup(&self) -> Arc<Setup> {
        self.setup.clone()
    }

    async fn client(&self, connection: &Connection, number: usize) -> Result<PutClient, Failure> {
        Ok(PutClient {
            call: connection.call("/etcdserverpb.KV/Put")?,
            connection: connection.clone(),
            random: random(&self.setup, number),
            setup: self.setup.clone(),
        })
    }

    fn writes(&self) -> bool {
        true
    }
}

/// One client.
pub struct PutClient {
    connection: Connection,
    call: Call,
    random: SmallRng,
    setup: Arc<Setup>,
}

impl Client for PutClient {
    async fn once(&mut self) -> Result<Done, Failure> {
        let request = PutRequest {
            key: random_key(&self.setup, &mut self.random),
            value: self.setup.values.random(&mut self.random),
            ..PutRequest::default()
        };
        let bytes = (request.key.len() + request.value.len()) as u64;
        self.connection.unary(&self.call, frame(&request)).await?;
        Ok(Done {
            bytes,
            conflict: false,
        })
    }
}
