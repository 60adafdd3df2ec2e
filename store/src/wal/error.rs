//! What can go wrong with the log, by what the caller does next.

use super::LogId;
use std::io;
use std::path::PathBuf;

/// An error of the log.
#[derive(Debug)]
pub enum WalError {
    /// Bytes that had been acknowledged are not what was written. The member must not start: it
    /// would forget promises it made to its peers. Nothing was changed.
    Damaged {
        /// The file that is wrong, or that is missing.
        file: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// The files were written in another format. Nothing was changed.
    Version {
        /// The file.
        file: PathBuf,
        /// The version in it.
        found: u32,
        /// The version this program reads and writes.
        supported: u32,
    },
    /// The operating system refused an operation.
    Io {
        /// What was being done.
        what: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The options make no sense together. Nothing was changed.
    Invalid(String),
    /// The entry asked for has been purged: only a snapshot has its effect.
    Purged {
        /// The newest purged entry.
        purged: LogId,
    },
}

impl WalError {
    pub(super) fn io(what: &'static str, path: impl Into<PathBuf>, source: io::Error) -> WalError {
        WalError::Io {
            what,
            path: path.into(),
            source,
        }
    }

    pub(super) fn damaged(file: impl Into<PathBuf>, offset: u64, what: String) -> WalError {
        WalError::Damaged {
            file: file.into(),
            offset,
            what,
        }
    }
}

impl std::fmt::Display for WalError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            WalError::Damaged { file, offset, what } => write!(
                formatter,
                "the log is damaged: {} at offset {offset}: {what}. Acknowledged data is lost on this \
                 member, so it does not start. Keep the files for inspection; remove the member from \
                 the cluster and add it again with an empty data directory, or restore a backup",
                file.display()
            ),
            WalError::Version {
                file,
                found,
                supported,
            } => write!(
                formatter,
                "{} is in log format {found}, this program knows format {supported}. Start the \
                 version of the program that wrote it",
                file.display()
            ),
            WalError::Io { what, path, source } => {
                write!(formatter, "cannot {what} {}: {source}", path.display())
            }
            WalError::Invalid(what) => write!(formatter, "the log's options are wrong: {what}"),
            WalError::Purged { purged } => write!(
                formatter,
                "the log is purged up to index {}; older entries are only in a snapshot",
                purged.index
            ),
        }
    }
}

impl std::error::Error for WalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WalError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<WalError> for io::Error {
    fn from(error: WalError) -> io::Error {
        let kind = match &error {
            WalError::Damaged { .. } | WalError::Version { .. } => io::ErrorKind::InvalidData,
            WalError::Io { source, .. } => source.kind(),
            WalError::Invalid(_) => io::ErrorKind::InvalidInput,
            WalError::Purged { .. } => io::ErrorKind::NotFound,
        };
        io::Error::new(kind, error)
    }
}
