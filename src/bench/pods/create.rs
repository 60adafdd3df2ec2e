//! Make Pods, as fast as they are taken. No scheduler looks at them, so that it is only the making.

use super::connection;
use super::target::Target;
use crate::bench::Setup;
use crate::bench::drive::Done;
use crate::bench::wire::Failure;
use crate::bench::workload::{Client as Requests, Workload, random};
use crate::kube::client::{Client, Encoding};
use rand::rngs::SmallRng;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The workload.
pub struct Create {
    setup: Arc<Setup>,
    target: Arc<Target>,
    next: Arc<AtomicU64>,
}

impl Create {
    /// The namespace is there.
    pub fn new(setup: Arc<Setup>, target: Arc<Target>) -> Create {
        Create {
            setup,
            target,
            next: Arc::default(),
        }
    }
}

impl Workload for Create {
    type Client = Maker;
    type Connection = Arc<Client>;

    fn setup(&self) -> Arc<Setup> {
        self.setup.clone()
    }

    async fn connect(&self, number: usize) -> Result<Arc<Client>, Failure> {
        Ok(connection(&self.target, number))
    }

    async fn client(&self, connection: &Arc<Client>, number: usize) -> Result<Maker, Failure> {
        let (setup, target) = (self.setup.clone(), self.target.clone());
        Ok(Maker::new(
            setup,
            target,
            connection.clone(),
            number,
            self.next.clone(),
        ))
    }
}

/// One client.
pub struct Maker {
    connection: Arc<Client>,
    path: String,
    encoding: Encoding,
    random: SmallRng,
    next: Arc<AtomicU64>,
    setup: Arc<Setup>,
    target: Arc<Target>,
}

impl Maker {
    /// The client with this number. All take the numbers of their Pods from `next`.
    pub fn new(
        setup: Arc<Setup>,
        target: Arc<Target>,
        connection: Arc<Client>,
        number: usize,
        next: Arc<AtomicU64>,
    ) -> Maker {
        Maker {
            connection,
            path: target.path(),
            encoding: setup.options.pods.encoding,
            random: random(&setup, number),
            next,
            setup,
            target,
        }
    }

    /// The number of the next Pod.
    pub fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Makes the Pod with this number.
    pub async fn make(&mut self, number: u64) -> Result<Done, Failure> {
        let text = self.setup.values.random(&mut self.random);
        let pod = self.target.template.pod(number, &text);
        let bytes = pod.len() as u64;
        let made = self.connection.create_in(&self.path, self.encoding, pod);
        made.await?;
        Ok(Done {
            bytes,
            conflict: false,
        })
    }
}

impl Requests for Maker {
    async fn once(&mut self) -> Result<Done, Failure> {
        self.make(self.number()).await
    }
}
