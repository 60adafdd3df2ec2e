//! Reading a segment back: which writes are whole, and what follows the first that is not.

use super::record::{self, ALIGNMENT, BATCH, Batch, Record};
use super::segment::PREAMBLE;

/// What is wrong with a write of an older life than the one before it.
pub const OLDER: &str = "a write is older than the one before it";

/// A whole write.
#[derive(Debug)]
pub struct Whole {
    /// Its first record.
    pub batch: Batch,
    /// Its other records, each with its offset in the segment.
    pub records: Vec<(u64, Record)>,
    /// Where the next write starts.
    pub end: usize,
}

/// Something that is not what was written.
#[derive(Clone, Copy, Debug)]
pub struct Bad {
    /// Where it is.
    pub offset: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// The write at `at`, if it is whole and not of an older life than `life`. `bytes` is the segment from
/// its start.
pub fn whole(bytes: &[u8], sequence: u64, at: usize, life: u32) -> Result<Whole, Bad> {
    let bad = |offset, what| Bad { offset, what };
    let (batch, size) = match record::decode(bytes, at, sequence, at as u64) {
        Ok((Record::Batch(batch), size)) => (batch, size),
        Ok(_) => return Err(bad(at, "a record stands where a write should begin")),
        Err(what) => return Err(bad(at, what)),
    };
    if batch.life < life {
        return Err(bad(at, OLDER));
    }
    let mut position = at + size;
    let end = position + batch.body as usize;
    let Some(body) = bytes.get(..end) else {
        return Err(bad(at, "the file ends inside a write"));
    };
    let mut records = Vec::new();
    while position < end {
        let decoded = record::decode(body, position, sequence, position as u64);
        let (record, size) = decoded.map_err(|what| bad(position, what))?;
        records.push((position as u64, record));
        position += size;
    }
    Ok(Whole {
        batch,
        records,
        end,
    })
}

/// What a segment says that must be whole from its start to its end.
#[derive(Debug)]
pub struct Sealed {
    /// Its writes, up to the first that is bad.
    pub writes: Vec<Whole>,
    /// What is wrong, if anything is.
    pub bad: Option<Bad>,
}

/// The writes of a segment that must end at `end`. `bytes` is the segment from its start.
pub fn sealed(bytes: &[u8], sequence: u64, end: usize) -> Sealed {
    let mut found = Sealed {
        writes: Vec::new(),
        bad: None,
    };
    let (mut at, mut life) = (START, 0);
    while at != end {
        match whole(bytes, sequence, at, life) {
            Ok(write) => {
                (at, life) = (write.end, write.batch.life);
                found.writes.push(write);
            }
            Err(bad) => {
                found.bad = Some(bad);
                break;
            }
        }
    }
    found
}

/// What stands behind the first bad place of a segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// The first write that was begun when the bad place was already durable: proof of damage.
    pub proof: Option<usize>,
    /// The newest life of any write there.
    pub life: u32,
    /// Bytes of the write at the bad place, as far as it says so itself.
    pub torn: usize,
}

/// Looks behind the bad write that starts at `from`.
pub fn behind(bytes: &[u8], sequence: u64, from: usize, life: u32) -> Behind {
    let mut found = Behind {
        life,
        ..Behind::default()
    };
    let words = bytes
        .get(from..)
        .unwrap_or_default()
        .chunks_exact(ALIGNMENT);
    for (at, word) in (from..).step_by(ALIGNMENT).zip(words) {
        if !record::may_be_batch(word) {
            continue;
        }
        let Ok((Record::Batch(batch), _)) = record::decode(bytes, at, sequence, at as u64) else {
            continue;
        };
        found.life = found.life.max(batch.life);
        let current = batch.life >= life;
        if current && at == from {
            found.torn = BATCH + batch.body as usize;
        } else if current && batch.synced as usize > from && found.proof.is_none() {
            found.proof = Some(at);
        }
    }
    found
}

/// Where the first write of a segment starts.
pub const START: usize = PREAMBLE;
