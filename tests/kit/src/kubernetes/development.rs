//! A cluster of real processes as `keelson dev --kubernetes` starts it, and clients of it.

use super::client::Client;
use crate::check::Check;
use crate::dev::Dev;
use std::path::Path;

/// It ends with this value.
pub struct Development {
    /// The operator, at each member in turn.
    pub client: Client,
    /// The store below.
    pub store: crate::client::Client,
    dev: Dev,
}

impl Development {
    /// Starts a cluster with so many members and waits until it serves.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(program: &Path, members: usize) -> Check<Development> {
        let dev = Dev::start(program, members, &["--kubernetes"]).await?;
        Ok(Development {
            client: Client::read(dev.kubeconfig()?)?,
            store: crate::client::Client::new(&dev.endpoints())?,
            dev,
        })
    }

    /// The ends of the members' logs.
    pub fn tails(&self) -> String {
        self.dev.tails()
    }
}
