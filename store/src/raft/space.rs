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
//! between two looks. It cannot protect against others who fill the same file system. A snapshot from
//! another member, which may be as large as the state itself, is not begun unless it fits beside the
//! reserve.

use super::handle::Handle;
use keelson_proto::etcdserverpb::alarm_request::AlarmAction;
use keelson_proto::etcdserverpb::{AlarmMember, AlarmRequest, AlarmType};
use keelson_proto::log::{Command, command::Operation};
use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The smallest default reserve.
pub const RESERVE_BYTES_MIN: u64 = 256 << 20;

/// The largest default reserve.
const RESERVE_BYTES_MAX: u64 = 1 << 30;

/// Size and free space of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// What is free for a process without privileges.
    pub free: u64,
}

/// The file system of the data directory, and how much of it stays free.
#[derive(Clone)]
pub struct Reserve {
    probe: Arc<dyn Fn() -> io::Result<Space> + Send + Sync>,
    configured_bytes: Option<u64>,
}

/// There is too little space; all in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// What was to be written.
    pub needed: u64,
    /// What must stay free.
    pub reserve: u64,
    /// What is free.
    pub free: u64,
}

impl Reserve {
    /// A reserve on the file system that `directory` is on. Without `reserve_bytes` it is a hundredth
    /// of the file system, but at least 256 MiB and at most 1 GiB.
    ///
    /// # Errors
    /// The path contains a zero byte.
    pub fn new(directory: &Path, reserve_bytes: Option<u64>) -> io::Result<Reserve> {
        let directory = CString::new(directory.as_os_str().as_bytes())?;
        Ok(Reserve {
            probe: Arc::new(move || space(&directory)),
            configured_bytes: reserve_bytes,
        })
    }

    /// A reserve on whatever `probe` tells of.
    #[cfg(test)]
    pub fn of(
        probe: impl Fn() -> io::Result<Space> + Send + Sync + 'static,
        reserve_bytes: Option<u64>,
    ) -> Reserve {
        Reserve {
            probe: Arc::new(probe),
            configured_bytes: reserve_bytes,
        }
    }

    /// Why `needed` bytes cannot be written without touching the reserve, if so. Costs one system
    /// call; never waits.
    pub fn shortage(&self, needed: u64) -> Option<Shortage> {
        // A file system that cannot be asked will tell by itself when it is written to.
        let space = (self.probe)().ok()?;
        let reserve = reserve(space, self.configured_bytes);
        let shortage = Shortage {
            needed,
            reserve,
            free: space.free,
        };
        (space.free < reserve.saturating_add(needed)).then_some(shortage)
    }
}

/// See the module's essay.
pub struct SpaceWatch {
    reserve: Reserve,
    handle: Handle,
    raising: Arc<AtomicBool>,
}

impl SpaceWatch {
    /// Watches over `reserve`.
    pub fn new(reserve: Reserve, handle: Handle) -> SpaceWatch {
        SpaceWatch {
            reserve,
            handle,
            raising: Arc::default(),
        }
    }

    /// Whether there is less free than the reserve. Costs one system call; never waits.
    pub fn shortage(&self) -> Option<Shortage> {
        self.reserve.shortage(0)
    }

    /// Raises the alarm, unless it is raised. Never waits.
    pub fn alarm(&self, shortage: &Shortage) {
        let alarm = AlarmMember {
            member_id: self.handle.identity().member_id,
            alarm: AlarmType::Nospace as i32,
        };
        let raised = self.handle.state().alarms().contains(&alarm);
        if !raised && !self.raising.swap(true, Ordering::AcqRel) {
            self.raise(&alarm, shortage.free);
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
}

fn space(directory: &CStr) -> io::Result<Space> {
    let mut answer = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a zero byte, and the answer is read only after success.
    let answer = unsafe {
        if libc::statvfs(directory.as_ptr(), answer.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        answer.assume_init()
    };
    let unit = answer.f_frsize as u64;
    Ok(Space {
        total: answer.f_blocks as u64 * unit,
        free: answer.f_bavail as u64 * unit,
    })
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

    #[test]
    fn what_is_written_must_fit_beside_the_reserve() {
        let free = |free| Reserve::of(move || Ok(Space { total: 1000, free }), Some(100));
        assert_eq!(free(600).shortage(500), None);
        let shortage = Shortage {
            needed: 500,
            reserve: 100,
            free: 599,
        };
        assert_eq!(free(599).shortage(500), Some(shortage));
        assert!(free(99).shortage(0).is_some());
        assert!(free(u64::MAX).shortage(u64::MAX).is_none());
        let unknown = Reserve::of(|| Err(io::Error::other("not now")), Some(100));
        assert_eq!(unknown.shortage(500), None);
        let real = Reserve::new(Path::new("/"), Some(0)).expect("a path");
        assert_eq!(real.shortage(0), None);
        assert!(real.shortage(u64::MAX).is_some());
    }
}
