//! One attempt to get a snapshot across, and what to do when it fails.
//!
//! openraft asks for the next attempt within a third of a second and makes a checkpoint for it first,
//! which flushes the state on the apply thread. So the waiting is done here, without a checkpoint.

use super::super::connection::Connection;
use super::super::types::{SnapshotMeta, Vote, vote_from_peer};
use super::outgoing::{Outgoing, Sending, list_files};
use super::{SnapshotDirectory, WAITING_CHUNKS_MAX, write_header};
use crate::faults::failpoint;
use keelson_proto::peer::{self, HeldFile, peer_client::PeerClient};
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// How often a member that does not answer is called.
const CALL_INTERVAL: Duration = Duration::from_millis(300);

/// The longest wait after a transfer that broke off. The first is a second, time for the break to be
/// noticed on both sides; each is twice the one before.
const BROKEN_WAIT_MAX: Duration = Duration::from_secs(10);

/// The longest wait after a refusal; likewise.
const REFUSED_WAIT_MAX: Duration = Duration::from_secs(60);

/// Why a snapshot did not get across, by what the sender does next.
#[derive(Debug)]
pub enum Failure {
    /// Nobody answers there: wait until somebody does.
    Unreachable(Status),
    /// The member has no space for it: ask again, ever more rarely.
    Refused(Status),
    /// It broke off: go on with it soon.
    Broken(Status),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        match status.code() {
            Code::ResourceExhausted => Failure::Refused(status),
            _ => Failure::Broken(status),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Broken(Status::internal(error.to_string()))
    }
}

impl Failure {
    /// What happened.
    pub fn status(&self) -> &Status {
        match self {
            Failure::Unreachable(status) | Failure::Refused(status) | Failure::Broken(status) => {
                status
            }
        }
    }
}

/// Sends one snapshot to a member, without what that has of it. Returns the receiver's vote when it
/// is installed. Dropped before that, it breaks off the transfer.
///
/// # Errors
/// See [`Failure`].
pub async fn send(
    connection: &Connection,
    vote: Vote,
    meta: &SnapshotMeta,
    directory: &SnapshotDirectory,
) -> Result<Vote, Failure> {
    let Some(root) = directory.path() else {
        return Err(Failure::from(io::Error::other(
            "the member is starting: it has no copy of its state yet",
        )));
    };
    let mut client = connection.client().await.map_err(Failure::Unreachable)?;
    let files = list_files(root)?;
    let outgoing = Outgoing {
        target: connection.target(),
        root: root.to_owned(),
        held: prepare(connection, &mut client, files.clone()).await?,
        files,
        header: write_header(&vote, meta),
    };
    let (sender, receiver) = mpsc::channel(WAITING_CHUNKS_MAX);
    let lanes = connection.lanes();
    lanes.start("snapshot-send", Sending::new(outgoing, sender))?;
    let request = connection.request(ReceiverStream::new(receiver));
    let answer = client.snapshot(request).await?.into_inner();
    failpoint!("send-answered");
    tracing::info!(member = connection.target(), "the snapshot has arrived");
    Ok(answer.vote.as_ref().map_or(vote, vote_from_peer))
}

/// Asks whether there is space, and what is there already.
async fn prepare(
    connection: &Connection,
    client: &mut PeerClient<Channel>,
    files: Vec<peer::SnapshotFile>,
) -> Result<Vec<HeldFile>, Failure> {
    let request = connection.request(peer::PrepareSnapshotRequest { files });
    match client.prepare_snapshot(request).await {
        Ok(answer) => Ok(answer.into_inner().files),
        // A member that cannot be asked has nothing.
        Err(status) if status.code() == Code::Unimplemented => Ok(Vec::new()),
        Err(status) => Err(status.into()),
    }
}

/// When to try again; for one receiver.
#[derive(Debug, Default)]
pub struct Retry {
    failures: u32,
}

impl Retry {
    /// Waits until the next attempt has a chance. The checkpoint of the last one should be gone by
    /// then.
    pub async fn wait(&mut self, connection: &Connection, failure: &Failure) {
        let member = connection.target();
        let reason = failure.status().message();
        let (most, what) = match failure {
            Failure::Unreachable(_) => {
                tracing::info!(member, reason, "a snapshot waits for a member that is away");
                while connection.client().await.is_err() {
                    tokio::time::sleep(CALL_INTERVAL).await;
                }
                self.failures = 0;
                return;
            }
            Failure::Refused(_) => (REFUSED_WAIT_MAX, "a member refuses its snapshot"),
            Failure::Broken(_) => (BROKEN_WAIT_MAX, "a snapshot broke off"),
        };
        let wait = self.next_wait(most);
        let wait_s = wait.as_secs();
        tracing::warn!(member, reason, wait_s, "{what}; trying again");
        tokio::time::sleep(wait).await;
    }

    fn next_wait(&mut self, most: Duration) -> Duration {
        let wait = Duration::from_secs(1 << self.failures.min(6)).min(most);
        self.failures += 1;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_without_space_is_asked_ever_more_rarely() {
        let full = Failure::from(Status::resource_exhausted("no space"));
        assert!(matches!(full, Failure::Refused(_)));
        let cut = Failure::from(Status::data_loss("the snapshot ended too early"));
        assert!(matches!(cut, Failure::Broken(_)));
        let mut retry = Retry::default();
        let mut next = || retry.next_wait(REFUSED_WAIT_MAX).as_secs();
        let waits: Vec<_> = (0..9).map(|_| next()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(retry.next_wait(BROKEN_WAIT_MAX), BROKEN_WAIT_MAX);
    }
}
