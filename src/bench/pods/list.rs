//! List all Pods of a namespace in one answer, as an informer without pages does.

use super::connection;
use super::target::Target;
use crate::bench::Setup;
use crate::bench::drive::Done;
use crate::bench::wire::Failure;
use crate::bench::workload::{Client as Requests, Workload};
use crate::kube::client::{Client, Encoding};
use std::sync::Arc;

/// The workload.
pub struct List {
    setup: Arc<Setup>,
    target: Arc<Target>,
}

impl List {
    /// The Pods are there.
    pub fn new(setup: Arc<Setup>, target: Arc<Target>) -> List {
        List { setup, target }
    }
}

impl Workload for List {
    type Client = Reader;
    type Connection = Arc<Client>;

    fn setup(&self) -> Arc<Setup> {
        self.setup.clone()
    }

    async fn connect(&self, number: usize) -> Result<Arc<Client>, Failure> {
        Ok(connection(&self.target, number))
    }

    async fn client(&self, connection: &Arc<Client>, _number: usize) -> Result<Reader, Failure> {
        let own = &self.setup.options.pods;
        Ok(Reader {
            connection: connection.clone(),
            path: self.target.path(),
            encoding: own.encoding,
            bytes_min: own.objects as usize * self.target.template.bytes_min(),
        })
    }
}

/// One client. The answer is counted and not kept.
pub struct Reader {
    connection: Arc<Client>,
    path: String,
    encoding: Encoding,
    bytes_min: usize,
}

impl Requests for Reader {
    async fn once(&mut self) -> Result<Done, Failure> {
        let length = self.connection.measure(&self.path, self.encoding).await?;
        match length >= self.bytes_min {
            true => Ok(Done {
                bytes: length as u64,
                conflict: false,
            }),
            false => Err(Failure("the list is too short".to_owned())),
        }
    }
}
