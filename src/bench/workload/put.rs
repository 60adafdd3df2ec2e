//! Put random keys.

use super::{Client, Workload, open, random, random_key};
use crate::bench::Setup;
use crate::bench::drive::Done;
use crate::bench::wire::{Call, Connection, Failure, frame};
use bytes::Bytes;
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
    type Connection = Connection;

    fn setup(&self) -> Arc<Setup> {
        self.setup.clone()
    }

    async fn connect(&self, number: usize) -> Result<Connection, Failure> {
        open(&self.setup, number).await
    }

    async fn client(&self, connection: &Connection, number: usize) -> Result<PutClient, Failure> {
        PutClient::new(&self.setup, connection, number)
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

impl PutClient {
    /// The client with this number, on its connection.
    pub fn new(
        setup: &Arc<Setup>,
        connection: &Connection,
        number: usize,
    ) -> Result<PutClient, Failure> {
        Ok(PutClient {
            call: connection.call("/etcdserverpb.KV/Put")?,
            connection: connection.clone(),
            random: random(setup, number),
            setup: setup.clone(),
        })
    }

    /// A random key of the key space.
    pub fn key(&mut self) -> Bytes {
        random_key(&self.setup, &mut self.random)
    }

    /// A random value.
    pub fn value(&mut self) -> Bytes {
        self.setup.values.random(&mut self.random)
    }

    /// One put and its answer.
    pub async fn put(&self, key: Bytes, value: Bytes) -> Result<Done, Failure> {
        let request = PutRequest {
            key,
            value,
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

impl Client for PutClient {
    async fn once(&mut self) -> Result<Done, Failure> {
        let (key, value) = (self.key(), self.value());
        self.put(key, value).await
    }
}
