//! Renew leases over long-lived streams. A client is a stream: it renews its leases in turn.

use super::{Client, Workload, open};
use crate::bench::Setup;
use crate::bench::drive::Done;
use crate::bench::wire::{Connection, Failure, Receiver, decode, frame};
use bytes::Bytes;
use h2::SendStream;
use keelson_proto::etcdserverpb::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
};
use std::sync::Arc;

/// Longer than any measurement, so that no lease runs out; not for ever, so that none stays.
const TTL_SECONDS: i64 = 3600;

/// The workload.
pub struct KeepAlive {
    setup: Arc<Setup>,
}

impl KeepAlive {
    /// Leases are granted with the clients.
    pub fn new(setup: Arc<Setup>) -> KeepAlive {
        KeepAlive { setup }
    }
}

impl Workload for KeepAlive {
    type Client = KeepAliveClient;
    type Connection = Connection;

    fn setup(&self) -> Arc<Setup> {
        self.setup.clone()
    }

    async fn connect(&self, number: usize) -> Result<Connection, Failure> {
        open(&self.setup, number).await
    }

    async fn client(
        &self,
        connection: &Connection,
        number: usize,
    ) -> Result<KeepAliveClient, Failure> {
        let options = &self.setup.options;
        let count = (number..options.leases)
            .step_by(options.clients)
            .count()
            .max(1);
        let grant = connection.call("/etcdserverpb.Lease/LeaseGrant")?;
        let request = frame(&LeaseGrantRequest {
            ttl: TTL_SECONDS,
            id: 0,
        });
        let mut requests = Vec::with_capacity(count);
        for _ in 0..count {
            let body = connection.unary(&grant, request.clone()).await?;
            let lease = decode::<LeaseGrantResponse>(body)?.id;
            requests.push(frame(&LeaseKeepAliveRequest { id: lease }));
        }
        let call = connection.call("/etcdserverpb.Lease/LeaseKeepAlive")?;
        let (send, mut receiver) = connection.stream(&call, requests[0].clone()).await?;
        receiver.next().await?;
        Ok(KeepAliveClient {
            send,
            receiver,
            requests,
            position: 0,
        })
    }
}

/// One stream with its leases, each already encoded.
pub struct KeepAliveClient {
    send: SendStream<Bytes>,
    receiver: Receiver,
    requests: Vec<Bytes>,
    position: usize,
}

impl Client for KeepAliveClient {
    async fn once(&mut self) -> Result<Done, Failure> {
        self.position = (self.position + 1) % self.requests.len();
        self.send
            .send_data(self.requests[self.position].clone(), false)?;
        let answer: LeaseKeepAliveResponse = decode(self.receiver.next().await?)?;
        match answer.ttl > 0 {
            true => Ok(Done::default()),
            false => Err(Failure("a lease is gone".to_owned())),
        }
    }
}
