//! What has arrived of a snapshot, on the disk of the member that receives it.
//!
//! `state/incoming/<sender>/db` holds files of one sender. Whether they are what they should be is
//! never taken from there: it is read, by [`Collection::offer`], and compared by the sender.

use super::super::space::Reserve;
use super::super::state_dir::remove_all;
use super::digest::{COMPARED_BYTES_PER_S, Digest, Pace};
use crate::MemberId;
use crate::faults::{Plant, planted};
use bytes::Bytes;
use keelson_proto::peer::{self, HeldFile};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tonic::Status;

/// What a sender was told that is here, by name.
pub(super) type Offer = HashMap<String, Digest>;

/// See the module's essay.
#[derive(Debug)]
pub(super) struct Collection {
    directory: PathBuf,
    /// What the sender leaves out and has not come to yet.
    kept: Offer,
    open: Option<OpenFile>,
    finished: HashSet<String>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    announced: peer::SnapshotFile,
    written: u64,
    crc32c: u32,
}

impl Collection {
    /// What is left of `sender` in `incoming`; there is nothing of anybody else afterwards.
    ///
    /// # Errors
    /// `Internal` for this member's disk.
    pub(super) fn open(incoming: &Path, sender: MemberId) -> Result<Collection, Status> {
        let directory = incoming.join(format!("{sender:016x}"));
        let open = || {
            fs::create_dir_all(directory.join("db"))?;
            for entry in fs::read_dir(incoming)? {
                let path = entry?.path();
                if path != directory {
                    remove_all(&path)?;
                }
            }
            Ok(())
        };
        open().map_err(disk)?;
        Ok(Collection {
            directory,
            kept: Offer::new(),
            open: None,
            finished: HashSet::new(),
        })
    }

    fn root(&self) -> PathBuf {
        self.directory.join("db")
    }

    /// Removes what cannot be a beginning of one of `files`. Returns the bytes that are left.
    ///
    /// # Errors
    /// `Internal` for this member's disk.
    pub(super) fn retain(&self, files: &[peer::SnapshotFile]) -> Result<u64, Status> {
        let lengths: HashMap<_, _> = files
            .iter()
            .map(|file| (file.name.as_str(), file.bytes))
            .collect();
        self.retain_if(|name, bytes| lengths.get(name).is_some_and(|most| bytes <= *most))
    }

