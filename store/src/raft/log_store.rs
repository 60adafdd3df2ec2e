//! Our log in the shape openraft wants it. Thin: every promise is [`crate::wal`]'s.

use super::types::{
    Entry, LogId, TypeConfig, Vote, entry_from_wal, entry_to_wal, log_id_from_wal, log_id_to_wal,
    vote_from_wal, vote_to_wal,
};
use crate::faults::{Plant, planted};
use crate::wal::{self, Done, Wal, WalError};
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use tokio::sync::oneshot;

/// One replication message carries at most this many bytes of entries (and at least one entry).
const READ_BYTES_MAX: usize = 1 << 20;

/// The log, as openraft and every replication stream hold it.
#[derive(Clone)]
pub struct LogStore {
    wal: Wal,
}

impl LogStore {
    /// Wraps an opened log.
    pub fn new(wal: Wal) -> LogStore {
        LogStore { wal }
    }

    fn entries(&self, from: u64, to: u64, bytes_max: usize) -> io::Result<Vec<Entry>> {
        let read = self.wal.read(from, to, bytes_max);
        decoded(&read.map_err(io::Error::other)?)
    }
}

fn decoded(entries: &[wal::Entry]) -> io::Result<Vec<Entry>> {
    entries.iter().map(entry_from_wal).collect()
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(index) => *index,
        Bound::Excluded(index) => index + 1,
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(index) => index + 1,
        Bound::Excluded(index) => *index,
        Bound::Unbounded => u64::MAX,
    };
    (from, to)
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> Result<Vec<Entry>, io::Error>
    where
        RB: RangeBounds<u64> + Clone + Debug + Send,
    {
        let (from, to) = bounds(&range);
        let mut entries = Vec::new();
        let mut next = from;
        while next < to {
            let chunk = self.entries(next, to, READ_BYTES_MAX)?;
            let Some(last) = chunk.last() else { break };
            next = last.log_id.index + 1;
            entries.extend(chunk);
        }
        Ok(entries)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.wal.vote().as_ref().map(vote_from_wal))
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, io::Error> {
        match self.wal.read(start, end, READ_BYTES_MAX) {
            Ok(entries) => decoded(&entries),
            // Nobody needs them any more: see `outdated`. An error would end this member.
            Err(WalError::Purged { .. }) => Ok(Vec::new()),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        Ok(LogState {
            last_purged_log_id: self.wal.purged().as_ref().map(log_id_from_wal),
            last_log_id: self.wal.last().as_ref().map(log_id_from_wal),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let (sender, receiver) = oneshot::channel();
        self.wal.save_vote(
            vote_to_wal(vote),
            Box::new(move |result| {
                // The receiver is only gone when the member is stopping.
                let _ = sender.send(result);
            }),
        );
        if planted(Plant::VoteUnsynced) {
            return Ok(());
        }
        receiver
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the log's writer has stopped")))
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        self.wal
            .save_committed(committed.as_ref().map(log_id_to_wal))
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(self.wal.committed().as_ref().map(log_id_from_wal))
    }

    async fn append<I>(
        &mut self,
        entries: I,
        callback: IOFlushed<TypeConfig>,
    ) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let entries = entries.into_iter().map(|entry| entry_to_wal(&entry));
        let done: Done = if planted(Plant::FlushedBeforeWritten) {
            callback.io_completed(Ok(()));
            Box::new(|_| {})
        } else {
            Box::new(move |result| callback.io_completed(result))
        };
        self.wal.append(entries.collect(), done);
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        self.wal.truncate_after(last.as_ref().map(log_id_to_wal))
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        self.wal.purge(log_id_to_wal(&upto))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wal::faulty::FaultyDisk;
    use crate::wal::{Options, Payload};

    fn id(index: u64) -> wal::LogId {
        wal::LogId {
            term: 1,
            node_id: 1,
            index,
        }
    }

    async fn of_ten_entries_five_are_purged() -> LogStore {
        let disk = FaultyDisk::new(1).mounted();
        let (wal, _) = Wal::open(disk, "/log", Options::default()).unwrap();
        let entry = |index| wal::Entry {
            log_id: id(index),
            payload: Payload::Blank,
        };
        let (sender, receiver) = oneshot::channel();
        let done: Done = Box::new(move |result| drop(sender.send(result)));
        wal.append((0..10).map(entry).collect(), done);
        receiver.await.unwrap().unwrap();
        wal.purge(id(4)).unwrap();
        LogStore::new(wal)
    }

    #[tokio::test]
    async fn to_a_stream_that_is_outdated_purged_entries_are_none() {
        let mut log = of_ten_entries_five_are_purged().await;
        assert_eq!(log.limited_get_log_entries(3, 8).await.unwrap(), []);
        assert_eq!(log.limited_get_log_entries(5, 8).await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn whoever_starts_must_not_miss_purged_entries() {
        let mut log = of_ten_entries_five_are_purged().await;
        let error = log.try_get_log_entries(3..8).await.unwrap_err();
        assert!(
            error.to_string().contains("purged up to index 4"),
            "{error}"
        );
    }
}
