//! Histories as files: one record a line, behind a checksum over everything so far.
//!
//! A line is eight hexadecimal digits, a space and the record as JSON. The digits are the CRC32C of all
//! records up to this one, so that a line that was lost, moved or changed is noticed by the next. The
//! last record says how many came before it; a file without it is a truncated one.

use super::{Head, Nanos, Record};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

/// Longer lines are refused while reading: a full range of a big store fits many times.
const LINE_MAX: u64 = 1 << 30;

/// Why a history cannot be read any further. What was read before holds.
#[derive(Debug)]
pub enum HistoryError {
    /// The disk.
    Io(io::Error),
    /// A line is not what was written.
    Damaged {
        /// Counted from one.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// The file ends before the run did.
    Truncated {
        /// Records that were read.
        records: u64,
    },
}

impl std::fmt::Display for HistoryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            HistoryError::Io(error) => write!(f, "cannot read the history: {error}"),
            HistoryError::Damaged { line, what } => write!(f, "line {line} is damaged: {what}"),
            HistoryError::Truncated { records } => {
                write!(f, "the history is truncated after {records} records")
            }
        }
    }
}

impl std::error::Error for HistoryError {}

impl From<io::Error> for HistoryError {
    fn from(error: io::Error) -> HistoryError {
        HistoryError::Io(error)
    }
}

/// Appends records. Times come from the caller, who holds a lock around taking them and writing.
#[derive(Debug)]
pub struct HistoryWriter<W: Write> {
    to: W,
    chain: u32,
    records: u64,
    line: Vec<u8>,
}

impl HistoryWriter<BufWriter<File>> {
    /// A new file, buffered.
    ///
    /// # Errors
    /// If it cannot be made or is there already.
    pub fn create(path: &Path, head: &Head) -> io::Result<Self> {
        let file = File::create_new(path)?;
        HistoryWriter::new(BufWriter::with_capacity(1 << 20, file), head)
    }
}

impl<W: Write> HistoryWriter<W> {
    /// Writes the head.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(to: W, head: &Head) -> io::Result<Self> {
        let mut writer = HistoryWriter {
            to,
            chain: 0,
            records: 0,
            line: Vec::new(),
        };
        writer.append(&Record::Head(Box::new(head.clone())))?;
        Ok(writer)
    }

    /// Writes one record.
    ///
    /// # Errors
    /// If it cannot be written: the history ends here then.
    pub fn append(&mut self, record: &Record) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record)?;
        self.chain = crc32c::crc32c_append(self.chain, &self.line);
        self.line.push(b'\n');
        write!(self.to, "{:08x} ", self.chain)?;
        self.to.write_all(&self.line)?;
        self.records += 1;
        Ok(())
    }

    /// Hands what was written to the operating system, so that it outlives this process.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// Records written so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Writes the end. Only a history that has it can pass.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self, at: Nanos) -> io::Result<W> {
        let records = self.records;
        self.append(&Record::End { at, records })?;
        self.to.flush()?;
        Ok(self.to)
    }
}

/// Streams the records of a history; after an error it is over.
#[derive(Debug)]
pub struct HistoryReader<R> {
    from: R,
    chain: u32,
    records: u64,
    is_over: bool,
    line: Vec<u8>,
}

impl HistoryReader<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        let file = File::open(path)?;
        Ok(HistoryReader::new(BufReader::with_capacity(1 << 20, file)))
    }
}

impl<R: BufRead> HistoryReader<R> {
    /// Reads from the beginning.
    pub fn new(from: R) -> Self {
        HistoryReader {
            from,
            chain: 0,
            records: 0,
            is_over: false,
            line: Vec::new(),
        }
    }

    fn damaged(&self, what: impl Into<String>) -> HistoryError {
        HistoryError::Damaged {
            line: self.records + 1,
            what: what.into(),
        }
    }

    fn read(&mut self) -> Result<Record, HistoryError> {
        self.line.clear();
        let mut bounded = io::Read::take(&mut self.from, LINE_MAX);
        bounded.read_until(b'\n', &mut self.line)?;
        let records = self.records;
        let Some(line) = self.line.strip_suffix(b"\n") else {
            return Err(HistoryError::Truncated { records });
        };
        if line.len() < 9 || line[8] != b' ' {
            return Err(self.damaged("it does not begin with a checksum"));
        }
        let (sum, json) = (&line[..8], &line[9..]);
        self.chain = crc32c::crc32c_append(self.chain, json);
        if sum != format!("{:08x}", self.chain).as_bytes() {
            return Err(self.damaged("it does not continue what came before"));
        }
        let record: Record =
            serde_json::from_slice(json).map_err(|error| self.damaged(error.to_string()))?;
        if matches!(record, Record::Head(_)) != (records == 0) {
            return Err(self.damaged("a head belongs at the beginning, and only there"));
        }
        if let Record::End { records: said, .. } = record {
            if said != records {
                return Err(self.damaged(format!("it counts {said} records, there are {records}")));
            }
            let more = self.from.fill_buf()?;
            if !more.is_empty() {
                return Err(self.damaged("something follows the end"));
            }
            self.is_over = true;
        }
        self.records += 1;
        Ok(record)
    }
}

impl<R: BufRead> Iterator for HistoryReader<R> {
    type Item = Result<Record, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let read = self.read();
        self.is_over |= read.is_err();
        Some(read)
    }
}
