//! The members that this one has met: those that have certainly run.
//!
//! A member publishes its name through the log once it runs, but its vote and its acknowledgements
//! count before that. So every member keeps a list of those it has heard from, made durable before what
//! it heard is used, and tells it to a fresh data directory that asks. Together with the published names
//! this closes the gap: whoever has counted a member's word knows that the member has run.

use super::data_dir::write_durably;
use super::identity::StartError;
use crate::MemberId;
use crate::faults::{Plant, failpoint, planted};
use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

const FILE: &str = "met.json";
const FORMAT: u64 = 1;

/// See the module's essay.
pub struct Met {
    directory: PathBuf,
    known: RwLock<BTreeSet<MemberId>>,
    writing: Mutex<()>,
}

impl Met {
    /// Reads whom the owner of this data directory has met; nobody, if it is fresh.
    ///
    /// # Errors
    /// [`StartError::Data`]: the list is there and cannot be read.
    pub fn open(directory: &Path) -> Result<Met, StartError> {
        let file = directory.join(FILE);
        let refuse = |reason: String| {
            StartError::Data(format!(
                "{} cannot be read: {reason}; restore it, or remove this member, empty its data directory and add it anew",
                file.display()
            ))
        };
        let known = match fs::read_to_string(&file) {
            Ok(text) => parse(&text).ok_or_else(|| {
                refuse("it is damaged or was written by a newer version".to_owned())
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            Err(error) => return Err(refuse(error.to_string())),
        };
        Ok(Met {
            directory: directory.to_owned(),
            known: RwLock::new(known),
            writing: Mutex::default(),
        })
    }

    /// Notes that `member` has run. Durable once this returns; it waits for the disk the first time
    /// that a member is met, and never again.
    ///
    /// # Errors
    /// The disk's. Then nothing may be concluded from what the member said.
    pub fn meet(&self, member: MemberId) -> io::Result<()> {
        if self.known.read().contains(&member) {
            return Ok(());
        }
        let _one_at_a_time = self.writing.lock();
        let mut known = self.known.read().clone();
        if !known.insert(member) {
            return Ok(());
        }
        let ids: Vec<String> = known.iter().map(|id| format!("{id:x}")).collect();
        let text = json!({"format": FORMAT, "met": ids});
        failpoint!("met-before-write", fails);
        if !planted(Plant::MetUnwritten) {
            write_durably(&self.directory, FILE, &format!("{text:#}\n"))?;
        }
        failpoint!("met-written", fails);
        *self.known.write() = known;
        Ok(())
    }

    /// Whom it has met, by ascending id.
    pub fn members(&self) -> Vec<MemberId> {
        self.known.read().iter().copied().collect()
    }
}

fn parse(text: &str) -> Option<BTreeSet<MemberId>> {
    let value: Value = serde_json::from_str(text).ok()?;
    if value.get("format")?.as_u64()? != FORMAT {
        return None;
    }
    let ids = value.get("met")?.as_array()?.iter();
    ids.map(|id| u64::from_str_radix(id.as_str()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_met_are_still_known_after_a_restart() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let met = Met::open(directory.path()).expect("a fresh directory");
        assert!(met.members().is_empty());
        for member in [0x8e9e, 2, 0x8e9e] {
            met.meet(member).expect("written");
        }
        let again = Met::open(directory.path()).expect("readable");
        assert_eq!(again.members(), [2, 0x8e9e]);
    }

    #[test]
    fn a_member_is_not_met_while_the_disk_refuses() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let met = Met::open(directory.path()).expect("a fresh directory");
        drop(directory);
        met.meet(1).expect_err("the directory is gone");
        assert!(met.members().is_empty());
    }

    #[test]
    fn a_damaged_list_is_refused() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        for text in [
            "",
            "{\"format\": 2, \"met\": []}",
            "{\"format\": 1, \"met\": [7]}",
        ] {
            fs::write(directory.path().join(FILE), text).expect("written");
            let opened = Met::open(directory.path());
            assert!(matches!(opened, Err(StartError::Data(_))), "{text}");
        }
    }
}
