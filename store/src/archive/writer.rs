//! Producing an archive, chunk by chunk.

use super::format::{self, Kind};
use super::{Header, Progress, Totals};
use crate::engine::{Engine, EngineError, Family};
use crate::faults::{Plant, planted};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::ops::ControlFlow;
use std::sync::Arc;

/// The most that one item of a [`Writer`] holds, in bytes: what etcd sends in one message.
pub const CHUNK_BYTES: usize = 32 << 10;
/// Records are collected up to this many bytes.
const BLOCK_BYTES: usize = 1 << 20;

/// The bytes of an archive, in order. The last item is the digest alone, as etcd's clients expect.
///
/// Holds one block (1 MiB, or one record if that is longer) in memory. After an error there is
/// nothing more, and what came before is useless.
pub struct Writer {
    engine: Arc<dyn Engine>,
    stage: Stage,
    totals: Totals,
    digest: Sha256,
    /// Produced, not yet handed out.
    pending: Bytes,
    done: u64,
    estimate: u64,
}

/// What comes next.
enum Stage {
    Preamble(Header),
    /// Records of the families from this one on, from this key on.
    Records(&'static [Family], Vec<u8>),
    Totals,
    Digest,
    End,
}

impl Writer {
    /// An archive of everything in `engine`, which nobody may write to meanwhile: open it on a
    /// checkpoint. `header` must have been read from the same checkpoint.
    pub fn new(engine: Arc<dyn Engine>, header: Header) -> Writer {
        let estimate = engine.disk_bytes();
        Writer {
            engine,
            stage: Stage::Preamble(header),
            totals: Totals::default(),
            digest: Sha256::new(),
            pending: Bytes::new(),
            done: 0,
            estimate,
        }
    }

    /// How much has been handed out, of about how much.
    pub fn progress(&self) -> Progress {
        let total = if matches!(self.stage, Stage::End) && self.pending.is_empty() {
            self.done
        } else {
            self.estimate.max(self.done + 1)
        };
        Progress {
            done: self.done,
            total,
        }
    }

    /// Produces the next piece into `pending`.
    fn advance(&mut self) -> Result<(), EngineError> {
        let piece = match std::mem::replace(&mut self.stage, Stage::End) {
            Stage::Preamble(header) => {
                self.stage = Stage::Records(&Family::ALL, Vec::new());
                let mut piece = format::preamble().to_vec();
                piece.extend(frame(Kind::Header, &format::header_json(&header)));
                piece
            }
            Stage::Records(families, from) => self.records(families, from)?,
            Stage::Totals => {
                self.stage = Stage::Digest;
                let mut piece = frame(Kind::Totals, &format::totals_json(&self.totals));
                let end = self.done + piece.len() as u64;
                piece.resize(piece.len() + format::padding(end), 0);
                piece
            }
            Stage::Digest => {
                self.pending = Bytes::copy_from_slice(&self.digest.finalize_reset());
                return Ok(());
            }
            Stage::End => return Ok(()),
        };
        self.digest.update(&piece);
        self.pending = Bytes::from(piece);
        Ok(())
    }

    /// One block of records, of as many families as fit.
    fn records(
        &mut self,
        mut families: &'static [Family],
        mut from: Vec<u8>,
    ) -> Result<Vec<u8>, EngineError> {
        let mut block = format::begin_frame();
        block.reserve(BLOCK_BYTES);
        let mut records = 0;
        while let Some((&family, rest)) = families.split_first() {
            if planted(Plant::BackupWithoutLeases) && family == Family::Lease {
                families = rest;
                continue;
            }
            let mut next = None;
            self.engine.scan(family, &from, &[], &mut |key, value| {
                format::push_record(&mut block, family, key, value);
                records += 1;
                if block.len() < BLOCK_BYTES {
                    return ControlFlow::Continue(());
                }
                // The least key after this one.
                next = Some([key, &[0]].concat());
                ControlFlow::Break(())
            })?;
            if let Some(next) = next {
                from = next;
                break;
            }
            families = rest;
            from.clear();
        }
        format::end_frame(&mut block, Kind::Records);
        self.totals
            .add(records, &block[format::FRAME_HEADER_BYTES..]);
        self.stage = match families {
            [] => Stage::Totals,
            families => Stage::Records(families, from),
        };
        Ok(block)
    }
}

impl Iterator for Writer {
    type Item = Result<Bytes, EngineError>;

    fn next(&mut self) -> Option<Result<Bytes, EngineError>> {
        if self.pending.is_empty()
            && let Err(error) = self.advance()
        {
            return Some(Err(error));
        }
        if self.pending.is_empty() {
            return None;
        }
        let chunk = self.pending.split_to(self.pending.len().min(CHUNK_BYTES));
        self.done += chunk.len() as u64;
        Some(Ok(chunk))
    }
}

fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut frame = format::begin_frame();
    frame.extend_from_slice(payload);
    format::end_frame(&mut frame, kind);
    frame
}
