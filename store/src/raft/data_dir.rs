//! The data directory: one process at a time, and one owner for ever.
//!
//! Here are the lock, the file that names the owner, and how small files are put there so that a power
//! failure leaves the old or the new. Log and state have rooms of their own below it.

use super::identity::{Owner, StartError};
use crate::faults::failpoint;
use fs4::fs_std::FileExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A locked data directory. The lock goes with this value.
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

const FORMAT: u64 = 1;
const OWNER_FILE: &str = "member.json";

impl DataDir {
    /// Makes the directory if needed and locks it.
    ///
    /// # Errors
    /// Another process uses it, or the disk refuses.
    pub fn open(path: &Path) -> Result<DataDir, StartError> {
        let refuse = |error: io::Error| {
            StartError::Data(format!(
                "the data directory {} cannot be used: {error}; check its owner and its disk",
                path.display()
            ))
        };
        create_private(path).map_err(refuse)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("LOCK"))
            .map_err(refuse)?;
        match FileExt::try_lock_exclusive(&lock) {
            Ok(true) => {}
            Ok(false) => {
                return Err(StartError::Data(format!(
                    "the data directory {} is in use by another process; stop it, or choose another directory with --data-dir",
                    path.display()
                )));
            }
            Err(error) => return Err(refuse(error)),
        }
        Ok(DataDir {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn owner_file(&self) -> PathBuf {
        self.path.join(OWNER_FILE)
    }

    /// Who owns it; `None` for a fresh one.
    ///
    /// # Errors
    /// The file is there and cannot be read, or was written by a newer version.
    pub fn owner(&self) -> Result<Option<Owner>, StartError> {
        let file = self.owner_file();
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(StartError::Data(format!(
                    "{} cannot be read: {error}",
                    file.display()
                )));
            }
        };
        match parse_owner(&text) {
            Some(owner) => Ok(Some(owner)),
            None => Err(StartError::Data(format!(
                "{} is damaged or was written by a newer version; use the version that wrote it, or remove this member, empty its data directory and add it anew",
                file.display()
            ))),
        }
    }

    /// Makes `owner` the owner, durably.
    ///
    /// # Errors
    /// The disk's.
    pub fn set_owner(&self, owner: &Owner) -> io::Result<()> {
        write_durably(
            &self.path,
            OWNER_FILE,
            &format!("{:#}\n", owner_json(owner)),
        )
    }
}

/// Puts a small file into `directory`: after a power failure it is there whole, or as it was before.
pub(super) fn write_durably(directory: &Path, name: &str, text: &str) -> io::Result<()> {
    let temporary = directory.join(format!("{name}.new"));
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    failpoint!("file-written", fails);
    file.sync_all()?;
    failpoint!("file-before-rename", fails);
    fs::rename(&temporary, directory.join(name))?;
    failpoint!("file-renamed", fails);
    File::open(directory)?.sync_all()
}

fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

fn owner_json(owner: &Owner) -> Value {
    let initial: serde_json::Map<String, Value> = owner
        .initial
        .iter()
        .map(|(id, urls)| (format!("{id:x}"), json!(urls)))
        .collect();
    json!({
        "format": FORMAT,
        "cluster_id": format!("{:x}", owner.cluster_id),
        "member_id": format!("{:x}", owner.member_id),
        "token": owner.token,
        "initial": initial,
    })
}

fn parse_owner(text: &str) -> Option<Owner> {
    let value: Value = serde_json::from_str(text).ok()?;
    if value.get("format")?.as_u64()? != FORMAT {
        return None;
    }
    let hex = |value: &Value| u64::from_str_radix(value.as_str()?, 16).ok();
    let mut initial = BTreeMap::new();
    for (id, urls) in value.get("initial")?.as_object()? {
        let urls = urls.as_array()?.iter();
        let urls: Option<Vec<String>> = urls.map(|url| Some(url.as_str()?.to_owned())).collect();
        initial.insert(u64::from_str_radix(id, 16).ok()?, urls?);
    }
    Some(Owner {
        cluster_id: hex(value.get("cluster_id")?)?,
        member_id: hex(value.get("member_id")?)?,
        token: value.get("token")?.as_str()?.to_owned(),
        initial,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_read_back_as_written() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let data = DataDir::open(directory.path()).expect("a fresh directory");
        assert_eq!(data.owner().expect("readable"), None);
        let owner = Owner {
            cluster_id: 0xcdf8,
            member_id: 0x8e9e,
            token: "token".to_owned(),
            initial: BTreeMap::from([(1, vec!["http://a:1".to_owned()])]),
        };
        data.set_owner(&owner).expect("written");
        assert_eq!(data.owner().expect("readable"), Some(owner));
    }

    #[test]
    fn a_data_directory_serves_one_process_at_a_time() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let _first = DataDir::open(directory.path()).expect("free");
        let second = DataDir::open(directory.path());
        assert!(matches!(second, Err(StartError::Data(text)) if text.contains("in use")));
    }

    #[test]
    fn a_damaged_owner_is_refused() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let data = DataDir::open(directory.path()).expect("a fresh directory");
        fs::write(data.owner_file(), "{\"format\": 1").expect("written");
        assert!(matches!(data.owner(), Err(StartError::Data(_))));
    }
}
