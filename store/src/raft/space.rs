//! Watches that the disk does not fill up.
//!
//! A full disk cannot be survived from the inside: the log cannot be written, so nothing can be
//! agreed, not even a compaction that would free space. So the member stops taking data *before*:
//! when the file system of its data directory has less free space than a reserve, it raises the
//! NOSPACE alarm in its own name. The alarm is part of the replicated state, so from then on every
//! member refuses what stores data, and reads, deletions, compactions and membership changes go on.
//! As with a full quota, an operator frees space and disarms the alarm; disarmed too early, it is
//! raised again.
//!
//! The reserve covers what the member may still write once the alarm is on its way: the log's next
//! segment and its spare (64 MiB each), a flush of the state's write buffers, and what is written
//! between two looks. It cannot protect against others who fill the same file system.

use super::handle::Handle;
use keelson_proto::etcdserverpb::alarm_request::AlarmAction;
use keelson_proto::etcdserverpb::{AlarmMember, AlarmRequest, AlarmType};
use keelson_proto::log::{Command, command::Operation};
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The smallest default reserve.
pub const RESERVE_BYTES_MIN: u64 = 256 << 20;

/// The largest default reserve.
const RESERVE_BYTES_MAX: u64 = 1 << 30;

/// Size and free space of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Space {
    total: u64,
    free: u64,
}

/// See the module's essay.
pub struct SpaceWatch {
    directory: CString,
    reserve_bytes: Option<u64>,
    handle: Handle,
    raising: Arc<AtomicBool>,
}

impl SpaceWatch {
    /// Watches the file system that `directory` is on. Without `reserve_bytes` the reserve is a
    /// hundredth of the file system, but at least 256 MiB and at most 1 GiB.
    ///
    /// # Errors
    /// The path contains a zero byte.
    pub fn new(
        directory: &Path,
        reserve_bytes: Option<u64>,
        handle: Handle,
    ) -> io::Result<SpaceWatch> {
        Ok(SpaceWatch {
            directory: CString::new(directory.as_os_str().as_bytes())?,
            reserve_bytes,
            handle,
            raising: Arc::default(),
        })
    }

    /// Looks, and raises the alarm if there is too little. Costs one system call; never waits.
    pub fn watch(&self) {
        // A file system that cannot be asked will tell by itself when it is written to.
        let Ok(space) = self.space() else { return };
        if space.free >= reserve(space, self.reserve_bytes) {
            return;
        }
        let alarm = AlarmMember {
            member_id: self.handle.identity().member_id,
            alarm: AlarmType::Nospace as i32,
        };
        let raised = self.handle.state().alarms().contains(&alarm);
        if !raised && !self.raising.swap(true, Ordering::AcqRel) {
            self.raise(&alarm, space.free);
        }
    }

    fn raise(&self, alarm: &AlarmMember, free_bytes: u64) {
        tracing::warn!(
            free_bytes,
            "the disk is nearly full: raising the NOSPACE alarm; free space, then disarm it"
        );
        let command = Command {
            operation: Some(Operation::Alarm(AlarmRequest {
                action: AlarmAction::Activate as i32,
                member_id: alarm.member_id,
                alarm: alarm.alarm,
            })),
            fence_term: 0,
        };
        let handle = self.handle.clone();
        let raising = Arc::clone(&self.raising);
        self.handle.inner().runtime.spawn(async move {
            if let Err(error) = handle.propose(command).await {
                tracing::warn!(%error, "could not raise the NOSPACE alarm; trying again");
            }
            raising.store(false, Ordering::Release);
        });
    }

    fn space(&self) -> io::Result<Space> {
        let mut answer = std::mem::MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: the path ends with a zero byte, and the answer is read only after success.
        let answer = unsafe {
            if libc::statvfs(self.directory.as_ptr(), answer.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            answer.assume_init()
        };
        let unit = answer.f_frsize as u64;
        Ok(Space {
            total: answer.f_blocks as u64 * unit,
            // What is free for a process without privileges.
            free: answer.f_bavail as u64 * unit,
        })
    }
}

fn reserve(space: Space, configured: Option<u64>) -> u64 {
    configured.unwrap_or((space.total / 100).clamp(RESERVE_BYTES_MIN, RESERVE_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_reserve_grows_with_the_disk_between_two_bounds() {
        let of = |total| reserve(Space { total, free: 0 }, None);
        assert_eq!(of(1 << 30), RESERVE_BYTES_MIN);
        assert_eq!(of(50 << 30), (50 << 30) / 100);
        assert_eq!(of(10 << 40), RESERVE_BYTES_MAX);
        assert_eq!(reserve(Space { total: 1, free: 0 }, Some(7)), 7);
    }
}
