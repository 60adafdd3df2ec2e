//! Carrying out what a segment says, record by record.

use super::WalError;
use super::record::{BATCH, Record};
use super::recovery::Candidate;
use super::scan::{self, Bad, START, Sealed, Whole};
use super::segment::{Index, Segment};
use super::tail::Leaders;
use super::types::Checkpoint;
use crate::faults::{Plant, planted};

/// The log as far as it has been read.
#[derive(Default)]
pub(super) struct Replay {
    pub checkpoint: Checkpoint,
    pub leaders: Leaders,
    pub index: Index,
    pub life: u32,
    pub torn_bytes: u64,
    pub bytes_on_disk: u64,
}

impl Replay {
    /// Carries out a segment that another one follows. `previous_end`: where the segment before it ended, if
    /// it was read. Returns where this one ends.
    pub fn read_sealed(
        &mut self,
        candidate: &Candidate,
        sealed: Sealed,
        previous_end: Option<u64>,
    ) -> Result<u64, WalError> {
        self.begin_segment(candidate);
        let mut at = START;
        for write in sealed.writes {
            if write.batch.life < self.life {
                return Err(WalError::damaged(
                    &candidate.path,
                    at as u64,
                    scan::OLDER.to_owned(),
                ));
            }
            at = self.carry_out(candidate, at, write, previous_end)?;
        }
        if let Some(bad) = sealed.bad {
            let what = bad.what.to_owned();
            return Err(WalError::damaged(&candidate.path, bad.offset as u64, what));
        }
        self.index.newest().end = at as u64;
        Ok(at as u64)
    }

    /// Reads the newest segment, which may end with a torn write. Returns where it ends, and up to where its
    /// last write knew it to be durable.
    pub fn read_newest(
        &mut self,
        candidate: &Candidate,
        bytes: &[u8],
        previous_end: Option<u64>,
    ) -> Result<(u64, u64), WalError> {
        self.begin_segment(candidate);
        let (mut at, mut synced) = (START, 0);
        loop {
            match scan::whole(bytes, candidate.sequence, at, self.life) {
                Ok(write) => {
                    synced = u64::from(write.batch.synced);
                    at = self.carry_out(candidate, at, write, previous_end)?;
                }
                Err(bad) => {
                    self.cut_torn(candidate, bytes, at, bad)?;
                    break;
                }
            }
        }
        self.index.newest().end = at as u64;
        Ok((at as u64, synced))
    }

    fn begin_segment(&mut self, candidate: &Candidate) {
        self.index
            .push(Segment::new(candidate.sequence, candidate.file.clone(), 0));
        self.bytes_on_disk += candidate.length;
    }

    /// Leaves out the write at `at` of the newest segment, which is `bad`, unless what follows proves that it
    /// had been durable.
    fn cut_torn(
        &mut self,
        candidate: &Candidate,
        bytes: &[u8],
        at: usize,
        bad: Bad,
    ) -> Result<(), WalError> {
        let behind = scan::behind(bytes, candidate.sequence, at, self.life);
        if let Some(proof) = behind.proof
            && !planted(Plant::DamageTakenForTorn)
        {
            let what = format!(
                "{}; a later write at offset {proof} shows that it had been durable",
                bad.what
            );
            return Err(WalError::damaged(&candidate.path, bad.offset as u64, what));
        }
        self.life = behind.life;
        self.torn_bytes = behind.torn.min(bytes.len() - at) as u64;
        Ok(())
    }

    /// Carries out a whole write at `at`. Returns where the next one starts.
    fn carry_out(
        &mut self,
        candidate: &Candidate,
        at: usize,
        write: Whole,
        previous_end: Option<u64>,
    ) -> Result<usize, WalError> {
        let damaged = |offset: u64, what| WalError::damaged(&candidate.path, offset, what);
        if write.batch.synced as usize > at {
            let what = "a write says that more was durable before it than there was";
            return Err(damaged(at as u64, what.to_owned()));
        }
        for (offset, record) in write.records {
            let first = offset == (START + BATCH) as u64;
            let applied = if first {
                self.begin(&record, previous_end)
            } else {
                self.apply(offset, record)
            };
            applied.map_err(|what| damaged(offset, what))?;
        }
        self.life = write.batch.life;
        Ok(write.end)
    }

    /// The first record of a segment. `previous_end`: where the segment before it ended, if it was read.
    fn begin(&mut self, record: &Record, previous_end: Option<u64>) -> Result<(), String> {
        let Record::Checkpoint(checkpoint, expected_end) = record else {
            return Err("the segment does not start with a checkpoint".to_owned());
        };
        if checkpoint.next() < checkpoint.first() {
            return Err("the newest entry is older than one that was purged".to_owned());
        }
        match previous_end {
            None => self.checkpoint = *checkpoint,
            Some(end) if end != *expected_end => {
                return Err(format!(
                    "the segment before ends at {end}, but it was written up to {expected_end}"
                ));
            }
            Some(_) if *checkpoint != self.checkpoint => {
                return Err(format!(
                    "the segment starts from {checkpoint:?}, but the one before leads to {:?}",
                    self.checkpoint
                ));
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn apply(&mut self, offset: u64, record: Record) -> Result<(), String> {
        match record {
            Record::Entry(log_id, detail, _) => {
                let next = self.checkpoint.next();
                if log_id.index != next {
                    return Err(format!(
                        "entry {} stands where {next} belongs",
                        log_id.index
                    ));
                }
                if detail > 2 {
                    return Err(format!("entry {next} has the unknown type {detail}"));
                }
                self.index.place(log_id.index, offset);
                self.leaders.push(log_id);
                self.checkpoint.last = Some(log_id);
            }
            Record::Vote(vote) => self.checkpoint.vote = Some(vote),
            Record::Committed(committed) => self.checkpoint.committed = committed,
            Record::TruncateAfter(after) => {
                let next = self.checkpoint.next();
                let kept =
                    after.filter(|after| (self.checkpoint.first()..next).contains(&after.index));
                let there = kept.and_then(|kept| self.leaders.at(kept.index));
                if there.is_some() && there != kept {
                    return Err(format!("{after:?} was to be kept, but {there:?} was there"));
                }
                self.checkpoint.truncate_after(after);
                self.index.cut(self.checkpoint.next());
                self.leaders.cut(self.checkpoint.next());
            }
            Record::Purged(upto) => {
                if upto.index >= self.checkpoint.next() {
                    self.index.cut(0);
                    self.leaders.cut(0);
                }
                self.checkpoint.purge(upto);
                self.leaders.drop_below(self.checkpoint.first());
            }
            Record::Batch(_) | Record::Checkpoint(..) => {
                return Err("a record stands where it does not belong".to_owned());
            }
        }
        Ok(())
    }
}
