//! What a crash would leave of a member. A member is not believed where it matters: whether something is
//! durable is read from a copy of its disk, by opening that as a log.

use crate::member::Member;
use crate::rules::Broken;
use keelson_store::wal::{self, LogId, Vote, Wal};
use keelson_store::world::Lanes;
use std::sync::Arc;

/// Whether a state that ends with an entry contains another.
pub fn contains(state: Option<LogId>, id: LogId) -> bool {
    state.is_some_and(|last| last == id || last.index > id.index)
}

/// What a crash would leave of a member.
pub struct Image {
    /// The disk's operations when it was taken.
    pub operations: u64,
    log: Option<(Wal, wal::Recovered)>,
    /// The last entry in the state.
    pub state: Option<LogId>,
}

impl Image {
    /// A crash now.
    ///
    /// # Errors
    /// What it would leave does not open.
    pub fn of(member: &Member) -> Result<Image, Broken> {
        let operations = member.disk.operations();
        let disk = member.disk.durable_copy();
        let directory = member.log_directory();
        let files = disk.files();
        if !files.iter().any(|(path, _)| path.starts_with(&directory)) {
            return Ok(Image {
                operations,
                log: None,
                state: None,
            });
        }
        // Nobody writes to a copy that is only looked at.
        let nobody = Lanes::Steps(Arc::new(|_, _| {}));
        let opened = Wal::open(disk.mounted(), &directory, member.log_options(nobody));
        match opened {
            Ok(log) => Ok(Image {
                operations,
                log: Some(log),
                state: None,
            }),
            Err(error) => Err(format!(
                "a crash would leave {} a log that does not open: {error}",
                member.name
            )),
        }
    }

    /// Whether an entry would be there, in the log or in the state.
    pub fn holds(&self, id: LogId) -> bool {
        let mut logs = self.log.iter();
        logs.any(|(log, _)| log.log_id_at(id.index) == Some(id)) || contains(self.state, id)
    }

    /// Whether this vote or a newer one would be there.
    pub fn voted(&self, vote: Vote) -> bool {
        let own = self.log.as_ref().and_then(|(_, found)| found.vote);
        own.is_some_and(|own| (own.term, own.node_id) >= (vote.term, vote.node_id))
    }
}
