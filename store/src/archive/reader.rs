//! Reading an archive, and believing nothing.

use super::format::{self, FrameHeader, Kind};
use super::{ArchiveError, Header, Progress, Totals};
use crate::Revision;
use crate::engine::{Batch, Engine, EngineError, Family};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

/// Records are handed to an engine in batches of about this many bytes.
const RESTORE_BATCH_BYTES: usize = 1 << 20;

/// A payload is read in steps of so many bytes, so that a file takes no more memory than it has bytes, whatever
/// its headers say.
const STEP_BYTES: usize = 64 << 10;

/// Sees one record.
pub type VisitRecord<'a> = dyn FnMut(Family, &[u8], &[u8]) -> Result<(), EngineError> + 'a;

/// An archive whose beginning has been read and verified.
pub struct Reader<R> {
    source: Source<R>,
    header: Header,
    length: u64,
}

/// What `snapshot status` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// See [`Totals::hash`].
    pub hash: u32,
    /// Newest revision.
    pub revision: Revision,
    /// Records of all kinds, old versions of keys included.
    pub total_keys: u64,
    /// Bytes of the file.
    pub total_size: u64,
    /// The rest of what the file says of itself.
    pub header: Header,
}

/// Reads and verifies the whole file at `path`, and tells what it is.
pub fn status(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Status, ArchiveError> {
    let reader = Reader::open(path)?;
    let header = reader.header.clone();
    let total_size = reader.length;
    let totals = reader.read(&mut |_, _, _| Ok(()), progress)?;
    Ok(Status {
        hash: totals.hash,
        revision: header.revision,
        total_keys: totals.records,
        total_size,
        header,
    })
}

impl Reader<File> {
    /// Opens the archive at `path`.
    pub fn open(path: &Path) -> Result<Reader<File>, ArchiveError> {
        let place = path.display().to_string();
        let failed = |error: std::io::Error| ArchiveError::Io {
            place: place.clone(),
            detail: error.to_string(),
        };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut reader = Reader::new(file, &place)?;
        reader.length = length;
        Ok(reader)
    }
}

impl<R: Read> Reader<R> {
    /// Reads the beginning of `input`; `place` is what errors call it.
    pub fn new(input: R, place: &str) -> Result<Reader<R>, ArchiveError> {
        let mut source = Source {
            input: BufReader::new(input),
            place: place.to_owned(),
            offset: 0,
            start: 0,
            digest: Sha256::new(),
        };
        let mut preamble = [0; format::PREAMBLE_BYTES];
        source.take(&mut preamble)?;
        if !preamble.starts_with(format::MAGIC) {
            return Err(ArchiveError::NotAnArchive {
                place: source.place,
            });
        }
        match format::parse_preamble(&preamble) {
            Some(super::VERSION) => {}
            Some(version) if version > super::VERSION => {
                return Err(ArchiveError::Newer {
                    place: source.place,
                    version,
                });
            }
            _ => return Err(source.damaged("the checksum of the first bytes does not match")),
        }
        let mut payload = Vec::new();
        let kind = source.frame(&mut payload)?;
        let header = match kind {
            Kind::Header => format::parse_header(&payload),
            _ => None,
        };
        let header = header.ok_or_else(|| source.damaged("there is no header"))?;
        Ok(Reader {
            source,
            header,
            length: 0,
        })
    }

    /// Whose state this is, and as of when.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Visits every record and verifies everything. What was visited counts only if the answer is
    /// `Ok`: the last check is the digest at the very end.
    pub fn read(
        mut self,
        visit: &mut VisitRecord<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Totals, ArchiveError> {
        let mut found = Totals::default();
        let mut payload = Vec::new();
        let promised = loop {
            match self.source.frame(&mut payload)? {
                Kind::Records => {
                    let records = self.source.records(&payload, visit)?;
                    found.add(records, &payload);
                }
                Kind::Totals => break format::parse_totals(&payload),
                Kind::Header => return Err(self.source.damaged("there is a second header")),
            }
            progress(Progress {
                done: self.source.offset,
                total: self.length,
            });
        };
        if promised != Some(found) {
            return Err(self
                .source
                .damaged("the records are not those that were written"));
        }
        self.source.finish()?;
        progress(Progress {
            done: self.source.offset,
            total: self.source.offset,
        });
        Ok(found)
    }

    /// Writes every record into `engine`, which must be empty, and flushes it. After an error its
    /// content is to be thrown away.
    pub fn restore(
        self,
        engine: &dyn Engine,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Totals, ArchiveError> {
        let mut batch = Batch::default();
        let mut put = |family, key: &[u8], value: &[u8]| {
            batch.put(family, key, &[value]);
            if batch.bytes() < RESTORE_BATCH_BYTES {
                return Ok(());
            }
            engine.write(&batch)?;
            batch.clear();
            Ok(())
        };
        let totals = self.read(&mut put, progress)?;
        engine.write(&batch)?;
        engine.flush()?;
        Ok(totals)
    }
}

/// Bytes, with their place and their digest.
struct Source<R> {
    input: BufReader<R>,
    place: String,
    /// Of the next byte.
    offset: u64,
    /// Where the part in hand begins: what an error names.
    start: u64,
    digest: Sha256,
}

impl<R: Read> Source<R> {
    fn damaged(&self, detail: &str) -> ArchiveError {
        ArchiveError::Damaged {
            place: self.place.clone(),
            offset: self.start,
            detail: detail.to_owned(),
        }
    }

    /// Fills `buffer` with the next bytes, which are part of what the digest covers.
    fn take(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        self.take_raw(buffer)?;
        self.digest.update(buffer);
        Ok(())
    }

    fn take_raw(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        match self.input.read_exact(buffer) {
            Ok(()) => {
                self.offset += buffer.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(self.damaged("the file ends before this part does"))
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn failed(&self, error: &std::io::Error) -> ArchiveError {
        ArchiveError::Io {
            place: self.place.clone(),
            detail: error.to_string(),
        }
    }

    /// The next frame's kind; its payload, verified, into `payload`.
    fn frame(&mut self, payload: &mut Vec<u8>) -> Result<Kind, ArchiveError> {
        self.start = self.offset;
        let mut head = [0; format::FRAME_HEADER_BYTES];
        self.take(&mut head)?;
        let FrameHeader {
            kind,
            payload_bytes,
            payload_crc,
        } = format::parse_frame_header(&head).map_err(|detail| self.damaged(detail))?;
        payload.clear();
        while payload.len() < payload_bytes {
            let from = payload.len();
            payload.resize(payload_bytes.min(from + STEP_BYTES), 0);
            self.take(&mut payload[from..])?;
        }
        if crc32c::crc32c(payload) != payload_crc {
            return Err(self.damaged("the checksum of a frame does not match"));
        }
        Ok(kind)
    }

    /// Visits the records of a block; how many there are.
    fn records(
        &self,
        mut payload: &[u8],
        visit: &mut VisitRecord<'_>,
    ) -> Result<u64, ArchiveError> {
        let mut records = 0;
        while !payload.is_empty() {
            let (family, key, value) = format::pop_record(&mut payload)
                .ok_or_else(|| self.damaged("a record does not decode"))?;
            visit(family, key, value)?;
            records += 1;
        }
        Ok(records)
    }

    /// Zeros, the digest, and then nothing.
    fn finish(&mut self) -> Result<(), ArchiveError> {
        self.start = self.offset;
        let mut zeros = vec![0; format::padding(self.offset)];
        self.take(&mut zeros)?;
        if zeros.iter().any(|&byte| byte != 0) {
            return Err(self.damaged("there is something where zeros must be"));
        }
        self.start = self.offset;
        let mut digest = [0; format::DIGEST_BYTES];
        self.take_raw(&mut digest)?;
        if self.digest.finalize_reset()[..] != digest {
            return Err(self.damaged("the SHA-256 digest does not match"));
        }
        self.start = self.offset;
        match self.input.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.damaged("there is more after the end")),
            Err(error) => Err(self.failed(&error)),
        }
    }
}