    fn retain_if(&self, wanted: impl Fn(&str, u64) -> bool) -> Result<u64, Status> {
        let retain = || {
            let mut left = 0;
            for entry in fs::read_dir(self.root())? {
                let entry = entry?;
                let bytes = entry.metadata()?.len();
                let name = entry.file_name();
                if name.to_str().is_some_and(|name| wanted(name, bytes)) {
                    left += bytes;
                } else {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(left)
        };
        retain().map_err(disk)
    }

    /// Reads what is here. A file that cannot be read is removed.
    ///
    /// # Errors
    /// `Cancelled` when `gone` says that nobody waits any more, `Internal` for this member's disk.
    pub(super) fn offer(&self, gone: &dyn Fn() -> bool) -> Result<Offer, Status> {
        let mut pace = Pace::new(COMPARED_BYTES_PER_S);
        let mut offer = Offer::new();
        for entry in fs::read_dir(self.root()).map_err(disk)? {
            let path = entry.map_err(disk)?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            match Digest::of(&path, u64::MAX, &mut pace, gone) {
                Ok(digest) => {
                    offer.insert(name.to_owned(), digest);
                }
                Err(_) if gone() => return Err(Status::cancelled("nobody waits for it any more")),
                Err(error) => {
                    tracing::warn!(name, %error, "a part of a snapshot cannot be read");
                    fs::remove_file(&path).map_err(disk)?;
                }
            }
        }
        Ok(offer)
    }

    /// Begins to collect: `kept` stays, everything else goes. Returns the bytes that stay.
    ///
    /// # Errors
    /// `Aborted` if something in `kept` was not offered, `Internal` for this member's disk.
    pub(super) fn keep(&mut self, kept: &[HeldFile], mut offered: Offer) -> Result<u64, Status> {
        for held in kept {
            let digest = offered.remove(&held.name);
            let Some(digest) = digest.filter(|digest| digest.is(held)) else {
                return Err(Status::aborted(format!(
                    "snapshot file {} is not here any more",
                    held.name
                )));
            };
            self.kept.insert(held.name.clone(), digest);
        }
        self.retain_if(|name, bytes| self.kept.get(name).is_some_and(|kept| kept.bytes == bytes))
    }

    /// A file begins, and the one before ends.
    ///
    /// # Errors
    /// `InvalidArgument` for a bad name, `ResourceExhausted` if it does not fit beside the reserve,
    /// `Internal` for this member's disk, and those of [`finish_file`](Collection::finish_file).
    pub(super) fn begin_file(
        &mut self,
        announced: peer::SnapshotFile,
        reserve: &Reserve,
    ) -> Result<(), Status> {
        self.finish_file()?;
        // A name is a name: a path could reach outside the directory.
        let name = announced.name.as_str();
        if ["", ".", ".."].contains(&name) || name.contains(['/', '\0']) {
            return Err(Status::invalid_argument("a snapshot file has a bad name"));
        }
        let kept = self.kept.remove(name);
        let (written, crc32c) = kept.map_or((0, 0), |kept| (kept.bytes, kept.crc32c));
        // Others write to the disk, too: what was enough at the beginning may not be now.
        require(announced.bytes.saturating_sub(written), reserve)?;
        let path = self.root().join(name);
        let opened = match written {
            0 => File::create(path),
            _ => File::options().append(true).open(path),
        };
        self.open = Some(OpenFile {
            file: opened.map_err(disk)?,
            announced,
            written,
            crc32c,
        });
        Ok(())
    }

    /// More of the file that began last.
    ///
    /// # Errors
    /// `InvalidArgument` if none has begun, `DataLoss` if that is more than was announced, `Internal`
    /// for this member's disk.
    pub(super) fn write(&mut self, data: &Bytes) -> Result<(), Status> {
        let open = self
            .open
            .as_mut()
            .ok_or_else(|| Status::invalid_argument("snapshot data without a file"))?;
        open.written += data.len() as u64;
        if open.written > open.announced.bytes {
            return Err(damaged(&open.announced.name));
        }
        open.file.write_all(data).map_err(disk)?;
        open.crc32c = crc32c::crc32c_append(open.crc32c, data);
        Ok(())
    }

    /// The file that began last has ended.
    ///
    /// # Errors
    /// `DataLoss` if it is not what was announced.
    pub(super) fn finish_file(&mut self) -> Result<(), Status> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let name = open.announced.name;
        if open.written != open.announced.bytes
            || (open.crc32c != open.announced.crc32c && !planted(Plant::SnapshotUnchecked))
        {
            return Err(damaged(&name));
        }
        match self.finished.insert(name) {
            true => Ok(()),
            false => Err(Status::invalid_argument("a snapshot file came twice")),
        }
    }

    /// All of it is here, `files` files: moves it to `target`.
    ///
    /// # Errors
    /// `DataLoss` if it is not all, `Internal` for this member's disk.
    pub(super) fn finish(mut self, files: u64, target: &Path) -> Result<(), Status> {
        self.finish_file()?;
        if self.finished.len() as u64 != files || !self.kept.is_empty() {
            return Err(Status::data_loss("the snapshot lacks files"));
        }
        remove_all(target)
            .and_then(|()| fs::rename(&self.directory, target))
            .map_err(disk)
    }
}

/// Refuses what does not fit beside the disk's reserve.
///
/// # Errors
/// `ResourceExhausted`, with the numbers.
pub(super) fn require(needed: u64, reserve: &Reserve) -> Result<(), Status> {
    let Some(shortage) = reserve.shortage(needed) else {
        return Ok(());
    };
    tracing::warn!(
        needed_bytes = shortage.needed,
        reserve_bytes = shortage.reserve,
        free_bytes = shortage.free,
        "no space for the snapshot that the leader wants to send"
    );
    Err(Status::resource_exhausted(format!(
        "no space for the snapshot: it needs {} bytes besides the {} that stay in reserve (--disk-reserve-bytes), and {} are free",
        shortage.needed, shortage.reserve, shortage.free
    )))
}

fn damaged(name: &str) -> Status {
    Status::data_loss(format!("snapshot file {name} arrived damaged"))
}

/// This member's disk has failed.
pub(super) fn disk(error: io::Error) -> Status {
    Status::internal(format!("the snapshot could not be written: {error}"))
}
