//! Reading entries, from memory or from disk.

use super::log::Wal;
use super::record::{self, Record};
use super::segment::Span;
use super::{Entry, WalError};
use bytes::Bytes;

impl Wal {
    /// The entries from `from` up to, not including, `to`: as many as fit `bytes_max`, but at least one
    /// if there is one; the last one may exceed the limit. Entries that are not there yet are left out. From memory, or from disk if they
    /// are older than the tail; then it blocks for the disk.
    pub fn read(&self, from: u64, to: u64, bytes_max: usize) -> Result<Vec<Entry>, WalError> {
        let mut taken = Vec::new();
        let mut epoch = None;
        let mut bytes = 0;
        loop {
            let state = self.state();
            if *epoch.get_or_insert(state.epoch) != state.epoch {
                // The end of the log was rewritten while we were at the disk: start again.
                (epoch, bytes) = (None, 0);
                taken.clear();
                continue;
            }
            let at = from + taken.len() as u64;
            let to = to.min(state.seen.next());
            if at >= to || (bytes >= bytes_max && !taken.is_empty()) {
                return Ok(taken);
            }
            match state.seen.purged {
                Some(purged) if at <= purged.index && taken.is_empty() => {
                    return Err(WalError::Purged { purged });
                }
                Some(purged) if at <= purged.index => return Ok(taken),
                _ => {}
            }
            if at >= state.tail.first() {
                state
                    .tail
                    .read(at, to, bytes_max - bytes.min(bytes_max), &mut taken);
                return Ok(taken);
            }
            let to = to.min(state.tail.first());
            let span = state.index.span(at, to, bytes_max - bytes.min(bytes_max));
            drop(state);
            let span = span.ok_or_else(|| self.hole(at))?;
            bytes += self.read_span(&span, at, &mut taken)?;
        }
    }

    /// Reads entries from disk. Returns the bytes read.
    pub(super) fn read_span(
        &self,
        span: &Span,
        first: u64,
        taken: &mut Vec<Entry>,
    ) -> Result<usize, WalError> {
        let base = u64::from(span.offsets[0]);
        let mut bytes = vec![0; (span.end - base) as usize];
        let count = span.file.read_at(&mut bytes, base).map_err(|error| {
            let path = self.path(span.sequence);
            WalError::io("read", path, error)
        })?;
        bytes.truncate(count);
        let bytes = Bytes::from(bytes);
        for (index, offset) in (first..).zip(&span.offsets) {
            let offset = u64::from(*offset);
            let position = (offset - base) as usize;
            let entry = match record::decode(&bytes, position, span.sequence, offset) {
                Ok((Record::Entry(log_id, detail, range), _)) if log_id.index == index => {
                    record::payload(detail, bytes.slice(range))
                        .map(|payload| Entry { log_id, payload })
                        .ok_or("an entry has an unknown type")
                }
                Ok(_) => Err("another record is where the entry was written"),
                Err(what) => Err(what),
            };
            taken.push(entry.map_err(|what| {
                self.damaged(
                    span.sequence,
                    offset,
                    format!("reading entry {index}: {what}"),
                )
            })?);
        }
        Ok(bytes.len())
    }

    fn damaged(&self, sequence: u64, offset: u64, what: String) -> WalError {
        let path = self.path(sequence);
        WalError::damaged(path, offset, what)
    }

    fn hole(&self, index: u64) -> WalError {
        WalError::damaged(
            self.directory(),
            0,
            format!("entry {index} should be there, but is not"),
        )
    }

    /// Where an entry lies on disk.
    #[cfg(test)]
    pub(super) fn span(&self, index: u64) -> Option<Span> {
        self.state().index.span(index, index + 1, 0)
    }
}
