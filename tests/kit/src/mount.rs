//! Small file systems that can be filled.

use crate::check::{Check, Failure};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own, in memory. Unmounted when dropped.
#[derive(Debug)]
pub struct Mount(PathBuf);

impl Mount {
    /// Mounts one of `size` (as `mount` takes it: `640m`) at a directory, which is made. `None` without
    /// the right to.
    pub fn new(at: &Path, size: &str) -> Option<Mount> {
        std::fs::create_dir_all(at).ok()?;
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at);
        mount.status().ok()?.success().then(|| Mount(at.to_owned()))
    }

    /// Bytes that are free on it.
    ///
    /// # Errors
    ///
    /// When it cannot be asked.
    pub fn free_bytes(&self) -> Check<u64> {
        free_bytes(&self.0)
    }
}

/// Bytes that are free where this directory is.
///
/// # Errors
///
/// When it cannot be asked.
pub fn free_bytes(directory: &Path) -> Check<u64> {
    let path = CString::new(directory.as_os_str().as_bytes())?;
    let mut answer = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a zero byte, and the answer is read only after success.
    let answer = unsafe {
        if libc::statvfs(path.as_ptr(), answer.as_mut_ptr()) != 0 {
            return Err(Failure::from(std::io::Error::last_os_error()));
        }
        answer.assume_init()
    };
    Ok(answer.f_bavail as u64 * answer.f_frsize as u64)
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a process that was just killed may still hold it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
