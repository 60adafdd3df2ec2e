//! The index on disk: written now and then, so that a start need not read the whole history.
//!
//! A dump is a file of blocks, each with its checksum: entries in key order, every one as of the
//! dump's revision, then one block with the totals. The database names the one dump that belongs to
//! it (revision and checksum, in the Meta family): a dump of another database, or one that is newer
//! than what the database holds after a crash, is never loaded.
//!
//! What never happens here: a decision what is in the index. A dump that is missing or damaged costs
//! time at the next start and nothing else.

mod format;
mod read;
mod write;

pub(crate) use format::Footer;
pub(crate) use read::read;

use super::schema::DumpId;
use crate::Revision;
use std::path::{Path, PathBuf};

/// Where dumps are kept and which one the database is bound to.
#[derive(Debug, Default)]
pub(crate) struct Dumps {
    pub directory: Option<PathBuf>,
    /// The dump that the durable database names, and its size in bytes.
    pub bound: Option<(DumpId, u64)>,
}

impl Dumps {
    /// No start will load an index older than this; above every revision if there are no dumps:
    /// then a start reads the history, which is always of the present.
    pub fn bound_revision(&self) -> Revision {
        match (&self.directory, self.bound) {
            (None, _) => Revision::MAX,
            (Some(_), Some((id, _))) => id.revision,
            (Some(_), None) => -1,
        }
    }

    /// The file of a dump.
    pub fn path(directory: &Path, id: DumpId) -> PathBuf {
        directory.join(format!("index-{}-{:08x}.dump", id.revision, id.checksum))
    }
}
